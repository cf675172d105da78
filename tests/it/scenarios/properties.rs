//! Properties that hold for any events in any order: a payment wins, a client never has two call tasks, an
//! open order has a next step, a repeat changes nothing. The world itself checks L14, the single call task
//! and determinism after every step.

use chrono::TimeDelta;
use dozvon::process::case::{Case, Client, Desks};
use dozvon::process::definition::{Assign, Figures};
use dozvon::process::event::{
    Answer, AnswerKind, Author, CallResult, ClientFacts, Direction, Extent, LeadChange, OrderFacts, Outcome,
    Reached, TaskChange,
};
use dozvon::process::{
    Ask, At, ClientId, Event, LeadRole, ManagerId, Money, News, OrderId, Phone, RefusalReason, Stage, Status,
    Timer, step,
};
use proptest::prelude::*;
use proptest::sample::select;

use super::reading::time;
use super::school;
use super::world::World;

/// A possible event, in a form that fits any moment.
#[derive(Debug, Clone)]
enum Happening {
    Order {
        status: Option<Status>,
        paid: Option<i64>,
        confirmed: Confirmed,
        author: Author,
        phone: Option<&'static str>,
    },
    Second {
        paid: Option<i64>,
    },
    Client {
        phone: Option<&'static str>,
        email_bad: Confirmed,
    },
    Call {
        n: u32,
        direction: Direction,
        outcome: Outcome,
        reached: Reached,
        seconds: u32,
    },
    Lead {
        stage: Option<Stage>,
        responsible: Option<&'static str>,
        reason: Option<RefusalReason>,
    },
    LeadGone,
    /// The n-th open task: closed, deleted or moved by hand.
    Task {
        n: usize,
        what: u8,
    },
    Answer {
        kind: AnswerKind,
        hours: Option<i64>,
        reason: Option<RefusalReason>,
        why: Option<&'static str>,
    },
    Sibling(News),
    Wake,
    /// From here on nothing of the platform is settled; the next `Settle` or `Refuse` ends it.
    Hold(&'static str),
    Settle,
    Refuse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Confirmed {
    Yes,
    No,
}

fn confirmed() -> impl Strategy<Value = Confirmed> {
    select(vec![Confirmed::Yes, Confirmed::No])
}

fn order() -> impl Strategy<Value = Happening> {
    let status = select(vec![
        None,
        Some(Status::New),
        Some(Status::InWork),
        Some(Status::PartPaid),
        Some(Status::Paid),
        Some(Status::Cancelled),
        Some(Status::False),
        Some(Status::Postponed),
        Some(Status::WaitingForReturn),
        Some(Status::Unknown("странный".to_owned())),
    ]);
    let paid = select(vec![None, None, Some(0), Some(1_000_000), Some(2_000_000), Some(3_850_000)]);
    let author = select(vec![Author::Client, Author::Client, Author::Manager]);
    let phone = select(vec![None, Some("89005550101"), Some("нет")]);
    (status, paid, confirmed(), author, phone).prop_map(|(status, paid, confirmed, author, phone)| {
        Happening::Order { status, paid, confirmed, author, phone }
    })
}

fn call() -> impl Strategy<Value = Happening> {
    let outcome = select(vec![
        Outcome::Answered,
        Outcome::Answered,
        Outcome::NoAnswer,
        Outcome::NoAnswer,
        Outcome::Busy,
        Outcome::InvalidNumber,
        Outcome::Failed,
        Outcome::Cancelled,
        Outcome::Voicemail,
    ]);
    let reached = select(vec![Reached::Client, Reached::Client, Reached::ManagerOnly, Reached::Nobody]);
    let direction = select(vec![Direction::Outbound, Direction::Outbound, Direction::Inbound]);
    (0..40_u32, direction, outcome, reached, 0..90_u32).prop_map(
        |(n, direction, outcome, reached, seconds)| Happening::Call {
            n,
            direction,
            outcome,
            reached,
            seconds,
        },
    )
}

fn answer() -> impl Strategy<Value = Happening> {
    let kind = select(vec![
        AnswerKind::CallBack,
        AnswerKind::CallBack,
        AnswerKind::Promise,
        AnswerKind::Promise,
        AnswerKind::Instalment,
        AnswerKind::LongCycle,
        AnswerKind::Doubt,
        AnswerKind::SpecialTerms,
        AnswerKind::OwnTry,
        AnswerKind::Refusal,
        AnswerKind::Duplicate,
        AnswerKind::Mistake,
        AnswerKind::WrongNumber,
        AnswerKind::Paid,
        AnswerKind::Returned,
        AnswerKind::Stays,
        AnswerKind::Unclear,
        AnswerKind::Reached,
        AnswerKind::NotReached,
    ]);
    let reason = select(vec![None, Some(RefusalReason::Price)]);
    let why = select(vec![None, Some("так сказал")]);
    (kind, proptest::option::of(-10..200_i64), reason, why)
        .prop_map(|(kind, hours, reason, why)| Happening::Answer { kind, hours, reason, why })
}

fn lead() -> impl Strategy<Value = Happening> {
    let stage = select(vec![
        None,
        Some(Stage::New),
        Some(Stage::InWork),
        Some(Stage::Talked),
        Some(Stage::Won),
        Some(Stage::Lost),
    ]);
    let who = select(vec![None, Some("irina"), Some("oleg"), Some("nobody")]);
    let reason = select(vec![None, Some(RefusalReason::Price)]);
    (stage, who, reason).prop_map(|(stage, responsible, reason)| Happening::Lead {
        stage,
        responsible,
        reason,
    })
}

fn happening() -> impl Strategy<Value = Happening> {
    let other = OrderId::from("gc-2");
    let news = select(vec![
        News::Talked { order: other.clone(), at: start() },
        News::Paid { order: other.clone() },
        News::DuplicateOf { order: other.clone() },
        News::DuplicateFound { order: other.clone() },
        News::MoneyWent { order: other.clone(), sum: Money::new(100, "RUB") },
        News::MoneyCame { order: other, sum: Money::new(100, "RUB") },
    ]);
    let phone = select(vec![None, Some("89005550101"), Some("89005550102")]);
    let asks =
        select(vec!["create_task", "save_lead", "send_letter", "set_status", "read_order", "move_task"]);
    prop_oneof![
        3 => order(),
        5 => call(),
        4 => answer(),
        2 => lead(),
        1 => Just(Happening::LeadGone),
        3 => (0..4_usize, 0..4_u8).prop_map(|(n, what)| Happening::Task { n, what }),
        1 => (phone, confirmed()).prop_map(|(phone, email_bad)| Happening::Client { phone, email_bad }),
        1 => select(vec![None, Some(3_850_000)]).prop_map(|paid| Happening::Second { paid }),
        1 => news.prop_map(Happening::Sibling),
        1 => Just(Happening::Wake),
        1 => asks.prop_map(Happening::Hold),
        1 => Just(Happening::Settle),
        1 => Just(Happening::Refuse),
    ]
}

/// Minutes until the next event: within one talk, within a day, within a week.
fn pauses() -> impl Strategy<Value = i64> {
    prop_oneof![0..3_i64, 3..60_i64, 60..1500_i64, 1500..12_000_i64]
}

fn start() -> At {
    time("2026-11-20 16:30").expect("a time")
}

fn facts(
    status: Option<Status>,
    paid: Option<i64>,
    confirmed: Confirmed,
    author: Author,
    phone: Option<&str>,
) -> OrderFacts {
    OrderFacts {
        number: Some("1001".to_owned()),
        author: Some(author),
        status,
        offers: vec!["101".to_owned()],
        cost: Some(Money::new(3_850_000, "RUB")),
        paid: paid.map(|minor| Money::new(minor, "RUB")),
        payment_link: Some("https://school.example/pay/1".to_owned()),
        confirmed: confirmed == Confirmed::Yes,
        client: ClientFacts {
            phone: phone.map(Phone::parse),
            email: Some("maria@client.example".to_owned()),
            read: confirmed == Confirmed::Yes,
            ..ClientFacts::default()
        },
        ..OrderFacts::default()
    }
}

fn in_full() -> Event {
    let paid = facts(Some(Status::Paid), Some(3_850_000), Confirmed::Yes, Author::Client, None);
    Event::Order(Box::new(paid))
}

/// As it is read in the CRM.
fn person(phone: Option<&str>, email_bad: Confirmed) -> ClientFacts {
    ClientFacts {
        phone: phone.map(Phone::parse),
        email: Some("maria@client.example".to_owned()),
        email_bad: email_bad == Confirmed::Yes,
        read: true,
        ..ClientFacts::default()
    }
}

/// The event for the present state; `None` if there is nothing that it could apply to.
fn event(happening: &Happening, world: &World, now: At) -> Option<(OrderId, Event)> {
    let first = OrderId::from("gc-1");
    let event = match happening.clone() {
        Happening::Order { status, paid, confirmed, author, phone } => {
            Event::Order(Box::new(facts(status, paid, confirmed, author, phone)))
        }
        Happening::Second { paid } => {
            let facts = facts(None, paid, Confirmed::Yes, Author::Client, Some("89005550101"));
            return Some((OrderId::from("gc-2"), Event::Order(Box::new(facts))));
        }
        Happening::Client { phone, email_bad } => Event::Client(person(phone, email_bad)),
        Happening::Call { n, direction, outcome, reached, seconds } => Event::Call(CallResult {
            call: format!("mango:{n}"),
            direction,
            outcome,
            reached,
            talk_seconds: Some(seconds),
            started_at: now - TimeDelta::seconds(i64::from(seconds) + 10),
            ended_at: now,
            number: Some("+79005550101".to_owned()),
            line: None,
            manager: Some(ManagerId::from("oleg")),
            command: None,
            recording: None,
        }),
        Happening::Lead { stage, responsible, reason } => Event::Lead(LeadChange {
            role: LeadRole::Sales,
            stage,
            from: stage.filter(|stage| *stage == Stage::New).map(|_| Stage::Talked),
            pipeline: None,
            responsible: responsible.map(ManagerId::from),
            reason,
            by: None,
            at: now,
        }),
        Happening::LeadGone => Event::LeadGone { role: LeadRole::Sales },
        Happening::Task { n, what } => {
            let order = world.orders.get(&first)?;
            let (task, open) = order.tasks.iter().nth(n % order.tasks.len().max(1))?;
            Event::Task(TaskChange {
                task: task.clone(),
                done: what == 0 || what == 1,
                result: (what == 1).then(|| "сделал".to_owned()),
                read: false,
                due: (what == 2).then(|| open.due + TimeDelta::days(2)),
                responsible: None,
                gone: what == 3,
                at: Some(now),
            })
        }
        Happening::Answer { kind, hours, reason, why } => Event::Answer(Answer {
            kind,
            at: hours.map(|hours| now + TimeDelta::hours(hours)),
            extent: Extent::default(),
            why: why.map(str::to_owned),
            reason,
            by: Some(ManagerId::from("irina")),
            field: Some(7),
            said_at: None,
        }),
        Happening::Sibling(news) => Event::Sibling(news),
        Happening::Wake => Event::Wake,
        Happening::Hold(_) | Happening::Settle | Happening::Refuse => return None,
    };
    Some((first, event))
}

/// Plays one event; a repeat of the same facts right after it must change nothing.
fn play(world: &mut World, happening: &Happening, now: At) -> Result<(), String> {
    match happening {
        Happening::Hold(ask) => {
            world.hold.insert((*ask).to_owned());
        }
        Happening::Settle | Happening::Refuse => {
            world.hold.clear();
            for command in std::mem::take(&mut world.held) {
                let event = match happening {
                    Happening::Settle => Event::Receipt { command: command.id },
                    _ => Event::Undeliverable { command: command.id, why: "refused".to_owned() },
                };
                world.happen(&command.order, &event, now)?;
            }
        }
        _ => {}
    }
    let Some((order, event)) = event(happening, world, now) else { return Ok(()) };
    world.happen(&order, &event, now)?;
    if matches!(event, Event::Order(_) | Event::Client(_) | Event::Call(_) | Event::Wake) {
        no_news(world, &order, &event, now)?;
    }
    Ok(())
}

fn no_news(world: &World, order: &OrderId, event: &Event, now: At) -> Result<(), String> {
    let Some(order) = world.orders.get(order).cloned() else { return Ok(()) };
    let case = Case {
        order,
        client: world.client.clone(),
        desks: world.desks.clone(),
        meters: world.meters.clone(),
    };
    let again = step(&world.process, case.clone(), event, now);
    if again.commands.is_empty() && again.tell.is_empty() && again.case == case {
        return Ok(());
    }
    let (had, has) = (format!("{:#?}", case.order), format!("{:#?}", again.case.order));
    let differs: Vec<(&str, &str)> = had.lines().zip(has.lines()).filter(|(a, b)| a != b).collect();
    Err(format!("a repeat of {event:?} is news: {:?} {differs:?}", again.commands))
}

fn played(figures: Figures, assign: Assign, happenings: &[(i64, Happening)]) -> Result<(World, At), String> {
    let mut process = school::process(figures);
    if let Some(route) = process.routes.first_mut() {
        route.responsible = assign;
    }
    let mut world = World::new(process);
    let mut now = start();
    for (pause, happening) in happenings {
        now += TimeDelta::minutes(*pause);
        world.pass(now)?;
        play(&mut world, happening, now)?;
    }
    Ok((world, now))
}

fn figures(profile: u8) -> Figures {
    let mut figures = Figures::default();
    match profile {
        1 => figures.dialling.every_minutes = 30,
        2 => figures.talk.ask = false,
        3 => (figures.task.watch, figures.task.put_back) = (false, false),
        4 => (figures.arrival.ask_phone, figures.promise.redial) = (false, false),
        5 => (figures.refusal.revival, figures.payment.fulfilment) = (true, true),
        6 => figures.dialling.start_calls = true,
        _ => {}
    }
    figures
}

fn assigns() -> impl Strategy<Value = Assign> {
    select(vec![Assign::Load, Assign::FreePool, Assign::Fixed { manager: ManagerId::from("oleg") }])
}

/// A few hundred in every run; more with `PROPTEST_CASES`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// L4, L14: whatever came before, a confirmed full payment wins, and nothing is left to do.
    #[test]
    fn a_payment_wins_whatever_went_before(
        profile in 0..7_u8,
        assign in assigns(),
        happenings in proptest::collection::vec((pauses(), happening()), 0..30),
    ) {
        let (mut world, now) = played(figures(profile), assign, &happenings).map_err(TestCaseError::fail)?;
        let first = OrderId::from("gc-1");
        world.commands.clear();
        world.happen(&first, &in_full(), now).map_err(TestCaseError::fail)?;
        world.hold.clear();
        for command in std::mem::take(&mut world.held) {
            let receipt = Event::Receipt { command: command.id };
            world.happen(&command.order, &receipt, now).map_err(TestCaseError::fail)?;
        }
        let order = &world.orders[&first];
        prop_assert!(order.is_won(), "{:?}", order.end());
        prop_assert!(order.tasks.is_empty(), "{:?}", order.tasks);
        prop_assert!(order.timers.is_empty() && !order.is_held(), "{:?}", order.timers);
        prop_assert!(order.unsent.is_empty(), "{:?}", order.unsent);

        world.pass(now + TimeDelta::days(30)).map_err(TestCaseError::fail)?;
        let tasks = world.commands.iter().filter(|command| {
            command.order == first && matches!(command.ask, Ask::CreateTask(_) | Ask::MoveTask { .. })
        });
        prop_assert_eq!(tasks.count(), 0);
    }

    /// L14: without further events, an order ends or keeps asking people; it is never forgotten.
    #[test]
    fn an_order_left_alone_never_falls_asleep(
        profile in 0..7_u8,
        assign in assigns(),
        happenings in proptest::collection::vec((pauses(), happening()), 0..12),
    ) {
        let (mut world, now) = played(figures(profile), assign, &happenings).map_err(TestCaseError::fail)?;
        world.pass(now + TimeDelta::days(20)).map_err(TestCaseError::fail)?;
    }

    /// L4: a payment that turns out not to be one changes nothing.
    #[test]
    fn a_false_payment_changes_nothing(
        profile in 0..7_u8,
        assign in assigns(),
        happenings in proptest::collection::vec((pauses(), happening()), 0..12),
    ) {
        let (mut world, now) = played(figures(profile), assign, &happenings).map_err(TestCaseError::fail)?;
        let first = OrderId::from("gc-1");
        let Some(before) = world.orders.get(&first).cloned() else { return Ok(()) };
        let plain = before.is_open() && !before.is_held() && before.unsent.is_empty();
        // What is read then also says which of two is the older order (L7).
        let plain = plain && !before.fold_waits;
        let no_money = !before.has_money() && before.status != Some(Status::PartPaid);
        // Where nothing was sent yet, the confirmation goes out now.
        if !plain || !no_money || before.letters.is_empty() {
            return Ok(());
        }
        let said = |paid, confirmed| {
            let facts = facts(None, Some(paid), confirmed, Author::Client, None);
            Event::Order(Box::new(facts))
        };
        world.happen(&first, &said(3_850_000, Confirmed::No), now).map_err(TestCaseError::fail)?;
        let held = &world.orders[&first];
        prop_assert!(held.is_held() && held.state() == before.state());
        prop_assert!(held.timers.iter().all(|(timer, _)| timer == Timer::ConfirmPayment), "{:?}", held.timers);
        world.happen(&first, &said(0, Confirmed::Yes), now).map_err(TestCaseError::fail)?;
        let after = &world.orders[&first];
        prop_assert_eq!(after.state(), before.state());
        prop_assert_eq!(&after.timers, &before.timers);
        prop_assert_eq!(&after.tasks, &before.tasks);
        prop_assert_eq!((&after.promise, &after.plan, &after.question), (&before.promise, &before.plan, &before.question));
    }

    /// A step depends on its arguments only, and an unknown order is not an error.
    #[test]
    fn any_first_event_is_taken(happening in happening()) {
        let mut world = World::new(school::process(Figures::default()));
        play(&mut world, &happening, start()).map_err(TestCaseError::fail)?;
        let case = Case::new(OrderId::from("line-1"), Client::new(ClientId::from("c-2")), Desks::default(), start());
        if let Some((_, event)) = event(&happening, &world, start()) {
            let step = step(&world.process, case, &event, start());
            prop_assert_eq!(step.case.order.repairs, 0);
        }
    }
}
