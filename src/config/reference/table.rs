//! The words of the printed reference: one line a key, in the order of the structs.
//! Never says a default: those are read from the structs when the reference is printed.
//! Enter at [`SECTIONS`].

/// A table of a file.
pub struct Section {
    pub file: File,
    /// Path of the table as it is written, `amocrm.pipelines.<role>`; empty: the top of the file.
    pub path: &'static str,
    pub about: &'static str,
    pub keys: &'static [Key],
}

/// Which file a section stands in.
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

/// One key. A `kind` that ends in `, required` has no default.
pub struct Key {
    pub name: &'static str,
    pub kind: &'static str,
    pub about: &'static str,
}

impl Key {
    pub fn required(&self) -> bool {
        self.kind.ends_with(", required")
    }
}

const fn key(name: &'static str, kind: &'static str, about: &'static str) -> Key {
    Key { name, kind, about }
}

/// All files, section by section.
pub fn sections() -> impl Iterator<Item = &'static Section> {
    INSTANCE.iter().chain(SCHOOL).chain(PLATFORMS).chain(PROCESS).chain(TEXT)
}

const INSTANCE: &[Section] = &[
    Section {
        file: File::Instance,
        path: "",
        about: "The instance. A variable of the environment wins over its key.",
        keys: &[
            key("listen", "address and port", "Where the program listens."),
            key(
                "url",
                "https address",
                "Under which the platforms reach the bridge; http only for loopback.",
            ),
            key(
                "store",
                "redis address",
                "Absent: the embedded store. One with a password belongs into DOZVON_STORE.",
            ),
            key(
                "data",
                "folder",
                "The embedded store, the spool and kept tokens; relative to where the program starts.",
            ),
            key("log", "text", "What is logged: a level, or `dozvon=debug,info`."),
            key("log_format", "text | json", "How it is logged."),
            key("limits", "table", "See [limits]."),
        ],
    },
    Section {
        file: File::Instance,
        path: "limits",
        about: "Bounds of the instance.",
        keys: &[
            key("body_s", "seconds", "In which a request's body has to arrive."),
            key("spool_mb", "megabytes", "Accepted requests kept on disk while the store is away."),
            key("drain_s", "seconds", "That running work has when the program is told to stop."),
            key("raw_days", "days", "That requests are kept as they came."),
            key("ended_days", "days", "That an ended order is kept."),
        ],
    },
];

const SCHOOL: &[Section] = &[
    Section {
        file: File::School,
        path: "",
        about: "One school. A secret is written as { env = \"NAME\" } or { file = \"/path\" }.",
        keys: &[
            key("name", "text, required", "The school's name as clients know it."),
            key(
                "zone",
                "IANA zone, required",
                "The school's zone; a client without a known zone lives in it too (D13).",
            ),
            key(
                "secrets",
                "list of 1 or 2 secrets, required",
                "Stand in the addresses that platforms call; the new one first. 16 characters or more of a-z A-Z 0-9 - _.",
            ),
            key("managers", "tables", "See [managers.<name>]."),
            key("routes", "list of tables", "See [[routes]]."),
            key("answers", "table", "See [answers]."),
            key("calendar", "table", "See [calendar]."),
            key("getcourse", "table", "See [getcourse]. Absent: no orders come in."),
            key("amocrm", "table", "See [amocrm]. Absent: no leads and no tasks."),
            key("mango", "table", "See [mango]. Absent: calls are not seen."),
            key("mail", "table", "See [mail]. Absent: no letters."),
        ],
    },
    Section {
        file: File::School,
        path: "managers.<name>",
        about: "A seller; the name is a short one of your own, a-z 0-9 - _.",
        keys: &[
            key("name", "text, required", "Name as clients and colleagues see it."),
            key("head", "true | false", "Head of sales: gets what nobody else can take. Exactly one is."),
            key("active", "true | false", "Takes part in queues; false for who is away."),
            key(
                "amocrm",
                "number",
                "User id in amoCRM; required for active managers where amoCRM is set up.",
            ),
            key("getcourse", "number", "User id in GetCourse."),
            key("email", "text", "E-mail in GetCourse, by which an order's manager is recognised."),
            key("extension", "text", "Extension in the telephony."),
        ],
    },
    Section {
        file: File::School,
        path: "[routes]",
        about: "What is done with an offer or a line (G1–G7). The first route that takes one of the order's offers counts; one route without `offers` and `line` takes the rest.",
        keys: &[
            key("name", "text, required", "Name of the route, shown in the journal."),
            key(
                "offers",
                "list of text",
                "Offer ids of GetCourse that take this route; each in one route only.",
            ),
            key("line", "text", "Our line, +7…, whose unknown callers take this route (L8)."),
            key("credit", "true | false", "Bought on credit: the long self-payment pause (L2)."),
            key("lead_name", "template", "Lead's name (G2)."),
            key("tags", "list of text", "Tags of the lead (G3)."),
            key("fields", "field id = template", "Fields of the lead (G2)."),
            key("contact_fields", "field id = template", "Fields of the contact (G7)."),
            key("stage", "stage", "Of a new lead (G1): new, in_work, dialling, talked, promised, part_paid."),
            key(
                "responsible",
                "table",
                "Who is responsible (G4), see below; the client's own manager comes first (L8).",
            ),
            key("note", "true | false", "Write the note with the source's facts (G5)."),
            key("task", "name of a text", "Text of the first task (G6). Absent: task_first_call."),
        ],
    },
    Section {
        file: File::School,
        path: "routes.responsible",
        about: "{ by = \"load\" } the least loaded of all; { by = \"fixed\", manager = … } always this one; { by = \"queue\", managers = [ … ] } the least loaded of these; { by = \"product\", offers = { … } } by offer id; { by = \"free_pool\" } who takes it first (L9).",
        keys: &[
            key("by", "load | fixed | queue | product | free_pool, required", "How a responsible is found."),
            key("manager", "manager", "With fixed."),
            key("managers", "list of managers", "With queue."),
            key("offers", "offer id = manager", "With product; other offers go to the least loaded."),
        ],
    },
    Section {
        file: File::School,
        path: "answers",
        about: "How a manager answers «Что дальше?» (L13). Answers: call_back, promise, instalment, long_cycle, doubt, special_terms, own_try, refusal, duplicate, mistake, wrong_number, paid, reached, not_reached.",
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
                "First words of a choice or of a task's result; added to the built-in ones and stronger than they.",
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
        about: "What the school adds to the built-in production calendar (D13).",
        keys: &[
            key(
                "weekdays",
                "list of 1 to 7",
                "Weekdays that the school works, Monday is 1. Empty: Monday to Friday.",
            ),
            key("nonworking", "list of YYYY-MM-DD", "Further days off."),
            key(
                "working",
                "list of YYYY-MM-DD",
                "Days that are worked although the calendar says otherwise.",
            ),
        ],
    },
];

const PLATFORMS: &[Section] = &[
    Section {
        file: File::School,
        path: "getcourse",
        about: "The GetCourse account.",
        keys: &[
            key(
                "url",
                "https address, required",
                "That the school really serves: redirects are not followed.",
            ),
            key(
                "school_key",
                "secret",
                "The school's API key. Absent: webhooks are taken, nothing is read or written.",
            ),
            key("developer_key", "secret", "The developer's key of the Tech API."),
            key(
                "payments",
                "read_back | trust",
                "Ask GetCourse before a payment is believed, or take the webhook's word. Absent: read_back with both keys, else trust.",
            ),
            key("zone", "IANA zone", "In which GetCourse writes its times."),
            key(
                "fields",
                "our field = parameter",
                "Names in the school's own addresses, where they differ from those that `dozvon url` prints.",
            ),
            key("comment_author", "user id", "By whom comments are written."),
            key(
                "cancel_reasons",
                "our word = reason id",
                "Reasons of cancellation in the account's dictionary.",
            ),
            key("requests_per_second", "number", "Budget; GetCourse publishes no limit."),
            key("timeout_s", "seconds", "That one request may take in all."),
        ],
    },
    Section {
        file: File::School,
        path: "amocrm",
        about: "The amoCRM account. `dozvon discover` prints its ids.",
        keys: &[
            key("url", "https address, required", "The account's own, https://name.amocrm.ru."),
            key(
                "account_id",
                "number",
                "Webhooks of another account are refused by it. Absent: the secret in the address is the only check.",
            ),
            key("auth", "table, required", "See [amocrm.auth]."),
            key("pipelines", "tables, required", "See [amocrm.pipelines.<role>]; `sales` is required."),
            key(
                "order_number_field",
                "field id",
                "Lead's text field with GetCourse's order number: by it a lead is found again.",
            ),
            key("zone_field", "field id", "Contact's text field with the client's IANA zone (D13)."),
            key("loss_reasons", "reason = id", "Our reasons → the account's loss reasons (R1)."),
            key("task_types", "kind = id", "call, ask, do → the account's task types; 1 is «Звонок»."),
            key(
                "requests_per_second",
                "number",
                "Budget of the account over all instances; amoCRM allows 7.",
            ),
            key("timeout_s", "seconds", "That one request may take in all."),
        ],
    },
    Section {
        file: File::School,
        path: "amocrm.auth",
        about: "{ by = \"long_lived\", token = secret } or { by = \"oauth\", client_id = …, client_secret = secret, redirect_uri = … }; `dozvon url` prints the redirect address.",
        keys: &[
            key("by", "long_lived | oauth, required", "How the bridge signs in."),
            key("token", "secret", "With long_lived: made in the account's own integration."),
            key("client_id", "text", "With oauth."),
            key("client_secret", "secret", "With oauth."),
            key(
                "redirect_uri",
                "https address",
                "With oauth: as the integration was registered, byte for byte.",
            ),
        ],
    },
    Section {
        file: File::School,
        path: "amocrm.pipelines.<role>",
        about: "A pipeline; roles are sales, fulfilment and revival.",
        keys: &[
            key("id", "number, required", "The pipeline."),
            key(
                "stages",
                "stage = status id, required",
                "new, in_work, dialling, talked, promised, part_paid; one left out is passed over. Won and lost are 142 and 143 everywhere.",
            ),
        ],
    },
    Section {
        file: File::School,
        path: "mango",
        about: "The Mango Office VPBX.",
        keys: &[
            key("api_key", "secret, required", "The unique VPBX code."),
            key("api_salt", "secret, required", "The signing key."),
            key(
                "final_wait_s",
                "seconds",
                "After the last leg's end in which the final record should come; then the legs are believed.",
            ),
        ],
    },
    Section {
        file: File::School,
        path: "mail",
        about: "The mail server for letters.",
        keys: &[
            key("host", "text, required", "Name of the server."),
            key("port", "number", "465 with wrapped, 587 with starttls."),
            key("tls", "starttls | wrapped | none", "Protection on the way; none only for loopback."),
            key("user", "text", "Absent: no sign-in."),
            key("password", "secret", "Together with `user`."),
            key("from", "address, required", "Школа «Рост» <order@school.example>."),
            key("reply_to", "address", "Where answers go. Absent: to `from`."),
            key("letters_per_second", "number", "Budget of the server."),
            key("timeout_s", "seconds", "That one letter may take in all."),
        ],
    },
];

const PROCESS: &[Section] = &[
    Section {
        file: File::Process,
        path: "arrival",
        about: "An order comes (L1–L3, L7–L11).",
        keys: &[
            key("confirmation", "true | false", "Send the confirmation with the payment link (L1)."),
            key("pause_minutes", "minutes", "Nobody calls for so long after an order (L2)."),
            key("credit_pause_hours", "hours", "The same for routes with `credit = true` (L2)."),
            key("short_path", "true | false", "Orders made by a manager take the short path (L3)."),
            key(
                "fold_duplicates",
                "true | false",
                "Fold a younger unpaid order of the same client and offer into the older (L7).",
            ),
            key("keep_manager", "true | false", "A client's orders go to the manager he already has (L8)."),
            key(
                "free_pool_minutes",
                "minutes",
                "After which an order that nobody took goes to the queue (L9).",
            ),
            key("ask_phone", "true | false", "Phone missing or wrong: ask for it everywhere (L11)."),
            key(
                "hand_over",
                "true | false",
                "On a new responsible open tasks move and he gets one with the context (L10).",
            ),
        ],
    },
    Section {
        file: File::Process,
        path: "phone",
        about: "A phone is missing, wrong or unconfirmed (L11, L12).",
        keys: &[
            key("check_days", "days", "Until the task to check (L11)."),
            key("postponed_days", "days", "«Отложен» before the last check (L11)."),
            key("last_days", "working days", "That the last task has before the order is cancelled (L11)."),
            key(
                "check_unconfirmed",
                "true | false",
                "Priority and the checking script for a phone that is not confirmed (L12).",
            ),
        ],
    },
    Section {
        file: File::Process,
        path: "contact",
        about: "When a client may be touched, in his own time (D13).",
        keys: &[
            key("calls", "HH:MM-HH:MM", "Calls on working days."),
            key("calls_off_days", "HH:MM-HH:MM", "Calls on weekends and holidays. Absent: none."),
            key("hard", "HH:MM-HH:MM", "Nothing but what the client asked for leaves these."),
            key("letters", "HH:MM-HH:MM", "Letters of the ladder. Absent: any time."),
            key("spread_minutes", "minutes", "Over which work that falls due at an opening is spread."),
        ],
    },
    Section {
        file: File::Process,
        path: "dialling",
        about: "«Дозваниваемся за 3 дня» (D1–D3, D5, D10–D12).",
        keys: &[
            key(
                "ladder",
                "list of lists",
                "One list a day: `now`, `+20m`, `+2h30m`, or the name of a window (D2).",
            ),
            key("windows", "name = HH:MM-HH:MM", "Named windows in the client's time (D2)."),
            key(
                "every_minutes",
                "minutes",
                "An attempt every so many minutes instead of the ladder; 0 is off.",
            ),
            key("gap_minutes", "minutes", "Least time between two attempts (D2)."),
            key("days", "days", "On which calling was permitted before giving up (D3)."),
            key("attempts_min", "number", "Attempts without a talk before giving up (D3)."),
            key("give_up_hours", "hours", "From the last message to the cancellation (D3)."),
            key(
                "give_up_postpones",
                "true | false",
                "Keep «Отложен» instead of cancelling, so that the order can still be paid (D3).",
            ),
            key("reminder_minutes", "minutes", "The manager's reminder before a promised time (D5)."),
            key("confirm_call_back", "true | false", "Confirm a promised time to the client (D5)."),
            key("missed_minutes", "minutes", "In which a missed incoming call is called back (D11)."),
            key(
                "trust_task_result",
                "true | false",
                "A manager's word counts where telephony saw no call (D10).",
            ),
            key("talk_seconds", "seconds", "Least length of a talk (D12)."),
            key(
                "failed_retry_minutes",
                "minutes",
                "Until a call that failed on our side is tried again (D12).",
            ),
            key("task_minutes", "minutes", "In which a call task must be done."),
        ],
    },
    Section {
        file: File::Process,
        path: "talk",
        about: "After a talk: «Что дальше?» (L13).",
        keys: &[
            key("ask", "true | false", "Ask after a talk, and again while no answer comes."),
            key("answer_minutes", "working minutes", "The manager's time to answer."),
            key("first_answer_seconds", "seconds", "In which a second answer is not taken; the first wins."),
            key("doubt_days", "days", "«Сомневается»: until the touch."),
            key(
                "follow_up_days",
                "working days",
                "Instalment and long cycle: until the manager is asked again.",
            ),
            key("special_hours", "hours", "«Особые условия»: that the head has."),
        ],
    },
    Section {
        file: File::Process,
        path: "promise",
        about: "A promised payment (P1, P2).",
        keys: &[
            key("reminder", "true | false", "Send the reminder with the link on the promised morning (P1)."),
            key("reminder_at", "HH:MM", "When on that day, client's time."),
            key("check_hours", "hours", "Before the evening window at which the payment is checked (P1)."),
            key("redial", "true | false", "Not paid by then: a call task the same day and a new round (P2)."),
        ],
    },
    Section {
        file: File::Process,
        path: "task",
        about: "Deadlines of tasks (L15).",
        keys: &[
            key("watch", "true | false", "Watch deadlines at all."),
            key("late_minutes", "working minutes", "Late → reminder."),
            key("escalate_minutes", "minutes", "Late → another free manager or the head."),
            key(
                "put_back",
                "true | false",
                "A deadline moved later by hand without the client's wish is put back.",
            ),
            key("hours", "HH:MM-HH:MM", "The team's hours, school's time."),
        ],
    },
    Section {
        file: File::Process,
        path: "refusal",
        about: "Refusals (R1, R2).",
        keys: &[
            key("needs_reason", "true | false", "A refusal without a reason and a text is asked about (R1)."),
            key("revival", "true | false", "A new linked lead in the revival pipeline (R2)."),
        ],
    },
    Section {
        file: File::Process,
        path: "payment",
        about: "Payments, whole and in parts (L4, L5, W1).",
        keys: &[
            key("confirm_minutes", "minutes", "Until an unconfirmed payment is read back again."),
            key("part_days", "days", "From a partial payment to the next, where no date is known (L5)."),
            key("part_reminders", "true | false", "Remind of the next part (L5)."),
            key("welcome", "true | false", "Send the receipt and «путь первого дня» (W1)."),
            key("fulfilment", "true | false", "A new linked lead in the fulfilment pipeline (W1)."),
        ],
    },
    Section {
        file: File::Process,
        path: "feed",
        about: "What is written into the lead's feed and into GetCourse (K2, K6).",
        keys: &[
            key("calls", "true | false", "Calls in the lead's feed."),
            key("notes", "true | false", "Messages, payments, statuses and decisions in the lead's feed."),
            key("comments", "true | false", "A comment in GetCourse at each turn."),
            key("forward_only", "true | false", "Stages move forward only (K2)."),
        ],
    },
];

const TEXT: &[Section] = &[Section {
    file: File::Text,
    path: "",
    about: "A text of the library, or a school's own in its place (M1, M2): a head of `key: value` lines, an empty line, the words with `{{ variables }}`.",
    keys: &[
        key("subject", "template", "Letters only, and required there."),
        key("owner", "text, required", "Who answers for the words."),
        key("review", "YYYY-MM, required", "The month in which they are to be read again."),
        key("purpose", "transactional | service | advertising", "Letters only, and required there (M6)."),
    ],
}];
