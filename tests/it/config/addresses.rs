//! The addresses that platforms call: what `dozvon url` prints, and whose secret opens what.

use dozvon::config::Opened;
use dozvon::config::address::urls;
use dozvon::platform::entry::of_platform;

use super::*;
use crate::support::program::SECRET;

/// The address that `dozvon url` prints for a platform of the example: its secret is the platform's own (F104).
pub fn address(platform: &str) -> String {
    let secret = of_platform(&Secret::new(SECRET), platform);
    format!("http://127.0.0.1:8080/hooks/rost/{platform}/{}", secret.reveal())
}

/// F104: a secret opens the addresses of its own platform; the school's own does so only while the school says it.
#[test]
fn each_platform_has_a_secret_of_its_own() {
    let secret = |platform: &str| of_platform(&Secret::new(SECRET), platform).reveal().to_owned();
    let strict = with(&[slip(SCHOOL, "secrets =", "old_addresses = false\nsecrets =")]);
    for (files, old) in [(example(), Some(Opened::Old)), (strict, None)] {
        let config = load(&files).expect("it is right");
        let school = config.school("rost").expect("the school");
        let platforms: Vec<&str> = dozvon::platforms::ALL.iter().map(|platform| platform.name).collect();
        for platform in platforms.iter().copied() {
            assert_eq!(school.opened_by(platform, &secret(platform)), Some(Opened::Own));
            assert_eq!(school.opened_by(platform, SECRET), old);
            let others = platforms.iter().copied().filter(|other| *other != platform);
            for other in others.map(secret).chain([String::new(), "another".to_owned()]) {
                assert_eq!(school.opened_by(platform, &other), None, "{platform}");
            }
        }
    }
}

/// While two secrets are valid, the note `addresses_old` names who still calls addresses made from the second one.
#[test]
fn an_address_made_from_the_second_secret_is_one_of_before() {
    let two = with(&[slip(
        SCHOOL,
        "secrets = [{ env = \"DEMO_URL_SECRET\" }",
        "secrets = [{ env = \"NEW\" }, { env = \"DEMO_URL_SECRET\" }",
    )]);
    let fresh = "b7Qx2mLr9TzK4vWc8NpY5sHd";
    let mut set = env_example().0;
    set.insert("NEW".to_owned(), fresh.to_owned());
    let config = Config::from_files(&two, &Surroundings::new(set, surroundings().now)).expect("it is right");
    let school = config.school("rost").expect("the school");
    let of = |secret: &str| of_platform(&Secret::new(secret), "getcourse").reveal().to_owned();
    assert_eq!(school.opened_by("getcourse", &of(fresh)), Some(Opened::Own));
    assert_eq!(school.opened_by("getcourse", &of(SECRET)), Some(Opened::Old));
}

#[test]
fn the_printed_addresses_are_whole_and_each_platform_has_its_own() {
    let config = load(&example()).expect("it is right");
    let text = urls(&config, config.school("rost").expect("the school"));
    let [getcourse, amocrm] = ["getcourse", "amocrm"].map(address);
    for part in [
        format!("{getcourse}/order-created?order_id={{object.id}}&"),
        format!("{getcourse}/order-status?"),
        format!("{getcourse}/payment-partial?"),
        format!("{getcourse}/payment-full?"),
        format!("{getcourse}/manager-assigned?"),
        format!("{getcourse}/user-updated?"),
        format!("\"uri\":\"{getcourse}/hook\""),
        format!("{amocrm}/\n"),
        format!("curl -sS -G '{getcourse}/order-created'"),
        "Bearer ${DEMO_GETCOURSE_DEVELOPER_KEY}_${DEMO_GETCOURSE_SCHOOL_KEY}".to_owned(),
        "status_lead".to_owned(),
        "offers=5512874".to_owned(),
    ] {
        assert!(text.contains(&part), "no `{part}` in\n{text}");
    }
    assert!(!text.contains(SECRET), "the school's own secret opens all platforms");
    assert!(!text.contains("Redirect URI"), "there is no OAuth in the example");
    for line in text.lines() {
        assert!(!line.starts_with(' ') || line.starts_with("  -"), "an address begins its line: {line}");
    }
}

#[test]
fn a_redirect_address_that_differs_is_shown() {
    let oauth = slip(
        SCHOOL,
        "auth = { by = \"long_lived\", token = { env = \"DEMO_AMOCRM_TOKEN\" } }",
        "auth = { by = \"oauth\", client_id = \"4c1c7f0a\", client_secret = { env = \"DEMO_AMOCRM_TOKEN\" }, \
         redirect_uri = \"https://bridge.example/amo\" }",
    );
    let config = load(&with(&[oauth])).expect("it is right");
    let text = urls(&config, config.school("rost").expect("the school"));
    let whole = format!("{}/oauth", address("amocrm"));
    for part in [whole.as_str(), "https://bridge.example/amo", "буква в букву"] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

/// After a change of the secret the consent would come to an address that is refused.
#[test]
fn a_redirect_address_of_before_is_warned_of_and_not_shown() {
    let old = of_platform(&Secret::new("a-former-secret-k7Q2mLr9Tz"), "amocrm");
    let now = address("amocrm");
    let before = now.replace(now.rsplit('/').next().expect("a secret"), old.reveal());
    for (redirect, is_warned) in [
        (format!("{now}/oauth"), false),
        (format!("{before}/oauth"), true),
        (format!("{now}/consent"), true),
        ("https://bridge.example/behind/a/proxy".to_owned(), false),
    ] {
        let oauth = format!(
            "auth = {{ by = \"oauth\", client_id = \"4c1c7f0a\", client_secret = {{ env = \"DEMO_AMOCRM_TOKEN\" }}, \
             redirect_uri = \"{redirect}\" }}"
        );
        let mut files = example();
        let long_lived = "auth = { by = \"long_lived\", token = { env = \"DEMO_AMOCRM_TOKEN\" } }";
        let text = files.texts_mut()[SCHOOL].replace(long_lived, &oauth);
        files.texts_mut().insert(SCHOOL.to_owned(), text);
        let config = load(&files).expect("it can be used");
        let warned: Vec<&Problem> =
            config.warnings().filter(|one| one.key == "amocrm.auth.redirect_uri").collect();
        assert_eq!(warned.len(), usize::from(is_warned), "{redirect}: {warned:#?}");
        assert!(!format!("{warned:?}").contains(old.reveal()), "the secret is not shown");
    }
}

/// The order that is printed to be tried brings a link that a letter may hold.
#[test]
fn the_printed_order_links_to_the_schools_own_host() {
    for link_hosts in ["link_hosts = [\"rost.getcourse.ru\"]", "link_hosts = []"] {
        let config = load(&with(&[slip(SCHOOL, "link_hosts = [\"rost.getcourse.ru\"]", link_hosts)]))
            .expect("it is right");
        let school = config.school("rost").expect("the school");
        let text = urls(&config, school);
        let (_, link) = text.split_once("payment_link=https://").expect("a link");
        let host = link.split('/').next().expect("a host").to_owned();
        assert!(school.process.link_hosts.contains(&host), "{host}");
    }
}
