//! The example school loads without any message, and every mistake in it is reported with file, key and what
//! is allowed.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::DateTime;
use dozvon::config::{Config, Files, Problem, Surroundings};
use dozvon::process::{LeadRole, Stage};
use dozvon::secret::Secret;

mod addresses;
mod instance;
mod lines;
mod secrets;

const SCHOOL: &str = "schools/rost/school.toml";
const PROCESS: &str = "schools/rost/process/default.toml";
const INSTANCE: &str = "dozvon.toml";

fn example() -> Files {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/example");
    let mut read = Files::read(&folder).expect("the example is readable");
    // Mistakes are made in a process with a school's real figures; the example's figures are for trying out.
    read.texts_mut()
        .insert(PROCESS.to_owned(), include_str!("../../fixtures/config/process.toml").to_owned());
    // Problems then name files as they are in the folder.
    Files::new(Path::new(""), std::mem::take(read.texts_mut()))
}

/// Names and values of `.env.example`; commented-out lines count as names only.
fn env_example() -> (BTreeMap<String, String>, Vec<String>) {
    let text = include_str!("../../.env.example");
    let (mut set, mut named) = (BTreeMap::new(), Vec::new());
    for line in text.lines() {
        let (line, on) = line.strip_prefix('#').map_or((line, true), |rest| (rest, false));
        if let Some((name, value)) = line.split_once('=')
            && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        {
            named.push(name.to_owned());
            if on {
                set.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    (set, named)
}

fn surroundings() -> Surroundings {
    let now = DateTime::parse_from_rfc3339("2026-11-22T12:00:00+03:00").expect("an instant");
    Surroundings::new(env_example().0, now.to_utc())
}

fn load(files: &Files) -> Result<Config, Vec<Problem>> {
    Config::from_files(files, &surroundings())
}

#[test]
fn the_example_school_has_no_problem_and_no_warning() {
    let config = load(&example()).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let warnings: Vec<String> = config.warnings().map(ToString::to_string).collect();
    assert!(warnings.is_empty(), "{warnings:#?}");
    let school = config.school("rost").expect("the school");
    assert_eq!(school.process.name, "Школа «Рост»");
    assert_eq!(school.process.head().map(|head| head.id.as_str()), Some("olga"));
    assert_eq!(
        school.process.routes.iter().map(|route| &*route.name).collect::<Vec<_>>(),
        ["ads", "design", "credit", "line", "rest"]
    );
    assert!(school.process.figures.refusal.revival);
    let sales = &school.process.pipelines[&LeadRole::Sales];
    assert!(sales.contains(&Stage::Promised) && sales.contains(&Stage::Won) && sales.is_sorted());
    assert_eq!(school.secrets.len(), 1);
    assert_eq!(config.instance.url, "http://127.0.0.1:8080");
}

#[test]
fn the_variables_of_the_example_are_those_of_the_program_and_of_the_school() {
    use dozvon::config::environment::VARIABLES;
    let mut expected: Vec<String> = VARIABLES.iter().map(|variable| variable.name.to_owned()).collect();
    let mut files = example();
    for text in files.texts_mut().values() {
        let sources = text.split("env = \"").skip(1).filter_map(|rest| rest.split_once('"'));
        expected.extend(sources.map(|(name, _)| name.to_owned()).filter(|name| name.starts_with("DEMO_")));
    }
    expected.sort();
    let mut named = env_example().1;
    named.sort();
    assert_eq!(named, expected);
}

#[test]
fn the_hash_changes_with_the_school_and_with_nothing_else() {
    let hash = |files: &Files| load(files).expect("it is right").schools[0].config_hash.clone();
    let first = hash(&example());
    assert_eq!(first, hash(&example()));
    assert_eq!(first.len(), 64);
    let mut other = example();
    other.texts_mut().entry(INSTANCE.to_owned()).and_modify(|text| text.push_str("\n# a word\n"));
    assert_eq!(first, hash(&other));
    let mut other = example();
    other.texts_mut().entry(PROCESS.to_owned()).and_modify(|text| text.push_str("\n# a word\n"));
    assert_ne!(first, hash(&other));
}

/// One mistake: in `file`, the first text is replaced by the second; an empty first text appends.
struct Slip {
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

fn slip(file: &'static str, from: &'static str, to: &'static str) -> Slip {
    Slip { file, from, to }
}

fn with(slips: &[Slip]) -> Files {
    slipped(example(), slips)
}

fn slipped(mut files: Files, slips: &[Slip]) -> Files {
    for Slip { file, from, to } in slips {
        let text = files.texts_mut().entry((*file).to_owned()).or_default();
        if from.is_empty() {
            text.push_str(to);
        } else {
            assert!(text.contains(from), "the example has `{from}`");
            *text = text.replacen(from, to, 1);
        }
    }
    files
}

fn told(found: &[Problem], file: &str, key: &str, words: &str) {
    let hit = found
        .iter()
        .any(|problem| problem.file == file && problem.key == key && problem.to_string().contains(words));
    assert!(hit, "no «{file}, {key}: {words}» in {found:#?}");
}

/// One mistake gives one problem: its file, its key, and words about what is wrong or allowed.
fn check(slip: Slip, file: &str, key: &str, words: &str) {
    check_in(example(), slip, file, key, words);
}

#[track_caller]
fn check_in(right: Files, slip: Slip, file: &str, key: &str, words: &str) {
    let problems = load(&slipped(right, &[slip])).expect_err("it is wrong");
    told(&problems, file, key, words);
    assert_eq!(problems.len(), 1, "one slip, one problem: {problems:#?}");
}

#[test]
fn a_slip_in_what_a_route_is_for_is_told() {
    let school = |from, to, key, words| check(slip(SCHOOL, from, to), SCHOOL, key, words);
    school("source == 'direct'", "source == 5", "routes.ads.when", "`source.utm_source` is a text");
    school("cost_sum >= 50000", "cost_sum >= '50000'", "routes.ads.when", "compared with a number");
    school("cost_sum >= 50000", "cost_sun >= 50000", "routes.ads.when", "is `cost_sum` meant?");
    school("and cost_sum >= 50000", "and", "routes.ads.when", "not an expression");
    school("pipeline = 8123413", "pipeline = 8123499", "routes.ads.pipeline", "amocrm.sales_pipelines");
    school("source_kind = \"реклама\"", "source_kind = \"рклама\"", "routes.ads.set.source_kind", "реклама");
    school("{ source_kind = \"реклама\"", "{ kind = \"реклама\"", "routes.ads.set.kind", "source_kind");
    school("to = \"olga\"", "to = \"oleg\"", "routes.ads.task.to", "olga, pavel");
    school("minutes = 15", "minutes = 5000", "routes.ads.task.minutes", "at most 720");
    school("minutes = 15", "minute = 15", "routes.ads.task.minute", "`minutes`");
    school(
        "offer in [",
        "offer in '5512874,5512875' and offer in [",
        "routes.ads.when",
        "`offer in ['5512874', '5512875']`",
    );
    school("cost_sum >= 50000", "line == '84955550000'", "routes.ads.when", "`+74955550000`");
    school("line = \"+74955550000\"", "line = \"84955550000\"", "routes.line.line", "+74955550000");
    school("tags = [\"звонок\"]", "price = \"cost_sum > 5\"", "routes.line.price", "not a number");
    school("{object.deal_utm_source}", "a&b", "getcourse.variables.utm_source", "a fixed text");
    school("{ utm_source = \"{o", "{ utmsource = \"{o", "getcourse.variables.utmsource", "unknown field");
}

#[test]
fn what_a_route_needs_and_no_address_brings_is_a_warning() {
    let config =
        load(&with(&[slip(SCHOOL, "source.utm_source == 'direct'", "source.utm_sourse == 'direct'")]));
    let config = config.expect("it can be meant");
    let warnings: Vec<&Problem> = config.warnings().collect();
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    let told = warnings[0].to_string();
    assert_eq!(warnings[0].key, "routes.ads.when");
    assert!(told.contains("is `utm_source` meant?") && told.contains("[getcourse.variables]"), "{told}");
}

#[test]
fn a_slip_among_people_and_routes_is_told() {
    let school = |from, to, key, words| check(slip(SCHOOL, from, to), SCHOOL, key, words);
    school("name = \"Школа «Рост»\"\n", "", "name", "missing");
    school("zone = \"Europe/Moscow\"", "zone = \"Moscow\"", "zone", "Europe/Moscow");
    school("[mango]", "[mangi]", "mangi", "`mango`");
    school("DEMO_URL_SECRET", "NO_SUCH_SECRET", "secrets", "NO_SUCH_SECRET is not set");
    school("zone = \"Europe/Moscow\"", "zone = \"Europe/Moskow\"", "zone", "is `Europe/Moscow` meant?");
    school("DEMO_AMOCRM_TOKEN", "NO_SUCH_TOKEN", "amocrm.auth.token", "not set");
    school("[{ env = \"DEMO_URL_SECRET\" }]", "[]", "secrets", "one, or two");
    school(
        "[{ env = \"DEMO_URL_SECRET\" }]",
        "[{ env = \"DEMO_URL_SECRET\" }, { env = \"DEMO_URL_SECRET\" }]",
        "secrets",
        "twice",
    );
    school("head = true\n", "", "managers", "no head");
    school("[managers.irina]\n", "[managers.irina]\nhead = true\n", "managers", "several heads: irina, olga");
    school("extension = \"102\"", "extension = \"101\"", "managers", "101 stands twice");
    school(
        "email = \"irina@rost.example\"",
        "email = \"Olga@rost.example\"",
        "managers",
        "`email` stands twice",
    );
    school("amocrm = 10412346\n", "", "managers.irina.amocrm", "the user's id in amoCRM");
    school(
        "amocrm = 10412346\n",
        "amocrm = 10412346\nphone = \"1\"\n",
        "managers.irina.phone",
        "`extension`",
    );
    school(
        "[\"irina\", \"pavel\"]",
        "[\"irina\", \"oleg\"]",
        "routes.design.responsible.managers",
        "olga, pavel",
    );
    school("[\"irina\", \"pavel\"]", "[]", "routes.design.responsible.managers", "at least one");
    school("offers = [\"5512880\"]", "offers = [\"5512874\"]", "routes.credit.offers", "«design» already");
    school("name = \"credit\"", "name = \"design\"", "routes.design.name", "two routes");
    school(
        "name = \"credit\"\noffers = [\"5512880\"]",
        "name = \"credit\"",
        "routes.rest.offers",
        "nothing can reach",
    );
    school("credit = true", "credits = true", "routes.credit.credits", "`credit`");
    school("name = \"credit\"\n", "", "routes.3.name", "missing");
    school("credit = true", "stage = \"won\"", "routes.credit.stage", "closed");
    school("credit = true", "task = \"task_frist_call\"", "routes.credit.task", "task_frist_call");
    school("{{ order.positions or", "{{ order.positons or", "routes.design.lead_name", "order.positions");
    school("order.source.utm_source", "order.sorce.utm_source", "routes.design.fields.901342", "order.sorce");
    school("fields = { 901342", "fields = { utm", "routes.design.fields.utm", "a number");
}

#[test]
fn a_slip_among_answers_days_and_platforms_is_told() {
    let school = |from, to, key, words| check(slip(SCHOOL, from, to), SCHOOL, key, words);
    school("field = 901338\n", "", "answers.field", "missing");
    school("date_field = 901339", "date_field = 901338", "answers", "901338 stands twice");
    let ours = "would be taken for an answer";
    school("fields = { 901342", "fields = { 901338", "routes.design.fields.901338", ours);
    school("field = 901343", "field = 901340", "dictionaries.source_kind.field", ours);
    school("\"call_back\"", "\"recall\"", "answers.words.договорились на звонок", "`call_back`");
    school("{ 66104110 =", "{ promised =", "answers.stages.promised", "a number");
    school("{ 66104110 =", "{ 143 =", "answers.stages.143", "closed");
    school(
        "nonworking = [\"2026-12-30\"]",
        "nonworking = [\"30.12.2026\"]",
        "calendar.nonworking",
        "YYYY-MM-DD",
    );
    school("weekdays = [1, 2, 3, 4, 5]", "weekdays = [1, 9]", "calendar.weekdays", "Monday");
    school("http://127.0.0.1:18082", "http://rost.getcourse.ru", "getcourse.url", "https");
    school("payments = \"read_back\"", "payments = \"readback\"", "getcourse.payments", "`trust`");
    school("[getcourse]\n", "[getcourse]\nlook_back_min = 1441\n", "getcourse.look_back_min", "0 for off");
    let columns = "[getcourse]\nexport_columns = { nomer = \"Номер\" }\n";
    school("[getcourse]\n", columns, "getcourse.export_columns.nomer", "order_id");
    school("account_id = 31877554\n", "", "amocrm.account_id", "numeric id");
    let host = "\"rost.getcourse.ru\"";
    school(host, "\"https://pay.school.ru/x\"", "getcourse.link_hosts", "\"pay.school.ru\"");
    school(host, "\"getcourse.ru\"", "getcourse.link_hosts", "the school's own name");
    school(host, "\"ru\"", "getcourse.link_hosts", "names of hosts");
    school("[amocrm]\n", "[amocrm]\nby_hand = [\"won\"]\n", "amocrm.by_hand", "new, in_work");
    school(
        "developer_key = { env = \"DEMO_GETCOURSE_DEVELOPER_KEY\" }\n",
        "",
        "getcourse.payments",
        "both keys",
    );
    school("[getcourse]\n", "[getcourse]\nfields = { phon = \"p\" }\n", "getcourse.fields.phon", "phone");
    school("auth = { by = \"long_lived\",", "auth = { by = \"token\",", "amocrm.auth.by", "`long_lived`");
    school(
        "requests_per_second = 6.0",
        "requests_per_second = 9.0",
        "amocrm.requests_per_second",
        "at most 7",
    );
    school("id = 8123411", "id = 8123410", "amocrm.pipelines", "8123410 stands twice");
    school(
        "in_work = 66104107",
        "in_work = 66104106",
        "amocrm.pipelines.sales.stages.in_work",
        "mapped twice",
    );
    school("talked = 66104109", "talked = 142", "amocrm.pipelines.sales.stages.talked", "142");
    school("talked = 66104109", "spoken = 66104109", "amocrm.pipelines.sales.stages.spoken", "`talked`");
    school("\nprice = ", "\nprise = ", "amocrm.loss_reasons.prise", "`price`");
    school("host = \"127.0.0.1\"", "host = \"mail.example\"", "mail.tls", "loopback");
    school("<order@rost.example>", "order", "mail.from", "sender");
    school("port = 18025", "port = \"18025\"", "mail.port", "whole number");
    school("from = \"Школа", "user = \"rost\"\nfrom = \"Школа", "mail.user", "both or neither");

    school(
        "[amocrm.pipelines.revival]",
        "[amocrm.pipelines.second]\nid = 1\nstages = {}\n\n[amocrm.pipelines.revival]",
        "amocrm.pipelines.second",
        "`revival`",
    );
}

#[test]
fn a_host_that_cannot_be_is_told() {
    for (host, wrong) in [
        ("moya_shkola.getcourse.ru", "`_`"),
        ("shkola-.getcourse.ru", "begins or ends with `-`"),
        ("shkola..getcourse.ru", "two dots"),
        ("shkola.getcourse.ru.", "two dots, or one at an end"),
        ("sh*kola.getcourse.ru", "a sign"),
    ] {
        let mut files = example();
        let text = files.texts_mut().get_mut(SCHOOL).expect("the example");
        *text = text.replace("http://127.0.0.1:18082", &format!("https://{host}"));
        told(&load(&files).expect_err(host), SCHOOL, "getcourse.url", wrong);
    }
}

#[test]
fn a_slip_in_the_process_is_told() {
    let process = |from, to, key, words| check(slip(PROCESS, from, to), PROCESS, key, words);
    process("pause_minutes", "pause_minute", "arrival.pause_minute", "`pause_minutes`");
    process("\"evening\"], [\"morning", "\"night\"], [\"morning", "dialling.ladder", "morning");
    process("\"+20m\"", "\"20m later\"", "dialling.ladder", "20m later");
    process("\"18:00-20:00\"", "\"18:00-22:00\"", "dialling.windows.evening", "09:00-21:00");
    process("\"18:00-20:00\"", "\"20:00-21:00\"", "dialling.windows.evening", "contact.calls");
    process("\"10:00-20:00\"", "\"20:00-10:00\"", "contact.calls", "HH:MM-HH:MM");
    process("days = 3", "days = 0", "dialling.days", "1 or more");
    let limits = "[contact_limits]\nletters_per_address_hour = 20\n\n[talk]";
    process("[talk]", limits, "contact_limits.letters_per_address_day", "20 or more");
    let limits = "[contact_limits]\nletters_hour = 0\n\n[talk]";
    process("[talk]", limits, "contact_limits.letters_hour", "1 or more");
    let limits = "[contact_limits]\nletter_hour = 9\n\n[talk]";
    process("[talk]", limits, "contact_limits.letter_hour", "`letters_hour`");
    let countries = "[dialling]\ncall_countries = [\"+375\"]";
    process("[dialling]", countries, "dialling.call_countries", "\"375\"");
    let countries = "[dialling]\ncall_countries = [\"979\"]";
    process("[dialling]", countries, "dialling.call_countries", "codes of countries");
    process("answer_minutes = 30", "answer_minutes = -1", "talk.answer_minutes", "whole number");
}

#[test]
fn a_slip_in_a_text_or_a_files_name_is_told() {
    let text = "schools/rost/texts/first_day.txt";
    check(slip(text, "{{ school.name }}", "{{ shcool.name }}"), text, "line 22", "school.name");
    check(slip(text, "purpose: service\n", ""), text, "purpose", "transactional");
    let stray = "schools/rost/texts/frist_day.txt";
    check(
        slip(stray, "", "subject: A\nowner: B\nreview: 2027-01\npurpose: service\n\nТекст"),
        stray,
        "",
        "shipped name",
    );
    check(slip("schools/rost/shcool.toml", "", "a = 1"), "schools/rost/shcool.toml", "", "nothing reads");
    // The shipped texts stand in folders; a school's do not.
    let deep = "schools/rost/texts/letters/invoice.txt";
    check(slip(deep, "", "Счёт"), deep, "", "nothing reads");
    check(
        slip("schools/Зима/school.toml", "", include_str!("../../deploy/example/schools/rost/school.toml")),
        "schools/Зима/school.toml",
        "",
        "a-z",
    );
    check(slip("schools/zima/process/default.toml", "", ""), "schools/zima/school.toml", "", "no such file");
}

#[test]
fn all_slips_are_told_at_once() {
    let problems = load(&with(&[
        slip(INSTANCE, "raw_days = 30", "raw_days = 0"),
        slip(INSTANCE, "log =", "loge ="),
        slip(SCHOOL, "DEMO_MANGO_KEY", "NO_SUCH_KEY"),
        slip(SCHOOL, "final_wait_s = 60", "final_wait = 60\nfinal_wait_s = \"60\""),
        slip(SCHOOL, "url = \"http://127.0.0.1:18081\"\n", ""),
        slip(SCHOOL, "weekdays = [1, 2, 3, 4, 5]", "weekdays = [8]"),
        slip(SCHOOL, "credit = true", "credit = \"yes\""),
        slip(SCHOOL, "name = \"rest\"", "name = \"rest\"\nnote = 1"),
        slip(PROCESS, "days = 3", "days = \"3\""),
        slip(PROCESS, "[talk]", "[tlak]"),
        slip("schools/rost/texts/first_day.txt", "{{ order.positions }}", "{{ order.position }}"),
    ]))
    .expect_err("it is wrong");
    for (file, key) in [
        (INSTANCE, "limits.raw_days"),
        (INSTANCE, "loge"),
        (SCHOOL, "mango.api_key"),
        (SCHOOL, "mango.final_wait"),
        (SCHOOL, "mango.final_wait_s"),
        (SCHOOL, "amocrm.url"),
        (SCHOOL, "calendar.weekdays"),
        (SCHOOL, "routes.credit.credit"),
        (SCHOOL, "routes.rest.note"),
        (PROCESS, "dialling.days"),
        (PROCESS, "tlak"),
        ("schools/rost/texts/first_day.txt", "line 15"),
    ] {
        told(&problems, file, key, "");
    }
    assert_eq!(problems.len(), 12, "{problems:#?}");
}

#[test]
fn what_works_but_is_hardly_meant_is_a_warning() {
    let check = |slips: &[Slip], file: &str, key: &str, words: &str| {
        let config = load(&with(slips)).unwrap_or_else(|problems| panic!("{problems:#?}"));
        let warnings: Vec<Problem> = config.warnings().cloned().collect();
        told(&warnings, file, key, words);
        assert_eq!(warnings.len(), 1, "{warnings:#?}");
    };
    let school = |from, to, key, words| check(&[slip(SCHOOL, from, to)], SCHOOL, key, words);
    school("not_reached = 14820240\n", "", "amocrm.loss_reasons", "not_reached");
    school("order_number_field = 901337\n", "", "amocrm.order_number_field", "found again");
    school("extension = \"103\"\n", "", "managers.pavel.extension", "not recognised");
    school("new = 66104106, ", "", "amocrm.pipelines.sales.stages", "credit, line, rest");
    school("name = \"rest\"", "name = \"rest\"\noffers = [\"7\"]", "routes", "no route takes");
    school("and cost_sum >= 50000", "or cost_sum >= 0", "routes.ads.when", "whatever the order is");
    school("cost_sum >= 50000", "offer == '7'", "routes.ads.when", "no order fits it");
    let text = "schools/rost/texts/first_day.txt";
    check(&[slip(text, "review: 2027-06", "review: 2026-10")], text, "review", "2026-10");
    check(
        &[slip("schools/rost/process/long.toml", "", "")],
        "schools/rost/process/long.toml",
        "",
        "no route runs",
    );
    check(&[slip(PROCESS, "days = 3", "days = 4")], PROCESS, "dialling.ladder", "4");
    check(
        &[slip(PROCESS, "attempts_min = 5", "attempts_min = 9")],
        PROCESS,
        "dialling.attempts_min",
        "8 steps",
    );
}

#[test]
fn the_sales_pipeline_is_required_and_a_section_needs_its_own() {
    let slips = [
        slip(SCHOOL, "[amocrm.pipelines.sales]", "[amocrm.pipelines.second]"),
        slip(SCHOOL, "[amocrm.pipelines.revival]", "[amocrm.pipelines.third]"),
    ];
    let problems = load(&with(&slips)).expect_err("it is wrong");
    told(&problems, SCHOOL, "amocrm.pipelines.sales", "missing");
    told(&problems, PROCESS, "refusal.revival", "[amocrm.pipelines.revival]");
}

#[test]
fn a_secret_written_into_a_file_is_refused_and_not_repeated() {
    for (from, to) in [
        ("token = { env = \"DEMO_AMOCRM_TOKEN\" }", "token = \"parole-parole\""),
        ("api_key = { env = \"DEMO_MANGO_KEY\" }", "api_key = \"parole-parole\""),
        ("school_key = { env = \"DEMO_GETCOURSE_SCHOOL_KEY\" }", "school_key = { text = \"parole-parole\" }"),
        ("secrets = [{ env = \"DEMO_URL_SECRET\" }]", "secrets = [\"parole-parole\"]"),
    ] {
        let problems = load(&with(&[slip(SCHOOL, from, to)])).expect_err("it is wrong");
        let said = format!("{problems:?}");
        assert!(!said.contains("parole"), "{said}");
        assert!(said.contains("env"), "it says what to write: {said}");
    }
}

#[test]
fn short_secrets_and_oauth_without_a_vault_are_refused() {
    let mut set = env_example().0;
    set.insert("DEMO_URL_SECRET".to_owned(), "short".to_owned());
    set.remove("DOZVON_VAULT_KEY");
    let oauth = slip(
        SCHOOL,
        "auth = { by = \"long_lived\", token = { env = \"DEMO_AMOCRM_TOKEN\" } }",
        "auth = { by = \"oauth\", client_id = \"4c1c7f0a\", client_secret = { env = \"DEMO_AMOCRM_TOKEN\" }, \
         redirect_uri = \"https://bridge.example/hooks/rost/amocrm/x/oauth\" }",
    );
    let around = Surroundings::new(set, surroundings().now);
    let problems = Config::from_files(&with(&[oauth]), &around).expect_err("it is wrong");
    told(&problems, SCHOOL, "secrets", "shorter than 16 characters");
    told(&problems, SCHOOL, "amocrm.auth", "DOZVON_VAULT_KEY");
    assert!(!format!("{problems:?}").contains("short\""), "the secret itself is not shown");
}

#[test]
fn a_folder_that_is_no_configuration_is_told_so() {
    let problems = Config::load(Path::new("no/such/folder")).expect_err("there is none");
    told(&problems, "no/such/folder", "", "readable folder");
    let empty = Files::new(Path::new(""), BTreeMap::from([("dozvon.toml".to_owned(), String::new())]));
    told(&load(&empty).expect_err("no school"), "schools", "", "no school");
}
