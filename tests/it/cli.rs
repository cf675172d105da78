//! Commands other than `serve`: their output, their exit codes, and what their errors tell the user to do.

use dozvon::platform::entry::of_platform;
use dozvon::sandbox::amocrm::model::WON;
use dozvon::secret::Secret;
use serde_json::Value;

use crate::support::program::{FORM, SECRET, StoreKind, TestBed, form, get, send, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_names_all_problems_at_once() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let right = bench.run(&["check"]).await;
    assert_eq!(
        (right.code(), right.out().as_str()),
        (Some(0), format!("data: {}\n1 school(s), no problems\n", bench.data().display()).as_str()),
        "{}",
        right.err()
    );
    bench.edit("schools/rost/school.toml", "head = true", "haed = true");
    bench.edit("schools/rost/school.toml", "DEMO_MANGO_SALT", "DEMO_MANGO_SLAT");
    bench.edit("schools/rost/process/default.toml", "gap_minutes = 1", "gap_minutes = 0");
    bench.edit("dozvon.toml", "drain_s = 25", "drain_s = -1");
    let wrong = bench.run(&["check"]).await;
    assert_eq!(wrong.code(), Some(1));
    for part in ["haed", "DEMO_MANGO_SLAT", "dialling.gap_minutes", "drain_s", "school.toml", "default.toml"]
    {
        assert!(wrong.err().contains(part), "{part} is not printed: {}", wrong.err());
    }
    // The bridge does not start with it either, and prints the same problem.
    assert_eq!(bench.run(&["serve"]).await.err(), wrong.err());
}

/// Wherever the program starts, it has one store; the one that lies where it was sought before is not left behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relative_data_folder_begins_at_its_file() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let start = bench.folder.path().join("elsewhere");
    std::fs::create_dir(&start).expect("a folder");
    let check = async || {
        let mut command = bench.command(&["check"]);
        let ended = command.env_remove("DOZVON_DATA").current_dir(&start).output().await.expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (ended.status.code(), text(&ended.stdout), text(&ended.stderr))
    };
    let own = bench.config().join("data");
    let (code, said, wrong) = check().await;
    assert!(code == Some(0) && said.starts_with(&format!("data: {}\n", own.display())), "{said}{wrong}");
    let former = start.join("data");
    std::fs::create_dir(&former)
        .and_then(|()| std::fs::write(former.join("dozvon.sqlite"), ""))
        .expect("a store");
    let (code, _, wrong) = check().await;
    assert!(code == Some(1) && wrong.contains(&format!("\"{}\", or move", former.display())), "{wrong}");
    std::fs::rename(&former, &own).expect("moved");
    assert_eq!(check().await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_try_outs_hours_are_for_the_sandbox_only() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let file = std::fs::read_to_string(bench.config().join("schools/rost/school.toml")).expect("it is there");
    let amocrm =
        file.split("[amocrm]\nurl = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a url");
    bench.edit(
        "schools/rost/school.toml",
        &format!("[amocrm]\nurl = \"{amocrm}"),
        "[amocrm]\nurl = \"https://rost.amocrm.ru",
    );
    let wrong = bench.run(&["check"]).await;
    assert_eq!(wrong.code(), Some(1));
    assert!(wrong.err().contains("contact.hard") && wrong.err().contains("08:00-22:00"), "{}", wrong.err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comments_without_an_author_are_warned_of() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    bench.edit("schools/rost/school.toml", "comment_author = 400300901", "");
    let done = bench.run(&["check"]).await;
    assert_eq!(done.code(), Some(0));
    assert!(
        done.out().contains("warning:") && done.out().contains("getcourse.comment_author"),
        "{}",
        done.out()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_say_what_to_do() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let cases: [(&[&str], i32, &str); 8] = [
        (&["url", "nobody"], 1, "there are: rost"),
        (&["dead", "list", "nobody"], 1, "there are: rost"),
        (&["dead", "list", "rost"], 1, "there is no store in"),
        (&["dead", "show", "rost"], 2, "<ID>"),
        (&["check", "--config", "/nonexistent"], 1, "a readable folder with `dozvon.toml` and `schools/`"),
        (&["dead", "list", "rost", "--data", "/nonexistent"], 1, "there is no store in /nonexistent"),
        (
            &["person", "export", "rost", "--config", "/nonexistent", "--email", "a@b.example"],
            1,
            "a readable folder",
        ),
        (&["sreve"], 2, "serve"),
    ];
    for (args, code, words) in cases {
        let ended = bench.run(args).await;
        assert_eq!(ended.code(), Some(code), "{args:?}: {}{}", ended.out(), ended.err());
        assert!(ended.err().contains(words), "{args:?}: {}", ended.err());
    }
}

/// The printed addresses work as they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn url_prints_addresses_that_the_bridge_takes() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let bridge = bench.start().await;
    let printed = bench.run(&["url", "rost"]).await;
    assert_eq!(printed.code(), Some(0));
    for platform in ["getcourse", "amocrm", "mango"] {
        // Each platform has a secret of its own (F104).
        let secret = of_platform(&Secret::new(SECRET), platform);
        let address = format!("http://127.0.0.1:{}/hooks/rost/{platform}/{}", bench.port, secret.reveal());
        assert!(printed.out().contains(&address), "the address of {platform} is not printed");
    }
    let line = printed.out();
    let line = line.split("curl -sS -G ").nth(1).expect("a ready line");
    let quoted: Vec<&str> = line.split('\'').skip(1).step_by(2).collect();
    let pairs: Vec<(&str, &str)> = quoted[1..].iter().filter_map(|pair| pair.split_once('=')).collect();
    let said = get(&format!("{}?{}", quoted[0], form(&pairs))).await.expect("an answer");
    assert_eq!((said.status, said.body.as_str()), (200, "ok"));
    until("its lead and its task", async || {
        let world = bench.world();
        (world.leads().any(|lead| lead.price == 38_500) && world.tasks().any(|task| !task.is_completed))
            .then_some(())
    })
    .await;
    bridge.settled().await;
    // The sandbox's order is the one of the printed line: a payment is read back and confirmed.
    assert!(pairs.contains(&("order_id", "700100200")));
    let paid = bench.by_hand("POST", "/sandbox/orders/700100200/pay", "");
    assert_eq!(paid["status"], "payed", "{paid}");
    until("a won lead without open tasks", async || {
        let world = bench.world();
        (world.leads().any(|lead| lead.status_id == WON) && world.tasks().all(|task| task.is_completed))
            .then_some(())
    })
    .await;
}

/// Shipped texts need no configuration, a school's own need no secrets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_are_listed_shown_and_filled_in() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let check = async |args: &[&str], parts: &[&str]| {
        let ended = bench.run(&[&["texts"], args].concat()).await;
        assert_eq!(ended.code(), Some(0), "{args:?}: {}", ended.err());
        for part in parts {
            assert!(ended.out().contains(part), "{args:?} lacks {part}: {}", ended.out());
        }
        ended.out()
    };
    let nowhere = ["--config", "/nonexistent"];
    let list = check(
        &[&["list"], &nowhere[..]].concat(),
        &["texts/letters/invoice.txt", "Счёт и реквизиты", "2027-06", "payment.won", "Заказ оплачен"],
    )
    .await;
    assert!(!list.contains(" own "), "{list}");
    let told = check(&[&["list", "--json"], &nowhere[..]].concat(), &["\"payment.won\""]).await;
    let told: Vec<serde_json::Value> = serde_json::from_str(&told).expect("JSON");
    let invoice = told.iter().find(|text| text["name"] == "invoice").expect("it is listed");
    assert_eq!((&invoice["kind"], &invoice["review"]), (&"letters".into(), &"2027-06".into()), "{invoice}");
    let source = check(&["show", "invoice"], &["purpose: transactional", "{% if more %}"]).await;
    check(&["show", "payment.won"], &["# variables: sum", "[payment]\nwon = \""]).await;
    check(&["render", "task_call"], &["Мария Кузнецова", "24.11 11:00"]).await;
    check(&["render", "not_reached", "--bare"], &["Не смогли до вас дозвониться", "закроем заказ"]).await;
    check(&["render", "payment.won"], &["Заказ оплачен полностью: 15\u{a0}000\u{a0}₽."]).await;

    let texts = bench.config().join("schools/rost/texts");
    std::fs::write(texts.join("invoice.txt"), source.replace("Счёт и реквизиты", "Ваш счёт"))
        .expect("written");
    std::fs::write(texts.join("phrases.toml"), "[payment]\nfree = 'Выдан бесплатно.'\n").expect("written");
    let own = check(&["list", "--school", "rost"], &["Ольга Лебедева", "Выдан бесплатно."]).await;
    assert_eq!(own.matches(" own ").count(), 3, "{own}");
    check(&["render", "invoice", "--school", "rost"], &["Ваш счёт", "Школа «Рост»"]).await;
    assert_eq!(bench.run(&["check"]).await.err(), "");

    std::fs::write(texts.join("phrases.toml"), "[payment]\nfreee = 'Выдан.'\n").expect("written");
    for (args, words) in [
        (&["show", "invoise"][..], "is `invoice` meant?"),
        (&["list", "--school", "nobody"], "there are: rost"),
        (&["list", "--school", "rost"], "is `payment.free` meant?"),
    ] {
        let ended = bench.run(&[&["texts"], args].concat()).await;
        assert_eq!(ended.code(), Some(1));
        assert!(ended.err().contains(words), "{args:?}: {}", ended.err());
    }
    let wrong = bench.run(&["check"]).await;
    assert!(wrong.err().contains("phrases.toml:2:1, payment.freee: unknown phrase"), "{}", wrong.err());
}

/// A text that compares a text with a number, and a sender whose name needs quotes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_names_the_line_and_what_is_right() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let own = "owner: Ольга\nreview: 2027-06\n\nПозвонить\n{% if order.left > 0 %}\nЕсть долг\n{% endif %}\n\
               {{ client.name.split(' ')[0] }}\n";
    std::fs::write(bench.config().join("schools/rost/texts/task_call.txt"), own).expect("written");
    let ended = bench.run(&["check"]).await;
    assert_eq!(ended.code(), Some(1));
    for part in [
        "task_call.txt:5:7: `order.left` is a text and is compared with a number; `order.left_sum`",
        "task_call.txt:8:1: `.split(…)` is a method",
    ] {
        assert!(ended.err().contains(part), "{part} is not printed: {}", ended.err());
    }
}

/// A reader that has seen enough ends the command quietly.
#[test]
fn texts_end_quietly_when_nobody_reads_on() {
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_dozvon"));
    program.args(["texts", "list"]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = program.spawn().expect("it starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    assert!(ended.status.success() && ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_is_printed_whole() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let printed = bench.run(&["reference"]).await;
    assert_eq!(printed.code(), Some(0));
    for key in ["pause_minutes", "comment_author", "requests_per_second", "DOZVON_VAULT_KEY", "drain_s"] {
        assert!(printed.out().contains(key), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discover_shows_the_account_and_what_does_not_fit_it() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let right = bench.run(&["discover", "rost"]).await;
    assert_eq!(right.code(), Some(0), "{}", right.err());
    for part in [
        "account 31877554",
        "pipeline 8123410 Продажи курсов",
        "66104108 Дозваниваемся",
        "901337 Номер заказа",
    ] {
        assert!(right.out().contains(part), "{part} is missing: {}", right.out());
    }
    bench.edit("schools/rost/school.toml", "new = 66104106", "new = 66104199");
    bench.edit("schools/rost/school.toml", "order_number_field = 901337", "order_number_field = 901399");
    let wrong = bench.run(&["discover", "rost"]).await;
    assert_eq!(wrong.code(), Some(1));
    for part in ["amocrm.pipelines.sales.stages.new", "66104106", "amocrm.order_number_field"] {
        assert!(wrong.err().contains(part), "{part} is not printed: {}", wrong.err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_listed_newest_first_with_how_many_more_there_are() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let bridge = bench.start().await;
    for n in 1..=3 {
        let url = bench.hook("getcourse", "order-created");
        let said = send("POST", &url, FORM, format!("status=new&note={n}")).await.expect("an answer");
        assert_eq!(said.status, 200);
        until("its dead letter", async || (bridge.count("dead").await == n).then_some(())).await;
    }
    let all = bench.run(&["dead", "list", "rost"]).await.out();
    let ids: Vec<&str> = all.lines().filter_map(|line| line.split_whitespace().next()).take(3).collect();
    let places: Vec<u64> = ids.iter().filter_map(|id| id.strip_prefix("in-")?.parse().ok()).collect();
    assert!(places.len() == 3 && places.is_sorted_by(|newer, older| newer > older), "{all}");
    let place = format!("3 dead letter(s) in {}", bench.data().display());
    assert!(all.ends_with(&format!("{place}\n")), "{all}");
    let told = bench.run(&["dead", "list", "rost", "--max", "2", "--json"]).await.out();
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((&told["total"], &told["letters"][0]["id"]), (&3.into(), &ids[0].into()), "{told}");
    assert_eq!(told["letters"].as_array().map(Vec::len), Some(2), "{told}");
    let newest = bench.run(&["dead", "list", "rost", "--max", "1"]).await.out();
    let lines: Vec<&str> = newest.lines().collect();
    assert_eq!(lines.len(), 2, "{newest}");
    assert!(lines[0].starts_with(ids[0]) && lines[1].starts_with(&format!("{place}, 2 older")), "{newest}");
    let oldest = bench.run(&["dead", "show", "rost", ids[2]]).await.out();
    assert!(oldest.starts_with(ids[2]), "{oldest}");
}

/// A delivery that can never succeed waits for a person; after the cause is fixed it is done once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_delivery_is_shown_and_after_the_mend_tried_again() {
    retried(StoreKind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_delivery_is_tried_again_on_redis() {
    retried(StoreKind::Redis).await;
}

/// F49: what died is in the log, once, with its cause.
fn logged_once(log: &str) {
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("a command is given up")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("comment") && lines[0].contains("why="), "{lines:?}");
}

async fn retried(kind: StoreKind) {
    let bench = TestBed::new(kind).await;
    bench.edit("schools/rost/school.toml", "comment_author = 400300901", "# comment_author = 400300901");
    let bridge = bench.start().await;
    let query =
        form(&[("order_id", "700100200"), ("number", "12041"), ("offers", "5512874"), ("status", "Новый")]);
    let url = format!("{}?{query}&phone=%2B79035550127", bench.hook("getcourse", "order-created"));
    assert_eq!(get(&url).await.map(|said| said.status), Some(200));
    until("its lead", async || bench.world().leads().next().map(|_| ())).await;
    bridge.settled().await;
    assert_eq!(bench.by_hand("POST", "/sandbox/orders/700100200/pay", "")["status"], "payed");
    until("a dead letter of a comment", async || {
        (bridge.health().await?["dead"].as_u64()? > 0).then_some(())
    })
    .await;
    logged_once(&bridge.log());
    bridge.settled().await;
    assert_eq!(bridge.terminate().await, Some(0));

    let listed = bench.run(&["dead", "list", "rost"]).await.out();
    let id = listed.split_whitespace().next().expect("a line").to_owned();
    assert!(id.starts_with("out-") && listed.contains("comment_author is not set"), "{listed}");
    let shown = bench.run(&["dead", "show", "rost", &id]).await.out();
    let body: Value = serde_json::from_str(shown.lines().nth(1).unwrap_or_default()).unwrap_or_default();
    assert_eq!(body["command"]["order"], "gc-700100200", "{shown}");

    bench.edit("schools/rost/school.toml", "# comment_author = 400300901", "comment_author = 400300901");
    let bridge = bench.start().await;
    let dead = bridge.count("dead").await;
    let asked = bench.run(&["dead", "retry", "rost", &id]).await;
    assert_eq!(asked.code(), Some(0), "{}", asked.err());
    until("the comment in GetCourse", async || {
        bench.world().orders().any(|order| order.comments.len() == 1).then_some(())
    })
    .await;
    bridge.settled().await;
    assert_eq!(bridge.count("dead").await, dead - 1);
    let again = bench.run(&["dead", "retry", "rost", &id]).await;
    assert_eq!(again.code(), Some(1));
    assert!(again.err().contains("no dead letter"), "{}", again.err());
}
