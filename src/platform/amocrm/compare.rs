//! What a school's files name and its amoCRM account lacks: ids, types of fields, choices of lists, users. Never
//! asks amoCRM. Enter at [`Found::against`].

use std::collections::BTreeMap;

use super::discover::{Field, Found, Named, Part, Pipeline};
use super::settings::Settings;
use super::wire::{LOST, WON};
use crate::json;
use crate::platform::check::Findings;
use crate::problem::nearest;
use crate::process::definition::{Dictionary, Manager, Route};

/// Most items of the account that a finding names.
const SHOWN_MAX: usize = 8;

/// What the school's files name.
pub struct Wanted<'a> {
    pub settings: &'a Settings,
    pub roster: &'a [Manager],
    pub routes: &'a [Route],
    pub dictionaries: &'a BTreeMap<String, Dictionary>,
    pub answers: WantedAnswers<'a>,
}

/// What `[answers]` names.
pub struct WantedAnswers<'a> {
    pub field: Option<u64>,
    pub date_field: Option<u64>,
    pub why_field: Option<u64>,
    pub reason_field: Option<u64>,
    pub stages: Vec<u64>,
    /// The meaning of a choice of the answer field.
    pub answer: &'a dyn Fn(&str) -> Meaning,
    /// The meaning of a choice of the reason field.
    pub reason: &'a dyn Fn(&str) -> Meaning,
}

/// Whether the school's words know a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    Known,
    /// What a line for it would say, if it resembles a known word; else all that it may mean.
    Unknown {
        nearest: Option<String>,
        all: String,
    },
}

/// What kind of field a key needs.
struct Need {
    kinds: &'static [&'static str],
    said: &'static str,
}

const LIST: Need = Need { kinds: &["select", "radiobutton"], said: "a list field (select)" };
const DATE: Need = Need { kinds: &["date_time", "date"], said: "a field of date and time (date_time)" };
const TEXT: Need = Need { kinds: &["text", "textarea"], said: "a text field" };
const NUMBER: Need = Need { kinds: &["text", "textarea", "numeric", "tracking_data"], said: "a text field" };
const ZONE: Need = Need { kinds: &["text", "textarea", "select", "radiobutton"], said: "a text field" };
/// What a text can be written into (sheet, 3.0).
const WRITABLE: Need = Need {
    kinds: &[
        "text",
        "textarea",
        "numeric",
        "price",
        "streetaddress",
        "tracking_data",
        "monetary",
        "url",
        "select",
        "multiselect",
        "radiobutton",
    ],
    said: "a field that takes a text, a number or a choice",
};

/// The fields of one kind of card, and those of the other one.
struct Fields<'a> {
    own: &'a [Field],
    part: Part,
    other: &'a [Field],
    other_name: &'static str,
}

impl Found {
    /// Everything that the files name and the account lacks, and what nothing will understand.
    pub fn against(&self, wanted: &Wanted, findings: &mut Findings) {
        let settings = wanted.settings;
        if settings.account_id.is_some_and(|id| id != self.account_id) {
            findings.wrong.add("amocrm.account_id", "another account", self.account_id.to_string());
        }
        self.unread(findings);
        self.pipelines(settings, findings);
        self.dictionaries(settings, findings);
        self.users(wanted.roster, findings);
        let leads = self.lead_fields();
        self.field(&leads, "amocrm.order_number_field", settings.order_number_field, &NUMBER, findings);
        let contacts = self.contact_fields();
        self.field(&contacts, "amocrm.zone_field", settings.zone_field, &ZONE, findings);
        self.answers(&wanted.answers, findings);
        for (name, dictionary) in wanted.dictionaries {
            let Some(id) = dictionary.field else { continue };
            for value in &dictionary.values {
                let key = format!("dictionaries.{name}.field");
                self.written(&leads, &key, &id.to_string(), value, findings);
            }
            // A field that is missing is missing for each value.
            findings.wrong.found.dedup();
        }
        for route in wanted.routes {
            for (table, fields, written) in
                [("fields", &leads, &route.fields), ("contact_fields", &contacts, &route.contact_fields)]
            {
                for (id, template) in written {
                    let key = format!("routes.{}.{table}.{id}", route.name);
                    self.written(fields, &key, id, template, findings);
                }
            }
        }
    }

    fn lead_fields(&self) -> Fields<'_> {
        Fields {
            own: &self.lead_fields,
            part: Part::LeadFields,
            other: &self.contact_fields,
            other_name: "contacts",
        }
    }

    fn contact_fields(&self) -> Fields<'_> {
        Fields {
            own: &self.contact_fields,
            part: Part::ContactFields,
            other: &self.lead_fields,
            other_name: "leads",
        }
    }

    /// Nothing is said of what could not be read but this.
    fn unread(&self, findings: &mut Findings) {
        for (part, why) in &self.unread {
            let part = json::name(part).replace('_', " ");
            let allowed = "a token of an administrator, with the whole scope";
            findings.warn.add("amocrm.auth", format!("the {part} could not be compared: {why}"), allowed);
        }
    }

    fn pipelines(&self, settings: &Settings, findings: &mut Findings) {
        for (key, wanted) in settings.all_pipelines() {
            let Some(pipeline) = self.live_pipelines().find(|one| one.id == wanted.id) else {
                let have: Vec<Named> = self.live_pipelines().map(Pipeline::named).collect();
                let archived = self.pipelines.iter().any(|one| one.id == wanted.id);
                let why = if archived { ", it is in the archive" } else { "" };
                let wrong = format!("no pipeline `{}`{why}", wanted.id);
                findings.wrong.add(format!("{key}.id"), wrong, listed(&have, wanted.id));
                continue;
            };
            for (stage, status) in &wanted.stages {
                if matches!(*status, WON | LOST) || has(&pipeline.statuses, *status) {
                    continue;
                }
                let elsewhere = self.live_pipelines().find(|one| has(&one.statuses, *status));
                let elsewhere = elsewhere.map(|one| format!(", it stands in «{}»", one.name));
                let wrong =
                    format!("no status `{status}` in «{}»{}", pipeline.name, elsewhere.unwrap_or_default());
                let key = format!("{key}.stages.{}", json::name(stage));
                findings.wrong.add(key, wrong, listed(&pipeline.statuses, *status));
            }
        }
    }

    fn dictionaries(&self, settings: &Settings, findings: &mut Findings) {
        if self.knows(Part::LossReasons) {
            for (reason, id) in settings.loss_reasons.iter().filter(|(_, id)| !has(&self.loss_reasons, **id))
            {
                let key = format!("amocrm.loss_reasons.{}", json::name(reason));
                let same = same_name(reason.label(), &self.loss_reasons);
                let wrong = format!("no loss reason `{id}`{same}");
                findings.wrong.add(key, wrong, listed(&self.loss_reasons, *id));
            }
        }
        for (kind, id) in settings.task_types.iter().filter(|(_, id)| !has(&self.task_types, **id)) {
            let key = format!("amocrm.task_types.{}", json::name(kind));
            findings.wrong.add(key, format!("no task type `{id}`"), listed(&self.task_types, *id));
        }
    }

    /// A user who is not in the list counts as deactivated: amoCRM does not say which of both it is.
    fn users(&self, roster: &[Manager], findings: &mut Findings) {
        if !self.knows(Part::Users) {
            return;
        }
        let named = |user: &super::discover::User| Named { id: user.id, name: user.name.clone() };
        let active: Vec<Named> = self.users.iter().filter(|user| user.active).map(named).collect();
        for manager in roster {
            let Some(id) = manager.amocrm.filter(|id| !has(&active, *id)) else { continue };
            let key = format!("managers.{}.amocrm", manager.id);
            let wrong = match self.users.iter().find(|user| user.id == id) {
                Some(user) => format!("no active user `{id}`: «{}» is deactivated", user.name),
                None => format!("no active user `{id}`{}", same_name(&manager.name, &active)),
            };
            // Nothing is given to a manager who is away.
            let to = if manager.active { &mut findings.wrong } else { &mut findings.warn };
            to.add(key, wrong, listed(&active, id));
        }
    }

    fn answers(&self, answers: &WantedAnswers, findings: &mut Findings) {
        for status in &answers.stages {
            if !self.live_pipelines().any(|pipeline| has(&pipeline.statuses, *status)) {
                let all: Vec<Named> =
                    self.live_pipelines().flat_map(|pipeline| pipeline.statuses.clone()).collect();
                let key = format!("answers.stages.{status}");
                findings.wrong.add(
                    key,
                    format!("no status `{status}` in any pipeline"),
                    listed(&all, *status),
                );
            }
        }
        let leads = self.lead_fields();
        for (name, field, need, table, meaning) in [
            ("field", answers.field, &LIST, "words", Some(answers.answer)),
            ("date_field", answers.date_field, &DATE, "", None),
            ("why_field", answers.why_field, &TEXT, "", None),
            ("reason_field", answers.reason_field, &LIST, "reasons", Some(answers.reason)),
        ] {
            let key = format!("answers.{name}");
            let Some(field) = self.field(&leads, &key, field, need, findings) else { continue };
            for choice in meaning.is_some().then_some(&field.choices).into_iter().flatten() {
                let Some(Meaning::Unknown { nearest, all }) = meaning.map(|meaning| meaning(choice)) else {
                    continue;
                };
                let line = nearest.unwrap_or_else(|| format!("{:?} = one of {all}", choice.to_lowercase()));
                let wrong = format!("the choice «{choice}» of «{}» has no meaning here", field.name);
                findings.warn.add(&*key, wrong, format!("in [answers.{table}]: {line}"));
            }
        }
    }

    /// The field of a key, if it is there and of the right kind.
    fn field<'a>(
        &self,
        fields: &Fields<'a>,
        key: &str,
        id: Option<u64>,
        need: &Need,
        findings: &mut Findings,
    ) -> Option<&'a Field> {
        let id = id.filter(|_| self.knows(fields.part))?;
        let Some(field) = fields.own.iter().find(|field| field.id == id) else {
            let other = fields.other.iter().find(|field| field.id == id);
            let other = other.map(|field| format!(": «{}» is a field of {}", field.name, fields.other_name));
            let fits = fields.own.iter().filter(|field| need.takes(field)).map(Field::named);
            let allowed = listed(&fits.collect::<Vec<_>>(), id);
            findings.wrong.add(key, format!("no field `{id}`{}", other.unwrap_or_default()), allowed);
            return None;
        };
        if !need.takes(field) {
            let fits = fields.own.iter().filter(|field| need.takes(field)).map(Field::named);
            let fits: Vec<Named> = fits.collect();
            let there = if fits.is_empty() {
                "the account has none".to_owned()
            } else {
                format!("there are: {}", listed(&fits, id))
            };
            let wrong = format!("«{}» is of the type {}", field.name, field.kind);
            findings.wrong.add(key, wrong, format!("{}; {there}", need.said));
            return None;
        }
        Some(field)
    }

    /// A field that a route writes: a choice has to be there.
    fn written(&self, fields: &Fields, key: &str, id: &str, template: &str, findings: &mut Findings) {
        let id = id.parse().ok();
        let Some(field) = self.field(fields, key, id, &WRITABLE, findings) else { return };
        let choices = field.choices.iter().map(|choice| format!("«{choice}»")).collect::<Vec<_>>().join(", ");
        let is_fixed = !template.contains("{{") && !template.contains("{%");
        match &*field.kind {
            "select" | "multiselect" | "radiobutton" if is_fixed => {
                let value = template.trim();
                if !value.is_empty() && !field.choices.iter().any(|choice| choice == value) {
                    findings.wrong.add(key, format!("no choice `{value}` in «{}»", field.name), choices);
                }
            }
            "select" | "multiselect" | "radiobutton" => {
                let wrong =
                    format!("«{}» takes only its choices, and the template may say others", field.name);
                findings.warn.add(key, wrong, format!("only: {choices}"));
            }
            "numeric" | "price" | "monetary" if is_fixed && template.trim().parse::<f64>().is_err() => {
                findings.wrong.add(key, format!("«{}» takes only numbers", field.name), "a number");
            }
            _ => {}
        }
    }
}

impl Need {
    /// A field whose type the account does not say may be any.
    fn takes(&self, field: &Field) -> bool {
        field.kind.is_empty() || self.kinds.contains(&&*field.kind)
    }
}

impl Field {
    pub fn named(&self) -> Named {
        Named { id: self.id, name: self.name.clone() }
    }
}

impl Pipeline {
    fn named(&self) -> Named {
        Named { id: self.id, name: self.name.clone() }
    }
}

fn has(items: &[Named], id: u64) -> bool {
    items.iter().any(|one| one.id == id)
}

/// The item that is called like ours, whatever its id.
fn same_name(name: &str, items: &[Named]) -> String {
    let near = nearest(name, items.iter().map(|one| &*one.name));
    let item = near.and_then(|near| items.iter().find(|one| one.name == near));
    item.map(|one| format!(": «{}» is {}", one.name, one.id)).unwrap_or_default()
}

/// The items whose ids resemble this one most, as many as a person reads.
fn listed(items: &[Named], id: u64) -> String {
    let wanted = id.to_string();
    let mut near: Vec<&Named> = items.iter().collect();
    if near.len() > SHOWN_MAX {
        near.sort_by_key(|one| strsim::levenshtein(&wanted, &one.id.to_string()));
    }
    let mut shown: Vec<String> =
        near.iter().take(SHOWN_MAX).map(|one| format!("{} «{}»", one.id, one.name)).collect();
    match near.len().saturating_sub(SHOWN_MAX) {
        0 if shown.is_empty() => shown.push("the account has none".to_owned()),
        0 => {}
        more => shown.push(format!("{more} more that `dozvon discover` prints")),
    }
    shown.join(", ")
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
