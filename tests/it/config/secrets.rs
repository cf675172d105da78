//! Secrets that can be guessed or that everybody knows (F109): refused with what to do, and a former one is borne while
//! the new one takes its place.

use super::*;

const GOOD: &str = "k7Q2mP9xR4tW8vZ1";

/// The example with these variables changed.
fn read(changes: &[(&str, &str)], files: &Files) -> Result<Config, Vec<Problem>> {
    let mut set = env_example().0;
    set.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Config::from_files(files, &Surroundings::new(set, surroundings().now))
}

#[test]
fn a_secret_that_can_be_guessed_is_refused() {
    for (secret, words) in [
        ("aaaaaaaaaaaaaaaa", "one character repeated"),
        ("abababababababab", "too few different characters"),
        ("0123456789abcdef", "neighbouring"),
        ("passwordpassword", "one word repeated"),
        ("k7Q2", "shorter than 16"),
        ("qwertyuiopasdfgh", "rows of the keyboard"),
        ("passwordpassword1", "common words"),
    ] {
        let problems = read(&[("DEMO_URL_SECRET", secret)], &example()).expect_err("it can be guessed");
        told(&problems, SCHOOL, "secrets", words);
        told(&problems, SCHOOL, "secrets", "`dozvon secret`");
        assert!(!format!("{problems:?}").contains(secret), "it is not shown");
    }
    let problems = read(&[("DOZVON_VAULT_KEY", "x")], &example()).expect_err("it can be guessed");
    told(&problems, "the environment", "DOZVON_VAULT_KEY", "DOZVON_VAULT_KEY_OLD");
}

/// A weak one is replaced without a refused request: it stays as the second until its addresses are changed.
#[test]
fn a_weak_secret_is_borne_as_the_former_one() {
    let both = slip(
        SCHOOL,
        "secrets = [{ env = \"DEMO_URL_SECRET\" }]",
        "secrets = [{ env = \"NEW_SECRET\" }, { env = \"DEMO_URL_SECRET\" }]",
    );
    let weak = [("NEW_SECRET", GOOD), ("DEMO_URL_SECRET", "aaaaaaaaaaaaaaaa")];
    let config = read(&weak, &with(&[both])).expect("the first one is good");
    let warnings: Vec<&Problem> = config.warnings().collect();
    assert!(
        warnings.iter().any(|one| one.key == "secrets" && one.allowed.contains("remove it")),
        "{warnings:#?}"
    );
    let keys = [("DOZVON_VAULT_KEY", GOOD), ("DOZVON_VAULT_KEY_OLD", "x")];
    let config = read(&keys, &example()).expect("the former key may be weak");
    assert!(config.warnings().any(|one| one.allowed.contains("dozvon reseal")), "it is not forgotten");
}

#[test]
fn the_published_secrets_are_refused_behind_a_public_address() {
    let public = ("DOZVON_URL", "https://bridge.example");
    let problems = read(&[public], &example()).expect_err("everybody knows them");
    told(&problems, SCHOOL, "secrets", "everybody knows");
    told(&problems, "the environment", "DOZVON_VAULT_KEY", "everybody knows");
    let own = [public, ("DEMO_URL_SECRET", GOOD), ("DOZVON_VAULT_KEY", "b3N8cL5yH1jD6gF0")];
    assert!(read(&own, &example()).is_ok());
}

#[test]
fn keys_of_the_vault_that_make_no_pair_are_told() {
    let vault = "DOZVON_VAULT_KEY_OLD";
    let problems = read(&[("DOZVON_VAULT_KEY", ""), (vault, GOOD)], &example()).expect_err("alone");
    told(&problems, "the environment", vault, "alone");
    let problems = read(&[("DOZVON_VAULT_KEY", GOOD), (vault, GOOD)], &example()).expect_err("the same");
    told(&problems, "the environment", vault, "twice");
    let problems = read(&[("DOZVON_VAULT_KEY", ""), ("DOZVON_VAULT_KEY_FILE", "/nowhere")], &example());
    told(&problems.expect_err("no such file"), "the environment", "DOZVON_VAULT_KEY", "/nowhere");
}

/// Every user of the machine could read it; a file of our own is as good as a variable.
#[test]
fn a_file_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let folder = crate::support::folder::Folder::new();
    let file = folder.path().join("secret");
    std::fs::write(&file, GOOD).expect("the test's own folder");
    let of_school = format!("secrets = [{{ file = {file:?} }}]");
    let text = slipped(example(), &[]).texts_mut()[SCHOOL].clone();
    let mut files = example();
    files
        .texts_mut()
        .insert(SCHOOL.to_owned(), text.replace("secrets = [{ env = \"DEMO_URL_SECRET\" }]", &of_school));
    let named = file.display().to_string();
    for (mode, warned) in
        [(0o644, vec!["secrets", "DOZVON_VAULT_KEY", "getcourse.school_key"]), (0o600, vec![])]
    {
        std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).expect("our own");
        let changes = [
            ("DOZVON_VAULT_KEY", ""),
            ("DOZVON_VAULT_KEY_FILE", named.as_str()),
            ("DEMO_GETCOURSE_SCHOOL_KEY", ""),
            ("DEMO_GETCOURSE_SCHOOL_KEY_FILE", named.as_str()),
        ];
        let config = read(&changes, &files).expect("it is right");
        let mut keys: Vec<&str> = config.warnings().map(|warning| warning.key.as_str()).collect();
        keys.sort_unstable();
        let mut warned = warned;
        warned.sort_unstable();
        assert_eq!(keys, warned);
        assert!(config.warnings().all(|warning| warning.allowed.contains("chmod 600")));
    }
}
