//! A school's settings for its amoCRM account. Enter at [`Settings`].

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::platform::reference::{Section, key};
use crate::process::command::TaskKind;
use crate::process::{LeadRole, RefusalReason, Stage};
use crate::secret::SecretSource;

/// `[amocrm]` in `school.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The account's own address, `https://name.amocrm.ru`.
    pub url: String,
    /// The account's numeric id: webhooks of another account are refused. Without it webhooks of every
    /// account are accepted, and the secret in the address is the only check.
    #[serde(default)]
    pub account_id: Option<u64>,
    pub auth: Auth,
    /// Pipelines by role: `sales` is required, `fulfilment` and `revival` are optional.
    pub pipelines: BTreeMap<LeadRole, Pipeline>,
    /// Further pipelines for first sales, by a name of the school's own: routes choose them by their id (G1).
    #[serde(default)]
    pub sales_pipelines: BTreeMap<String, Pipeline>,
    /// Lead's text field for the GetCourse order number: the natural key of a lead.
    #[serde(default)]
    pub order_number_field: Option<u64>,
    /// Contact's text field for the client's IANA zone (D13).
    #[serde(default)]
    pub zone_field: Option<u64>,
    /// Our reasons → ids of the account's loss reasons.
    #[serde(default)]
    pub loss_reasons: BTreeMap<RefusalReason, u64>,
    /// Our kinds of tasks → ids of the account's task types; 1 is «Звонок», 2 «Встреча».
    #[serde(default)]
    pub task_types: BTreeMap<TaskKind, u64>,
    /// Stages in which a lead created by a seller enters the process (G9). Empty: none.
    #[serde(default)]
    pub by_hand: Vec<Stage>,
    /// ISO code of the currency in which the account keeps its leads. A sum in another one is a note.
    #[serde(default = "currency")]
    pub currency: String,
    /// Minutes between two reads of the account's event log; 0 switches it off.
    #[serde(default = "look_back_min")]
    pub look_back_min: u32,
    /// Requests per second; the platform allows 7.
    #[serde(default = "requests_per_second")]
    pub requests_per_second: f64,
    /// Timeout of one request, in seconds.
    #[serde(default = "timeout_s")]
    pub timeout_s: u64,
}

impl Settings {
    /// The pipeline of a role; `further` is the id of a sales pipeline that is not the usual one.
    pub fn pipeline(&self, role: LeadRole, further: Option<u64>) -> Option<&Pipeline> {
        let usual = self.pipelines.get(&role);
        match further.filter(|_| role == LeadRole::Sales) {
            None => usual,
            Some(id) => self.sales().find(|pipeline| pipeline.id == id),
        }
    }

    /// The pipelines for first sales, the usual one first.
    pub fn sales(&self) -> impl Iterator<Item = &Pipeline> {
        self.pipelines.get(&LeadRole::Sales).into_iter().chain(self.sales_pipelines.values())
    }

    /// All pipelines with their keys in the file.
    pub fn all_pipelines(&self) -> impl Iterator<Item = (String, &Pipeline)> {
        let by_role =
            self.pipelines.iter().map(|(role, one)| (format!("amocrm.pipelines.{}", role.as_str()), one));
        let further = self.sales_pipelines.iter();
        by_role.chain(further.map(|(name, one)| (format!("amocrm.sales_pipelines.{name}"), one)))
    }

    /// A sales pipeline as commands and events name it: nothing for the usual one.
    pub fn further(&self, pipeline: u64) -> Option<u64> {
        let usual = self.pipelines.get(&LeadRole::Sales).is_some_and(|usual| usual.id == pipeline);
        (!usual).then_some(pipeline)
    }
}

fn currency() -> String {
    "RUB".to_owned()
}

fn look_back_min() -> u32 {
    10
}

fn requests_per_second() -> f64 {
    6.0
}

fn timeout_s() -> u64 {
    20
}

/// One pipeline and its statuses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    pub id: u64,
    /// Our stages → the pipeline's status ids; `won` and `lost` are 142 and 143 in every pipeline
    /// and need no entry. A stage without an entry is skipped.
    pub stages: BTreeMap<Stage, u64>,
}

/// How the bridge signs in.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// A long-lived token made in the account's own integration.
    LongLived { token: SecretSource },
    /// OAuth with a rotating refresh token; the callback of the consent brings the first pair.
    Oauth {
        client_id: String,
        client_secret: SecretSource,
        /// The redirect address registered for the integration.
        redirect_uri: String,
    },
}

/// The reference texts of its tables.
pub const SECTIONS: &[Section] = &[
    Section {
        path: "amocrm",
        about: "The amoCRM account. `dozvon discover` prints its ids.",
        keys: &[
            key("url", "https address, required", "The account's own, https://name.amocrm.ru."),
            key(
                "account_id",
                "number",
                "The account's id; `check` and the start refuse a school without it, because webhooks of other accounts would be taken, too. `dozvon discover` prints it.",
            ),
            key("auth", "table, required", "See [amocrm.auth]."),
            key("pipelines", "tables, required", "See [amocrm.pipelines.<role>]; `sales` is required."),
            key("sales_pipelines", "tables", "See [amocrm.sales_pipelines.<name>]."),
            key(
                "order_number_field",
                "field id",
                "Lead's text field for GetCourse's order number, by which leads are found.",
            ),
            key("zone_field", "field id", "Contact's text field with the client's IANA zone (D13)."),
            key("loss_reasons", "reason = id", "Our reasons → the account's loss reasons (R1)."),
            key("task_types", "kind = id", "call, ask, do → the account's task types; 1 is «Звонок»."),
            key(
                "by_hand",
                "list of stages",
                "A lead that a manager creates in one of these enters the process (G9). Empty: none.",
            ),
            key(
                "currency",
                "ISO code",
                "Currency of the leads; a sum in another one is a note, not a price.",
            ),
            key("look_back_min", "minutes", "Between two reads of the account's event log. 0: off."),
            key(
                "requests_per_second",
                "number",
                "Budget of the account over all instances; amoCRM allows 7.",
            ),
            key("timeout_s", "seconds", "Timeout of one request."),
        ],
    },
    Section {
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
        path: "amocrm.pipelines.<role>",
        about: "A pipeline; roles are sales, fulfilment and revival.",
        keys: &[
            key("id", "number, required", "The pipeline."),
            key(
                "stages",
                "stage = status id, required",
                "new, in_work, dialling, talked, promised, part_paid; a missing one is skipped. Won and lost are always 142 and 143.",
            ),
        ],
    },
    Section {
        path: "amocrm.sales_pipelines.<name>",
        about: "A further pipeline for first sales, which a route names by its id (G1); the name is yours.",
        keys: &[
            key("id", "number, required", "The pipeline."),
            key("stages", "stage = status id, required", "As in [amocrm.pipelines.<role>]."),
        ],
    },
];
