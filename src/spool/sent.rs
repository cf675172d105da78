//! The commands that this process has sent lately: a store that was restarted may have forgotten a try, its
//! result, or the whole command, which is then decided again under the same id. Never more than a bounded
//! number of commands. Enter at [`Sent::leaves`], [`Sent::came_back`] and [`Sent::recall`].

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::json;
use crate::message::text::TextId;
use crate::process::command::AskKind;
use crate::process::{Ask, CommandId};
use crate::store::Delivery;

/// Far more than can leave within the seconds that a store can lose.
const COMMANDS_MAX: usize = 20_000;

/// The result of the last try, as far as it is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlierTry {
    Done,
    MayBeDone,
}

/// The result of one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendOutcome {
    Done,
    NotDone,
    Unclear,
    /// Given up: if it is sent again, a person has asked for it.
    Buried,
}

#[derive(Debug, Clone)]
struct LastTry {
    what: What,
    /// The number of tries including this one, as the delivery counts them.
    attempts: u32,
    outcome: SendOutcome,
    /// An earlier try may have done it.
    doubted: bool,
}

/// Which command an id stood for: an order that the store has lost is decided again from its first command
/// on, and may then give the id to another one.
type What = (AskKind, Option<TextId>);

fn what(delivery: &Delivery) -> What {
    let text = match &delivery.command.ask {
        Ask::SendLetter(letter) => Some(letter.text.clone()),
        _ => None,
    };
    (delivery.command.ask.kind(), text)
}

#[derive(Debug, Default)]
pub struct Sent {
    tries: HashMap<CommandId, LastTry>,
    /// The oldest first; each id occurs once.
    order: VecDeque<CommandId>,
    /// What was said, by its content: under which id, and what is known of it.
    said: HashMap<u64, (CommandId, Option<EarlierTry>)>,
    /// The oldest first; each content occurs once.
    said_order: VecDeque<u64>,
}

/// What a delivery does for its order, whatever its id is: an order that is decided again after a loss gives other
/// ids. A letter is known by its text, because dates in it may differ.
fn content(delivery: &Delivery) -> u64 {
    let mut hash = DefaultHasher::new();
    delivery.command.order.hash(&mut hash);
    what(delivery).hash(&mut hash);
    match &delivery.command.ask {
        Ask::SendLetter(letter) => letter.to.hash(&mut hash),
        ask => json::bytes(ask).hash(&mut hash),
    }
    hash.finish()
}

impl Sent {
    /// Records that the request may leave from now on.
    pub fn leaves(&mut self, delivery: &Delivery) {
        let id = delivery.id().clone();
        let before = self.tries.get(&id).filter(|before| before.what == what(delivery));
        let last = LastTry {
            what: what(delivery),
            attempts: delivery.attempts,
            outcome: SendOutcome::Unclear,
            doubted: before.is_some_and(|before| before.doubted || before.outcome == SendOutcome::Unclear),
        };
        self.note_said(delivery, Some(EarlierTry::MayBeDone));
        if self.tries.insert(id.clone(), last).is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > COMMANDS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.tries.remove(&oldest);
        }
    }

    /// What was done stays done.
    fn note_said(&mut self, delivery: &Delivery, known: Option<EarlierTry>) {
        if !is_said_once(delivery) {
            return;
        }
        let content = content(delivery);
        match self.said.get_mut(&content) {
            Some((_, Some(EarlierTry::Done))) => {}
            // Nothing came of this id; another one may still be under way.
            Some((id, _)) if known.is_none() && id != delivery.id() => {}
            Some(said) => *said = (delivery.id().clone(), known),
            None => {
                self.said.insert(content, (delivery.id().clone(), known));
                self.said_order.push_back(content);
            }
        }
        if self.said_order.len() > COMMANDS_MAX
            && let Some(oldest) = self.said_order.pop_front()
        {
            self.said.remove(&oldest);
        }
    }

    /// A try that was done stays done, even if its settlement then failed.
    pub fn came_back(&mut self, delivery: &Delivery, outcome: SendOutcome) {
        match outcome {
            SendOutcome::Done => self.note_said(delivery, Some(EarlierTry::Done)),
            SendOutcome::NotDone => self.note_said(delivery, None),
            SendOutcome::Unclear | SendOutcome::Buried => {}
        }
        let last = self.tries.get_mut(delivery.id());
        if let Some(last) = last.filter(|last| last.outcome != SendOutcome::Done) {
            let doubted = last.doubted && outcome != SendOutcome::NotDone;
            let (what, attempts) = (what(delivery), delivery.attempts);
            *last = LastTry { what, attempts, outcome, doubted };
        }
    }

    /// What this process knows beyond the delivery as the store shows it before a try; `None` if the store
    /// has lost nothing.
    pub fn recall(&self, delivery: &Delivery) -> Option<EarlierTry> {
        // What was read before says nothing about now.
        if delivery.command.ask.kind() == AskKind::ReadBack {
            return None;
        }
        let last = self.tries.get(delivery.id()).filter(|last| last.what == what(delivery))?;
        match last.outcome {
            SendOutcome::Done => Some(EarlierTry::Done),
            SendOutcome::Unclear if last.attempts > delivery.attempts => Some(EarlierTry::MayBeDone),
            // Decided again, because the store has lost it: as doubtful as before. What a person sends again has a
            // past.
            SendOutcome::Buried if last.doubted && delivery.fault.is_none() => Some(EarlierTry::MayBeDone),
            SendOutcome::Unclear | SendOutcome::NotDone | SendOutcome::Buried => None,
        }
    }
}

impl Sent {
    /// What is known of the same for the same order, said under whatever id: asked after a loss, when orders are decided
    /// again. What is in doubt under the delivery's own id is told by [`Sent::recall`].
    pub fn said(&self, delivery: &Delivery) -> Option<EarlierTry> {
        let (id, known) = self.said.get(&content(delivery)).filter(|_| is_said_once(delivery))?;
        known.filter(|known| *known == EarlierTry::Done || id != delivery.id())
    }
}

/// Letters, notes, comments and calls in the feed: a second one disturbs people.
fn is_said_once(delivery: &Delivery) -> bool {
    let kind = delivery.command.ask.kind();
    matches!(
        kind,
        AskKind::SendLetter | AskKind::AddNote | AskKind::ShowNext | AskKind::AddComment | AskKind::AddCall
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{At, Command, ReadBack, Urgency};
    use crate::store::DeliveryState;

    fn delivery(id: &str, attempts: u32) -> Delivery {
        let command = Command {
            id: CommandId(id.to_owned()),
            order: "gc-1".into(),
            client: "c-1".into(),
            urgency: Urgency::Usual,
            ask: Ask::AddComment { text: "·".to_owned() },
        };
        let created_at = At::from_timestamp(1_795_000_000, 0).expect("in range");
        Delivery {
            seq: 1,
            command,
            created_at,
            state: DeliveryState::Waiting,
            attempts,
            fault: None,
            raw: None,
        }
    }

    #[test]
    fn what_the_store_forgot_is_remembered_and_what_it_knows_is_left_to_it() {
        use SendOutcome::*;
        // The result of the only try, the tries that the store knows of, the expected answer.
        for (outcome, known, recalled) in [
            (None, 0, Some(EarlierTry::MayBeDone)),
            (None, 1, None),
            (Some(Done), 0, Some(EarlierTry::Done)),
            (Some(Done), 1, Some(EarlierTry::Done)),
            (Some(NotDone), 0, None),
            (Some(Unclear), 0, Some(EarlierTry::MayBeDone)),
            (Some(Unclear), 1, None),
            (Some(Buried), 0, None),
        ] {
            let mut sent = Sent::default();
            sent.leaves(&delivery("gc-1.1", 1));
            if let Some(outcome) = outcome {
                sent.came_back(&delivery("gc-1.1", 1), outcome);
            }
            assert_eq!(sent.recall(&delivery("gc-1.1", known)), recalled, "{outcome:?} {known}");
            assert_eq!(sent.recall(&delivery("gc-1.2", known)), None);
        }
    }

    /// Its dead letter may be lost with the store; a person who retries it sends the same delivery.
    #[test]
    fn a_doubtful_one_that_was_given_up_stays_doubtful_when_it_is_decided_again() {
        let (mut sent, first) = (Sent::default(), delivery("gc-1.1", 1));
        let again = delivery("gc-1.1", 0);
        sent.leaves(&first);
        sent.came_back(&first, SendOutcome::Buried);
        assert_eq!(sent.recall(&again), None, "it was refused");
        sent.leaves(&first);
        sent.leaves(&Delivery { attempts: 2, ..first.clone() });
        sent.came_back(&first, SendOutcome::Buried);
        assert_eq!(sent.recall(&again), Some(EarlierTry::MayBeDone));
        let fault = Some("a person tries it again".to_owned());
        assert_eq!(sent.recall(&Delivery { fault, ..again }), None);
    }

    #[test]
    fn what_was_done_and_could_not_be_settled_is_done() {
        let (mut sent, delivery) = (Sent::default(), delivery("gc-1.1", 1));
        sent.leaves(&delivery);
        sent.came_back(&delivery, SendOutcome::Done);
        sent.came_back(&delivery, SendOutcome::Unclear);
        assert_eq!(sent.recall(&delivery), Some(EarlierTry::Done));
    }

    #[test]
    fn an_id_that_stands_for_another_command_now_was_not_sent() {
        let (mut sent, delivery) = (Sent::default(), delivery("gc-1.1", 1));
        sent.leaves(&delivery);
        sent.came_back(&delivery, SendOutcome::Done);
        let command = Command { ask: Ask::ReadBack(ReadBack::Order), ..delivery.command.clone() };
        assert_eq!(sent.recall(&Delivery { command, ..delivery }), None);
    }

    /// An order that is decided again reads itself back under the same id: the answer is what it waits for.
    #[test]
    fn what_only_reads_is_never_done_already() {
        let mut sent = Sent::default();
        let mut read = delivery("gc-1.1", 1);
        read.command.ask = Ask::ReadBack(ReadBack::Order);
        sent.leaves(&read);
        sent.came_back(&read, SendOutcome::Done);
        assert_eq!(sent.recall(&Delivery { attempts: 0, ..read }), None);
    }

    #[test]
    fn what_was_said_is_known_under_another_id_and_only_for_its_order() {
        let mut sent = Sent::default();
        sent.leaves(&delivery("gc-1.1", 1));
        assert_eq!(sent.said(&delivery("gc-1.7", 1)), Some(EarlierTry::MayBeDone), "it may still fail");
        sent.came_back(&delivery("gc-1.1", 1), SendOutcome::Done);
        assert_eq!(sent.said(&delivery("gc-1.7", 1)), Some(EarlierTry::Done));
        let mut other = delivery("gc-2.7", 1);
        other.command.order = "gc-2".into();
        assert_eq!(sent.said(&other), None);
        other.command.order = "gc-1".into();
        other.command.ask = Ask::AddComment { text: "другое".to_owned() };
        assert_eq!(sent.said(&other), None);
    }

    /// The owner ended while the request was in the air: nothing came back, and the order is decided again.
    #[test]
    fn what_left_and_never_came_back_is_in_doubt_under_another_id() {
        let mut sent = Sent::default();
        let (first, again) = (delivery("gc-1.15", 1), delivery("gc-1.13", 1));
        sent.leaves(&first);
        assert_eq!(sent.said(&again), Some(EarlierTry::MayBeDone));
        assert_eq!(sent.said(&first), None, "its own id");
        sent.came_back(&first, SendOutcome::Unclear);
        assert_eq!(sent.said(&again), Some(EarlierTry::MayBeDone));
        sent.came_back(&again, SendOutcome::NotDone);
        assert_eq!(sent.said(&again), Some(EarlierTry::MayBeDone), "it says nothing of the first");
        sent.came_back(&first, SendOutcome::NotDone);
        assert_eq!(sent.said(&again), None, "it was refused");
        sent.leaves(&first);
        sent.came_back(&first, SendOutcome::Done);
        assert_eq!(sent.said(&again), Some(EarlierTry::Done));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut sent = Sent::default();
        for n in 0..=COMMANDS_MAX {
            sent.leaves(&delivery(&n.to_string(), 1));
            sent.leaves(&delivery(&n.to_string(), 2));
        }
        assert_eq!(sent.order.len(), COMMANDS_MAX);
        assert!(sent.said.len() <= COMMANDS_MAX);
        assert_eq!(sent.recall(&delivery("0", 0)), None);
        assert_eq!(sent.recall(&delivery("1", 0)), Some(EarlierTry::MayBeDone));
    }
}
