//! The instance's own settings: the file, and the environment over it.

use super::*;

#[test]
fn the_environment_wins_over_the_file() {
    let mut set = env_example().0;
    for (name, value) in [
        ("DOZVON_LISTEN", "[::]:9000"),
        ("DOZVON_URL", "https://bridge.example/"),
        ("DOZVON_STORE", "redis://user:secret@127.0.0.1:6379/1"),
        ("DOZVON_DATA", "/var/lib/dozvon"),
        ("DOZVON_LOG", "dozvon=debug"),
        ("DOZVON_LOG_FORMAT", "json"),
        ("DEMO_URL_SECRET", "k7Q2mP9xR4tW8vZ1"),
        ("DOZVON_VAULT_KEY", "b3N8cL5yH1jD6gF0"),
    ] {
        set.insert(name.to_owned(), value.to_owned());
    }
    let around = Surroundings::new(set.clone(), surroundings().now);
    let instance = Config::from_files(&example(), &around).expect("it is right").instance;
    assert_eq!(instance.listen.to_string(), "[::]:9000");
    assert_eq!(instance.url, "https://bridge.example");
    assert_eq!(instance.data, Path::new("/var/lib/dozvon"));
    assert_eq!(instance.log, "dozvon=debug");
    assert!(instance.store.is_some() && !format!("{instance:?}").contains("secret@"));
    let cluster = "redis+cluster://user:secret@10.0.0.1:6379,10.0.0.2:6379";
    set.insert("DOZVON_STORE".to_owned(), cluster.to_owned());
    let around = Surroundings::new(set, surroundings().now);
    let instance = Config::from_files(&example(), &around).expect("a cluster").instance;
    assert_eq!(instance.store.as_ref().map(Secret::reveal), Some(cluster));
}

#[test]
fn a_slip_in_the_instance_is_told() {
    let instance = |from, to, key, words| check(slip(INSTANCE, from, to), INSTANCE, key, words);
    instance("listen =", "lisen =", "lisen", "`listen`");
    instance("127.0.0.1:8080\"", "8080\"", "listen", "127.0.0.1:8080");
    instance("url = \"http://127.0.0.1:8080\"", "url = \"http://bridge.example\"", "url", "https");
    instance("url = \"http://127.0.0.1:8080\"", "url = \"https://b.example/x\"", "url", "without a path");
    instance("http://127.0.0.1:8080", "http://me:parole@127.0.0.1:8080", "url", "name or password");
    instance("\ndata", "\nstore = \"redis://:parole@10.0.0.1\"\ndata", "store", "DOZVON_STORE");
    instance("\ndata", "\nstore = \"postgres://10.0.0.1\"\ndata", "store", "redis://");
    instance("\ndata", "\nstore = \"rediss://10.0.0.1#insecure\"\ndata", "store", "rediss");
    instance("\ndata", "\nstore = \"redis://10.0.0.1,10.0.0.2\"\ndata", "store", "redis+cluster://");
    instance(
        "\ndata",
        "\nstore = \"rediss://10.0.0.1?ca=/none/ca.pem\"\ndata",
        "store",
        "/none/ca.pem: No such file",
    );
    instance(
        "\ndata",
        "\nstore = \"rediss://10.0.0.1?ca=Cargo.toml\"\ndata",
        "store",
        "Cargo.toml: it is not PEM",
    );
    instance("\ndata", "\nproxies = [\"127.0.0.1\", \"nginx\"]\ndata", "proxies.2", "127.0.0.1");
    instance("\ndata", "\nproxies = [\"0.0.0.0/0\"]\ndata", "proxies.1", "everybody");
    instance("log = \"info\"", "log = \"inof\"", "log", "unknown level `inof`");
    instance("log = \"info\"", "log = \"waring\"", "log", "is `warn` meant?");
    instance("log = \"info\"", "log = \"dozvn=debug\"", "log", "leaves out errors and ALARMs");
    for silent in [
        "log = \"dozvon::worker=debug\"",
        "log = \"off\"",
        "log = \"info,dozvon=off\"",
        "log = \"dozvon::worker=off,info\"",
    ] {
        instance("log = \"info\"", silent, "log", "leaves out errors and ALARMs");
    }
    instance(
        "log = \"info\"",
        "log = \"info,dozvon::worker::outboks=debug\"",
        "log",
        "is `dozvon::worker` meant",
    );
    instance("log = \"info\"", "log = \"info,dozvon::wrker=debug\"", "log", "is `dozvon::worker` meant?");
    instance("operation = \"127.0.0.1:9180\"", "operation = \"127.0.0.1:8080\"", "operation", "another port");
    instance("listen = \"127.0.0.1:8080\"", "listen = \"127.0.0.1:0\"", "listen", "127.0.0.1:8080");
    instance("\n[limits]", "\n[notify]\nemails = [\"duty\"]\n[limits]", "notify.emails.1", "name@");
    instance("log_format = \"text\"", "log_format = \"xml\"", "log_format", "`json`");
    instance("body_s = 10", "body_s = 0", "limits.body_s", "1 to 60");
    instance("peer_per_minute = 5000", "peer_per_minute = 0", "limits.peer_per_minute", "60 to 1000000");
    instance("school_per_minute", "school_per_minut", "limits.school_per_minut", "`school_per_minute`");
    instance("listen =", "= listen =", "", "line 6");
    instance("\ndata", "\nlog = \"info\"\ndata", "", "`log` stands twice");
}

#[test]
fn a_key_of_the_notices_that_can_be_guessed_is_refused() {
    let read = |key: &str| {
        let mut set = env_example().0;
        for (name, value) in [("NOTICE_URL", "https://duty.example/notices"), ("NOTICE_KEY", key)] {
            set.insert(name.to_owned(), value.to_owned());
        }
        let to = "\n[notify]\nwebhook = { env = \"NOTICE_URL\" }\nkey = { env = \"NOTICE_KEY\" }\n[limits]";
        let files = with(&[slip(INSTANCE, "\n[limits]", to)]);
        Config::from_files(&files, &Surroundings::new(set, surroundings().now)).map(|_| ())
    };
    told(&read("aaaaaaaaaaaaaaaaaaaa").expect_err("it is weak"), INSTANCE, "notify.key", "can be guessed");
    assert_eq!(read("k7Q2mP9xR4tW8vZ1"), Ok(()));
}
