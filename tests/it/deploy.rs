//! Compares the files in `deploy/` and the commands in the documents with the program: a shipped file that
//! does not fit is a defect. Checks the structure only: no container engine and no systemd runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use dozvon::cli::grammar;
use dozvon::config::environment::VARIABLES;
use dozvon::config::{Config, Files, Surroundings};
use dozvon::platform::amocrm::subscription;
use dozvon::platform::getcourse::{Settings, addresses};
use dozvon::process::LeadRole;
use dozvon::sandbox::Setup;

use crate::support::program::{SECRET, env_example, example_folder};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn example() -> Config {
    let files = Files::read(&example_folder()).expect("the example is readable");
    let now = "2026-11-22T09:00:00Z".parse().expect("an instant");
    Config::from_files(&files, &Surroundings::new(env_example(), now))
        .unwrap_or_else(|all| panic!("{all:#?}"))
}

/// Checks that every variable of ours in a file is one that the program knows.
fn known_variables(names: impl Iterator<Item = String>, file: &str) {
    for name in names.filter(|name| name.starts_with("DOZVON_")) {
        assert!(VARIABLES.iter().any(|known| known.name == name), "{file}: the program knows no {name}");
    }
}

#[test]
fn the_example_school_is_right_as_it_is_shipped() {
    let config = example();
    let warnings: Vec<String> = config.warnings().map(ToString::to_string).collect();
    assert!(warnings.is_empty(), "{warnings:#?}");
}

/// Otherwise the example could not be tried out: ids, people, keys and addresses of both sides must match.
#[test]
fn the_sandbox_fits_the_example_school() {
    let config = example();
    let school = config.school("rost").expect("the school");
    let setup = Setup::shipped(&config.instance.url);
    assert_eq!(setup.problems(), Vec::<String>::new());
    let amocrm = school.crm().expect("amoCRM");
    assert_eq!(amocrm.account_id, Some(setup.amocrm.account_id as u64));
    assert_eq!(amocrm.order_number_field.map(|id| id.to_string()), Some(setup.amocrm.order_field.clone()));
    let statuses: BTreeMap<u64, BTreeSet<u64>> = setup
        .amocrm
        .pipelines
        .iter()
        .map(|pipeline| {
            (pipeline.id as u64, pipeline.statuses.iter().map(|status| status.id as u64).collect())
        })
        .collect();
    for (table, pipeline) in amocrm.all_pipelines() {
        for id in pipeline.stages.values() {
            assert!(statuses[&pipeline.id].contains(id), "{table}: the sandbox has no status {id}");
        }
    }
    assert!(amocrm.pipelines.contains_key(&LeadRole::Sales));
    let reasons: BTreeSet<u64> = setup.amocrm.loss_reasons.iter().map(|reason| reason.id as u64).collect();
    assert!(amocrm.loss_reasons.values().all(|id| reasons.contains(id)));
    for manager in &school.process.roster {
        let there = setup.managers.iter().any(|one| {
            manager.amocrm == Some(one.amocrm_user as u64)
                && manager.getcourse == Some(one.getcourse_id as u64)
                && manager.extension == one.extension
                && (&manager.name, manager.email.as_ref()) == (&one.name, Some(&one.email))
        });
        assert!(there, "the sandbox has no {}", manager.name);
    }
    let offers: BTreeSet<String> = setup.getcourse.offers.iter().map(|offer| offer.id.to_string()).collect();
    for route in &school.process.routes {
        assert!(route.offers.iter().all(|offer| offers.contains(offer)), "route {}", route.name);
    }
    let secrets = env_example();
    let lines = setup.lines.iter().flat_map(|(_, line)| line.secrets());
    let lines: Vec<(&str, String)> = lines.collect();
    for (variable, value) in [
        ("DEMO_URL_SECRET", SECRET),
        ("DEMO_AMOCRM_TOKEN", &setup.amocrm.long_lived_token),
        ("DEMO_GETCOURSE_SCHOOL_KEY", &setup.getcourse.school_key),
        ("DEMO_GETCOURSE_DEVELOPER_KEY", &setup.getcourse.developer_key),
    ]
    .into_iter()
    .chain(lines.iter().map(|(variable, value)| (*variable, value.as_str())))
    {
        assert_eq!(secrets.get(variable).map(String::as_str), Some(value), "{variable}");
    }
    fits_the_printed_addresses(&config, &setup);
}

/// The sandbox calls the addresses that `dozvon url` prints.
fn fits_the_printed_addresses(config: &Config, setup: &Setup) {
    let school = config.school("rost").expect("the school");
    let base = |platform: &str| school.as_seen_by_platforms(&config.instance.url).hooks_address(platform);
    let settings: &Settings = school.platforms.get().expect("GetCourse");
    let printed: BTreeSet<String> =
        addresses::all(&base("getcourse"), settings).into_iter().map(|address| address.url).collect();
    let typed: BTreeSet<String> =
        setup.getcourse.processes.iter().map(|process| process.url.clone()).collect();
    assert_eq!(typed, printed);
    for (line, exchange) in setup.lines.iter().filter(|(_, exchange)| !exchange.hooks_url().is_empty()) {
        assert_eq!(exchange.hooks_url().trim_end_matches('/'), base(line.name()), "{line:?}");
    }
    assert_eq!(setup.amocrm.hooks.len(), 1);
    assert_eq!(setup.amocrm.hooks[0].url, base("amocrm") + "/");
    assert_eq!(setup.amocrm.hooks[0].settings, subscription::EVENTS);
    let bridge = grammar().try_get_matches_from(["dozvon", "sandbox"]).expect("a command");
    let bridge =
        bridge.subcommand_matches("sandbox").and_then(|args| args.get_one::<String>("bridge").cloned());
    assert_eq!(bridge.as_deref(), Some(&*config.instance.url));
}

/// The program accepts every command that the documents contain.
#[test]
fn commands_in_the_documents_exist() {
    let mut typed = 0;
    for path in [
        "README.md",
        "ARCHITECTURE.md",
        ".env.example",
        "deploy/example/schools/rost/school.toml",
        "deploy/compose.yml",
    ] {
        for command in commands(&text(path)) {
            let words: Vec<&str> = command.split_whitespace().collect();
            typed += 1;
            if let Err(error) = grammar().try_get_matches_from(&words) {
                // A command without its arguments is only mentioned.
                let bare = words.len() == 2 && grammar().find_subcommand(words[1]).is_some();
                assert!(bare, "{path}: `{command}`: {error}");
            }
        }
    }
    assert!(typed >= 10, "only {typed} commands were found");
}

/// `dozvon …` in fenced shell blocks, after `cargo run … --`, and in backticks.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut shell = false;
    for line in text.lines().map(str::trim) {
        if let Some(language) = line.strip_prefix("```") {
            shell = language == "sh";
        } else if shell {
            let typed = line.split(" #").next().unwrap_or_default().trim().trim_end_matches('&');
            let typed = typed.replace("cargo run --release --", "dozvon");
            found.extend(Some(typed).filter(|typed| typed.starts_with("dozvon ")));
        } else {
            let quoted = line.split('`').skip(1).step_by(2);
            found.extend(quoted.filter(|part| part.starts_with("dozvon ")).map(str::to_owned));
        }
    }
    found
}

/// Paths in backticks and links of the documents exist. A source may be named from its package's `src` on.
#[test]
fn files_that_the_documents_name_are_there() {
    let places = ["", "src", "crates/core/src", "crates/sandbox/src"];
    let starts = ["deploy/", "src/", "crates/", "tests/", "fixtures/"];
    for path in ["README.md", "ARCHITECTURE.md"] {
        let text = text(path);
        let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let quoted = text.split('`').skip(1).step_by(2);
        let named = quoted.filter(|part| {
            let is_path = starts.iter().any(|start| part.starts_with(start)) || part.ends_with(".rs");
            is_path && !part.contains([' ', '<', '*', '{'])
        });
        for name in linked.filter(|link| !link.starts_with("http")).chain(named) {
            let there = places.iter().any(|place| root().join(place).join(name).exists());
            assert!(there, "{path} names {name}");
        }
    }
}

/// The length of the demo is stated in three places, and once in the code.
#[test]
fn the_documents_say_how_long_the_demo_plays() {
    let days = format!("{} days", dozvon::demo::DAYS);
    let about = grammar().find_subcommand("demo").and_then(|demo| demo.get_about()).map(ToString::to_string);
    let told = [text("README.md"), text("ARCHITECTURE.md"), about.unwrap_or_default()];
    assert!(told.iter().all(|text| text.contains(&days)), "{days}: {:?}", told[2]);
}

#[test]
fn the_image_has_all_that_a_build_needs() {
    let dockerfile = text("deploy/Dockerfile");
    let copied: Vec<&str> = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|rest| !rest.starts_with("--from"))
        .flat_map(|rest| {
            let mut words: Vec<&str> = rest.split(' ').collect();
            words.pop();
            words
        })
        .collect();
    for path in &copied {
        assert!(root().join(path).exists(), "COPY {path}");
    }
    for needed in ["Cargo.toml", "Cargo.lock", "src", "crates", "tests"] {
        assert!(copied.contains(&needed), "{needed} is not copied");
    }
    // Files outside of themselves that the sources include.
    for (file, source) in ["src", "crates"].iter().flat_map(|folder| sources(&root().join(folder))) {
        for taken in source.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let path = file.parent().expect("a folder").join(taken).canonicalize();
            let path = path.unwrap_or_else(|error| panic!("{}: {taken}: {error}", file.display()));
            let inside = copied.iter().any(|copied| path.starts_with(root().join(copied)));
            assert!(inside, "{} takes in {taken}, which is not copied", file.display());
        }
    }
    let variables = dockerfile.lines().filter_map(|line| line.strip_prefix("ENV "));
    known_variables(variables.flat_map(str::split_whitespace).map(name_of), "Dockerfile");
    assert!(dockerfile.contains("CMD [\"serve\"]") && grammar().find_subcommand("serve").is_some());
    assert!(dockerfile.contains(":nonroot"), "the image runs as nobody");
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            found.extend(sources(&entry));
        } else if entry.extension().is_some_and(|ending| ending == "rs") {
            let source = std::fs::read_to_string(&entry).expect("a source");
            found.push((entry, source));
        }
    }
    found
}

fn name_of(pair: &str) -> String {
    pair.split(['=', ':']).next().unwrap_or_default().trim().trim_start_matches("- ").to_owned()
}

/// The indentation of a line of YAML, its key, its value.
fn yaml(text: &str) -> Vec<(usize, String, String)> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    lines
        .map(|line| {
            assert!(!line.contains('\t'), "a tab in YAML: {line}");
            let depth = line.len() - line.trim_start().len();
            let (key, value) =
                line.trim().split_once(": ").unwrap_or((line.trim().trim_end_matches(':'), ""));
            (depth, key.to_owned(), value.trim().to_owned())
        })
        .collect()
}

#[test]
fn compose_runs_what_there_is() {
    let lines = yaml(&text("deploy/compose.yml"));
    assert!(lines.iter().all(|(depth, ..)| depth % 2 == 0), "indented by two");
    let value = |key: &str| lines.iter().find(|(_, have, _)| have == key).map(|(_, _, value)| value.as_str());
    let top: Vec<&str> = lines.iter().filter(|line| line.0 == 0).map(|line| line.1.as_str()).collect();
    assert_eq!(top, ["services", "networks", "volumes"]);
    let dockerfile = value("dockerfile").expect("a build");
    assert!(root().join("deploy").join(value("context").expect("a build")).join(dockerfile).exists());
    known_variables(lines.iter().map(|(_, key, _)| key.clone()), "compose.yml");
    let store = value("DOZVON_STORE").expect("a store");
    let (login, host) = store.trim_start_matches("redis://").rsplit_once('@').expect("a password");
    assert!(login.starts_with(":${REDIS_PASSWORD:?"), "without a password it does not start: {login}");
    let host = host.split(':').next().expect("a host");
    assert!(lines.iter().any(|(depth, key, _)| *depth == 2 && key == host), "no service {host}");
    // Named volumes are declared, folders exist.
    let declared: Vec<&str> = {
        let at = lines.iter().position(|line| line.1 == "volumes" && line.0 == 0).expect("volumes");
        lines[at + 1..].iter().map(|line| line.1.as_str()).collect()
    };
    let mounted = lines.iter().filter_map(|(_, key, _)| key.strip_prefix("- ")?.split_once(":/"));
    for (from, _) in mounted {
        let there = if from.starts_with('.') {
            root().join("deploy").join(from).exists()
        } else {
            declared.contains(&from)
        };
        assert!(there, "the volume {from}");
    }
    let count = |part: &str| lines.iter().filter(|(_, key, value)| format!("{key}: {value}") == part).count();
    for part in
        ["read_only: true", "cap_drop: [ALL]", "security_opt: [\"no-new-privileges:true\"]", "core: 0"]
    {
        assert_eq!(count(part), 2, "{part} for the bridge and for Redis");
    }
    let redis = text("deploy/compose.yml");
    for part in ["--maxmemory 512mb", "--maxmemory-policy noeviction", "requirepass %s", "internal: true"] {
        assert!(redis.contains(part), "{part}");
    }
    let grace = value("stop_grace_period")
        .and_then(|text| text.strip_suffix('s'))
        .and_then(|text| text.parse::<u32>().ok());
    assert!(grace.expect("seconds") > drain_s(), "it is killed before it has drained");
}

/// The longest time that a bridge needs to stop: the server's own five seconds, then the drain.
fn drain_s() -> u32 {
    5 + example().instance.limits.drain_s
}

#[test]
fn the_unit_starts_the_program_and_lets_it_drain() {
    let unit = text("deploy/dozvon.service");
    let value = |key: &str| {
        let all = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        all.map(str::to_owned).collect::<Vec<_>>()
    };
    for line in unit.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        assert!(line.starts_with('[') || line.contains('='), "no line of a unit: {line}");
    }
    let start = value("ExecStart").pop().expect("a command");
    let words: Vec<&str> = start.split(' ').collect();
    assert!(words[0].ends_with("/dozvon"));
    grammar().try_get_matches_from(&words).unwrap_or_else(|error| panic!("{start}: {error}"));
    let stop: u32 = value("TimeoutStopSec").pop().and_then(|text| text.parse().ok()).expect("seconds");
    assert!(stop > drain_s(), "it is killed before it has drained");
    known_variables(value("Environment").iter().map(|pair| name_of(pair)), "dozvon.service");
    for (key, set) in [("UMask", "0077"), ("LimitCORE", "0"), ("MemoryMax", "1G")] {
        assert_eq!(value(key), [set], "{key}");
    }
    assert_eq!(value("LoadCredential"), ["dozvon:/etc/dozvon/secrets"]);
    // A user of its own, whom the head of the file makes and lets read the files.
    let user = value("User").pop().expect("a user");
    assert!(unit.contains(&format!(" {user}\n#   chown -R root:{user} /etc/dozvon")), "{unit}");
    // The data folder is one that systemd makes writable.
    let state = value("StateDirectory").pop().expect("a folder");
    assert!(unit.contains(&format!("DOZVON_DATA=/var/lib/{state}")));
}

#[test]
fn scripts_can_be_run() {
    use std::os::unix::fs::PermissionsExt;
    for path in ["deploy/test.sh", "deploy/faults.sh", "deploy/proxies.sh", "deploy/advisories.sh", ".ci/run"]
    {
        let mode = std::fs::metadata(root().join(path)).expect("it is there").permissions().mode();
        assert!(mode & 0o111 != 0, "{path} cannot be executed");
        let read = std::process::Command::new("bash").arg("-n").arg(root().join(path)).status();
        assert!(read.expect("bash").success(), "{path} is no shell script");
    }
}

/// Keys and data of a machine get neither into the source nor into an image.
#[test]
fn keys_and_data_are_ignored() {
    for (file, lines) in [
        (".gitignore", &[".env", ".env.*", "!.env.example", "data/"][..]),
        (".dockerignore", &[".env", ".env.*", ".git", "**/data"][..]),
    ] {
        let text = text(file);
        for line in lines {
            assert!(text.lines().any(|one| one == *line), "{file} lacks {line}");
        }
    }
    assert!(text("deploy/Dockerfile").contains("--chown=65532:65532 /image/ /"), "/data is the user's");
}

/// The example proxies close operation, set the sender, and write no address into a log (`deploy/proxies.sh` tries them).
#[test]
fn the_example_proxies_are_careful() {
    let nginx = text("deploy/nginx.conf");
    for part in [
        "log_format dozvon '$remote_addr [$time_iso8601] $request_method $dozvon_place $status",
        "access_log /var/log/nginx/dozvon.log dozvon;",
        "error_log /var/log/nginx/dozvon-error.log emerg;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "limit_req zone=dozvon_rate",
        "client_max_body_size 2m;",
        "location / {\n        return 404;",
    ] {
        assert!(nginx.contains(part), "nginx: {part}");
    }
    let caddy = text("deploy/Caddyfile");
    assert_eq!(caddy.matches("request>uri regexp").count(), 2, "access and errors");
    assert!(caddy.contains("max_size 2MB") && caddy.contains("respond 404"), "{caddy}");
    for (name, text) in [("nginx", &nginx), ("Caddy", &caddy)] {
        let served = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        assert!(served.into_iter().all(|line| !line.contains("9180")), "{name} shows operation");
    }
}
