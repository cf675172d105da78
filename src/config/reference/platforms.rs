//! The words of the printed reference for the platforms of a school. Enter at [`PLATFORMS`].

use super::table::{File, Key, Section, key};

/// The same for every provider of calls.
const STUCK: Key = key("stuck_s", "seconds", "After which a call whose end was never told counts as ended.");

pub const PLATFORMS: &[Section] = &[
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
            key(
                "look_back_min",
                "minutes",
                "Between two rounds of reconciliation by exports (24 requests in 2 h at most); needs `school_key`. 0: off.",
            ),
            key(
                "export_columns",
                "our name = title",
                "Titles of the school's exports where they differ: order_id, number, status, payed, payment_order …",
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
                "by_hand",
                "list of stages",
                "A lead that a seller made by hand in one of these enters the process (G9). Empty: none does.",
            ),
            key("look_back_min", "minutes", "Between two looks at the account's event log. 0: off."),
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
            STUCK,
            key("url", "https address", "Of the API."),
            key("requests_per_second", "number", "Budget; Mango allows 4 call starts."),
            key("look_back_min", "minutes", "Between two looks at the statistics of calls. 0: off."),
            key("timeout_s", "seconds", "That one request may take in all."),
        ],
    },
    Section {
        file: File::School,
        path: "sipuni",
        about: "The Sipuni cabinet. Its events are not signed: the secret in the address is the only check.",
        keys: &[
            key("user", "text, required", "The cabinet's number with its leading zero."),
            key("other_users", "list of text", "Numbers of further cabinets that send to the same address."),
            key(
                "final_wait_s",
                "seconds",
                "After an answered call's end in which the event of its answer should come; then the end alone is believed.",
            ),
            STUCK,
            key("key", "secret", "The integration key. Absent: calls are seen, none is started."),
            key("url", "https address", "Of the API."),
            key("requests_per_second", "number", "Budget; Sipuni publishes no limit."),
            key(
                "look_back_min",
                "minutes",
                "Between two looks at the statistics of calls. 0: off; so without `key`.",
            ),
            key("zone", "IANA zone", "Of the cabinet: statistics write their times in it."),
            key("timeout_s", "seconds", "That one request may take in all; call starts are answered slowly."),
        ],
    },
    Section {
        file: File::School,
        path: "telphin",
        about: "The Telphin account. Its events are not signed: the secret in the address is the only check.",
        keys: &[
            key(
                "extensions",
                "extension = id",
                "Short number → numeric id of the extension: its events are subscribed to, its calls can be started.",
            ),
            key(
                "final_wait_s",
                "seconds",
                "After a call's hang-up in which further legs may come: there is no final record.",
            ),
            STUCK,
            key("client_id", "text", "The application's id. Absent: calls are seen, none is started."),
            key("client_secret", "secret", "The application's secret, together with `client_id`."),
            key("url", "https address", "Of the API; installations differ."),
            key("requests_per_second", "number", "Budget; Telphin publishes no limit."),
            key(
                "look_back_min",
                "minutes",
                "Between two looks at the history of calls. 0: off; so without `client_id`.",
            ),
            key(
                "company",
                "text",
                "In the addresses of the history; `@me` is the application's own company.",
            ),
            key("timeout_s", "seconds", "That one request may take in all."),
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
