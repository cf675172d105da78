//! Tests of incoming requests, over those in `fixtures/amocrm` and a few made here.

use std::path::{Path, PathBuf};

use super::*;
use crate::platform::amocrm::Settings;

const ACCOUNT: &str = "31877554";
const CLIENT: &str = "4c1c7f0a-9d2e-4b53-8f6e-2a7be0c4d915";
const SIGNATURE: &str = "4dc570926e6dbbf54a75ff34102672ec6e4ba94450702b860801b97572a4e6ac";

fn app() -> App {
    App {
        client_id: CLIENT.to_owned(),
        client_secret: Secret::new("Zk3-demo-client-secret-91"),
        redirect_uri: "https://bridge.example.com/amo/callback".to_owned(),
    }
}

fn hooks() -> AmoHooks {
    let settings: Settings = toml::from_str(
        r#"
        url = "https://shkolarost.amocrm.ru"
        account_id = 31877554
        zone_field = 884240
        auth = { by = "long_lived", token = { env = "AMO_TOKEN" } }
        [pipelines.sales]
        id = 8123410
        stages = { new = 66104106, in_work = 66104110 }
        "#,
    )
    .expect("good settings");
    AmoHooks::new("shkolarost".into(), &settings, Some(app()))
}

fn form(body: &str) -> RawRequest {
    RawRequest {
        method: "POST".to_owned(),
        tail: String::new(),
        query: String::new(),
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    }
}

fn get(tail: &str, query: &str) -> RawRequest {
    RawRequest { method: "GET".to_owned(), tail: tail.to_owned(), query: query.to_owned(), ..form("") }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/amocrm")
}

/// A request as stored in a `.http` file: request line, headers, empty line, body.
fn stored(path: &Path) -> RawRequest {
    let text = std::fs::read_to_string(path).expect("a fixture is readable");
    let (head, body) = text.split_once("\n\n").expect("an empty line ends the headers");
    let mut lines = head.lines();
    let mut first = lines.next().expect("a request line").split(' ');
    let method = first.next().expect("a method").to_owned();
    let target = first.next().expect("a path");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let tail = path.split('/').skip(5).collect::<Vec<_>>().join("/");
    let headers = lines.filter_map(|line| line.split_once(": "));
    RawRequest {
        method,
        tail: tail.trim_matches('/').to_owned(),
        query: query.to_owned(),
        headers: headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
        body: body.trim_end().as_bytes().to_vec(),
    }
}

/// `DOZVON_BLESS=1` writes the expected signals again; a person then reads the diff.
#[test]
fn each_fixture_gives_the_signals_in_its_file() {
    let hooks = hooks();
    let mut count = 0;
    for entry in std::fs::read_dir(folder()).expect("fixtures are there") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|extension| extension != "http") {
            continue;
        }
        count += 1;
        let request = stored(&path);
        let (verified, _) =
            Verified::check(&hooks, request).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let signals =
            hooks.decode(&verified, At::default()).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let expected = path.with_extension("signals.json");
        if std::env::var_os("DOZVON_BLESS").is_some() {
            let text = serde_json::to_string_pretty(&signals).expect("signals are JSON");
            std::fs::write(&expected, text + "\n").expect("writable");
        }
        let text = std::fs::read_to_string(&expected).expect("the file with the expected signals exists");
        let expected: Vec<Signal> = serde_json::from_str(&text).expect("signals");
        assert_eq!(signals, expected, "{path:?}");
    }
    assert!(count >= 24, "fixtures are missing: {count}");
}

#[test]
fn a_form_counts_only_with_the_schools_own_account() {
    let check = |body: &str, expected: Result<(), Refused>| {
        assert_eq!(hooks().verify(&form(body)).map(|_| ()), expected, "{body}");
    };
    check("leads[add][0][id]=1&account[id]=31877554", Ok(()));
    check("account%5Bid%5D=31877554&leads%5Badd%5D%5B0%5D%5Bid%5D=1", Ok(()));
    check("", Ok(()));
    let other =
        |id: &str| Refused::new(format!("it is for the amoCRM account {id}, which is not this school's"));
    check("account[id]=31877555&leads[add][0][id]=1", Err(other("31877555")));
    check("account[id]=31877554&account[id]=1", Err(other("1")));
    check("account[id]=31877554&leads[add][0][account_id]=2", Err(other("2")));
    check("leads[status][0][account_id]=31877554&account[subdomain]=rost", Ok(()));
    let nameless = "the account is named without its id";
    check("leads[status][0][id]=1&account[subdomain]=rost", Err(Refused::new(nameless)));
    check("account[id]=m@example.ru", Err(Refused::new("it is for another amoCRM account")));
    check("leads[add][0][id]=1", Err(Refused::new("no account named")));
    check("{\"leads\":1}", Err(Refused::new("no account named")));
}

#[test]
fn addresses_that_do_not_exist_are_refused() {
    assert_eq!(hooks().verify(&get("other", "")), Err(Refused::new("no such address")));
    let put = RawRequest { method: "PUT".to_owned(), ..form("account[id]=31877554") };
    assert_eq!(hooks().verify(&put), Err(Refused::new("no such address")));
}

#[test]
fn an_uninstall_needs_the_signature() {
    let check = |query: &str, expected: Result<(), Refused>| {
        assert_eq!(hooks().verify(&get("uninstall", query)).map(|_| ()), expected, "{query}");
    };
    let good = format!("account_id={ACCOUNT}&client_uuid={CLIENT}&signature={SIGNATURE}");
    check(&good, Ok(()));
    check(&good.replace("client_uuid", "client_id"), Ok(()));
    check(&good.replace("4dc5", "4dc6"), Err(Refused::new("wrong signature")));
    let other = "it is for the amoCRM account 31877555, which is not this school's";
    check(&good.replace("31877554", "31877555"), Err(Refused::new(other)));
    check(&good.replace("4c1c7f0a", "00000000"), Err(Refused::new("another integration")));
    check(&format!("account_id={ACCOUNT}&client_uuid={CLIENT}"), Err(Refused::new("no signature")));
    let signals = hooks().decode(&Verified::stored(get("uninstall", &good)), At::default());
    assert_eq!(signals, Ok(vec![Signal::Uninstalled { account: ACCOUNT.to_owned() }]));
}

#[test]
fn a_consent_counts_only_from_our_link_and_our_account() {
    let state = app().state(&"shkolarost".into());
    let check = |query: String, expected: Result<(), Refused>| {
        assert_eq!(hooks().verify(&get("oauth", &query)).map(|_| ()), expected, "{query}");
    };
    let good = format!("code=def50200&referer=shkolarost.amocrm.ru&platform=1&state={state}");
    check(good.clone(), Ok(()));
    check(good.replace("shkolarost.amocrm.ru", "https%3A%2F%2FShkolarost.amocrm.ru%2F"), Ok(()));
    check(good.replace("shkolarost.amocrm.ru", "evil.example"), Err(Refused::new("another account's host")));
    check(good.replace(&state, "guess"), Err(Refused::new("wrong state")));
    check("code=def50200&referer=shkolarost.amocrm.ru".to_owned(), Err(Refused::new("no state")));
    check(format!("error=access_denied&state={state}"), Ok(()));

    let request = Verified::stored(get("oauth", &good));
    let consent = Consent { code: "def50200".to_owned(), state, host: "shkolarost.amocrm.ru".to_owned() };
    assert_eq!(hooks().decode(&request, At::default()), Ok(vec![Signal::Consent(consent)]));
    let answer = hooks().answer(&request);
    assert_eq!((answer.status, answer.content_type), (200, "text/html; charset=utf-8"));
}

#[test]
fn a_probe_keeps_nothing_and_gets_an_empty_200() {
    for request in [form(""), get("", "")] {
        let (verified, reception) = Verified::check(&hooks(), request).expect("a probe is welcome");
        assert_eq!(reception, Reception::Probe);
        assert_eq!(hooks().answer(&verified), HookAnswer::empty(200));
    }
}

/// The idempotency key of a form with this body.
fn key(body: &str) -> IdempotencyKey {
    match hooks().verify(&form(body)) {
        Ok(Reception::Keep(key)) => key,
        other => panic!("{other:?}: {body}"),
    }
}

#[test]
fn a_repeat_is_the_same_change_of_the_same_entity() {
    let body = "account[id]=31877554&leads[status][0][id]=7&leads[status][0][status_id]=1&leads[status][0][updated_at]=10";
    // A repeat may come after a later change, so comparing with the last one is not enough.
    let IdempotencyKey::Unique { key: unique, .. } = key(body) else { panic!("not comparable") };
    assert!(unique.starts_with("amo:leads[status]:7:"), "{unique}");

    let other_order = "leads[status][0][updated_at]=10&leads[status][0][status_id]=1&leads[status][0][id]=7&account[id]=31877554";
    assert_eq!(key(body), key(other_order));
    assert_ne!(key(body), key(&body.replace("status_id]=1", "status_id]=2")));
    assert_ne!(key(body), key(&body.replace("updated_at]=10", "updated_at]=11")));
    assert_ne!(key(body), key(&body.replace("[status][0]", "[update][0]")));
}

#[test]
fn what_cannot_be_told_from_a_repeat_is_always_kept() {
    let check = |body: &str| assert_eq!(key(body), IdempotencyKey::Always, "{body}");
    check("leads[status][0][id]=7&leads[status][0][status_id]=1&account[id]=31877554");
    check("account[id]=31877554&leads[delete][0][id]=7");
    check(
        "account[id]=31877554&leads[add][0][id]=7&leads[add][0][updated_at]=1&leads[add][1][id]=8&leads[add][1][updated_at]=1",
    );
    check("account[id]=31877554&leads[delete]=7");
    check("account[id]=31877554");
}

#[test]
fn an_entity_without_an_id_does_not_hide_the_others() {
    let decode = |body: &str| hooks().decode(&Verified::stored(form(body)), At::default());
    assert!(decode("leads[add][0][name]=x&account[id]=31877554").is_err());
    let signals =
        decode("leads[add][0][name]=x&leads[add][1][id]=8&account[id]=31877554").expect("one is usable");
    assert!(matches!(&signals[..], [Signal::LeadSeen(lead), Signal::Nothing { .. }] if lead.lead == 8));
}

/// F111: each entity is work of its own, so their number is bounded, too.
#[test]
fn a_body_of_too_many_entities_is_refused() {
    let many = |count: usize, entity: fn(usize) -> String| {
        let entities: String = (0..count).map(entity).collect();
        hooks().verify(&form(&format!("account[id]={ACCOUNT}{entities}")))
    };
    let listed = |n| format!("&leads[update][{n}][id]={n}&leads[update][{n}][price]=1");
    let unlisted = |_| "&leads[add][]=1".to_owned();
    assert!(many(ENTITIES_MAX - 1, listed).is_ok() && many(ENTITIES_MAX - 1, unlisted).is_ok());
    assert_eq!(many(ENTITIES_MAX, listed), Err(TooMuch::Values.into()));
    assert_eq!(many(ENTITIES_MAX, unlisted), Err(TooMuch::Values.into()));
}
