//! The parts of a school's file that an account determines: managers, «Что дальше?», pipelines with their stages
//! in order, fields by kind, loss reasons. What a name suggests is written with the name beside it, what has to be
//! decided by a person with a mark. Never invents an id. Enter at [`Blocks::of`].

use std::collections::BTreeSet;
use std::fmt::Write;

use super::answers;
use super::shown::kind;
use crate::config::{Answers, MARK};
use crate::json;
use crate::platform::amocrm::check::CLOSED;
use crate::platform::amocrm::discover::{Field, Found, Named, Pipeline, User};
use crate::platform::amocrm::settings::Auth;
use crate::process::{LeadRole, RefusalReason, Stage};
use crate::secret::SecretSource;

/// Most users that become managers of the file.
const MANAGERS_MAX: usize = 50;

/// What a status, a pipeline, a field or a task type of this meaning is usually called.
const STAGES: [(Stage, &[&str]); 6] = [
    (Stage::PartPaid, &["частич", "доплат"]),
    (Stage::Promised, &["обещ"]),
    (Stage::Talked, &["поговор", "разговор"]),
    (Stage::Dialling, &["дозв", "недозв"]),
    (Stage::InWork, &["в работ", "взят"]),
    (Stage::New, &["нов", "заявк", "первичн"]),
];
const SALES: &[&str] = &["прода"];
const ROLES: [(LeadRole, &[&str]); 2] = [
    (LeadRole::Fulfilment, &["обуч", "учен", "сопровожд"]),
    (LeadRole::Revival, &["возврат", "верн", "реаним"]),
];
const ORDER: &[&str] = &["заказ"];
const ZONE: &[&str] = &["пояс", "зона"];
const WHY: &[&str] = &["почему", "коммент", "пояснен"];
const DATE: &[&str] = &["когда", "дата", "перезвон"];
const CALL: &[&str] = &["звон", "связ"];
/// A status into which no lead can be put.
const UNSORTED: &str = "неразобран";

/// How the account is reached, as the file says it.
pub struct Access<'a> {
    pub url: &'a str,
    pub auth: &'a Auth,
}

/// The parts of the file, a table or several each.
pub struct Blocks {
    /// Short names of the managers, the head first.
    pub managers: Vec<String>,
    pub roster: String,
    pub answers: String,
    pub crm: String,
}

impl Blocks {
    pub fn of(found: &Found, access: &Access) -> Self {
        let (managers, roster) = roster(found);
        Self { managers, roster, answers: of_answers(found), crm: crm(found, access) }
    }
}

fn roster(found: &Found) -> (Vec<String>, String) {
    let mut active: Vec<&User> = found.users.iter().filter(|user| user.active).collect();
    // An administrator is most likely the head.
    let head = active.iter().position(|user| user.admin).unwrap_or_default();
    if head < active.len() {
        active[..=head].rotate_right(1);
    }
    let (mut names, mut text) = (Vec::new(), String::new());
    for (index, user) in active.iter().take(MANAGERS_MAX).enumerate() {
        let name = short_name(user, &names);
        let _ = writeln!(text, "[managers.{name}]\nname = {}", quoted(&user.name));
        if index == 0 {
            let _ = writeln!(text, "# {MARK}: the head of sales is one of the managers.\nhead = true");
        }
        let _ = writeln!(text, "amocrm = {}", user.id);
        let _ = writeln!(text, "# {MARK}: as they are in GetCourse and in the telephony.");
        text.push_str("#getcourse = 0\n#email = \"\"\n#extension = \"\"\n\n");
        names.push(name);
    }
    if names.is_empty() {
        let _ = write!(
            text,
            "# {MARK}: the account did not show its users.\n[managers.head]\nname = \"{MARK}\"\nhead = true\n\
             amocrm = 1 # {MARK}\n\n"
        );
        names.push("head".to_owned());
    }
    for user in active.iter().skip(MANAGERS_MAX) {
        let _ = writeln!(text, "# {} {}", user.id, clean(&user.name));
    }
    (names, text.trim_end().to_owned())
}

/// «Ольга Лебедева» is `olga`; a name of other letters is `user_10412345`.
fn short_name(user: &User, taken: &[String]) -> String {
    const LETTERS: [&str; 32] = [
        "a", "b", "v", "g", "d", "e", "zh", "z", "i", "y", "k", "l", "m", "n", "o", "p", "r", "s", "t", "u",
        "f", "kh", "ts", "ch", "sh", "sch", "", "y", "", "e", "yu", "ya",
    ];
    let first = user.name.split_whitespace().next().unwrap_or_default().to_lowercase();
    let latin: Option<String> = first
        .chars()
        .map(|letter| match letter {
            'a'..='z' | '0'..='9' => Some(letter.to_string()),
            'ё' => Some("e".to_owned()),
            'а'..='я' => {
                LETTERS.get((letter as usize).checked_sub('а' as usize)?).map(|it| (*it).to_owned())
            }
            _ => None,
        })
        .collect();
    let latin = latin.filter(|name| !name.is_empty() && !taken.contains(name));
    latin.unwrap_or_else(|| format!("user_{}", user.id))
}

/// The list whose choices are answers, and the fields beside it.
fn of_answers(found: &Found) -> String {
    let known = Answers::default();
    let lists = || found.lead_fields.iter().filter(|field| is(field, &["select", "radiobutton"]));
    let count = |field: &Field, means: &dyn Fn(&str) -> bool| {
        field.choices.iter().filter(|choice| means(choice)).count()
    };
    let is_answer = |choice: &str| known.of_choice(choice).is_ok();
    let is_reason = |choice: &str| known.of_reason(choice).is_ok();
    let best = |means: &dyn Fn(&str) -> bool, but: Option<u64>| {
        let lists = lists().filter(|field| Some(field.id) != but && count(field, means) > 1);
        lists.max_by_key(|field| count(field, means))
    };
    let mut text = "[answers]\n".to_owned();
    let field = best(&is_answer, None);
    match field {
        Some(field) => line(&mut text, "field", field),
        None => {
            let _ = writeln!(text, "# {MARK}: a list field of leads with the answers.\n#field = 0");
        }
    }
    let but = field.map(|field| field.id);
    let off = if field.is_some() { "" } else { "#" };
    for (name, chosen, what) in [
        ("date_field", pick(found, &["date_time", "date"], DATE), "a field of date and time"),
        ("why_field", pick(found, &["text", "textarea"], WHY), "a text field for the reason in words"),
        ("reason_field", best(&is_reason, but), "a list field with the reasons of a refusal"),
    ] {
        match chosen {
            Some(field) => line(&mut text, &format!("{off}{name}"), field),
            None => {
                let _ = writeln!(text, "# {MARK}: {what}, if there is one.\n#{name} = 0");
            }
        }
    }
    let _ = writeln!(
        text,
        "# A status that means an answer when a lead is moved to it.\n#stages = {{ 0 = \"promise\" }}"
    );
    fields(&mut text, "leads", &found.lead_fields);
    let answer = |choice: &str| Some(known.of_choice(choice).err()?.map(|near| json::name(&near)));
    words(&mut text, "words", field, &answer, answers());
    let reason = |choice: &str| Some(known.of_reason(choice).err()?.map(|near| json::name(&near)));
    let all = RefusalReason::ALL.iter().map(json::name).collect();
    words(&mut text, "reasons", best(&is_reason, but), &reason, all);
    text.trim_end().to_owned()
}

/// Choices whose words nobody knows; `unknown` is `None` for a known one.
fn words(
    text: &mut String,
    table: &str,
    field: Option<&Field>,
    unknown: &dyn Fn(&str) -> Option<Option<String>>,
    all: Vec<String>,
) {
    let choices = field.map(|field| &*field.choices).unwrap_or_default();
    let unknown: Vec<(&String, Option<String>)> =
        choices.iter().filter_map(|choice| Some((choice, unknown(choice)?))).collect();
    if unknown.is_empty() {
        return;
    }
    let _ =
        writeln!(text, "\n# {MARK}: what these choices mean, one of {}.\n[answers.{table}]", all.join(", "));
    for (choice, near) in unknown {
        let choice = quoted(&choice.to_lowercase());
        let _ = match near {
            Some(near) => writeln!(text, "{choice} = {near:?}"),
            None => writeln!(text, "#{choice} = \"\""),
        };
    }
}

fn crm(found: &Found, access: &Access) -> String {
    let mut text = format!("[amocrm]\nurl = {}\naccount_id = {}\n", quoted(access.url), found.account_id);
    let _ = writeln!(text, "auth = {}", auth(access.auth));
    match pick_named(found.lead_fields.iter(), &["text", "numeric", "tracking_data"], ORDER) {
        Some(field) => line(&mut text, "order_number_field", field),
        None => {
            let _ = writeln!(
                text,
                "# {MARK}: a text field of leads for GetCourse's order number.\n#order_number_field = 0"
            );
        }
    }
    match pick_named(found.contact_fields.iter(), &["text"], ZONE) {
        Some(field) => line(&mut text, "zone_field", field),
        None => text.push_str(
            "# A text field of contacts for the client's zone, if there is one.\n#zone_field = 0\n",
        ),
    }
    fields(&mut text, "contacts", &found.contact_fields);
    pipelines(&mut text, found);
    text.push_str("\n[amocrm.loss_reasons]\n");
    let known = Answers::default();
    let mut taken = BTreeSet::new();
    for reason in &found.loss_reasons {
        let name = clean(&reason.name);
        let _ = match known.of_reason(&reason.name).ok().filter(|it| taken.insert(*it)) {
            Some(ours) => writeln!(text, "{} = {} # {name}", json::name(&ours), reason.id),
            None => writeln!(text, "# {} {name}", reason.id),
        };
    }
    let missing: Vec<String> =
        RefusalReason::ALL.iter().filter(|reason| !taken.contains(reason)).map(json::name).collect();
    if !missing.is_empty() {
        let _ = writeln!(text, "# {MARK}: an id for each of {}.", missing.join(", "));
    }
    text.push_str("\n# Ours are call, ask and do.\n[amocrm.task_types]\n");
    let call = found.task_types.iter().find(|kind| called(&kind.name, CALL));
    for kind in &found.task_types {
        let name = clean(&kind.name);
        let _ = match call == Some(kind) {
            true => writeln!(text, "call = {} # {name}", kind.id),
            false => writeln!(text, "# {} {name}", kind.id),
        };
    }
    text.trim_end().to_owned()
}

/// The pipelines that a name speaks for; the first one sells if none says so.
fn pipelines(text: &mut String, found: &Found) {
    let live: Vec<&Pipeline> = found.live_pipelines().collect();
    let sales = live.iter().find(|one| called(&one.name, SALES)).or(live.first()).copied();
    let mut chosen: Vec<(LeadRole, &Pipeline)> =
        sales.map(|one| (LeadRole::Sales, one)).into_iter().collect();
    for (role, words) in ROLES {
        let is_free = |one: &&&Pipeline| called(&one.name, words) && Some(one.id) != sales.map(|it| it.id);
        chosen.extend(live.iter().find(is_free).map(|one| (role, *one)));
    }
    for (role, pipeline) in &chosen {
        let role = role.as_str();
        let _ =
            write!(text, "\n[amocrm.pipelines.{role}]\nid = {} # {}\n", pipeline.id, clean(&pipeline.name));
        let _ = write!(
            text,
            "\n# In the pipeline's order. A stage that you have no status for is left out and passed over; won and lost\n\
             # need no line.\n[amocrm.pipelines.{role}.stages]\n"
        );
        stages(text, &pipeline.statuses);
    }
    for other in live.iter().filter(|one| !chosen.iter().any(|(_, it)| it.id == one.id)) {
        let _ = writeln!(text, "\n# No role yet: pipeline {} {}", other.id, clean(&other.name));
        for status in &other.statuses {
            let _ = writeln!(text, "#   {} {}", status.id, clean(&status.name));
        }
    }
}

fn stages(text: &mut String, statuses: &[Named]) {
    let is_open = |status: &&Named| !CLOSED.iter().any(|(_, id)| *id == status.id);
    let open: Vec<&Named> =
        statuses.iter().filter(is_open).filter(|one| !called(&one.name, &[UNSORTED])).collect();
    let mut taken: BTreeSet<Stage> = BTreeSet::new();
    let meant = |status: &Named| {
        STAGES.iter().find(|(_, words)| called(&status.name, words)).map(|(stage, _)| *stage)
    };
    // A new lead needs a place, whatever it is called.
    let has_new = open.iter().any(|status| meant(status) == Some(Stage::New));
    for (index, status) in open.iter().enumerate() {
        let stage = if index == 0 && !has_new { Some(Stage::New) } else { meant(status) };
        let name = clean(&status.name);
        let _ = match stage.filter(|stage| taken.insert(*stage)) {
            Some(stage) => writeln!(text, "{} = {} # {name}", json::name(&stage), status.id),
            None => writeln!(text, "# {MARK}: is {} {name} one of them?", status.id),
        };
    }
    let left = STAGES.iter().rev().filter(|(stage, _)| !taken.contains(stage));
    let left: Vec<String> = left.map(|(stage, _)| json::name(stage)).collect();
    if !left.is_empty() {
        let _ = writeln!(text, "# Without a status: {}.", left.join(", "));
    }
}

/// All fields of one kind of card, for looking up.
fn fields(text: &mut String, of: &str, fields: &[Field]) {
    if !fields.is_empty() {
        let _ = writeln!(text, "# Fields of {of}:");
    }
    for field in fields {
        let _ = writeln!(text, "#   {} {} ({})", field.id, clean(&field.name), clean(&kind(field)));
    }
}

fn pick<'a>(found: &'a Found, kinds: &[&str], words: &[&str]) -> Option<&'a Field> {
    let named = pick_named(found.lead_fields.iter(), kinds, words);
    // A date field of any name will do.
    let any =
        || found.lead_fields.iter().find(|field| kinds.contains(&"date_time") && field.kind == "date_time");
    named.or_else(any)
}

fn pick_named<'a>(
    mut fields: impl Iterator<Item = &'a Field>,
    kinds: &[&str],
    words: &[&str],
) -> Option<&'a Field> {
    fields.find(|field| is(field, kinds) && called(&field.name, words))
}

fn is(field: &Field, kinds: &[&str]) -> bool {
    kinds.contains(&&*field.kind)
}

fn called(name: &str, words: &[&str]) -> bool {
    let name = name.to_lowercase();
    words.iter().any(|word| name.contains(word))
}

fn line(text: &mut String, key: &str, field: &Field) {
    let _ = writeln!(text, "{key} = {} # {}", field.id, clean(&field.name));
}

fn auth(auth: &Auth) -> String {
    match auth {
        Auth::LongLived { token } => format!("{{ by = \"long_lived\", token = {} }}", source(token)),
        Auth::Oauth { client_id, client_secret, redirect_uri } => format!(
            "{{ by = \"oauth\", client_id = {}, client_secret = {}, redirect_uri = {} }}",
            quoted(client_id),
            source(client_secret),
            quoted(redirect_uri)
        ),
    }
}

fn source(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("{{ env = {} }}", quoted(name)),
        SecretSource::File(path) => format!("{{ file = {} }}", quoted(&path.display().to_string())),
    }
}

/// A text as TOML writes it.
pub fn quoted(text: &str) -> String {
    toml::Value::String(clean(text)).to_string()
}

/// A name of the account on one line.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
