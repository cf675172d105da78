//! Remote control of the stand-ins with `curl`: orders, payments, calls. Its addresses begin with `/sandbox`,
//! so it never answers for a platform; the consequences are the same as for scripted actions. Enter at
//! [`World::by_hand`].

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::World;
use super::getcourse::model::{Order, kopecks, roubles};
use super::moment::Moment;
use super::script::{CallOutcome, OrderScript, TaskScript};
use super::wire::{Query, WireAnswer, WireRequest, phone_dialled};

/// The possible requests; the answer to any other one.
const USAGE: &str = "GET /sandbox · GET|POST /sandbox/orders (name, phone, email, offer, cost, by) · \
    POST /sandbox/orders/{id}/pay (amount) · POST /sandbox/orders/{id}/cancel (reason) · \
    POST /sandbox/calls (extension, client, outcome, direction)";

/// For a person: a status and the reason.
type Refusal = (u16, String);

impl World {
    /// Answers a request under `/sandbox`, on the address of any stand-in; `None` for all other requests.
    pub(super) fn by_hand(&mut self, now: DateTime<Utc>, request: &WireRequest) -> Option<WireAnswer> {
        let path = request.path_only().strip_prefix("/sandbox")?.to_owned();
        if !path.is_empty() && !path.starts_with('/') {
            return None;
        }
        let form = request.form();
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let done = match (request.method.as_str(), parts.as_slice()) {
            ("GET", []) => Ok(self.view()),
            ("GET", ["orders"]) => Ok(self.getcourse.orders.values().map(brief).collect()),
            ("POST", ["orders"]) => self.order_by_hand(now, &form),
            ("POST", ["orders", order, "pay"]) => self.pay_by_hand(now, order, &form),
            ("POST", ["orders", order, "cancel"]) => self.cancel_by_hand(now, order, &form),
            ("POST", ["calls"]) => self.call_by_hand(now, &form),
            _ => Err((404, USAGE.to_owned())),
        };
        Some(match done {
            Ok(value) => WireAnswer::json(200, &value),
            Err((status, why)) => WireAnswer::of(status, "text/plain; charset=utf-8", format!("{why}\n")),
        })
    }

    /// A client orders something now; the scripted managers do not touch this order's tasks.
    fn order_by_hand(&mut self, now: DateTime<Utc>, form: &Query) -> Result<Value, Refusal> {
        let script = self.setup.orders.len();
        let given = |name: &str, default: String| form.get(name).map_or(default, str::to_owned);
        let first = self.getcourse.setup.offers.first().map_or(0, |offer| offer.id);
        let by = given("by", "client".into());
        if by != "client" && !self.setup.managers.iter().any(|manager| manager.key == by) {
            return Err((400, format!("by: «{by}» is neither `client` nor a manager of the setup")));
        }
        const TAKEN: [&str; 6] = ["by", "cost", "email", "name", "offer", "phone"];
        if let Some((name, _)) = form.0.iter().find(|(name, _)| !TAKEN.contains(&name.as_str())) {
            return Err((400, format!("{name}: not known here; there are {}", TAKEN.join(", "))));
        }
        let offers: Vec<i64> = self.getcourse.setup.offers.iter().map(|offer| offer.id).collect();
        let offer = form.int("offer").unwrap_or(first);
        if !offers.contains(&offer) {
            let known: Vec<String> = offers.iter().map(i64::to_string).collect();
            return Err((400, format!("offer: {offer} is none of {}", known.join(", "))));
        }
        let id = format!("by_hand_{script}");
        self.setup.orders.push(OrderScript {
            id: id.clone(),
            at: Moment::After(TimeDelta::zero()),
            name: given("name", format!("Клиент {script}")),
            phone: given("phone", phone_by_hand(script)),
            email: given("email", format!("client-{script}@example.com")),
            city: String::new(),
            zone: String::new(),
            offer,
            no_order: false,
            untold: false,
            cost: form.get("cost").and_then(|cost| cost.parse().ok()),
            by,
            order_id: None,
            promocode: String::new(),
            utm_source: "sandbox".into(),
            user_fields: BTreeMap::new(),
            calls: Vec::new(),
            calls_default: None,
            answers: Vec::new(),
            tasks: vec![TaskScript { ignore: true, ..TaskScript::default() }],
            events: Vec::new(),
        });
        self.people.add_script();
        self.order_appears(now, script);
        Ok(self.getcourse.order_of_script(&id).map_or(Value::Null, brief))
    }

    fn pay_by_hand(&mut self, now: DateTime<Utc>, order: &str, form: &Query) -> Result<Value, Refusal> {
        let id = self.order_named(order)?;
        let left = self.getcourse.orders.get(&id).map_or(0, |order| order.cost - order.payed);
        let amount = match form.get("amount") {
            None => left,
            Some(text) => {
                text.parse().map(kopecks).map_err(|_| (400, format!("amount: «{text}» is not an amount")))?
            }
        };
        if !self.getcourse.pay(now, id, amount, "CARD") {
            return Err((409, "the order takes no money: it is paid, cancelled or false".to_owned()));
        }
        self.brief_of(id)
    }

    fn cancel_by_hand(&mut self, now: DateTime<Utc>, order: &str, form: &Query) -> Result<Value, Refusal> {
        let id = self.order_named(order)?;
        if let Some(order) = self.getcourse.orders.get_mut(&id) {
            order.cancel_reason_comment = form.get("reason").unwrap_or("Передумал").to_owned();
        }
        self.getcourse.set_status(now, id, "cancelled", false);
        self.brief_of(id)
    }

    /// A call that has just ended: its signed events are sent at once.
    fn call_by_hand(&mut self, now: DateTime<Utc>, form: &Query) -> Result<Value, Refusal> {
        let client = phone_dialled(form.get("client").unwrap_or_default());
        if client.len() < 10 {
            return Err((400, "client: the phone is missing, such as 79035550127".to_owned()));
        }
        let known: Vec<&str> =
            self.exchange().board().employees.iter().map(|one| one.extension.as_str()).collect();
        let first = known.first().copied().unwrap_or_default();
        let extension = form.get("extension").unwrap_or(first).to_owned();
        if !known.contains(&extension.as_str()) {
            return Err((
                400,
                format!("extension: {extension} is not assigned; there are {}", known.join(", ")),
            ));
        }
        let outcome: CallOutcome = form
            .get("outcome")
            .unwrap_or("no_answer")
            .parse()
            .map_err(|why| (400, format!("outcome: {why}")))?;
        let mut course = self.course(outcome.kind);
        let begun = now - TimeDelta::seconds(course.rings_s + course.talk_s);
        let is_out = match form.get("direction").unwrap_or("out") {
            "out" => true,
            "in" => false,
            other => return Err((400, format!("direction: «{other}» is neither in nor out"))),
        };
        if course.talk_s == 0 && !is_out {
            course.reason = 1110;
        }
        let phones = self.phones();
        let call = match is_out {
            true => phones.dial(begun, &extension, &client, course),
            false => phones.ring_in(begun, &extension, &client, course),
        };
        self.name_call(call, form.get("outcome").unwrap_or("no_answer"), None, 0);
        Ok(serde_json::to_value(&self.calls()[call]).unwrap_or(Value::Null))
    }

    /// An order by its id or its number.
    fn order_named(&self, name: &str) -> Result<i64, Refusal> {
        let orders = self.getcourse.orders.values();
        let mut found = orders.filter(|order| order.id.to_string() == name || order.number == name);
        let unknown = || (404, format!("no order {name}; GET /sandbox/orders shows them"));
        found.next().map(|order| order.id).ok_or_else(unknown)
    }

    fn brief_of(&self, id: i64) -> Result<Value, Refusal> {
        Ok(self.getcourse.orders.get(&id).map_or(Value::Null, brief))
    }

    /// Lines to be copied: what a person can do by hand while the sandbox and the bridge run.
    pub fn hints(&self, getcourse: &str, exchange: &str) -> Vec<String> {
        let mut lines = vec![format!("curl -X POST {getcourse}/sandbox/orders")];
        let orders = &self.setup.orders;
        let Some(order) = orders.iter().find(|order| order.untold).or(orders.last()) else { return lines };
        // After a run most are paid or over; the first line makes one that is not.
        let made = &self.getcourse.orders;
        let named = order.order_id.filter(|id| made.get(id).is_none_or(|order| order.takes_money()));
        let other = || made.values().rev().find(|order| order.takes_money()).map(|order| order.id);
        let id = named.or_else(other).unwrap_or_else(|| self.getcourse.next_order_id());
        let script = match made.get(&id) {
            Some(order) => orders.iter().find(|script| order.script.as_ref() == Some(&script.id)),
            None => named.map(|_| order),
        };
        // Of the order that is paid below, so that the call shows, too.
        let phone = script.map_or_else(|| phone_by_hand(orders.len()), |script| script.phone.clone());
        let phone = phone_dialled(&phone);
        let extension = self.exchange().board().employees.last().map_or("", |employee| &employee.extension);
        lines.push(format!(
            "curl -d extension={extension} -d client={phone} -d outcome=no_answer {exchange}/sandbox/calls"
        ));
        lines.extend(self.exchange().example(self.start, extension, &phone));
        lines.push(format!("curl -X POST {getcourse}/sandbox/orders/{id}/pay"));
        lines
    }
}

/// The client of an order that a person makes, if he names none.
fn phone_by_hand(script: usize) -> String {
    format!("+7903555{:04}", 2000 + script)
}

fn brief(order: &Order) -> Value {
    json!({
        "id": order.id, "number": order.number, "title": order.title, "status": order.status,
        "cost": roubles(order.cost), "payed": roubles(order.payed), "comments": order.comments.len(),
    })
}
