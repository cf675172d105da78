//! Webhooks over real sockets: the answer that each platform gets, and what is stored of its request. The
//! bridge is the real program; the same tests run on both stores.

use std::collections::BTreeSet;

use dozvon::store::Counts;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::program::{FORM, Program, Said, StoreKind, TestBed, form, rost, send, until};

const JSON: &str = "application/json";
const PLAIN: &str = "text/plain; charset=utf-8";

/// The other providers, in addition to the example's Mango.
const LINES: &str = "[sipuni]\nuser = \"012345\"\n[telphin]\nextensions = { 101 = 200101 }\n";

/// The answer that Sipuni requires; otherwise it suspends its feed.
const SUCCESS: &str = r#"{"success":true}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_answered_and_kept_on_the_embedded_store() {
    answers(StoreKind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_answered_and_kept_on_redis() {
    answers(StoreKind::Redis).await;
}

async fn answers(kind: StoreKind) {
    let bench = TestBed::new(kind).await;
    bench.mute();
    bench.edit("schools/rost/school.toml", "[mail]", &format!("{LINES}[mail]"));
    let bridge = bench.start().await;
    each_platform_hears_what_it_expects(&bench, &bridge).await;
    what_is_turned_away_leaves_nothing(&bench, &bridge).await;
    what_cannot_be_read_waits_for_a_person(&bench, &bridge).await;
    what_nothing_reads_is_shown(&bench, &bridge).await;
    letters_that_are_not_encoded_are_read(&bench, &bridge).await;
    a_repeat_is_one_and_a_to_b_to_a_are_three(&bench, &bridge).await;
    assert_eq!(bridge.count("watchdog_repairs").await, 0);
    assert!(!bridge.log().contains("panicked"), "{}", bridge.log());
    assert_eq!(bridge.terminate().await, Some(0));
}

/// `order-status` of an order that the sandbox knows.
fn status_url(bench: &TestBed, status: &str) -> String {
    let query = form(&[("order_id", "700100200"), ("number", "12041"), ("status", status)]);
    format!("{}?{query}", bench.hook("getcourse", "order-status"))
}

fn signed(json: &str) -> String {
    let (key, salt) = ("a1b2c3d4e5f60718293a4b5c6d7e8f90", "0f9e8d7c6b5a49382716051423324150");
    let sign = hex::encode(Sha256::digest(format!("{key}{json}{salt}")));
    form(&[("vpbx_api_key", key), ("sign", &sign), ("json", json)])
}

fn summary(entry: &str) -> String {
    format!(
        r#"{{"entry_id":"{entry}","call_direction":2,"from":{{"extension":"102"}},"to":{{"number":"79035550199"}},"line_number":"74955550000","create_time":1767254600,"forward_time":1767254600,"talk_time":0,"end_time":1767254645,"entry_result":0,"disconnect_reason":1111}}"#
    )
}

/// The end of an unanswered call, as Sipuni sends it.
fn sipuni_end(call: &str) -> String {
    format!(
        "event=2&call_id={call}&src_num=012345102&src_type=2&short_src_num=102&dst_num=79035550199&dst_type=1\
         &short_dst_num=79035550199&pbxdstnum=79035550199&timestamp=1767254645&status=NOANSWER\
         &call_start_timestamp=1767254600&user_id=012345"
    )
}

fn telphin_hangup(call: &str) -> String {
    format!(
        "EventType=hangup&CallID={call}&SubCallID=200101-{call}&CallerIDNum=101&CalledNumber=79035550199\
         &CallerExtension=20000%2A101%40sipproxy.telphin.ru&CallerExtensionID=200101&CallStatus=NOANSWER&CallFlow=out\
         &EventTime=1767254645000000&Duration=0"
    )
}

fn amo_lead(account: &str, updated_at: &str) -> String {
    form(&[
        ("account[id]", account),
        ("leads[update][0][id]", "41299999"),
        ("leads[update][0][updated_at]", updated_at),
    ])
}

async fn counts(bench: &TestBed) -> Counts {
    bench.store().await.counts(&rost()).await.expect("the store answers")
}

async fn heard(method: &str, url: &str, kind: &str, body: impl Into<Vec<u8>>) -> Said {
    send(method, url, kind, body).await.expect("an answer")
}

async fn each_platform_hears_what_it_expects(bench: &TestBed, bridge: &Program) {
    let ok = |kind: &str, body: &str| Said { status: 200, kind: kind.to_owned(), body: body.to_owned() };
    let cases = [
        ("GET", status_url(bench, "В работе"), "", String::new(), ok(PLAIN, "ok")),
        (
            "POST",
            bench.hook("getcourse", "hook"),
            JSON,
            r#"{"event_object_id":2,"event_id":2,"object_id":700100200}"#.to_owned(),
            ok(PLAIN, "ok"),
        ),
        ("POST", bench.hook("amocrm", ""), FORM, amo_lead("31877554", "1767254600"), ok(PLAIN, "")),
        // An older body names the account only by its subdomain, and its id in each entity.
        (
            "POST",
            bench.hook("amocrm", ""),
            FORM,
            "leads[status][0][id]=1&leads[status][0][account_id]=31877554&account[subdomain]=rost".to_owned(),
            ok(PLAIN, ""),
        ),
        ("POST", bench.hook("mango", "events/summary"), FORM, signed(&summary("one")), ok(PLAIN, "")),
        // Mango appends its path to whatever address was pasted.
        ("POST", bench.hook("mango", "/events/summary"), FORM, signed(&summary("two")), ok(PLAIN, "")),
        // Sipuni and Telphin use either method.
        (
            "GET",
            format!("{}?{}", bench.hook("sipuni", ""), sipuni_end("1.1")),
            "",
            String::new(),
            ok(JSON, SUCCESS),
        ),
        ("POST", bench.hook("sipuni", ""), FORM, sipuni_end("1.2"), ok(JSON, SUCCESS)),
        ("POST", bench.hook("telphin", ""), FORM, telphin_hangup("C1"), ok(PLAIN, "")),
        (
            "GET",
            format!("{}?{}", bench.hook("telphin", ""), telphin_hangup("C2")),
            "",
            String::new(),
            ok(PLAIN, ""),
        ),
    ];
    let kept = cases.len() as u64;
    for (method, url, kind, body, wanted) in cases {
        assert_eq!(heard(method, &url, kind, body).await, wanted, "{url}");
    }
    assert_eq!(bridge.count("accepted").await, kept);
    // Probes from the platforms' settings pages are answered and not stored.
    assert_eq!(heard("POST", &bench.hook("mango", ""), FORM, "").await.status, 200);
    assert_eq!(heard("GET", &bench.hook("amocrm", ""), "", "").await.status, 200);
    assert_eq!(heard("GET", &bench.hook("sipuni", ""), "", "").await, ok(JSON, SUCCESS));
    assert_eq!(heard("POST", &bench.hook("telphin", ""), FORM, "").await, ok(PLAIN, ""));
    assert_eq!(bridge.count("accepted").await, kept);
    bridge.settled().await;
    assert_eq!(counts(bench).await.raw, kept);
}

/// Each reason once, with who sent it (F110).
fn the_log_says_why(bridge: &Program) {
    for why in [
        "wrong secret in the address",
        "wrong signature",
        "it is for the amoCRM account 31877555, which is not this school's",
        "no account named",
        "the account is named without its id",
    ] {
        assert!(bridge.log().contains(why), "the log does not say: {why}");
    }
    assert_eq!(bridge.log().matches("it is for the amoCRM account").count(), 1, "{}", bridge.log());
    let lines = bridge
        .log()
        .lines()
        .filter(|line| line.contains("turned away"))
        .map(str::to_owned)
        .collect::<Vec<_>>();
    assert!(
        lines.iter().all(|line| line.contains("peer=127.0.0.1") && line.contains("count=1")),
        "{lines:#?}"
    );
}

async fn what_is_turned_away_leaves_nothing(bench: &TestBed, bridge: &Program) {
    let before = counts(bench).await;
    let refused = bridge.count("refused").await;
    let at = |path: &str| format!("http://127.0.0.1:{}/hooks/{path}", bench.port);
    let forged = signed(&summary("three")).replace("1111", "1110");
    let large = "x".repeat(256 * 1024 + 1);
    let cases = [
        (403, "POST", at("rost/getcourse/wrong-secret-00001/order-status"), "status=new".to_owned()),
        (403, "POST", at("rost/mango/wrong-secret-00001/events/summary"), signed(&summary("three"))),
        (403, "POST", bench.hook("mango", "events/summary"), forged),
        (403, "POST", bench.hook("mango", "events/summary"), "json=%7B%7D".to_owned()),
        (403, "POST", at("rost/sipuni/wrong-secret-00001/"), sipuni_end("1.3")),
        (403, "POST", at("rost/telphin/wrong-secret-00001"), telphin_hangup("C3")),
        (403, "POST", bench.hook("amocrm", ""), amo_lead("31877555", "1767254600")),
        (403, "POST", bench.hook("amocrm", ""), "leads[add][0][id]=1".to_owned()),
        (403, "POST", bench.hook("amocrm", ""), "leads[add][0][id]=1&account[subdomain]=rost".to_owned()),
        (
            403,
            "POST",
            bench.hook("amocrm", ""),
            "leads[add][0][id]=1&leads[add][0][account_id]=31877556".to_owned(),
        ),
        (404, "POST", bench.hook("telegram", ""), "a=b".to_owned()),
        (404, "POST", at("nobody/getcourse/example-url-secret-0001/order-status"), "a=b".to_owned()),
        (404, "GET", at("rost"), String::new()),
        (405, "PUT", bench.hook("getcourse", "order-status"), "order_id=1".to_owned()),
        (405, "DELETE", bench.hook("amocrm", ""), String::new()),
        (405, "HEAD", bench.hook("getcourse", "order-status"), String::new()),
        (413, "POST", bench.hook("getcourse", "events"), large.clone()),
        (413, "POST", bench.hook("getcourse", "order-status"), "{\"a\":".repeat(20_000)),
        (413, "POST", bench.hook("getcourse", "hook"), format!("[{}0]", "0,".repeat(20_000))),
        (413, "POST", bench.hook("amocrm", ""), "leads[][id]=1&".repeat(20_000)),
        (413, "POST", bench.hook("sipuni", ""), "event=2&".repeat(6_000)),
        (413, "POST", bench.hook("mango", "events/call"), signed(&"[".repeat(40_000))),
        (
            413,
            "GET",
            format!("{}?text={}", bench.hook("getcourse", "events"), &large[..40_000]),
            String::new(),
        ),
    ];
    let of = |status| cases.iter().filter(|case| case.0 == status).count() as u64;
    let (forgeries, large) = (of(403), of(413));
    for (status, method, url, body) in cases {
        let said = heard(method, &url, FORM, body).await;
        assert_eq!(said.status, status, "{url:.90}");
        assert!(!said.body.contains("example-url-secret"), "an answer names no secret");
    }
    the_log_says_why(bridge);
    half_a_request_ends_in_time(bench).await;
    assert_eq!(bridge.count("refused").await, refused + forgeries);
    assert_eq!(bridge.count("oversized").await, large);
    // Who was refused, and how often: a platform that was forgotten when the secret was changed shows here.
    let ready = crate::support::program::get(&bridge.asked("/readyz")).await.expect("an answer").json();
    let told = ready["troubles"].as_array().expect("a list").iter();
    let told: Vec<_> = told.filter(|trouble| trouble["id"] == "requests_refused").collect();
    let sum: u64 = told.iter().filter_map(|trouble| trouble["count"].as_u64()).sum();
    assert_eq!(sum, refused + forgeries, "{told:#?}");
    let platforms: BTreeSet<&str> = told.iter().filter_map(|trouble| trouble["platform"].as_str()).collect();
    assert_eq!(platforms, ["amocrm", "getcourse", "mango", "sipuni", "telphin"].into());
    assert!(told.iter().all(|trouble| trouble["weight"] == "note"), "{told:#?}");
    let after = counts(bench).await;
    assert_eq!((after.raw, after.inbox, after.dead), (before.raw, before.inbox, before.dead));
}

/// The rest never comes: 408 within the deadline (one second here), and the bridge continues.
async fn half_a_request_ends_in_time(bench: &TestBed) {
    let path = format!("/hooks/rost/getcourse/{}/events", crate::support::program::SECRET);
    let body = format!("POST {path} HTTP/1.1\r\nHost: bridge\r\nContent-Length: 100\r\n\r\nstatus=");
    let head = format!("POST {path} HTTP/1.1\r\nHost: bri");
    for (what, half) in [("body", body), ("head", head)] {
        let mut socket = TcpStream::connect(("127.0.0.1", bench.port)).await.expect("it listens");
        socket.write_all(half.as_bytes()).await.expect("it reads");
        let mut said = [0; 12];
        let read = tokio::time::timeout(std::time::Duration::from_secs(10), socket.read_exact(&mut said));
        read.await.unwrap_or_else(|_| panic!("half a {what} waits for ever")).expect("an answer");
        assert_eq!(String::from_utf8_lossy(&said), "HTTP/1.1 408", "half a {what}");
    }
}

/// Authentic, so it is not refused; unusable, so it becomes a dead letter.
async fn what_cannot_be_read_waits_for_a_person(bench: &TestBed, bridge: &Program) {
    let before = counts(bench).await.dead;
    let cases = [
        ("getcourse", "hook", JSON, r#"{"event_id":"#.to_owned()),
        ("getcourse", "order-craeted", FORM, "order_id=1".to_owned()),
        ("mango", "events/summary", FORM, signed("{")),
        ("sipuni", "", FORM, "event=2&status=ANSWER".to_owned()),
        ("telphin", "", FORM, "EventType=hangup&CallStatus=ANSWER".to_owned()),
    ];
    let unreadable = cases.len() as u64;
    for (platform, tail, kind, body) in cases {
        assert_eq!(heard("POST", &bench.hook(platform, tail), kind, body).await.status, 200, "{platform}");
    }
    bridge.settled().await;
    until("a dead letter for each", async || (counts(bench).await.dead == before + unreadable).then_some(()))
        .await;
    let letters = bench.store().await.dead(&rost(), 100).await.expect("the store answers");
    for letter in letters.iter().filter(|letter| letter.id.starts_with("in-")) {
        assert!(!letter.why.is_empty() && !letter.body.is_empty(), "{letter:?}");
    }
    let meant = "unknown address `order-craeted`: is `order-created` meant?";
    assert!(letters.iter().any(|letter| letter.why.contains(meant)), "{letters:#?}");
    assert_eq!(heard("GET", &bench.hook("getcourse", "order-craeted"), "", "").await.status, 200);
    assert_eq!(counts(bench).await.dead, before + unreadable, "a visit without parameters is a probe");
}

/// Names that nothing reads stand once in the log and in `/health`, without their values; a change of a person
/// whom no order knows is counted; a monitor may ask with HEAD.
async fn what_nothing_reads_is_shown(bench: &TestBed, bridge: &Program) {
    let query =
        form(&[("order_id", "700100200"), ("status", "В работе"), ("skidka", "tajna"), ("utm_term", "a")]);
    for _ in 0..2 {
        let url = format!(
            "{}?{query}&n={}",
            bench.hook("getcourse", "order-status"),
            bridge.count("accepted").await
        );
        assert_eq!(heard("GET", &url, "", "").await.status, 200);
    }
    let url = format!("{}?{}&mystery=tajna", bench.hook("sipuni", ""), sipuni_end("1.9"));
    assert_eq!(heard("GET", &url, "", "").await.status, 200);
    // Likewise an event that no table has.
    let url = format!("{}?event=77&call_id=1.10", bench.hook("sipuni", ""));
    assert_eq!(heard("GET", &url, "", "").await.status, 200);
    let nobody = bridge.count("nobody").await;
    let user = form(&[("gc_user_id", "99077001"), ("email", "new@example.com"), ("phone", "+79035557999")]);
    let url = format!("{}?{user}", bench.hook("getcourse", "user-updated"));
    assert_eq!(heard("GET", &url, "", "").await.status, 200);
    bridge.settled().await;
    let health = bridge.asked("/health");
    let said = heard("GET", &health, "", "").await.body;
    let shown: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let unread = &shown["schools"]["rost"]["unread"];
    assert_eq!(
        (&unread["getcourse"]["skidka"], &unread["sipuni"]["mystery"]),
        (&2.into(), &1.into()),
        "{unread}"
    );
    assert_eq!(unread["sipuni"]["event: 77"], 1, "{unread}");
    assert!(!said.contains("tajna") && !bridge.log().contains("tajna"), "values are never shown");
    assert_eq!(bridge.log().matches("\"skidka\"").count(), 1, "named once: {}", bridge.log());
    assert_eq!(bridge.count("nobody").await, nobody + 1);
    for address in ["/health", "/readyz", "/livez", "/metrics"] {
        assert_eq!(heard("HEAD", &bridge.asked(address), "", "").await.status, 200, "{address}");
    }
}

/// GetCourse inserts values into its addresses as they are (F11): the same request is the same event, however its
/// letters are written, also as the second one of a connection.
async fn letters_that_are_not_encoded_are_read(bench: &TestBed, bridge: &Program) {
    let encoded = format!("{}&n=f11", status_url(bench, "Ожидаем оплаты"));
    assert_eq!(heard("GET", &encoded, "", "").await.status, 200);
    let (accepted, repeated) = (bridge.count("accepted").await, bridge.count("repeated").await);
    let path = format!("/hooks/rost/getcourse/{}/order-status", crate::support::program::SECRET);
    let raw = format!(
        "GET {path}?order_id=700100200&number=12041&status=Ожидаем+оплаты&n=f11 HTTP/1.1\r\nHost: bridge\r\n\r\n"
    );
    let mut socket = TcpStream::connect(("127.0.0.1", bench.port)).await.expect("it listens");
    for _ in 0..2 {
        socket.write_all(raw.as_bytes()).await.expect("it reads");
        let mut said = [0; 12];
        socket.read_exact(&mut said).await.expect("an answer");
        assert_eq!(String::from_utf8_lossy(&said), "HTTP/1.1 200");
        let mut rest = [0; 1024];
        let _ = socket.read(&mut rest).await.expect("the rest of the answer");
    }
    assert_eq!(bridge.count("accepted").await, accepted, "nothing new");
    assert_eq!(bridge.count("repeated").await, repeated + 2, "the same event");
}

async fn a_repeat_is_one_and_a_to_b_to_a_are_three(bench: &TestBed, bridge: &Program) {
    let accepted = bridge.count("accepted").await;
    let repeated = bridge.count("repeated").await;
    for status in ["Ожидаем оплаты", "Ожидаем оплаты", "В работе", "Ожидаем оплаты", "Ожидаем оплаты"]
    {
        assert_eq!(heard("GET", &status_url(bench, status), "", "").await.status, 200);
    }
    for updated_at in ["1767254601", "1767254601", "1767254602", "1767254603", "1767254601"] {
        let body = amo_lead("31877554", updated_at);
        assert_eq!(heard("POST", &bench.hook("amocrm", ""), FORM, body).await.status, 200);
    }
    for entry in ["four", "four", "five", "four"] {
        let body = signed(&summary(entry));
        assert_eq!(heard("POST", &bench.hook("mango", "events/summary"), FORM, body).await.status, 200);
    }
    for call in ["1.4", "1.4", "1.5", "1.4"] {
        let said = heard("POST", &bench.hook("sipuni", ""), FORM, sipuni_end(call)).await;
        assert_eq!(said.body, SUCCESS, "a repeat is a success, too");
        let body = telphin_hangup(&format!("C{call}"));
        assert_eq!(heard("POST", &bench.hook("telphin", ""), FORM, body).await.status, 200);
    }
    // GetCourse sends no time, so A→B→A are three; amoCRM's changes have a time and Mango's events an id, so
    // a late repeat counts as one.
    assert_eq!(bridge.count("accepted").await - accepted, 3 + 3 + 2 + 4);
    assert_eq!(bridge.count("repeated").await - repeated, 2 + 2 + 2 + 4);
    bridge.settled().await;
}
