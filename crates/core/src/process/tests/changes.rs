//! F107: an order whose facts change again and again while the CRM is away asks for a bounded number of commands, and
//! what is sent in the end is what holds in the end.

use super::event::{ClientFacts, OrderFacts};
use super::*;

const CHANGES: i64 = 1_000;

fn told(n: i64) -> Event {
    let managers = ["irina", "pavel"];
    Event::Order(Box::new(OrderFacts {
        status: Some(if n % 2 == 0 { Status::InWork } else { Status::PaymentWaiting }),
        cost: Some(Money::new(100_000 + n, "RUB")),
        manager: Some(managers[n as usize % 2].into()),
        confirmed: true,
        client: ClientFacts {
            gc_user: Some("7".to_owned()),
            first_name: Some(format!("Мария{n}")),
            ..ClientFacts::default()
        },
        ..OrderFacts::default()
    }))
}

#[test]
fn changes_without_end_leave_a_bounded_number_of_commands_and_the_last_values() {
    let mut process = process();
    process.roster.push(Manager { id: "pavel".into(), head: false, ..process.roster[0].clone() });
    let client = Client { gc_user: Some("7".to_owned()), ..Client::new("c-1".into()) };
    let (desks, meters) = (Desks::default(), Meters::default());
    let mut case = Case { order: order(&Wait::Dialling, Wrapped::No), client, desks, meters };
    let mut waiting: BTreeMap<CommandId, Command> = BTreeMap::new();
    let mut notes = Vec::new();
    for n in 0..CHANGES {
        let done = step(&process, case, &told(n), now());
        case = done.case;
        let is_note = |command: &&Command| command.ask.kind() == AskKind::AddNote;
        notes.extend(done.commands.iter().filter(is_note).map(|command| command.id.clone()));
        waiting.extend(done.commands.into_iter().map(|command| (command.id.clone(), command)));
        done.revoke.iter().for_each(|id| drop(waiting.remove(id)));
        assert!(waiting.keys().eq(case.order.unsent.keys()), "{n}");
        assert!(waiting.len() <= 120, "{n}: {}", waiting.len());
    }
    let of = |kind| waiting.values().filter(|command| command.ask.kind() == kind).collect::<Vec<_>>();
    let [price] = of(AskKind::SetPrice)[..] else { panic!("{waiting:?}") };
    assert!(matches!(&price.ask, Ask::SetPrice { price, .. } if price.minor == 100_000 + CHANGES - 1));
    let [responsible] = of(AskKind::SetResponsible)[..] else { panic!("{waiting:?}") };
    assert!(matches!(&responsible.ask, Ask::SetResponsible { manager, .. } if manager.as_str() == "pavel"));
    for command in of(AskKind::MoveTask) {
        assert!(
            matches!(&command.ask, Ask::MoveTask { responsible: Some(who), .. } if who.as_str() == "pavel")
        );
    }
    let left: BTreeSet<&CommandId> = of(AskKind::AddNote).into_iter().map(|note| &note.id).collect();
    assert_eq!(left, notes[notes.len() - 50..].iter().collect(), "the latest stay");
}
