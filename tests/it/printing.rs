//! Commands that print: a reader that has gone and a full disk are no panic (F40), and `check` shows the place of
//! each mistake (F44).

use std::fs::OpenOptions;
use std::process::Stdio;

use serde_json::Value;

use crate::support::program::{StoreKind, TestBed, form, get};

/// Every command that prints, with a store that has been used.
const COMMANDS: [&[&str]; 11] = [
    &["--help"],
    &["reference"],
    &["reference", "limits"],
    &["check"],
    &["check", "--json"],
    &["url"],
    &["discover", "rost"],
    &["discover", "--toml", "rost"],
    &["dead", "list", "rost"],
    &["person", "export", "rost", "--email", "a@b.example"],
    &["completions", "bash"],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_pipe_is_quiet_and_a_full_disk_is_one_line() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    bench.mute();
    let bridge = bench.start().await;
    let query = form(&[("order_id", "700100200"), ("status", "Новый")]);
    let url = format!("{}?{query}", bench.hook("getcourse", "order-status"));
    assert_eq!(get(&url).await.map(|said| said.status), Some(200));
    bridge.settled().await;
    assert_eq!(bridge.terminate().await, Some(0));
    for args in COMMANDS {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = bench.command(args);
        let ended = command.stdout(Stdio::from(writer)).stderr(Stdio::piped()).spawn().expect("it starts");
        let ended = ended.wait_with_output().await.expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!((ended.status.code(), said.as_str()), (Some(0), ""), "{args:?} | true");

        let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let mut command = bench.command(args);
        let ended = command.stdout(Stdio::from(full)).stderr(Stdio::piped()).spawn().expect("it starts");
        let ended = ended.wait_with_output().await.expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{args:?} > /dev/full: {said}");
        assert!(said.lines().count() == 1 && said.contains("cannot be written"), "{args:?}: {said}");
    }
}

/// A bridge whose supervisor has closed its output works all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_needs_nobody_to_read_its_output() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let listen = format!("127.0.0.1:{}", bench.port);
    let mut command = bench.command(&["serve", "--listen", &listen, "--operation", "127.0.0.1:0"]);
    let mut bridge = command.stdout(Stdio::from(full)).stderr(Stdio::null()).spawn().expect("it starts");
    let url = format!("http://{listen}/livez");
    crate::support::program::until("an answer", async || get(&url).await.filter(|said| said.status == 200))
        .await;
    bridge.kill().await.expect("it runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_shows_the_place_of_each_mistake_and_the_name_that_was_meant() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    bench.edit("schools/rost/school.toml", "head = true", "haed = true");
    bench.edit("dozvon.toml", "log = \"info\"", "log = \"inof\"");
    bench.edit("schools/rost/texts/first_day.txt", "{{ ", "{{ client.nmae }} {{ ");
    let wrong = bench.run(&["check"]).await;
    assert_eq!(wrong.code(), Some(1));
    let said = wrong.err();
    let file = std::fs::read_to_string(bench.config().join("schools/rost/school.toml")).expect("it is there");
    let line = 1 + file.lines().position(|line| line.starts_with("haed")).expect("the slip");
    for part in [
        &*format!("school.toml:{line}:1, managers."),
        &format!("    {line} | haed = true\n"),
        "| ^^^^\n    did you mean `head`?",
        "dozvon.toml:",
        "did you mean `info`?",
        "first_day.txt:6:44: unknown variable `client.nmae`; is `client.name` meant?",
        "{{ client.nmae }}",
        "   ^^^^^^^^^^^\n",
    ] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
    let json = bench.run(&["check", "--json"]).await;
    assert_eq!((json.code(), json.err().as_str()), (Some(1), ""));
    let report: Value = serde_json::from_str(&json.out()).expect("JSON");
    let findings = report["findings"].as_array().expect("a list");
    let slip = findings.iter().find(|one| one["meant"] == "head").expect("the slip");
    assert_eq!(
        (&slip["severity"], &slip["line"], &slip["column"]),
        (&"error".into(), &line.into(), &1.into())
    );
    assert_eq!(report["ok"], false);
    // One wrong text hides neither the others nor makes mistakes elsewhere.
    assert_eq!(findings.len(), 3, "{report:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_in_silence_elsewhere_is_said() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let texts = bench.config().join("schools/rost/texts");
    std::fs::write(texts.join("invoice.md"), "an invoice").expect("writable");
    let warned = bench.run(&["check"]).await;
    assert_eq!(warned.code(), Some(0), "{}", warned.err());
    assert!(warned.out().contains("invoice.md: nothing reads this file"), "{}", warned.out());
    let strict = bench.run(&["check", "--strict"]).await;
    assert_eq!(strict.code(), Some(1), "{}", strict.out());
    std::fs::remove_file(texts.join("invoice.md")).expect("it is there");
    assert_eq!(bench.run(&["check", "--strict"]).await.code(), Some(0));
    // A copy of a school works with its secret and in its account.
    let copy = bench.config().join("schools/kopia");
    std::fs::create_dir_all(&copy).expect("writable");
    let file = std::fs::read(bench.config().join("schools/rost/school.toml")).expect("it is there");
    std::fs::write(copy.join("school.toml"), file).expect("writable");
    let said = bench.run(&["check"]).await.err();
    assert!(said.contains("the same secret"), "{said}");
    std::fs::remove_dir_all(copy).expect("it is there");
    std::fs::write(texts.join("first_day.txt"), b"owner: \xc8\xf0\xe8\xed\xe0\n").expect("writable");
    let said = bench.run(&["check"]).await.err();
    assert!(said.contains("Windows-1251") && said.contains("save the file again"), "{said}");
}

/// F42: the list of the running bridge is told here, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_online_asks_the_account() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    // Another bridge of this machine may answer at the usual address.
    let mut command = bench.command(&["check", "--online"]);
    let right = command.env("DOZVON_OPERATION", "127.0.0.1:1").output().await.expect("it ends");
    let (said, wrong) = (String::from_utf8_lossy(&right.stdout), String::from_utf8_lossy(&right.stderr));
    assert_eq!(right.status.code(), Some(0), "{wrong}");
    assert!(said.contains("note: no bridge answers at"), "{said}");
    let mut command = bench.command(&["check", "--online"]);
    let wrong = command.env("DEMO_AMOCRM_TOKEN", "a-revoked-token").output().await.expect("it ends");
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!(wrong.status.code(), Some(1), "{said}");
    assert!(said.contains("school.toml:") && said.contains("amocrm.auth") && said.contains("401"), "{said}");
}

/// F48: a first school from nothing: `check` names what is to be filled in, and is content when it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_writes_a_school_that_check_accepts_once_it_is_filled_in() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let folder = bench.folder.path().join("mine");
    let shown = folder.display().to_string();
    let made = bench.run(&["init", &shown, "--school", "moja", "--amocrm", "https://moja.amocrm.ru"]).await;
    assert_eq!(made.code(), Some(0), "{}", made.err());
    let again = bench.run(&["init", &shown, "--school", "moja"]).await;
    assert!(again.code() == Some(1) && again.err().contains("there already"), "{}", again.err());
    let check = async |variables: &[(String, String)]| {
        let mut command = bench.command(&["check", "--config", &shown]);
        command.env_remove("DOZVON_URL").env_remove("DOZVON_VAULT_KEY").envs(variables.iter().cloned());
        let ended = command.output().await.expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (ended.status.code(), text(&ended.stderr), text(&ended.stdout))
    };
    for (flag, value) in [("--url", "http://bridge.example"), ("--getcourse", "moja.getcourse.ru")] {
        let other = bench.folder.path().join("other").display().to_string();
        let refused = bench.run(&["init", &other, flag, value]).await;
        assert!(refused.code() != Some(0) && refused.err().contains(value), "{}", refused.err());
    }
    let other = bench.folder.path().join("other").display().to_string();
    let refused = bench.run(&["init", &other, "--zone", "Moscow"]).await;
    assert!(refused.err().contains("Europe/Moscow"), "{}", refused.err());
    let instance = std::fs::read_to_string(folder.join("dozvon.toml")).expect("it is written");
    assert!(instance.contains("\ndata = \"data\"\n"), "{instance}");
    let (code, said, _) = check(&[]).await;
    assert_eq!(code, Some(1));
    for part in ["`ЗАПОЛНИТЕ` is no address", "MOJA_AMOCRM_TOKEN is not set", "getcourse.url"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // What a person does: the addresses in the files, the keys in the environment.
    for (file, url) in
        [("dozvon.toml", "https://bridge.example"), ("schools/moja/school.toml", "https://moja.getcourse.ru")]
    {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).expect("it is there");
        std::fs::write(path, text.replace("url = \"ЗАПОЛНИТЕ\"", &format!("url = \"{url}\"")))
            .expect("writable");
    }
    let variables = std::fs::read_to_string(folder.join("env")).expect("it is there");
    let pairs = variables.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| {
        let value = if value.is_empty() { "c8Zt4Nq1Wv7Ky3Xd6Rb9" } else { value };
        (name.to_owned(), value.to_owned())
    });
    let (code, said, told) = check(&pairs.collect::<Vec<_>>()).await;
    assert_eq!((code, said.as_str()), (Some(0), ""));
    // What only looks finished is told.
    assert!(told.contains("«ЗАПОЛНИТЕ» stands in line") && told.contains("warning(s)"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn completions_man_pages_and_parts_of_the_reference_are_printed() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    for shell in ["bash", "zsh", "fish"] {
        let printed = bench.run(&["completions", shell]).await;
        assert!(
            printed.code() == Some(0) && printed.out().contains("reference"),
            "{shell}: {}",
            printed.err()
        );
    }
    let folder = bench.folder.path().join("man");
    assert_eq!(bench.run(&["man", &folder.display().to_string()]).await.code(), Some(0));
    let page = std::fs::read_to_string(folder.join("dozvon-check.1")).expect("a page for each command");
    assert!(page.contains("strict"), "{page}");
    let part = bench.run(&["reference", "limits"]).await;
    assert!(part.out().starts_with("### [limits]") && !part.out().contains("`listen`"), "{}", part.out());
    let slip = bench.run(&["reference", "limts"]).await;
    assert!(slip.code() == Some(1) && slip.err().contains("did you mean `limits`?"), "{}", slip.err());
}
