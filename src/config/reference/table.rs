//! The texts of the printed reference: one line per key, in the order of the structs. Never states a default:
//! those are read from the structs when the reference is printed. Enter at [`sections`].

use std::sync::LazyLock;

use super::process::PROCESS;
use crate::platform::entry::{CallerId, Platform, PlatformKind};
pub use crate::platform::reference::{Key, key};
use crate::platforms::{self, ALL};

/// A table of a file.
pub struct Section {
    pub file: File,
    /// Path of the table as written in the file, `amocrm.pipelines.<role>`; empty for the top of the file.
    pub path: &'static str,
    pub about: &'static str,
    pub keys: &'static [Key],
}

/// The file of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum File {
    Instance,
    School,
    Process,
    Text,
}

impl File {
    pub fn name(self) -> &'static str {
        match self {
            Self::Instance => "dozvon.toml",
            Self::School => "schools/<school>/school.toml",
            Self::Process => "schools/<school>/process/default.toml",
            Self::Text => "schools/<school>/texts/<name>.txt",
        }
    }
}

/// All files, section by section: the platforms' own sections follow the school's.
pub fn sections() -> impl Iterator<Item = &'static Section> {
    INSTANCE.iter().chain(&*SCHOOL).chain(PROCESS).chain(TEXT)
}

/// The keys at the top of a school's file.
pub fn school_keys() -> &'static [Key] {
    SCHOOL.first().map_or(&[], |top| top.keys)
}

/// The texts that depend on the list of platforms are built once per run.
static SCHOOL: LazyLock<Vec<Section>> = LazyLock::new(|| {
    let top = Section {
        file: File::School,
        path: "",
        about: "One school. A secret is written as { env = \"NAME\" } or { file = \"/path\" }.",
        keys: top_keys().leak(),
    };
    let routes = Section {
        file: File::School,
        path: "[routes]",
        about: "The settings for some of the orders (G1–G7, G10). The first route from the top whose conditions hold applies; one without `when`, `offers` and `line` is for all other orders.",
        keys: route_keys().leak(),
    };
    let (before, behind) = FIXED.split_at(1);
    let fixed = |section: &Section| Section { ..*section };
    let platforms = ALL.iter().flat_map(|platform| platform.sections).map(|section| Section {
        file: File::School,
        path: section.path,
        about: section.about,
        keys: section.keys,
    });
    let head = std::iter::once(top).chain(before.iter().map(fixed)).chain([routes]);
    head.chain(behind.iter().map(fixed)).chain(platforms).collect()
});

fn top_keys() -> Vec<Key> {
    let (channels, others): (Vec<&Platform>, Vec<&Platform>) =
        ALL.iter().partition(|platform| platform.kind == PlatformKind::Channel);
    let table = |platform: &Platform| {
        let about = format!("See [{}]. {}", platform.name, platform.absent);
        key(platform.name, "table", about.trim().to_owned().leak())
    };
    let lines: Vec<&str> = platforms::lines().map(|platform| platform.name).collect();
    let calls_by = key(
        "calls_by",
        lines.join(" | ").leak(),
        "The provider that starts calls (D9). Absent: the only one that can.",
    );
    let keys = TOP.iter().copied().chain(others.into_iter().map(table)).chain([calls_by]);
    keys.chain(channels.into_iter().map(table)).collect()
}

/// The list of platforms states which providers allow a choice of the caller ID.
fn route_keys() -> Vec<Key> {
    let titles: Vec<&str> = ALL
        .iter()
        .filter_map(|platform| match platform.kind {
            PlatformKind::Line { title, caller_id: CallerId::Chosen } => Some(title),
            _ => None,
        })
        .collect();
    let about = format!(
        "Our line, +7…, that the client sees when the bridge starts the call (D8); {} let it be chosen.",
        titles.join(" and ")
    );
    let caller_id = key("caller_id", "text", about.leak());
    let (before, behind) = ROUTE.split_at(4);
    before.iter().copied().chain([caller_id]).chain(behind.iter().copied()).collect()
}

const INSTANCE: &[Section] = &[
    Section {
        file: File::Instance,
        path: "",
        about: "The instance. An environment variable overrides its key.",
        keys: &[
            key("listen", "address and port", "Where the program listens."),
            key(
                "operation",
                "address and port",
                "Where the people who run the bridge ask: /livez, /readyz, /metrics, /health. Not for the public.",
            ),
            key("url", "https address", "At which the platforms reach the bridge; http only for loopback."),
            key(
                "proxies",
                "list of addresses or networks",
                "The proxies in front of it, as in 127.0.0.1 or 10.0.0.0/8: only what they say of a request's sender is believed.",
            ),
            key(
                "store",
                "redis address",
                "Absent: the embedded store. One with a password belongs into DOZVON_STORE.",
            ),
            key(
                "data",
                "folder",
                "The embedded store and kept tokens. A relative one begins at this file; one in DOZVON_DATA or `--data` where the program starts. `check` prints the whole path.",
            ),
            key("log", "text", "What is logged: a level, or `dozvon=debug,info`."),
            key("log_format", "text | json", "How it is logged."),
            key("limits", "table", "See [limits]."),
            key("notify", "table", "See [notify]."),
        ],
    },
    Section {
        file: File::Instance,
        path: "limits",
        about: "Bounds of the instance.",
        keys: &[
            key("body_s", "seconds", "Within which a request's body has to arrive."),
            key(
                "drain_s",
                "seconds",
                "For finishing work in progress when the program stops. Requests are taken until then.",
            ),
            key("raw_days", "days", "For which requests and the content of dead letters are kept."),
            key(
                "ended_days",
                "days",
                "For which ended orders, calls, and id and reason of dead letters are kept.",
            ),
            key("spool_mb", "mebibytes", "Disk space for requests that wait for the store; 0: refuse them."),
            key(
                "school_per_minute",
                "requests per minute",
                "That a school accepts, and twice as many at once; each 4 KiB count as one. More: 429, a trouble.",
            ),
            key("peer_per_minute", "requests per minute", "The same from one sender."),
        ],
    },
    Section {
        file: File::Instance,
        path: "notify",
        about: "Who is told of a trouble and of its end; of one account or school one notice of a kind per hour.",
        keys: &[
            key(
                "webhook",
                "secret",
                "An https address, which may contain a key: gets each notice as JSON, signed. Together with `key`.",
            ),
            key(
                "key",
                "secret",
                "Key of the signature: HMAC-SHA256 of `dozvon-timestamp`, a point, the body.",
            ),
            key("emails", "list of addresses", "They get a letter through the school's [mail]."),
        ],
    },
];

/// The top of a school's file, without its platforms.
const TOP: &[Key] = &[
    key("name", "text, required", "The school's name for clients."),
    key(
        "zone",
        "IANA zone, required",
        "The school's time zone, also used for clients whose zone is unknown (D13).",
    ),
    key(
        "secrets",
        "list of 1 or 2 secrets, required",
        "Part of the addresses that platforms call; the new one first. 16 characters or more of a-z A-Z 0-9 - _.",
    ),
    key(
        "old_addresses",
        "true | false",
        "Serve also the addresses of before, whose secret opens all platforms. false, when the ones that `dozvon url` prints stand everywhere.",
    ),
    key("managers", "tables", "See [managers.<name>]."),
    key("routes", "list of tables", "See [[routes]]."),
    key("dictionaries", "tables", "See [dictionaries.<name>]."),
    key("answers", "table", "See [answers]."),
    key("calendar", "table", "See [calendar]."),
];

/// A route, without `caller_id`.
const ROUTE: &[Key] = &[
    key("name", "text, required", "Name of the route, shown in the journal."),
    key(
        "when",
        "expression",
        "A condition in the language of templates (G10), \"offer in ['551'] and source.utm_medium == 'cpc' and cost_sum >= 30000\". Texts: offer (each of the order's in turn), positions, author (client, manager), line, source.utm_source, source.form, source.page, source.promocode, source.city and any other label. Number: cost_sum. Lists: offers, tags, groups; 'x' in groups. What nobody has told makes it false, also under `not`, and the journal says so. Told is what a report carried, also as an empty text; of the utm marks all are told as soon as one is.",
    ),
    key(
        "offers",
        "list of text",
        "Short for `when`: one of these offers. Each in one route without `when` only.",
    ),
    key("line", "text", "Short for `when`: our line, +7…, whose unknown callers get this route (L8)."),
    key("credit", "true | false", "Bought on credit: the long self-payment pause (L2)."),
    key("lead_name", "template", "Lead's name (G2)."),
    key(
        "price",
        "expression",
        "Lead's price (G2), \"cost_sum * 0.9\" or a number in quotes. Absent: the order's sum.",
    ),
    key("tags", "list of text", "Tags of the lead (G3)."),
    key("fields", "field id = template", "Fields of the lead (G2)."),
    key("set", "dictionary = template", "Values of [dictionaries.<name>] for the order and its lead (G10)."),
    key(
        "contact_name",
        "template",
        "Name of a new contact (G7). Absent, or empty for this client: the client's own name.",
    ),
    key("contact_responsible", "manager", "Of a new contact (G7). Absent: the lead's responsible."),
    key("contact_fields", "field id = template", "Fields of the contact (G7)."),
    key(
        "pipeline",
        "number",
        "Pipeline of a new lead (G1): one of [amocrm.sales_pipelines.<name>]. Absent: that of [amocrm.pipelines.sales]. A lead stays where it was made.",
    ),
    key("stage", "stage", "Of a new lead (G1): new, in_work, dialling, talked, promised, part_paid."),
    key(
        "responsible",
        "table",
        "Who is responsible (G4), see below; the client's present manager comes first (L8).",
    ),
    key("note", "true | false", "Write the note with the source's facts (G5)."),
    key(
        "task",
        "name of a text | table",
        "The first task (G6): the name of its text, or see [routes.task]. Absent: task_first_call.",
    ),
];

/// Sections of the school's file; routes follow the first.
const FIXED: &[Section] = &[
    Section {
        file: File::School,
        path: "managers.<name>",
        about: "A manager; choose a short name of a-z 0-9 - _.",
        keys: &[
            key("name", "text, required", "Name for clients and colleagues."),
            key(
                "head",
                "true | false",
                "Head of sales: gets what no manager can take. There must be exactly one.",
            ),
            key("active", "true | false", "Takes part in queues; false for a manager who is away."),
            key("amocrm", "number", "User id in amoCRM; required for active managers if amoCRM is set up."),
            key("getcourse", "number", "User id in GetCourse."),
            key("email", "text", "E-mail in GetCourse, by which an order's manager is recognised."),
            key("extension", "text", "Extension in the telephony."),
        ],
    },
    Section {
        file: File::School,
        path: "routes.responsible",
        about: "{ by = \"load\" } the least loaded of all; { by = \"fixed\", manager = … } always this one; { by = \"queue\", managers = [ … ] } the least loaded of these; { by = \"product\", offers = { … } } by offer id; { by = \"free_pool\" } who takes it first (L9).",
        keys: &[
            key(
                "by",
                "load | fixed | queue | product | free_pool, required",
                "How the responsible is chosen.",
            ),
            key("manager", "manager", "With fixed."),
            key("managers", "list of managers", "With queue."),
            key("offers", "offer id = manager", "With product; other offers go to the least loaded."),
        ],
    },
    Section {
        file: File::School,
        path: "routes.task",
        about: "The first task of an order, after the pause (G6).",
        keys: &[
            key(
                "text",
                "name of a text",
                "A shipped task_… or one of texts/ whose name begins with task_. Absent: task_first_call.",
            ),
            key("to", "manager", "Whose it is. Absent, or away: the order's responsible."),
            key(
                "minutes",
                "working minutes",
                "Until its deadline; 0: at once. A call that the bridge starts (`start_calls`) begins then.",
            ),
        ],
    },
    Section {
        file: File::School,
        path: "dictionaries.<name>",
        about: "What a route may set on its orders (G10): source_kind, client_kind; the name is yours.",
        keys: &[
            key("field", "field id", "Lead's field that shows the value."),
            key("values", "list of text, required", "All values that there are."),
        ],
    },
    Section {
        file: File::School,
        path: "answers",
        about: "How a manager answers «Что дальше?» (L13). Answers: call_back, promise, instalment, long_cycle, doubt, special_terms, own_try, refusal, duplicate, mistake, wrong_number, paid, returned, stays, reached, not_reached.",
        keys: &[
            key(
                "field",
                "field id",
                "Lead's list field with the answer; its choices begin with the words below. Cleared after use.",
            ),
            key("date_field", "field id", "Lead's date-and-time field with the promised time."),
            key("why_field", "field id", "Lead's text field «почему»."),
            key("reason_field", "field id", "Lead's list field with the reason of a refusal (R1)."),
            key(
                "words",
                "words = answer",
                "First words of a choice or of a task's result, in addition to the built-in ones, which they override.",
            ),
            key("stages", "status id = answer", "A move to this status is the answer."),
            key(
                "reasons",
                "words = reason",
                "Words of a refusal's reason, added to the built-in ones: price, timing, instalment, format, not_now, thinking, competitor, not_reached.",
            ),
        ],
    },
    Section {
        file: File::School,
        path: "calendar",
        about: "The school's additions to the built-in production calendar (D13).",
        keys: &[
            key(
                "weekdays",
                "list of 1 to 7",
                "Working weekdays, Monday is 1: the team works on them only, and the bridge starts calls on them only. Empty: Monday to Friday.",
            ),
            key("nonworking", "list of YYYY-MM-DD", "Further days off."),
            key("working", "list of YYYY-MM-DD", "Additional working days."),
        ],
    },
];

const TEXT: &[Section] = &[Section {
    file: File::Text,
    path: "",
    about: "A text of the library, or a school's replacement (M1, M2): a head of `key: value` lines, an empty line, the text with `{{ variables }}`.",
    keys: &[
        key("title", "text", "What people call it. Absent: the shipped text's title, or the name."),
        key("subject", "template", "For letters only, and required there."),
        key("owner", "text, required", "Who is responsible for the text."),
        key("review", "YYYY-MM, required", "The month of the next review."),
        key("purpose", "transactional | service | advertising", "For letters only, and required there (M6)."),
    ],
}];
