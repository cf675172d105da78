//! Carries commands out at GetCourse: status, comment, manager, read-back (sheet, 3.5 and 3.6). Never sets a
//! status that means money, and never changes an order that has been paid or ended meanwhile. Enter at
//! [`GcCourier`].

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::client::{Client, Keys};
use super::{Settings, answer, status, tech};
use crate::link;
use crate::platform::http::Http;
use crate::platform::{Courier, Fault, Links, Receipt, Room, Try, marker};
use crate::process::command::NO_ORDER;
use crate::process::definition::Manager;
use crate::process::event::ClientFacts;
use crate::process::{Ask, At, Command, ManagerId, OrderId, ReadBack, Status, Urgency};
use crate::signal::{SeenOrder, Signal};

/// One school's GetCourse account.
pub struct GcCourier {
    settings: Settings,
    /// `None` without keys: nothing is read or written.
    client: Option<Client>,
    /// Managers → their user ids.
    managers: BTreeMap<ManagerId, u64>,
}

/// One attempt to deliver one command, with what its requests need.
struct GcAttempt<'a> {
    client: &'a Client,
    settings: &'a Settings,
    command: &'a Command,
    deal: &'a str,
    tried: Try,
}

impl GcCourier {
    /// Reads the keys from the sources in the school's file; the error says which key and what to do.
    pub fn open(settings: Settings, roster: &[Manager], http: Arc<dyn Http>) -> Result<Self, String> {
        let keys = Keys::read(&settings)?;
        Ok(Self::new(settings, keys, roster, http))
    }

    /// Without `keys` nothing is read or written.
    pub fn new(settings: Settings, keys: Option<Keys>, roster: &[Manager], http: Arc<dyn Http>) -> Self {
        let client = keys.map(|keys| Client::new(&settings, keys, http));
        let managers = roster.iter().filter_map(|manager| Some((manager.id.clone(), manager.getcourse?)));
        Self { client, managers: managers.collect(), settings }
    }
}

#[async_trait]
impl Courier for GcCourier {
    fn room(&self) -> Room {
        Room { together: 0, alone: 4, money: 2 }
    }

    async fn deliver(
        &self,
        command: &Command,
        tried: Try,
        links: &dyn Links,
        _now: At,
    ) -> Result<Receipt, Fault> {
        let Some(deal) = deal_id(&command.order) else {
            // An order that began as a call or a lead: GetCourse does not know it, so there is nothing to do.
            return Ok(Receipt::default());
        };
        let Some(client) = &self.client else {
            return match command.ask {
                Ask::ReadBack(_) => {
                    Err(Fault::never("no keys of the Tech API: the order cannot be read back"))
                }
                _ => Ok(Receipt::default()),
            };
        };
        let attempt = GcAttempt { client, settings: &self.settings, command, deal, tried };
        match &command.ask {
            Ask::ReadBack(ReadBack::Order) => attempt.read_order(links).await,
            Ask::ReadBack(ReadBack::Person) => attempt.read_person().await,
            Ask::SetStatus { status, reason } => attempt.set_status(status, reason.as_deref()).await,
            Ask::AddComment { text } => attempt.add_comment(text).await,
            Ask::SetOrderManager { manager } => match self.managers.get(manager) {
                Some(user) => attempt.update(json!({ "manager_user_id": user })).await,
                None => Err(Fault::never(format!("manager {manager} has no GetCourse id in the roster"))),
            },
            _ => Err(Fault::never("not a command for GetCourse")),
        }
    }

    async fn chore(&self, now: At) -> Result<At, Fault> {
        Ok(now + TimeDelta::days(1))
    }
}

impl GcAttempt<'_> {
    fn urgency(&self) -> Urgency {
        self.command.urgency
    }

    /// The order as it is now. It counts as confirmed, because we asked for it.
    async fn seen(&self) -> Result<SeenOrder, Fault> {
        let read = self.client.read("deal/get-fields", &[("dealId", self.deal)], self.urgency()).await;
        let data = read.map_err(of_order)?;
        let deal = tech::only(&data, self.deal).ok_or_else(no_order)?;
        let mut seen = tech::order(deal, self.settings.zone)
            .filter(|seen| seen.facts.gc_id.as_deref() == Some(self.deal))
            .ok_or_else(|| Fault::never("GetCourse shows another order"))?;
        seen.facts.confirmed = true;
        seen.facts.client.read = true;
        Ok(seen)
    }

    async fn user(&self, id: &str) -> Result<Value, Fault> {
        let data = self.client.read("user/get-fields", &[("userId", id)], self.urgency()).await?;
        tech::only(&data, id).cloned().ok_or_else(|| Fault::never("GetCourse shows no such user"))
    }

    async fn read_order(&self, links: &dyn Links) -> Result<Receipt, Fault> {
        let mut seen = self.seen().await?;
        if let Some(id) = seen.facts.client.gc_user.clone()
            && links.find(&link::gc_user(&id)).await?.is_none()
        {
            // The person's data helps, but the order's money must not wait for it.
            match self.user(&id).await {
                Ok(user) => seen.facts.client = buyer(&user, id),
                Err(fault) => tracing::warn!(order = %self.command.order, %fault, "buyer not read"),
            }
        }
        Ok(shown(seen))
    }

    /// The order with its buyer as GetCourse knows him; which user that is, the order says, and no report (F100).
    async fn read_person(&self) -> Result<Receipt, Fault> {
        let mut seen = self.seen().await?;
        if let Some(id) = seen.facts.client.gc_user.clone() {
            match self.user(&id).await {
                Ok(user) => seen.facts.client = buyer(&user, id),
                Err(fault @ Fault::Never { .. }) => {
                    tracing::warn!(order = %self.command.order, %fault, "buyer not read");
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(shown(seen))
    }

    /// Reads the order first. If it already has the status, that counts as done. If it was paid meanwhile, it
    /// is not changed: no webhook reports a payment or an end sooner than a read does (L4, L6).
    async fn set_status(&self, wanted: &Status, reason: Option<&str>) -> Result<Receipt, Fault> {
        let code = match wanted {
            Status::Paid | Status::PartPaid => {
                return Err(Fault::never("a status of money is never set: it would mark an order as paid"));
            }
            Status::Unknown(_) => return Err(Fault::never("a status that GetCourse does not have")),
            other => status::code(other).unwrap_or_default(),
        };
        let seen = self.seen().await?;
        if seen.facts.status.as_ref() == Some(wanted) {
            return Ok(Receipt::default());
        }
        let ends = matches!(wanted, Status::Cancelled | Status::False);
        let has_money = seen.facts.paid.as_ref().is_some_and(|paid| paid.minor > 0);
        if seen.facts.status == Some(Status::Paid) || (ends && has_money) {
            tracing::info!(order = %self.command.order, "paid meanwhile: the status is left alone");
            return Ok(shown(seen));
        }
        // If a person ended the order in GetCourse, an older decision must not override that (L6).
        if !ends && matches!(seen.facts.status, Some(Status::Cancelled | Status::False)) {
            tracing::info!(order = %self.command.order, "ended meanwhile: the status is left alone");
            return Ok(shown(seen));
        }
        if *wanted == Status::Postponed {
            return self.postpone(&seen).await;
        }
        let mut fields = json!({ "status": code });
        if let Some(reason) = reason.filter(|_| ends) {
            fields["cancel_reason_comment"] = reason.into();
            if let Some(id) = self.settings.cancel_reasons.get(reason) {
                fields["cancel_reason_id"] = (*id).into();
            }
        }
        self.update(fields).await
    }

    /// «Отложен» is missing from the Tech API's list; the import can set it by number and e-mail.
    async fn postpone(&self, seen: &SeenOrder) -> Result<Receipt, Fault> {
        let lacking =
            |what: &str| Fault::never(format!("«Отложен» needs the import, and {what} is not known"));
        let number = seen.facts.number.clone().ok_or_else(|| lacking("the order's number"))?;
        let buyer = seen.facts.client.gc_user.clone().ok_or_else(|| lacking("the buyer"))?;
        let email = tech::client(&self.user(&buyer).await?).email.ok_or_else(|| lacking("his e-mail"))?;
        let params = json!({
            "user": { "email": email },
            "system": { "refresh_if_exists": 1 },
            "deal": { "deal_number": number, "deal_status": "pending" },
        });
        let result = self.client.import_order(&params, self.urgency()).await?;
        match tech::id(&result["deal_id"]) {
            Some(id) if id != self.deal => {
                Err(Fault::never("the import changed another order: look at both"))
            }
            _ => Ok(Receipt::default()),
        }
    }

    /// Sets single fields; repeating it has no further effect.
    async fn update(&self, mut fields: Value) -> Result<Receipt, Fault> {
        fields["dealId"] = number(self.deal);
        self.client.write("deal/update-fields", &fields, self.urgency()).await.map_err(of_order)?;
        Ok(Receipt::default())
    }

    /// The comment ends with the command's id, by which it can be found again, as by its words.
    async fn add_comment(&self, text: &str) -> Result<Receipt, Fault> {
        let author = self.settings.comment_author;
        let author = author.ok_or_else(|| Fault::never("getcourse.comment_author is not set"))?;
        if self.tried == Try::MayBeDone {
            let query = [("dealId", self.deal)];
            let comments = self.client.read("deal/get-comments", &query, self.urgency()).await;
            let comments = comments.map_err(of_order)?;
            if mentions(&comments, &|said| marker::is_comment_of(said, &self.command.id, text)) {
                return Ok(Receipt::default());
            }
        }
        let body = json!({ "dealId": number(self.deal), "userId": author, "text": format!("{text}\n{}", marker::comment(&self.command.id)) });
        self.client.write("deal/add-comment", &body, self.urgency()).await.map_err(of_order)?;
        Ok(Receipt::default())
    }
}

fn no_order() -> Fault {
    Fault::never(format!("{NO_ORDER}: GetCourse does not show it"))
}

/// What a call about an order failed of: if there is no such object, it is the order that is missing.
fn of_order(fault: Fault) -> Fault {
    match fault {
        Fault::Never { why } if why == answer::NOT_FOUND => no_order(),
        fault => fault,
    }
}

fn buyer(user: &Value, id: String) -> ClientFacts {
    ClientFacts { gc_user: Some(id), read: true, ..tech::client(user) }
}

fn shown(seen: SeenOrder) -> Receipt {
    Receipt { links: Vec::new(), signals: vec![Signal::OrderSeen(Box::new(seen))] }
}

/// `gc-700100200` → `700100200`; `None` for orders that began elsewhere.
fn deal_id(order: &OrderId) -> Option<&str> {
    let id = order.deal()?;
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then_some(id)
}

fn number(id: &str) -> Value {
    id.parse::<u64>().map_or_else(|_| id.into(), Value::from)
}

/// Whether any text is the one. The structure of comments is not certain (5).
fn mentions(value: &Value, is_it: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => is_it(text),
        Value::Array(list) => list.iter().any(|value| mentions(value, is_it)),
        Value::Object(map) => map.values().any(|value| mentions(value, is_it)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
