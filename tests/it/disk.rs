//! What lies on the disk (F108): files are the bridge's own user's alone, and of an erased person nothing is left in
//! any file of the bridge or of its Redis.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use dozvon::clock::wall_now;
use dozvon::intake::envelope::Envelope;
use dozvon::platform::tokens::{TokenPair, TokenStore};
use dozvon::process::{End, Wait};
use dozvon::request::{IdempotencyKey, RawRequest};
use dozvon::secret::{Secret, Vault};
use dozvon::store::{Offer, Put, Unit};
use dozvon::tokens::StoredTokens;

use crate::process::{bench, email, everything_stands, order_url, phone, tell};
use crate::support::program::{FORM, Program, StoreKind, TestBed, form, get, rost, send, until};

/// Clients with an order each; the first one is erased.
const CLIENTS: i64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_person_is_in_no_file_of_the_embedded_store() {
    nothing_stays(StoreKind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_person_is_in_no_file_of_redis() {
    nothing_stays(StoreKind::Redis).await;
}

async fn nothing_stays(kind: StoreKind) {
    let bench = bench(kind).await;
    if let Some(redis) = &bench.redis {
        // Otherwise a name in its file could not be found.
        redis::cmd("CONFIG").arg("SET").arg("rdbcompression").arg("no").exec(&mut redis.admin()).expect("ok");
    }
    damaged_spool(&bench);
    let bridge = bench.start().await;
    for client in 0..CLIENTS {
        tell(&bench, client).await;
    }
    everything_stands(&bench, CLIENTS).await;
    // A body that is stored compressed, and one that becomes a dead letter.
    let long = format!("{}&comment={}", order_url(&bench, 0), "о+разном+".repeat(300));
    assert_eq!(get(&long).await.expect("an answer").status, 200);
    let undecodable = form(&[("phone", &phone(0)), ("name", NAME), ("status", "Новый")]);
    let url = bench.hook("getcourse", "order-created");
    assert_eq!(send("POST", &url, FORM, undecodable).await.expect("an answer").status, 200);
    until("its dead letter", async || (bridge.count("dead").await == 1).then_some(())).await;
    bridge.settled().await;
    bench.mute();
    assert!(found(&bench).iter().any(|path| path.ends_with("rost.damaged")), "the test can find it");
    assert!(found(&bench).len() > 1, "the test can find it: {:?}", found(&bench));

    let erased = bench.run(&["person", "erase", "rost", "--phone", &phone(0), "--yes"]).await;
    assert!(erased.out().contains("Erased in rost"), "{} {}", erased.out(), erased.err());
    wiped(&bridge).await;
    until("files without him", async || found(&bench).is_empty().then_some(())).await;
    let quarantine = std::fs::read(bench.data().join("spool/rost.damaged")).expect("another's part stays");
    assert!(String::from_utf8_lossy(&quarantine).contains(&email(1)));
    let others = bench.run(&["person", "export", "rost", "--phone", &phone(1)]).await;
    assert!(others.out().contains(&email(1)), "{}", others.out());
    for said in [erased.err(), others.err()] {
        assert!(said.contains("spool/rost.damaged is not read here"), "{said}");
        assert_eq!(said.contains("other instances"), bench.redis.is_some(), "{said}");
    }
    only_ours(&bench.data());
    let ready = get(&bridge.asked("/readyz")).await.expect("an answer");
    assert!(!ready.body.contains("data_open"), "{}", ready.body);
    assert_eq!(bridge.terminate().await, Some(0));
    assert_eq!(found(&bench), Vec::<PathBuf>::new(), "after a clean stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_past_its_time_is_in_no_file_of_the_embedded_store() {
    nothing_past_stays(StoreKind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_past_its_time_is_in_no_file_of_redis() {
    nothing_past_stays(StoreKind::Redis).await;
}

/// A client whose only order ended long ago, with all that was received of him then.
async fn nothing_past_stays(kind: StoreKind) {
    let bench = bench(kind).await;
    if let Some(redis) = &bench.redis {
        redis::cmd("CONFIG").arg("SET").arg("rdbcompression").arg("no").exec(&mut redis.admin()).expect("ok");
    }
    damaged_spool(&bench);
    // Nothing of him is received today.
    bench.mute();
    let bridge = bench.start().await;
    until("an owner", async || bridge.owns().await.then_some(())).await;
    let long_ago = wall_now() - chrono::TimeDelta::days(400);
    let query = order_url(&bench, 0).split_once('?').expect("a query").1.to_owned();
    let undecodable = form(&[("phone", &phone(0)), ("name", NAME), ("status", "Новый")]);
    let store = bench.store().await;
    for (n, query) in [query.clone(), format!("{query}&comment={}", "о+разном+".repeat(300)), undecodable]
        .into_iter()
        .enumerate()
    {
        let (method, tail) = ("GET".to_owned(), "order-created".to_owned());
        let request = RawRequest { method, tail, query, headers: Vec::new(), body: Vec::new() };
        let raw = Envelope::of("getcourse", &request, long_ago).to_bytes();
        let offer = Offer { id: format!("past-{n}"), key: IdempotencyKey::Always, at: long_ago, raw };
        store.offer(&rost(), &offer).await.expect("the store answers");
    }
    store.ring(&rost()).await.expect("the store answers");
    everything_stands(&bench, 1).await;
    until("its dead letter", async || (bridge.count("dead").await == 1).then_some(())).await;
    bridge.settled().await;
    assert!(found_of(&bench, &past_traces()).len() > 1, "the test can find it");
    assert_eq!(bridge.terminate().await, Some(0));
    drop(store);
    ended(&bench, long_ago).await;

    let bridge = bench.start().await;
    let said = || bridge.log().contains("the store's files are written without what was past its time");
    until("the files are written", async || said().then_some(())).await;
    until("files without him", async || found_of(&bench, &past_traces()).is_empty().then_some(())).await;
    let links = [dozvon::link::phone(&phone(0)), dozvon::link::email(&email(0))];
    assert_eq!(bench.store().await.find(&rost(), &links).await, Ok(vec![None, None]));
    assert_eq!(bridge.terminate().await, Some(0));
    assert_eq!(found_of(&bench, &past_traces()), Vec::<PathBuf>::new(), "after a clean stop");
}

/// His order ended then, and nobody has looked at the damaged spool since.
async fn ended(bench: &TestBed, at: dozvon::process::At) {
    let (store, fence) = bench.owner().await;
    let page = store.scan(&rost(), "order/", None, 9).await.expect("the store answers");
    let [(key, stored)] = &page[..] else { panic!("one order") };
    let mut record: serde_json::Value = serde_json::from_slice(&stored.body).expect("JSON");
    record["wait"] = serde_json::to_value(Wait::Ended(End::Won { at })).expect("a state");
    let body = serde_json::to_vec(&record).expect("JSON");
    let put = vec![Put { key: key.clone(), expect: stored.version, body }];
    store.commit(&rost(), &fence, Unit { put, at: wall_now(), ..Unit::default() }).await.expect("applied");
    store.release(&rost(), &fence).await.expect("the store answers");
    let damaged = std::fs::File::options().write(true).open(bench.data().join("spool/rost.damaged"));
    let then = std::time::SystemTime::from(at);
    damaged.expect("it is there").set_modified(then).expect("our own file");
}

/// What a file may hold of him that is not what amoCRM has still: the mirror knows its contacts' numbers and addresses.
fn past_traces() -> Vec<Vec<u8>> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let own = [phone(0)[1..].to_owned(), format!("\"{}\"", email(0)), encoded(&email(0))];
    own.into_iter().chain([NAME.to_owned(), encoded(NAME)]).map(String::into_bytes).collect()
}

async fn wiped(bridge: &Program) {
    let said = || bridge.log().contains("the store's files are written without the erased person");
    until("the files are written", async || said().then_some(())).await;
}

/// As `process` names the first client.
const NAME: &str = "Клиент 0";

/// What a file may hold of him.
fn traces() -> Vec<Vec<u8>> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let texts = [phone(0)[2..].to_owned(), email(0), encoded(&email(0)), NAME.to_owned(), encoded(NAME)];
    texts.map(String::into_bytes).to_vec()
}

/// Two records that cannot be read, one with his data.
fn damaged_spool(bench: &TestBed) {
    let folder = bench.data().join("spool");
    dozvon::private::folder(&folder).expect("writable");
    let record = |who: i64| {
        let text = format!("phone={}&email={}", phone(who), email(who));
        let sum = [7; 8];
        [b"\xd0\x97\x1erecd\n".as_slice(), &4_u32.to_le_bytes(), &sum, text.as_bytes()].concat()
    };
    let records = [record(0), record(1)].concat();
    dozvon::private::write(&folder.join("rost.log"), &records).expect("writable");
}

/// The files of bridge and Redis that hold a trace of him, as it is or compressed.
fn found(bench: &TestBed) -> Vec<PathBuf> {
    found_of(bench, &traces())
}

fn found_of(bench: &TestBed, traces: &[Vec<u8>]) -> Vec<PathBuf> {
    let mut files = all(&bench.data());
    files
        .extend(all(bench.folder.path()).into_iter().filter(|path| path.to_string_lossy().contains("/log-")));
    files.extend(bench.redis.iter().flat_map(|redis| all(redis.folder())));
    let is_in =
        |bytes: &[u8]| traces.iter().any(|trace| bytes.windows(trace.len()).any(|part| part == trace));
    // A file may vanish while Redis writes it anew.
    let holds = |path: &PathBuf| {
        std::fs::read(path)
            .is_ok_and(|bytes| is_in(&bytes) || unpacked(&bytes).iter().any(|part| is_in(part)))
    };
    files.retain(holds);
    files
}

/// What can be decompressed from any place of a file.
fn unpacked(bytes: &[u8]) -> Vec<Vec<u8>> {
    /// See `store::body`.
    const SAMPLES: &[u8] = include_bytes!("../../src/store/body/samples-1.txt");
    const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let starts = bytes.windows(MAGIC.len()).enumerate().filter(|(_, part)| *part == MAGIC).map(|(at, _)| at);
    let unpack = |at: usize| {
        use std::io::Read;
        let mut text = Vec::new();
        // What was read before the damage counts.
        let decoder = zstd::stream::read::Decoder::with_dictionary(&bytes[at..], SAMPLES).ok()?;
        let _ = decoder.single_frame().read_to_end(&mut text);
        Some(text)
    };
    starts.filter_map(unpack).collect()
}

fn all(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { all(&path) } else { vec![path] }).collect()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

fn only_ours(data: &Path) {
    let made = all(data);
    assert!(made.len() > 1, "{made:?}");
    for path in made {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

/// What an earlier version has left open is told by the running bridge and by `check`, and closed by a person.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_can_read_is_told() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let bridge = bench.start().await;
    assert_eq!(mode(&bench.data()), 0o700);
    let ready = async || get(&bridge.asked("/readyz")).await.expect("an answer");
    assert!(!ready().await.body.contains("data_open"), "{}", ready().await.body);
    std::fs::set_permissions(bench.data(), std::fs::Permissions::from_mode(0o755)).expect("our own");
    let said = ready().await;
    assert!(said.status == 200 && said.body.contains("data_open"), "{}", said.body);
    let checked = bench.run(&["check"]).await;
    assert!(checked.out().contains("chmod -R go="), "{}", checked.out());
    assert_eq!(bridge.terminate().await, Some(0));
    let bridge = bench.start().await;
    assert!(bridge.log().contains("other users of this machine can read"), "{}", bridge.log());
    until("an owner", async || bridge.owns().await.then_some(())).await;
    assert_eq!(bridge.terminate().await, Some(0));
}

/// The vault key is changed by one command beside the running bridge; nothing is sealed with the former key then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stored_tokens_are_sealed_with_the_new_key() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let bridge = bench.start().await;
    let [old, new] = ["k7Q2mP9xR4tW8vZ1", "b3N8cL5yH1jD6gF0"];
    let tokens = async |key: &str| {
        let vault = Vault::new(&Secret::new(key));
        StoredTokens::of(bench.store().await, vault, &bench.data(), "amocrm", &rost())
    };
    let expires_at = wall_now() + chrono::TimeDelta::days(1);
    let pair = TokenPair { access: Secret::new("access-1"), refresh: Secret::new("refresh-1"), expires_at };
    let pair = TokenPair::from_bytes(&pair.to_bytes()).expect("whole seconds");
    assert_eq!(tokens(old).await.swap(None, &pair).await, Ok(true));
    let reseal = async |keys: &[(&str, &str)]| {
        let mut command = bench.command(&["reseal"]);
        let ended = command.envs(keys.iter().copied()).output().await.expect("it ends");
        [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned())
    };
    let [_, alone] = reseal(&[("DOZVON_VAULT_KEY", new)]).await;
    assert!(alone.contains("No key opens") && alone.contains("amocrm:rost"), "{alone}");
    let both = [("DOZVON_VAULT_KEY", new), ("DOZVON_VAULT_KEY_OLD", old)];
    let [done, wrong] = reseal(&both).await;
    assert!(done.contains("Sealed with the present key: 2."), "in the store and in the copy: {done} {wrong}");
    let [again, _] = reseal(&both).await;
    assert!(again.contains("Sealed with the present key: 0."), "{again}");
    assert_eq!(tokens(new).await.get().await, Ok(Some(pair)));
    assert!(tokens(old).await.get().await.is_err(), "the former key opens nothing");
    assert_eq!(bridge.terminate().await, Some(0));
}

/// A secret may come in a file of its variable; a fresh one is printed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_come_from_files_and_fresh_ones_are_printed() {
    let bench = TestBed::new(StoreKind::Embedded).await;
    let fresh = bench.run(&["secret"]).await.out().trim().to_owned();
    assert!(fresh.len() == 32 && dozvon::secret::weakness(&fresh, &[]).is_none(), "{fresh}");
    let file = bench.folder.path().join("secret");
    std::fs::write(&file, &fresh).expect("writable");
    let mut command = bench.command(&["url", "rost"]);
    command.env_remove("DEMO_URL_SECRET").env("DEMO_URL_SECRET_FILE", &file);
    let ended = command.output().await.expect("it ends");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let missing = bench.command(&["check"]).env_remove("DEMO_URL_SECRET").output().await.expect("it ends");
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(said.contains("the variable DEMO_URL_SECRET is not set"), "{said}");
}
