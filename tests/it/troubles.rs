//! The one list of troubles over HTTP: `/readyz` and `/metrics` show it on an address of their own, people are
//! told of the beginning and of the end, and the public address says nothing.

use std::sync::{Arc, Mutex};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use dozvon::notify::signature;
use dozvon::secret::Secret;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::program::{Program, SECRET, StoreKind, TestBed, form, get, send, until};
use crate::support::redis_server::free_port;

const KEY: &str = "key-of-the-notices-0001";

/// What a receiver of notices has got: bodies whose signatures are right.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<Value>>>);

impl Receiver {
    /// Refuses the first request, so that the notice has to be repeated.
    async fn start(&self, port: u16) {
        let (taken, refused) = (self.clone(), Arc::new(Mutex::new(false)));
        let server = HttpServer::new(move || {
            let (taken, refused) = (taken.clone(), refused.clone());
            App::new().default_service(web::to(move |request: HttpRequest, body: String| {
                let answer = match std::mem::replace(&mut *refused.lock().expect("no panic"), true) {
                    true => taken.take(&request, &body),
                    false => HttpResponse::ServiceUnavailable().finish(),
                };
                async move { answer }
            }))
        });
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", port)).expect("a free port");
        tokio::spawn(server.run());
    }

    fn take(&self, request: &HttpRequest, body: &str) -> HttpResponse {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let second = header("dozvon-timestamp").and_then(|second| second.parse().ok()).expect("a time");
        assert_eq!(header("dozvon-signature"), Some(&*signature(&Secret::new(KEY), second, body)));
        self.0.lock().expect("no panic").push(serde_json::from_str(body).expect("JSON"));
        HttpResponse::NoContent().finish()
    }

    /// The notices of one kind: what each says of it.
    fn of(&self, id: &str) -> Vec<String> {
        let taken = self.0.lock().expect("no panic");
        let of_kind = taken.iter().filter(|notice| notice["id"] == id);
        of_kind.map(|notice| notice["change"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// The trouble in `/readyz`, with the status of the answer.
async fn trouble(bridge: &Program, id: &str) -> (u16, Option<Value>) {
    let said = get(&bridge.asked("/readyz")).await.expect("an answer");
    let troubles = said.json()["troubles"].as_array().cloned().unwrap_or_default();
    (said.status, troubles.into_iter().find(|trouble| trouble["id"] == id))
}

/// F42: a dead token shows, is told by webhook and by mail, and its end, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_token_is_shown_and_told_and_so_is_its_end() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let (receiver, port) = (Receiver::default(), free_port());
    receiver.start(port).await;
    let token = bench.folder.path().join("token");
    std::fs::write(&token, "a-revoked-token").expect("writable");
    bench.edit(
        "schools/rost/school.toml",
        "{ env = \"DEMO_AMOCRM_TOKEN\" }",
        &format!("{{ file = {token:?} }}"),
    );
    for (name, text) in
        [("address", format!("http://127.0.0.1:{port}/notices?key=1")), ("key", KEY.to_owned())]
    {
        std::fs::write(bench.folder.path().join(name), text).expect("writable");
    }
    let file = |name: &str| format!("{{ file = {:?} }}", bench.folder.path().join(name));
    let notify = format!(
        "[notify]\nwebhook = {}\nkey = {}\nemails = [\"duty@school.example\"]\n[limits]",
        file("address"),
        file("key")
    );
    bench.edit("dozvon.toml", "[limits]", &notify);
    let bridge = bench.start().await;
    let query = form(&[("order_id", "700100200"), ("number", "12041"), ("status", "Новый")]);
    let url = format!("{}?{query}&phone=%2B79035550127", bench.hook("getcourse", "order-created"));
    assert_eq!(get(&url).await.map(|said| said.status), Some(200));
    let said = until("a trouble with what waits", async || {
        let (status, said) = trouble(&bridge, "account_denied").await;
        said.filter(|said| status == 503 && said["count"].as_u64() > Some(0))
    })
    .await;
    assert_eq!((&said["school"], &said["platform"]), (&"rost".into(), &"amocrm".into()), "{said}");
    assert!(said["detail"].as_str().is_some_and(|why| why.contains("401")), "{said}");
    assert!(said["what"].as_str().is_some_and(|what| what.contains("доступ отклонён")), "{said}");
    let metrics = get(&bridge.asked("/metrics")).await.expect("an answer");
    for line in [
        "dozvon_trouble{id=\"account_denied\",weight=\"stop\",school=\"rost\",platform=\"amocrm\"} 1",
        "dozvon_requests_accepted_total{school=\"rost\"} 1",
        "# TYPE dozvon_outbox_deliveries gauge",
    ] {
        assert!(metrics.body.contains(line), "{line}: {}", metrics.body);
    }
    until("a notice by webhook", async || (receiver.of("account_denied") == ["begun"]).then_some(())).await;
    until("a notice by mail", async || {
        let world = bench.world();
        let told = world.letters().iter().any(|letter| letter.to.contains("duty@school.example"));
        told.then_some(())
    })
    .await;
    // The public address says only that the process lives.
    let public = |path: &str| format!("http://127.0.0.1:{}{path}", bench.port);
    for (path, status) in [("/livez", 200), ("/readyz", 404), ("/metrics", 404), ("/health", 404)] {
        assert_eq!(get(&public(path)).await.map(|said| said.status), Some(status), "{path}");
    }
    std::fs::write(&token, "sandbox-long-lived-token").expect("writable");
    bridge.reload().await;
    until("the end", async || {
        let (status, said) = trouble(&bridge, "account_denied").await;
        (status == 200 && said.is_none()).then_some(())
    })
    .await;
    until("a notice of the end", async || {
        (receiver.of("account_denied") == ["begun", "ended"]).then_some(())
    })
    .await;
    until("its lead", async || bench.world().leads().next().map(|_| ())).await;
    assert_eq!(bridge.terminate().await, Some(0));
}

/// F77: what the store can lose, and that it is away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_can_lose_data_or_is_away_is_shown() {
    let mut bench = TestBed::new(StoreKind::Redis).await;
    bench.mute();
    let bridge = bench.start().await;
    until("a fit bridge", async || (trouble(&bridge, "").await.0 == 200).then_some(())).await;
    let set = |bench: &mut TestBed, name: &str, value: &str| {
        redis::cmd("CONFIG")
            .arg("SET")
            .arg(name)
            .arg(value)
            .exec(&mut bench.redis().admin())
            .expect("permitted");
    };
    for (name, value, id, status) in [
        ("maxmemory-policy", "allkeys-lru", "store_evicts", 200),
        ("appendonly", "no", "store_not_durable", 200),
        ("maxmemory", "1", "store_full", 503),
    ] {
        set(&mut bench, name, value);
        until(id, async || {
            let (answered, said) = trouble(&bridge, id).await;
            said.filter(|_| answered == status)
        })
        .await;
    }
    // It still answers what is read, and takes nothing.
    set(&mut bench, "maxmemory", "0");
    let replica_of = |bench: &mut TestBed, of: [&str; 2]| {
        redis::cmd("REPLICAOF").arg(&of).exec(&mut bench.redis().admin()).expect("permitted");
    };
    until("room", async || (trouble(&bridge, "").await.0 == 200).then_some(())).await;
    replica_of(&mut bench, ["127.0.0.1", "1"]);
    let said = until("a store that cannot be written", async || {
        let (status, said) = trouble(&bridge, "store_unreachable").await;
        said.filter(|_| status == 503)
    })
    .await;
    assert!(said["detail"].as_str().is_some_and(|why| why.contains("READONLY")), "{said}");
    assert_eq!(get(&bridge.asked("/health")).await.map(|said| said.json()["well"] == true), Some(false));
    replica_of(&mut bench, ["NO", "ONE"]);
    until("its end", async || (trouble(&bridge, "").await.0 == 200).then_some(())).await;
    bench.redis().kill();
    let query = form(&[("order_id", "700100200"), ("status", "Новый")]);
    let url = bench.hook("getcourse", "order-status");
    let kind = "application/x-www-form-urlencoded";
    assert_eq!(send("POST", &url, kind, query).await.map(|said| said.status), Some(200));
    until("both troubles", async || {
        let (status, away) = trouble(&bridge, "store_unreachable").await;
        let (_, spooled) = trouble(&bridge, "spool_waits").await;
        (status == 503 && away.is_some() && spooled?["count"] == 1).then_some(())
    })
    .await;
    let metrics = get(&bridge.asked("/metrics")).await.expect("an answer without a store, too");
    assert!(metrics.body.contains("dozvon_spool_requests{school=\"rost\"} 1"), "{}", metrics.body);
    bench.redis().start_again();
    until("their end", async || {
        let (status, away) = trouble(&bridge, "store_unreachable").await;
        (status == 200 && away.is_none()).then_some(())
    })
    .await;
}

/// F107: a school's quota is used up only by those who know its secret; what is refused is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_beyond_the_quota_are_refused_and_told() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    bench.mute();
    bench.edit("dozvon.toml", "peer_per_minute = 5000", "peer_per_minute = 60");
    let bridge = bench.start().await;
    let path = |secret: &str| format!("/hooks/rost/getcourse/{secret}/order-status");
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", bench.port)).await.expect("it listens");
    let mut ask = async |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: bridge\r\n\r\n");
        socket.write_all(request.as_bytes()).await.expect("it reads");
        let mut said = [0; 2048];
        let length = socket.read(&mut said).await.expect("an answer");
        String::from_utf8_lossy(&said[..length]).into_owned()
    };
    for _ in 0..200 {
        assert!(ask(&path("wrong-secret-00001")).await.starts_with("HTTP/1.1 403"));
    }
    let mut accepted = 0;
    let refused = loop {
        let said = ask(&path(SECRET)).await;
        if said.starts_with("HTTP/1.1 429") {
            break said.to_lowercase();
        }
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
        accepted += 1;
    };
    assert!((120..1_000).contains(&accepted), "two minutes' worth at once: {accepted}");
    assert!(refused.contains("retry-after: 1\r\n"), "{refused}");
    let (status, said) = trouble(&bridge, "requests_too_many").await;
    assert_eq!((status, &said.expect("a trouble")["count"]), (200, &1.into()));
    assert_eq!(bridge.terminate().await, Some(0));
}

/// Names that nothing reads are listed, and stop nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_deserves_a_look_leaves_the_bridge_fit() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    bench.mute();
    let bridge = bench.start().await;
    let query = form(&[("order_id", "700100200"), ("status", "Новый"), ("skidka", "tajna")]);
    let url = format!("{}?{query}", bench.hook("getcourse", "order-status"));
    assert_eq!(get(&url).await.map(|said| said.status), Some(200));
    let said = until("the name", async || {
        let (status, said) = trouble(&bridge, "names_unread").await;
        said.filter(|_| status == 200)
    })
    .await;
    assert_eq!((&said["weight"], &said["platform"]), (&"note".into(), &"getcourse".into()), "{said}");
    assert!(said["detail"].as_str().is_some_and(|names| names.contains("skidka")), "{said}");
    assert!(!said.to_string().contains("tajna"), "{said}");
}

/// Facts that the school's rules need and its addresses do not bring are listed, and stop nothing. A check that
/// asks online warns of such notes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_that_no_address_brings_are_shown_by_readyz() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    bench.mute();
    let bridge = bench.start().await;
    let created = async |number: &str, author: &str| {
        let query = form(&[("order_id", number), ("status", "Новый"), ("phone", "+79035550127")]);
        let url = format!("{}?{query}{author}", bench.hook("getcourse", "order-created"));
        assert_eq!(get(&url).await.map(|said| said.status), Some(200));
    };
    created("700100200", "").await;
    let said = until("the fact", async || {
        let (status, said) = trouble(&bridge, "facts_missing").await;
        said.filter(|said| {
            status == 200 && said["detail"].as_str().is_some_and(|why| why.contains("utm_source"))
        })
    })
    .await;
    assert_eq!((&said["weight"], &said["platform"]), (&"note".into(), &"getcourse".into()), "{said}");
    assert!(said["detail"].as_str().is_some_and(|why| why.contains("order-created")), "{said}");
    let operation =
        bridge.asked("/readyz").trim_start_matches("http://").trim_end_matches("/readyz").to_owned();
    let online = bench.command(&["check", "--online"]).env("DOZVON_OPERATION", &operation).output().await;
    let online = online.expect("it ends");
    let said = String::from_utf8_lossy(&online.stdout).into_owned();
    assert!(online.status.success() && said.contains("warning: rost, getcourse: facts_missing"), "{said}");
}

/// `check --online` reads the list of the bridge that runs on this machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_online_says_what_troubles_the_running_bridge() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let token = bench.folder.path().join("token");
    std::fs::write(&token, "a-revoked-token").expect("writable");
    let file = format!("{{ file = {token:?} }}");
    bench.edit("schools/rost/school.toml", "{ env = \"DEMO_AMOCRM_TOKEN\" }", &file);
    let bridge = bench.start().await;
    let operation =
        bridge.asked("/readyz").trim_start_matches("http://").trim_end_matches("/readyz").to_owned();
    let query = form(&[("order_id", "700100200"), ("status", "Новый"), ("phone", "+79035550127")]);
    let url = format!("{}?{query}", bench.hook("getcourse", "order-created"));
    assert_eq!(get(&url).await.map(|said| said.status), Some(200));
    let said = until("a denied account", async || trouble(&bridge, "account_denied").await.1).await;
    let what = said["what"].as_str().expect("words").to_owned();
    let check = async || {
        let mut command = bench.command(&["check", "--online", "--json"]);
        let ended = command.env("DOZVON_OPERATION", &operation).output().await.expect("it ends");
        let report: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
        let lines = report["online"].as_array().cloned().unwrap_or_default();
        (
            ended.status.code(),
            lines.iter().filter_map(|line| line.as_str().map(str::to_owned)).collect::<Vec<_>>(),
        )
    };
    let (code, lines) = check().await;
    assert_eq!(code, Some(1), "{lines:?}");
    let is_told =
        |line: &String| line.starts_with("rost") && line.contains("account_denied") && line.contains(&what);
    assert!(lines.iter().any(is_told), "{lines:?}");
    assert_eq!(bridge.terminate().await, Some(0));
    let (code, lines) = check().await;
    assert_eq!(code, Some(1), "the account is asked, too");
    assert!(!lines.iter().any(is_told), "a bridge that does not run says nothing: {lines:?}");
}

/// F101: one address typed into thirty orders is no mailbox to be filled, also over a restart; the orders go on, and
/// the people who run the bridge see it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_orders_with_one_address_are_six_letters_and_a_trouble() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let bridge = bench.start().await;
    let order = async |n: usize| {
        let id = (700_100_300 + n).to_string();
        let (user, phone) = (format!("8100{n}"), format!("+790355502{n:02}"));
        // One mailbox, spelled in thirty ways.
        let email = format!("victim+{n}@client.example");
        let query = form(&[
            ("order_id", id.as_str()),
            ("number", &id[3..]),
            ("user_id", user.as_str()),
            ("phone", phone.as_str()),
            ("email", email.as_str()),
            ("status", "Новый"),
        ]);
        let url = format!("{}?{query}", bench.hook("getcourse", "order-created"));
        assert_eq!(get(&url).await.map(|said| said.status), Some(200));
    };
    let held = async |bridge: &Program, wanted: u64| {
        until("what was held back", async || {
            let (status, said) = trouble(bridge, "contacts_held").await;
            assert_eq!(status, 200, "work does not stand");
            said.filter(|said| said["count"].as_u64() >= Some(wanted))
        })
        .await
    };
    let sent = || bench.world().letters().iter().filter(|letter| letter.to.contains("victim")).count();
    for n in 0..30 {
        order(n).await;
    }
    let said = held(&bridge, 24).await;
    assert_eq!((&said["school"], &said["platform"]), (&"rost".into(), &"letters_per_address".into()));
    assert!(!said.to_string().contains("victim"), "{said}");
    until("the letters", async || (sent() == 6).then_some(())).await;
    assert_eq!(bridge.terminate().await, Some(0));
    let bridge = bench.start().await;
    order(30).await;
    held(&bridge, 25).await;
    assert_eq!(sent(), 6);
    assert_eq!(bridge.terminate().await, Some(0));
}
