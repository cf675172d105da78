//! Webhook subscriptions over the API (sheet 3.20).
//! It never sends webhooks.
//! Enter at [`Account::subscribe`].

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::checks::{Flaw, hal, page, problem, rejected};
use super::hooks::Subscription;
use super::{Account, count};
use crate::wire::{WireAnswer, WireRequest};

/// Most webhooks in one account.
const SUBSCRIPTIONS_MAX: usize = 100;

const SETTINGS: [&str; 32] = [
    "add_lead",
    "update_lead",
    "delete_lead",
    "restore_lead",
    "status_lead",
    "responsible_lead",
    "note_lead",
    "add_contact",
    "update_contact",
    "delete_contact",
    "restore_contact",
    "responsible_contact",
    "note_contact",
    "add_company",
    "update_company",
    "delete_company",
    "restore_company",
    "responsible_company",
    "note_company",
    "add_customer",
    "update_customer",
    "delete_customer",
    "responsible_customer",
    "note_customer",
    "add_task",
    "update_task",
    "delete_task",
    "responsible_task",
    "add_talk",
    "update_talk",
    "add_chat_template_review",
    "add_message",
];

impl Account {
    fn read_subscription(&self, subscription: &Subscription) -> Value {
        let mut shown = serde_json::to_value(subscription).unwrap_or(Value::Null);
        shown["account_id"] = json!(self.setup.account_id);
        shown["created_by"] = json!(self.setup.token_user);
        shown
    }

    pub(super) fn list_subscriptions(&self, request: &WireRequest) -> WireAnswer {
        let query = request.query();
        let wanted = query.get("filter[destination]");
        let found = self
            .subscriptions
            .iter()
            .filter(|subscription| wanted.is_none_or(|url| subscription.destination == url));
        page(
            request,
            "webhooks",
            found.map(|subscription| self.read_subscription(subscription)).collect(),
            (50, 250),
            &self.base,
        )
    }

    pub(super) fn subscribe(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        let body = request.json().unwrap_or(Value::Null);
        let url = body.get("destination").and_then(Value::as_str).unwrap_or("");
        let settings = body.get("settings").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut flaws = Vec::new();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            flaws.push(Flaw { code: "InvalidUrl", path: "destination".into(), detail: "Invalid URL".into() });
        }
        if settings.is_empty() {
            flaws.push(Flaw::missing("settings"));
        }
        let mut words = Vec::new();
        for (index, setting) in settings.iter().enumerate() {
            match setting.as_str().filter(|word| SETTINGS.contains(word)) {
                Some(word) => words.push(word.to_owned()),
                None => flaws.push(Flaw::choice(format!("settings.{index}"))),
            }
        }
        if !flaws.is_empty() {
            return rejected(&[("0".into(), flaws)]);
        }
        if let Some(known) = self.subscriptions.iter_mut().find(|known| known.destination == url) {
            known.settings = words;
            known.updated_at = now.timestamp();
        } else if self.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            return problem(422, "Unprocessable Entity", "Too many webhooks");
        } else {
            let mut made = Subscription::new(count(&mut self.ids.subscription), url, &words, now);
            made.sort = body.get("sort").and_then(Value::as_i64).unwrap_or(1);
            self.subscriptions.push(made);
        }
        let made = self.subscriptions.iter().find(|known| known.destination == url);
        hal(201, &made.map_or(Value::Null, |made| self.read_subscription(made)))
    }

    pub(super) fn unsubscribe(&mut self, request: &WireRequest) -> WireAnswer {
        let body = request.json().unwrap_or(Value::Null);
        let url = body.get("destination").and_then(Value::as_str).unwrap_or("");
        let before = self.subscriptions.len();
        self.subscriptions.retain(|known| known.destination != url);
        if self.subscriptions.len() == before {
            problem(404, "Not Found", "Webhook not found")
        } else {
            WireAnswer::empty(204)
        }
    }
}
