//! `discover` and `check --online` against the stand-ins: which ids, types and choices of a school's files its
//! accounts lack (F26, F45), and the file that is written from an account.

use dozvon::sandbox::setup::EnumSetup;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::program::{StoreKind, TestBed};

const FILE: &str = "schools/rost/school.toml";

/// Line and column of the key that begins so, as people count.
fn place(bench: &TestBed, line: &str) -> (usize, usize) {
    let text = std::fs::read_to_string(bench.config().join(FILE)).expect("it is there");
    let at = text.lines().position(|one| one.contains(line)).expect("the line");
    let column = text.lines().nth(at).and_then(|one| one.find(line.trim_start())).expect("the key");
    (at + 1, column + 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_id_of_the_files_is_compared_with_its_account() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let right = bench.run(&["discover", "rost"]).await;
    assert_eq!((right.code(), right.err().as_str()), (Some(0), ""), "{}", right.out());
    assert!(!right.out().contains("warning"), "{}", right.out());
    let slips = [
        ("new = 66104106", "new = 66104199", "amocrm.pipelines.sales.stages.new"),
        ("id = 8123411", "id = 8123419", "amocrm.pipelines.fulfilment.id"),
        ("order_number_field = 901337", "order_number_field = 901339", "amocrm.order_number_field"),
        ("zone_field = 901401", "zone_field = 901342", "amocrm.zone_field"),
        ("price = 14820233", "price = 14820299", "amocrm.loss_reasons.price"),
        ("call = 1", "call = 7", "amocrm.task_types.call"),
        ("amocrm = 10412346", "amocrm = 10412349", "managers.irina.amocrm"),
        ("\ndate_field = 901339", "\ndate_field = 901337", "answers.date_field"),
        ("\nwhy_field = 901340", "\nwhy_field = 901390", "answers.why_field"),
        ("fields = { 901342", "fields = { 901399", "routes.design.fields.901399"),
        ("{ 66104110 =", "{ 66104999 =", "answers.stages.66104999"),
        ("\nfield = 901343", "\nfield = 901393", "dictionaries.source_kind.field"),
        ("new = 66104406", "new = 66104499", "amocrm.sales_pipelines.ads.stages.new"),
    ];
    for (from, to, _) in slips {
        bench.edit(FILE, from, to);
    }
    let wrong = bench.run(&["discover", "rost"]).await;
    assert_eq!(wrong.code(), Some(1), "{}", wrong.out());
    let said = wrong.err();
    for (_, _, key) in slips {
        assert!(said.contains(&format!(", {key}: ")), "{key} is not named: {said}");
    }
    assert!(said.starts_with(&format!("Asked online, {} to mend:", slips.len())), "{said}");
    let (line, column) = place(&bench, "why_field = 901390");
    assert!(
        said.contains(&format!("school.toml:{line}:{column}, answers.why_field: no field `901390`")),
        "{said}"
    );
    assert!(said.contains("| why_field = 901390\n") && said.contains("| ^^^^^^^^^"), "{said}");
    assert!(said.contains("did you mean `901340`?"), "{said}");
    assert!(said.contains("«Ирина Соколова» is 10412346"), "{said}");
    // The same of the check, with the same places.
    let online = bench.run(&["check", "--online", "--json"]).await;
    assert_eq!((online.code(), online.err().as_str()), (Some(1), ""));
    let report: Value = serde_json::from_str(&online.out()).expect("JSON");
    let findings = report["findings"].as_array().expect("a list");
    for (_, _, key) in slips {
        let found =
            findings.iter().find(|one| one["key"] == key).unwrap_or_else(|| panic!("{key}: {report:#}"));
        assert_eq!(found["severity"], "error");
        assert!(found["line"].is_u64(), "{found}");
    }
    assert_eq!(report["ok"], false);
    // Without the account nothing is wrong with the files.
    assert_eq!(bench.run(&["check"]).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_platforms_are_asked_too_and_warn() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    bench.edit(FILE, "getcourse = 400300902", "getcourse = 400300999");
    bench.edit(FILE, "comment_author = 400300901", "comment_author = 400300998");
    bench.edit(FILE, "extension = \"103\"", "extension = \"199\"");
    bench.edit(FILE, "\"5512874\", \"5512875\"", "\"5512874\", \"5512876\"");
    let warned = bench.run(&["discover", "rost", "--json"]).await;
    assert_eq!(warned.code(), Some(0), "{}", warned.out());
    let report: Value = serde_json::from_str(&warned.out()).expect("JSON");
    assert_eq!(report["account"]["account_id"], 31_877_554);
    let keys: Vec<&str> =
        report["findings"].as_array().expect("a list").iter().filter_map(|one| one["key"].as_str()).collect();
    let warned = [
        "managers.irina.getcourse",
        "getcourse.comment_author",
        "routes.design.offers",
        "managers.pavel.extension",
    ];
    assert_eq!(keys, warned);
    assert_eq!(report["findings"][2]["meant"], "5512874");
    assert_eq!(bench.run(&["check", "--online"]).await.code(), Some(0));
    assert_eq!(bench.run(&["check", "--online", "--strict"]).await.code(), Some(1));
}

/// What a dictionary may set has to be a choice of its field, and a status of a further pipeline is its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dictionaries_and_further_pipelines_are_compared() {
    let choice = |id: i64, value: &str| EnumSetup { id, value: value.to_owned(), code: None };
    let bench = TestBed::with(StoreKind::Embedded, |setup| {
        for field in setup.amocrm.lead_fields.iter_mut().filter(|field| field.id == 901_343) {
            field.kind = "select".to_owned();
            field.enums =
                vec![choice(650_401, "реклама"), choice(650_402, "сайты"), choice(650_403, "звонок")];
        }
    })
    .await;
    bench.edit(FILE, "\npipeline = 8123413", "\npipeline = 8123493");
    bench.edit(FILE, "\nid = 8123413", "\nid = 8123493");
    let said = bench.run(&["discover", "rost"]).await;
    assert_eq!(said.code(), Some(1), "{}", said.out());
    for part in [
        "dictionaries.source_kind.field: no choice `сайт`",
        "did you mean `сайты`?",
        "amocrm.sales_pipelines.ads.id: no pipeline `8123493`",
        "did you mean `8123413`?",
    ] {
        assert!(said.err().contains(part), "{part}: {}", said.err());
    }
}

/// Every provider whose account lists its extensions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn extensions_are_asked_of_each_provider() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let path = bench.config().join(FILE);
    let text = std::fs::read_to_string(&path).expect("it is there");
    let (head, rest) = text.split_once("# this file names one.\n#\n").expect("the other providers");
    let (others, tail) = rest.split_once("\n\n").expect("their end");
    let open: Vec<&str> = others.lines().map(|line| line.strip_prefix('#').unwrap_or(line)).collect();
    let text = format!("{head}\n{}\n\n{tail}", open.join("\n"));
    std::fs::write(&path, text.replacen("#calls_by", "calls_by", 1)).expect("writable");
    let right = bench.run(&["discover", "rost"]).await;
    assert!(right.code() == Some(0) && !right.out().contains("warning"), "{}{}", right.out(), right.err());
    bench.edit(FILE, "extension = \"103\"", "extension = \"199\"");
    let warned = bench.run(&["discover", "rost"]).await;
    assert_eq!(warned.code(), Some(0), "{}", warned.err());
    assert_eq!(
        warned.out().matches("managers.pavel.extension: no extension `199` in ").count(),
        3,
        "{}",
        warned.out()
    );
}

/// F26: a choice that nothing understands is named with the answer that it resembles.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn choices_of_lists_are_compared_with_the_words() {
    let choice = |id: i64, value: &str| EnumSetup { id, value: value.to_owned(), code: None };
    let bench = TestBed::with(StoreKind::Embedded, |setup| {
        let fields = &mut setup.amocrm.lead_fields;
        for field in fields.iter_mut() {
            match field.id {
                901_338 => field.enums.extend([choice(650_190, "Перезвоните"), choice(650_191, "Горячий")]),
                901_342 => {
                    field.kind = "select".to_owned();
                    field.enums = vec![choice(650_301, "ВКонтакте"), choice(650_302, "Яндекс")];
                }
                _ => {}
            }
        }
    })
    .await;
    bench.edit(FILE, "901342 = \"{{ order.source.utm_source }}\"", "901342 = \"ВКонтатке\"");
    let said = bench.run(&["check", "--online"]).await;
    assert_eq!(said.code(), Some(1));
    for part in ["no choice `ВКонтатке` in «Источник»; «ВКонтакте», «Яндекс»", "did you mean `ВКонтакте`?"]
    {
        assert!(said.err().contains(part), "{part}: {}", said.err());
    }
    for part in [
        "answers.field: the choice «Перезвоните» of «Что дальше?» has no meaning here; \
         in [answers.words]: \"перезвоните\" = \"call_back\"",
        "the choice «Горячий»",
    ] {
        assert!(said.out().contains(part), "{part}: {}", said.out());
    }
    // What the warning says is what mends it.
    bench.edit(FILE, "901342 = \"ВКонтатке\"", "901342 = \"ВКонтакте\"");
    bench.edit(FILE, "words = { ", "words = { \"перезвоните\" = \"call_back\", \"горячий\" = \"promise\", ");
    let mended = bench.run(&["check", "--online", "--strict"]).await;
    assert_eq!(mended.code(), Some(0), "{}{}", mended.out(), mended.err());
}

/// One answer to everything.
async fn answering(status: &'static str, kind: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let _ = stream.read(&mut head).await;
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://{address}")
}

/// G11: an account that does not answer as it should is said once, and no id is called missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_refuses_makes_one_finding() {
    const JSON: &str = "application/json";
    const PAGE: &str = "<html><body>nginx</body></html>";
    for (status, kind, body, part) in [
        ("401 Unauthorized", JSON, "{\"status\":401}", "amocrm.auth: cannot be compared: amoCRM answers 401"),
        (
            "402 Payment Required",
            JSON,
            "{\"status\":402}",
            "amocrm.auth: cannot be compared: amoCRM answers 402",
        ),
        ("403 Forbidden", JSON, "{\"status\":403}", "amocrm.auth: cannot be compared: amoCRM answers 403"),
        ("403 Forbidden", "text/html", PAGE, "is blocked, ask its support"),
        ("200 OK", "text/html", PAGE, "amocrm.url: cannot be compared: the answer is no JSON"),
        ("404 Not Found", "text/html", PAGE, "amocrm.url: cannot be compared: there is no account"),
    ] {
        let bench = TestBed::new(StoreKind::Embedded).await;
        let text = std::fs::read_to_string(bench.config().join(FILE)).expect("it is there");
        let url = text.split("[amocrm]\nurl = \"").nth(1).and_then(|rest| rest.split('"').next());
        bench.edit(FILE, url.expect("an address"), &answering(status, kind, body).await);
        for args in [&["discover", "rost"][..], &["check", "--online"]] {
            let said = bench.run(args).await;
            assert_eq!(said.code(), Some(1), "{args:?} {status}");
            assert!(said.err().contains(part), "{args:?} {status} {kind}: {}", said.err());
            assert!(said.err().starts_with("Asked online, 1 to mend:"), "{args:?} {status}: {}", said.err());
        }
        let toml = bench.run(&["discover", "--toml", "rost"]).await;
        assert_eq!((toml.code(), toml.out().as_str()), (Some(1), ""), "{status}");
    }
}

/// F45: too many requests of others are no mistake of the files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_says_later_makes_a_warning() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let text = std::fs::read_to_string(bench.config().join(FILE)).expect("it is there");
    let url = text.split("[amocrm]\nurl = \"").nth(1).and_then(|rest| rest.split('"').next());
    let later = answering("429 Too Many Requests", "text/html", "").await;
    bench.edit(FILE, url.expect("an address"), &later);
    let said = bench.run(&["check", "--online"]).await;
    assert_eq!((said.code(), said.err().as_str()), (Some(0), ""));
    assert!(said.out().contains("amocrm: not compared: amoCRM answers 429"), "{}", said.out());
}

/// Users are shown to administrators only; everything else is still compared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_no_administrator_hides_the_users_only() {
    let bench = TestBed::with(StoreKind::Embedded, |setup| setup.amocrm.token_admin = false).await;
    bench.edit(FILE, "amocrm = 10412346", "amocrm = 10412349");
    let warned = bench.run(&["discover", "rost"]).await;
    assert_eq!(warned.code(), Some(0), "{}", warned.err());
    assert!(warned.out().contains("the users could not be compared: amoCRM answers 403"), "{}", warned.out());
    bench.edit(FILE, "order_number_field = 901337", "order_number_field = 901399");
    let wrong = bench.run(&["discover", "rost"]).await;
    assert!(wrong.err().starts_with("Asked online, 1 to mend:"), "{}", wrong.err());
}

/// What a person does with a written file: each mark gets what stands in the account of the example.
fn filled_in(text: &str) -> String {
    assert!(text.contains("ЗАПОЛНИТЕ"), "{text}");
    text.replace("\"ЗАПОЛНИТЕ\"", "\"https://moja.getcourse.ru\"")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schools_file_is_written_from_its_account() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let written = bench.run(&["discover", "--toml", "rost"]).await;
    assert_eq!(written.code(), Some(0), "{}", written.err());
    let text = written.out();
    for part in [
        "name = \"Школа «Рост»\"",
        "[managers.olga]\nname = \"Ольга Лебедева\"",
        "[amocrm.pipelines.sales]\nid = 8123410 # Продажи курсов",
        "dialling = 66104108 # Дозваниваемся",
        "[amocrm.pipelines.revival]",
        "\nfield = 901338 # Что дальше?",
        "\ndate_field = 901339 # Когда",
        "\nwhy_field = 901340 # Почему",
        "\nreason_field = 901341 # Причина отказа",
        "#   901342 Источник (text)",
        "order_number_field = 901337",
        "zone_field = 901401",
        "price = 14820233 # Цена",
        "call = 1 # Связаться",
        "auth = { by = \"long_lived\", token = { env = \"DEMO_AMOCRM_TOKEN\" } }",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    std::fs::write(bench.config().join(FILE), filled_in(&text)).expect("writable");
    let mut names: Vec<&str> =
        text.split("env = \"ROST_").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    names.sort_unstable();
    names.dedup();
    let variables: Vec<(String, String)> =
        names.iter().map(|name| (format!("ROST_{name}"), "c8Zt4Nq1Wv7Ky3Xd6Rb9".to_owned())).collect();
    let mut command = bench.command(&["check"]);
    let ended = command.envs(variables).output().await.expect("it ends");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{text}");
    assert!(ended.status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_reads_the_account_before_it_writes() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let text = std::fs::read_to_string(bench.config().join(FILE)).expect("it is there");
    let url =
        text.split("[amocrm]\nurl = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("an address");
    let folder = bench.folder.path().join("mine");
    let shown = folder.display().to_string();
    let args = ["init", &shown, "--school", "moja", "--amocrm", url, "--token-env"];
    let none = bench.run(&[&args[..], &["NO_SUCH_TOKEN"]].concat()).await;
    assert!(none.code() == Some(1) && none.err().contains("NO_SUCH_TOKEN is not set"), "{}", none.err());
    let mut command = bench.command(&[&args[..], &["NO_SUCH_TOKEN"]].concat());
    let empty = command.env("NO_SUCH_TOKEN", "").output().await.expect("it ends");
    let said = String::from_utf8_lossy(&empty.stderr);
    assert!(said.contains("NO_SUCH_TOKEN is empty"), "{said}");
    assert!(!folder.exists(), "nothing is written without the account");
    let made = bench.run(&[&args[..], &["DEMO_AMOCRM_TOKEN"]].concat()).await;
    assert_eq!(made.code(), Some(0), "{}", made.err());
    let file = std::fs::read_to_string(folder.join("schools/moja/school.toml")).expect("it is written");
    assert!(file.contains("[managers.irina]") && file.contains("account_id = 31877554\n"), "{file}");
    assert!(file.contains("\n#[amocrm.pipelines.revival]\n"), "offered, and not switched on: {file}");
    let variables = std::fs::read_to_string(folder.join("env")).expect("it is written");
    assert!(variables.contains("\nDEMO_AMOCRM_TOKEN=\n"), "{variables}");
    std::fs::write(folder.join("schools/moja/school.toml"), filled_in(&file)).expect("writable");
    let path = folder.join("dozvon.toml");
    let instance = std::fs::read_to_string(&path).expect("it is written");
    std::fs::write(path, instance.replace("ЗАПОЛНИТЕ", "https://bridge.example")).expect("writable");
    let pairs = variables.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| {
        let value = match (name, value) {
            ("DEMO_AMOCRM_TOKEN", _) => "sandbox-long-lived-token",
            (_, "") => "c8Zt4Nq1Wv7Ky3Xd6Rb9",
            (_, value) => value,
        };
        (name.to_owned(), value.to_owned())
    });
    let mut command = bench.command(&["check", "--config", &shown]);
    let ended = command
        .env_remove("DOZVON_URL")
        .env_remove("DOZVON_VAULT_KEY")
        .envs(pairs)
        .output()
        .await
        .expect("it ends");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{file}");
    assert!(ended.status.success());
}

/// The ids are needed before the files can be right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_listed_while_the_files_are_wrong() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    bench.edit(FILE, "head = true", "haed = true");
    bench.edit(FILE, "new = 66104106", "new = \"?\"");
    let listed = bench.run(&["discover", "rost"]).await;
    assert_eq!(listed.code(), Some(1));
    assert!(listed.out().contains("66104106 Новая заявка"), "{}", listed.out());
    assert!(listed.err().contains("did you mean `head`?"), "{}", listed.err());
}
