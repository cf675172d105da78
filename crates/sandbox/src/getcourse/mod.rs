//! The GetCourse stand-in: one school with users, orders, payments; Tech API, legacy import and export. It
//! never sends anything: events that may start processes are collected in `stirs`, which the world empties.
//! Enter at [`GetCourse::handle`]; people act through `create_order`, `pay`, `set_status` and similar
//! methods.

mod callback;
mod export;
mod import;
pub mod model;
mod tech;
mod tech_user;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use self::export::Exports;
use self::model::{Group, Order, Payment, Position, StatusTurn, User};
use super::faults::Budget;
use super::rng::Rng;
use super::setup::{GetcourseSetup, TechSubscription};
use super::wire::{WireAnswer, WireRequest};

/// The GetCourse account of one school.
#[derive(Clone, Debug)]
pub struct GetCourse {
    pub setup: GetcourseSetup,
    zone: Tz,
    /// Managers: GetCourse id, name, e-mail, phone.
    pub staff: Vec<Staff>,
    budget: Budget,
    pub users: BTreeMap<i64, User>,
    pub groups: Vec<Group>,
    pub orders: BTreeMap<i64, Order>,
    pub subscriptions: Vec<TechSubscription>,
    exports: Exports,
    /// Events that may start processes or webhooks.
    pub stirs: Vec<Stir>,
    /// Process and object that have already run through a `once` process.
    passed: BTreeSet<(usize, i64)>,
    by_email: BTreeMap<String, i64>,
    next_user: i64,
    next_order: i64,
    next_number: i64,
    next_payment: i64,
    next_position: i64,
    hash_seed: Rng,
    seed: u64,
}

/// A manager in GetCourse.
#[derive(Clone, Debug)]
pub struct Staff {
    pub id: i64,
    pub name: String,
    pub email: String,
    pub phone: String,
}

/// An event of an order or a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stir {
    pub what: What,
    /// The order, or the user for [`What::User`].
    pub object: i64,
}

/// The kinds of [`Stir`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Created,
    Status,
    Payment,
    Manager,
    User,
}

/// An order to be created.
#[derive(Clone, Debug, Default)]
pub struct NewOrder {
    pub id: Option<i64>,
    pub number: Option<String>,
    pub script: Option<String>,
    pub user_id: i64,
    pub offer_id: i64,
    pub title: String,
    /// Kopecks.
    pub cost: i64,
    pub manager: Option<i64>,
    pub created_by: i64,
    pub promocode: String,
    pub utm_source: String,
}

impl GetCourse {
    /// The school at the start.
    pub fn new(setup: GetcourseSetup, zone: Tz, staff: Vec<Staff>, seed: u64) -> GetCourse {
        GetCourse {
            zone,
            staff,
            budget: Budget::per_second(setup.per_second),
            users: BTreeMap::new(),
            groups: setup
                .groups
                .iter()
                .map(|group| Group { id: group.id, name: group.name.clone(), last_added_at: None })
                .collect(),
            orders: BTreeMap::new(),
            subscriptions: setup.subscriptions.clone(),
            exports: Exports::new(setup.export_requests_max),
            stirs: Vec::new(),
            passed: BTreeSet::new(),
            by_email: BTreeMap::new(),
            next_user: 400_300_100,
            next_order: 700_100_200,
            next_number: 12_041,
            next_payment: 900_500_001,
            next_position: 1_700_000_001,
            hash_seed: Rng::new(seed),
            seed,
            setup,
        }
    }

    pub fn handle(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        let path = request.path_only().to_owned();
        if let Some(rest) = path.strip_prefix("/pl/api/v1/") {
            if self.budget.take(now).is_err() {
                return WireAnswer::empty(429);
            }
            return self.tech(now, request, rest);
        }
        match path.strip_prefix("/pl/api/") {
            Some("users" | "deals") => self.import(now, request, path.ends_with("deals")),
            Some(rest) if rest.starts_with("account/") => {
                self.export(now, request, &rest["account/".len()..])
            }
            _ => WireAnswer::html(404, "Not Found"),
        }
    }

    /// The user with this e-mail, otherwise with this phone, otherwise a new one.
    pub fn ensure_user(&mut self, now: DateTime<Utc>, name: &str, email: &str, phone: &str) -> i64 {
        let email = email.trim().to_lowercase();
        let by_email = self.by_email.get(&email).copied().filter(|_| !email.is_empty());
        if let Some(id) = by_email {
            return id;
        }
        if email.is_empty()
            && !phone.is_empty()
            && let Some(user) = self.users.values().find(|user| user.phone == phone)
        {
            return user.id;
        }
        let id = self.next_user;
        self.next_user += 1;
        let (first, last) = name.trim().split_once(' ').unwrap_or((name.trim(), ""));
        let user = User {
            id,
            email,
            phone: phone.to_owned(),
            first_name: first.to_owned(),
            last_name: last.to_owned(),
            created_at: now,
            ..User::default()
        };
        self.by_email.insert(user.email.clone(), id);
        self.users.insert(id, user);
        id
    }

    /// The id of the next order that has none of its own.
    pub fn next_order_id(&self) -> i64 {
        (self.next_order..).find(|id| !self.orders.contains_key(id)).unwrap_or(self.next_order)
    }

    /// A new order with the status `new`; a free one is completed at once.
    pub fn create_order(&mut self, now: DateTime<Utc>, new: NewOrder) -> i64 {
        let id = new.id.unwrap_or_else(|| self.next_order_id());
        self.next_order = self.next_order_id();
        let number = new.number.unwrap_or_else(|| self.next_number.to_string());
        self.next_number += 1;
        let status = if new.cost == 0 { "payed" } else { "new" };
        let first = Position {
            id: id + 1_000_000,
            offer_id: new.offer_id,
            title: new.title.clone(),
            quantity: 1,
            price: new.cost,
        };
        let order = Order {
            id,
            number,
            script: new.script,
            user_id: new.user_id,
            offer_id: new.offer_id,
            title: new.title,
            cost: new.cost,
            payed: 0,
            status: status.to_owned(),
            manager_user_id: new.manager,
            created_by: new.created_by,
            promocode: new.promocode,
            utm_source: new.utm_source,
            cancel_reason_id: None,
            cancel_reason_comment: String::new(),
            tags: Vec::new(),
            fields: BTreeMap::new(),
            created_at: now,
            updated_at: now,
            status_updated_at: now,
            payed_at: None,
            payments: Vec::new(),
            positions: vec![first],
            comments: Vec::new(),
            history: vec![StatusTurn { at: now, status: status.to_owned(), by_api: false }],
        };
        self.orders.insert(id, order);
        self.stir(What::Created, id);
        id
    }

    /// A payment: the status follows the sum. Cancelled and false orders accept none (sheet 2.1).
    pub fn pay(&mut self, now: DateTime<Utc>, id: i64, amount: i64, kind: &str) -> bool {
        let Some(order) = self.orders.get_mut(&id) else {
            return false;
        };
        if matches!(order.status.as_str(), "cancelled" | "false") || amount <= 0 {
            return false;
        }
        let payment =
            Payment { id: self.next_payment, at: now, amount, status: "accepted", kind: kind.to_owned() };
        self.next_payment += 1;
        order.payments.push(payment);
        order.payed += amount;
        order.updated_at = now;
        let full = order.payed >= order.cost;
        if full {
            order.payed_at = Some(now);
        }
        self.set_status(now, id, if full { "payed" } else { "part_payed" }, false);
        self.stir(What::Payment, id);
        true
    }

    pub fn refund(&mut self, now: DateTime<Utc>, id: i64, amount: Option<i64>) {
        let Some(order) = self.orders.get_mut(&id) else {
            return;
        };
        let amount = amount.unwrap_or(order.payed).min(order.payed);
        let payment = Payment {
            id: self.next_payment,
            at: now,
            amount: -amount,
            status: "returned",
            kind: "CARD".into(),
        };
        self.next_payment += 1;
        order.payments.push(payment);
        order.payed -= amount;
        self.set_status(now, id, "waiting_for_return", false);
    }

    /// A person or the API sets the order's status.
    pub fn set_status(&mut self, now: DateTime<Utc>, id: i64, status: &str, by_api: bool) {
        let Some(order) = self.orders.get_mut(&id) else {
            return;
        };
        order.updated_at = now;
        if order.status == status {
            return;
        }
        order.status = status.to_owned();
        order.status_updated_at = now;
        order.history.push(StatusTurn { at: now, status: status.to_owned(), by_api });
        self.stir(What::Status, id);
    }

    /// Sets the order's manager.
    pub fn assign(&mut self, now: DateTime<Utc>, id: i64, manager: Option<i64>) {
        let Some(order) = self.orders.get_mut(&id) else {
            return;
        };
        order.updated_at = now;
        if order.manager_user_id != manager {
            order.manager_user_id = manager;
            self.stir(What::Manager, id);
        }
    }

    /// Sets the user's phone.
    pub fn set_phone(&mut self, now: DateTime<Utc>, user: i64, phone: &str) {
        let Some(user) = self.users.get_mut(&user) else {
            return;
        };
        if user.phone != phone {
            user.phone_history.push((now, std::mem::replace(&mut user.phone, phone.to_owned())));
            let id = user.id;
            self.stir(What::User, id);
        }
    }

    /// Sets the user's e-mail.
    pub fn set_email(&mut self, user: i64, email: &str) {
        if let Some(user) = self.users.get_mut(&user) {
            self.by_email.remove(&user.email);
            user.email = email.trim().to_lowercase();
            let id = user.id;
            self.by_email.insert(user.email.clone(), id);
            self.stir(What::User, id);
        }
    }

    /// Puts a user into a group, which is created if nobody was in it yet; false if he was in it before.
    pub fn add_to_group(&mut self, at: DateTime<Utc>, user: i64, name: &str) -> bool {
        let Some(user) = self.users.get_mut(&user) else { return false };
        if name.is_empty() || user.groups.contains_key(name) {
            return false;
        }
        user.groups.insert(name.to_owned(), at);
        let next = self.groups.iter().map(|group| group.id).max().unwrap_or(2_300_100) + 1;
        if !self.groups.iter().any(|group| group.name == name) {
            self.groups.push(Group { id: next, name: name.to_owned(), last_added_at: None });
        }
        for group in self.groups.iter_mut().filter(|group| group.name == name) {
            group.last_added_at = Some(at);
        }
        true
    }

    /// The user with this e-mail in lower case.
    pub fn user_by_email(&self, email: &str) -> Option<&User> {
        self.by_email.get(email).and_then(|id| self.users.get(id))
    }

    /// The order of a script.
    pub fn order_of_script(&self, script: &str) -> Option<&Order> {
        self.orders.values().find(|order| order.script.as_deref() == Some(script))
    }

    fn stir(&mut self, what: What, object: i64) {
        self.stirs.push(Stir { what, object });
    }

    /// A time in the format of the school's pages.
    fn local(&self, moment: DateTime<Utc>) -> String {
        moment.with_timezone(&self.zone).format("%Y-%m-%d %H:%M:%S").to_string()
    }
}
