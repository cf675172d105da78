//! Rights in Redis: a user that may not do what the bridge needs is refused at the start with words that help,
//! and the rule of the README is enough (F80).

use crate::support::program::{StoreKind, TestBed, form, get, until};

const PASSWORD: &str = "p4ssword-of-the-store";

/// The README's rule, with another pattern of keys or without a command.
fn allow(bench: &mut TestBed, change: (&str, &str)) {
    let readme = include_str!("../../README.md");
    let rule =
        readme.lines().find(|line| line.trim_start().starts_with("ACL SETUSER dozvon")).expect("a rule");
    let rule = rule.trim().replace("<password>", PASSWORD).replacen(change.0, change.1, 1);
    let mut admin = bench.redis().admin();
    let mut words = rule.split_whitespace();
    let mut command = redis::cmd(words.next().expect("ACL"));
    for word in words {
        command.arg(word);
    }
    command.exec(&mut admin).expect("a rule that Redis knows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_without_the_rights_is_refused_with_words_that_help() {
    let mut bench = TestBed::new(StoreKind::Redis).await;
    bench.mute();
    let port = bench.redis().url().rsplit(':').next().expect("a port").to_owned();
    let url = format!("redis://dozvon:{PASSWORD}@127.0.0.1:{port}");
    for change in [("~dz:*", "~dozvon*"), ("+@scripting", ""), ("&dz:bell", ""), ("+time", ""), ("+info", "")]
    {
        allow(&mut bench, change);
        let mut command = bench.command(&["serve", "--listen", "127.0.0.1:0", "--operation", "127.0.0.1:0"]);
        let ended = command.env("DOZVON_STORE", &url).output().await.expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{change:?}: {said}");
        for part in ["~dz:*", "README", &*format!("127.0.0.1:{port}")] {
            assert!(said.contains(part), "{change:?}: {part} is missing: {said}");
        }
        assert!(!said.contains(PASSWORD), "{said}");
        assert_eq!(said.matches("the store does not answer").count(), 1, "{change:?}: {said}");
    }
    let wrong = url.replace(PASSWORD, "another");
    let ended = bench.command(&["dead", "list", "rost"]).env("DOZVON_STORE", &wrong).output().await;
    let said = String::from_utf8_lossy(&ended.expect("it ends").stderr).into_owned();
    assert!(said.contains("WRONGPASS") && said.contains(&port), "{said}");
    // Whoever set the address is told, and the file is not blamed.
    let ended = bench.command(&["check"]).env("DOZVON_STORE", "http://redis:6379").output().await;
    let said = String::from_utf8_lossy(&ended.expect("it ends").stderr).into_owned();
    assert!(said.contains("the environment, DOZVON_STORE") && !said.contains("dozvon.toml"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rule_of_the_readme_is_enough() {
    let mut bench = TestBed::new(StoreKind::Redis).await;
    allow(&mut bench, ("", ""));
    let port = bench.redis().url().rsplit(':').next().expect("a port").to_owned();
    bench.sign_in(format!("redis://dozvon:{PASSWORD}@127.0.0.1:{port}"));
    let bridge = bench.start().await;
    let query = form(&[("order_id", "700100200"), ("number", "12041"), ("status", "Новый")]);
    let url = format!("{}?{query}&phone=%2B79035550127", bench.hook("getcourse", "order-created"));
    assert_eq!(get(&url).await.map(|said| said.status), Some(200));
    until("its lead", async || bench.world().leads().next().map(|_| ())).await;
    bridge.settled().await;
    let ready = get(&bridge.asked("/readyz")).await.expect("an answer");
    assert_eq!(ready.status, 200, "{}", ready.body);
    assert!(!ready.body.contains("erased_stay"), "{}", ready.body);
    assert!(!bridge.log().contains("NOPERM"), "{}", bridge.log());
    assert_eq!(bridge.terminate().await, Some(0));
}

/// A rule of an earlier version does not let Redis be asked to write its files anew: everything else works, and the log
/// says what to add (F108).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_says_which_right_is_missing() {
    let mut bench = TestBed::new(StoreKind::Redis).await;
    bench.mute();
    allow(&mut bench, ("+bgrewriteaof +bgsave", ""));
    let port = bench.redis().url().rsplit(':').next().expect("a port").to_owned();
    bench.sign_in(format!("redis://dozvon:{PASSWORD}@127.0.0.1:{port}"));
    let bridge = bench.start().await;
    let body = form(&[("phone", "+79035550127"), ("status", "Новый")]);
    let url = bench.hook("getcourse", "order-created");
    assert_eq!(get(&format!("{url}?{body}")).await.map(|said| said.status), Some(200));
    bridge.settled().await;
    let erased = bench.run(&["person", "erase", "rost", "--phone", "+79035550127", "--yes"]).await;
    assert!(erased.out().contains("Erased in rost"), "{} {}", erased.out(), erased.err());
    assert_eq!(erased.code(), Some(1), "{}", erased.out());
    for part in ["Redis' files still hold the person", "+bgrewriteaof +bgsave"] {
        assert!(erased.err().contains(part), "{part}: {}", erased.err());
    }
    let ready = get(&bridge.asked("/readyz")).await.expect("an answer");
    assert!(ready.status == 200 && ready.body.contains("\"erased_stay\""), "{}", ready.body);
    let told = async || bridge.log().contains("let its user run BGREWRITEAOF").then_some(());
    until("what is missing", told).await;
    assert_eq!(bridge.terminate().await, Some(0));
}

/// The client of Redis keeps a connection that was refused: the bridge makes new ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_was_refused_for_a_while_is_tried_again() {
    let mut bench = TestBed::new(StoreKind::Redis).await;
    allow(&mut bench, ("", ""));
    let port = bench.redis().url().rsplit(':').next().expect("a port").to_owned();
    bench.sign_in(format!("redis://dozvon:{PASSWORD}@127.0.0.1:{port}"));
    let bridge = bench.start().await;
    let is_ready = async |expected: u16| {
        let answer = get(&bridge.asked("/readyz")).await?;
        (answer.status == expected).then_some(())
    };
    until("it is ready", async || is_ready(200).await).await;
    let mut admin = bench.redis().admin();
    let mut tell = |words: &[&str]| {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).exec(&mut admin).expect("a command that Redis knows");
    };
    tell(&["ACL", "SETUSER", "dozvon", "resetpass", ">another"]);
    tell(&["CLIENT", "KILL", "USER", "dozvon"]);
    until("the refusal is told", async || is_ready(503).await).await;
    let query = form(&[("order_id", "700100201"), ("number", "12042"), ("status", "Новый")]);
    let url = format!("{}?{query}&phone=%2B79035550128", bench.hook("getcourse", "order-created"));
    assert_eq!(get(&url).await.map(|said| said.status), Some(200), "it is kept on the disk");
    tell(&["ACL", "SETUSER", "dozvon", "resetpass", &format!(">{PASSWORD}")]);
    until("it is ready again", async || is_ready(200).await).await;
    until("its lead", async || bench.world().leads().next().map(|_| ())).await;
    bridge.settled().await;
    assert_eq!(bridge.terminate().await, Some(0));
}
