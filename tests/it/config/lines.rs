//! The telephony providers' part of a school's file.

use super::*;

/// The example with its other providers: lines after a bare `#` are settings.
fn with_all_lines() -> Files {
    let mut files = example();
    let bare = |line: &str| {
        let setting = line
            .strip_prefix('#')
            .filter(|rest| rest.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()));
        setting.unwrap_or(line).to_owned()
    };
    files.texts_mut().entry(SCHOOL.to_owned()).and_modify(|text| {
        *text = text.lines().map(bare).collect::<Vec<_>>().join("\n");
    });
    files
}

#[test]
fn every_provider_of_the_example_can_be_switched_on() {
    use dozvon::config::address::urls;
    let config = load(&with_all_lines()).expect("it is right");
    let school = config.school("rost").expect("the school");
    assert_eq!(school.calls_by, Some("mango"));
    let text = urls(&config, school);
    for provider in dozvon::platforms::lines() {
        assert!(school.platforms.has(provider), "{} is in the example", provider.name);
        let address = addresses::address(provider.name);
        assert!(text.contains(&address), "no `{address}` in\n{text}");
    }
    for part in ["События АТС", "dial-in, dial-out, answer и hangup"] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

#[test]
fn what_is_wrong_with_a_provider_is_told() {
    let wrong = |from, to, key, words| check_in(with_all_lines(), slip(SCHOOL, from, to), SCHOOL, key, words);
    wrong("calls_by = \"mango\"", "calls_by = \"mangi\"", "calls_by", "`mango`");
    wrong("user = \"012345\"", "user = \"my cabinet\"", "sipuni.user", "leading zero");
    wrong("DEMO_SIPUNI_KEY", "NO_SUCH_KEY", "sipuni.key", "NO_SUCH_KEY");
    wrong("client_id = \"0123456789abcdef0123456789abcdef\"\n", "", "telphin.client_id", "both or neither");
    wrong("102 = 200102", "102 = 200101", "telphin.extensions", "stands twice");
    wrong("url = \"http://127.0.0.1:18085\"", "url = \"http://telphin.example\"", "telphin.url", "https");
    wrong("url = \"http://127.0.0.1:18084\"", "stuck_s = 5", "sipuni.stuck_s", "600 to 86400");
    let (sipuni, telphin) = ("url = \"http://127.0.0.1:18084\"", "url = \"http://127.0.0.1:18085\"");
    wrong(sipuni, "look_back_min = 1441", "sipuni.look_back_min", "0 for off");
    wrong(telphin, "look_back_min = 1441", "telphin.look_back_min", "0 for off");
    wrong(telphin, "company = \"a/b\"", "telphin.company", "@me");
    let zone = "zone = \"Europe/Moscow\"\nurl = \"http://127.0.0.1:18084\"";
    wrong(zone, "zone = \"Moscow\"", "sipuni.zone", "Moscow");
    wrong(
        "url = \"http://127.0.0.1:18083\"",
        "requests_per_second = 9",
        "mango.requests_per_second",
        "at most 4",
    );
    let starting = slip(PROCESS, "[dialling]", "[dialling]\nstart_calls = true");
    let several = slipped(with_all_lines(), &[starting]);
    check_in(several, slip(SCHOOL, "calls_by = \"mango\"", ""), SCHOOL, "calls_by", "mango");
}

/// F44, F109: every account that two schools share is refused, at its key, and nothing of a secret is shown.
#[test]
fn two_schools_in_one_account_are_refused() {
    let mut files = with_all_lines();
    let other = "schools/wave/school.toml";
    let mut second = files.texts_mut()[SCHOOL].replace("DEMO_URL_SECRET", "OTHER_URL_SECRET");
    let process = files.texts_mut()[PROCESS].clone();
    files.texts_mut().insert("schools/wave/process/default.toml".to_owned(), process);
    files.texts_mut().insert(other.to_owned(), second.clone());
    let mut set = env_example().0;
    set.insert("OTHER_URL_SECRET".to_owned(), "n5Jc8Wq3Lz7Vt2Hb9Xk4".to_owned());
    set.insert("OTHER_KEY".to_owned(), "another-key".to_owned());
    let around = Surroundings::new(set, surroundings().now);
    let shared = |files: &Files| -> Vec<(String, String)> {
        let problems = Config::from_files(files, &around).expect_err("two schools would work in one account");
        assert!(problems.iter().all(|problem| problem.wrong.contains("the same account")), "{problems:#?}");
        problems.into_iter().map(|problem| (problem.file, problem.key)).collect()
    };
    let all = [
        "amocrm.url",
        "amocrm.account_id",
        "amocrm.auth.token",
        "getcourse.url",
        "getcourse.school_key",
        "mango.api_key",
        "sipuni.user",
        "telphin.client_id",
        "telphin.extensions",
        "zadarma.secret",
        "zadarma.key",
    ];
    let found: std::collections::BTreeSet<(String, String)> = shared(&files).into_iter().collect();
    assert_eq!(found, all.map(|key| (other.to_owned(), key.to_owned())).into(), "each at its key");

    for (from, to) in [
        ("DEMO_MANGO_KEY", "OTHER_KEY"),
        ("http://127.0.0.1:18081", "http://localhost:18081"),
        ("user = \"012345\"", "user = \"012399\"\nother_users = [\"012345\"]"),
    ] {
        second = second.replace(from, to);
    }
    files.texts_mut().insert(other.to_owned(), second);
    let keys: Vec<String> = shared(&files).into_iter().map(|(_, key)| key).collect();
    assert!(!keys.contains(&"mango.api_key".to_owned()), "{keys:?}");
    assert!(!keys.contains(&"amocrm.url".to_owned()), "{keys:?}");
    assert!(keys.contains(&"amocrm.account_id".to_owned()), "another address of the account: {keys:?}");
    assert!(keys.contains(&"sipuni.user".to_owned()), "a further cabinet counts: {keys:?}");
}

#[test]
fn a_cabinet_that_stands_twice_is_told() {
    let twice = slip(SCHOOL, "user = \"012345\"", "user = \"012345\"\nother_users = [\"012345\"]");
    check_in(with_all_lines(), twice, SCHOOL, "sipuni.other_users", "stands twice");
}
