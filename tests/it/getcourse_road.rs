//! GetCourse in both directions against its stand-in: the webhooks of the stand-in are understood, and the
//! courier's commands are carried out there, once, even if answers are lost.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::TimeDelta;
use dozvon::platform::fake::FakeLinks;
use dozvon::platform::getcourse::{GcCourier, GcHooks, Keys, Settings};
use dozvon::platform::http::{Http, NoResponse, Request, Response};
use dozvon::platform::{Courier, Fault, Hooks, RawRequest, Receipt, Try, Verified};
use dozvon::process::{Ask, At, ClientId, Command, CommandId, OrderId, ReadBack, Status, Urgency};
use dozvon::sandbox::faults::RequestFault;
use dozvon::sandbox::wire::{Hook, Platform, WireRequest};
use dozvon::sandbox::{Setup, World};
use dozvon::secret::Secret;
use dozvon::signal::{SeenOrder, Signal};

const SETUP: &str = r#"
start = "2026-07-14T18:05:33+03:00"

[getcourse]
offers = [{ id = 5512874, title = "Дизайн интерьера: база. Пакет «Всё сразу»", price = 38500 }]
cancel_reasons = [{ id = 7, name = "Дорого" }]

[[getcourse.processes]]
event = "order_created"
url = "CREATED"

[[getcourse.processes]]
event = "payment_partial"
url = "PARTIAL"
plus = true

[[managers]]
key = "irina"
name = "Ирина Соколова"
amocrm_user = 10412345
getcourse_id = 300200100
email = "irina@myschool.ru"

[[orders]]
id = "first"
at = "+0m"
name = "Мария Кузнецова"
phone = "+79035550127"
email = "m.kuznetsova@example.ru"
offer = 5512874
events = [{ at = "+1h", do = "pay", amount = 15000.40 }]
"#;

/// The stand-in with its time, in place of the network.
#[derive(Clone)]
struct StandIn(Arc<Mutex<(World, At)>>);

impl StandIn {
    fn open() -> Self {
        let all = dozvon::platform::getcourse::addresses::all("http://127.0.0.1:1/h", &settings());
        let address = |kind| all.iter().find(|one| one.kind == kind).expect("an address").url.clone();
        use dozvon::platform::getcourse::HookKind::{OrderCreated, PaymentPartial};
        let setup =
            SETUP.replace("CREATED", &address(OrderCreated)).replace("PARTIAL", &address(PaymentPartial));
        let world = World::new(Setup::from_toml(&setup).unwrap(), 3);
        let start = world.start();
        Self(Arc::new(Mutex::new((world, start))))
    }

    fn until(&self, span: TimeDelta) -> Vec<Hook> {
        let (world, now) = &mut *self.0.lock().unwrap();
        *now = world.start() + span;
        world.advance(*now)
    }

    fn losing(&self, per_mille: u32) {
        let mut stage = self.0.lock().unwrap();
        let rule = &mut stage.0.faults_mut().getcourse;
        rule.per_mille = per_mille;
        rule.kinds = vec![RequestFault::BrokenOff];
    }
}

#[async_trait]
impl Http for StandIn {
    async fn send(&self, request: Request) -> Result<Response, NoResponse> {
        let (world, now) = &mut *self.0.lock().unwrap();
        *now += TimeDelta::milliseconds(300);
        let wire = WireRequest {
            platform: Platform::Getcourse,
            method: request.method.to_owned(),
            path: request.url.trim_start_matches("https://rost.getcourse.ru").to_owned(),
            headers: request.headers,
            body: request.body,
        };
        let answer = world.handle(*now, &wire);
        if answer.broken_off {
            return Err(NoResponse::BrokenOff("hung up".to_owned()));
        }
        Ok(Response { status: answer.status, headers: answer.headers, body: answer.body })
    }
}

fn settings() -> Settings {
    toml::from_str("url = 'https://rost.getcourse.ru'\ncomment_author = 300200100").unwrap()
}

struct Road {
    school: StandIn,
    courier: GcCourier,
    order: OrderId,
    issued: u32,
}

impl Road {
    fn open() -> (Self, SeenOrder) {
        let school = StandIn::open();
        let seen = seen(&school.until(TimeDelta::zero())[0]);
        let keys = Keys {
            developer: Secret::new("sandbox-developer-key"),
            school: Secret::new("sandbox-school-key"),
        };
        let courier = GcCourier::new(settings(), Some(keys), &[], Arc::new(school.clone()));
        let order = OrderId::of_deal(seen.facts.gc_id.as_deref().unwrap());
        (Self { school, courier, order, issued: 0 }, seen)
    }

    async fn ask(&mut self, ask: Ask) -> Result<Receipt, Fault> {
        self.issued += 1;
        self.again(ask, Try::First).await
    }

    async fn again(&self, ask: Ask, tried: Try) -> Result<Receipt, Fault> {
        let command = Command {
            id: CommandId(format!("{}.{}", self.order, self.issued)),
            order: self.order.clone(),
            client: ClientId::from("c-1"),
            urgency: Urgency::Usual,
            ask,
        };
        let now = self.school.0.lock().unwrap().1;
        self.courier.deliver(&command, tried, &FakeLinks::default(), now).await
    }

    async fn read(&mut self) -> SeenOrder {
        shown(self.ask(Ask::ReadBack(ReadBack::Order)).await.unwrap()).expect("an order")
    }

    async fn comments(&self) -> usize {
        let order = self.order.deal().unwrap();
        let url = format!("https://rost.getcourse.ru/pl/api/v1/deal/get-comments?dealId={order}");
        let key = "Bearer sandbox-developer-key_sandbox-school-key";
        let answer = self.school.send(Request::new("GET", url).header("authorization", key)).await.unwrap();
        answer.json().unwrap()["data"].as_array().unwrap().len()
    }
}

fn shown(receipt: Receipt) -> Option<SeenOrder> {
    match receipt.signals.into_iter().next()? {
        Signal::OrderSeen(seen) => Some(*seen),
        _ => None,
    }
}

/// The order in the signal of a delivered webhook.
fn seen(hook: &Hook) -> SeenOrder {
    let (path, query) = hook.url.split_once('?').unwrap();
    let request = RawRequest {
        method: hook.method.clone(),
        tail: path.rsplit('/').next().unwrap().to_owned(),
        query: query.to_owned(),
        headers: hook.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect(),
        body: hook.body.clone(),
    };
    let hooks = GcHooks::new(settings());
    let signals = hooks.decode(&Verified::stored(request), "2026-07-14T15:05:34Z".parse().unwrap()).unwrap();
    shown(Receipt { signals, ..Receipt::default() }).expect("an order")
}

fn to(status: Status) -> Ask {
    Ask::SetStatus { status, reason: None }
}

#[tokio::test]
async fn what_a_hook_says_and_what_is_read_back_agree() {
    let (mut road, told) = Road::open();
    let read = road.read().await;
    assert_eq!(told.unclear, Vec::<String>::new());
    let facts = |seen: &SeenOrder| {
        let facts = &seen.facts;
        let client = &facts.client;
        (
            (facts.number.clone(), facts.created_at, facts.status.clone(), facts.offers.clone()),
            (facts.cost.clone(), facts.paid.clone(), facts.positions.clone()),
            (client.name.clone(), client.email.clone(), client.gc_user.clone()),
            client.phone.as_ref().and_then(|phone| phone.e164.clone()),
        )
    };
    assert_eq!(facts(&told), facts(&read));
    assert!(read.facts.confirmed);
}

#[tokio::test]
async fn statuses_are_set_and_money_is_never_overruled() {
    let (mut road, _) = Road::open();
    for status in [Status::InWork, Status::PaymentWaiting, Status::Postponed, Status::NotConfirmed] {
        assert_eq!(road.ask(to(status.clone())).await, Ok(Receipt::default()));
        assert_eq!(road.read().await.facts.status, Some(status));
    }
    let partial = road.school.until(TimeDelta::minutes(90));
    let paid = partial.iter().map(seen).find_map(|seen| seen.facts.paid).expect("a payment hook");
    assert_eq!(paid.minor, 1_500_040);
    let refused = shown(road.ask(to(Status::Cancelled)).await.unwrap()).expect("the order is shown");
    assert_eq!(refused.facts.status, Some(Status::PartPaid));
    assert_eq!(road.read().await.facts.status, Some(Status::PartPaid));
}

#[tokio::test]
async fn a_comment_whose_answer_was_lost_stands_there_once() {
    let (mut road, _) = Road::open();
    let comment = || Ask::AddComment { text: "Не дозвонились".to_owned() };
    road.school.losing(1000);
    assert!(matches!(road.ask(comment()).await, Err(Fault::Unclear { .. })));
    road.school.losing(0);
    assert_eq!(road.again(comment(), Try::MayBeDone).await, Ok(Receipt::default()));
    assert_eq!(road.comments().await, 1);
}
