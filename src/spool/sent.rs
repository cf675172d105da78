//! The commands that this process has sent lately: a store that was restarted may have forgotten a try, its
//! result, or the whole command, which is then decided again under the same id. Never more than a bounded
//! number of commands. Enter at [`Sent::leaves`], [`Sent::came_back`] and [`Sent::recall`].

use std::collections::{HashMap, HashSet, VecDeque};
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
    /// What it says, if it is said once.
    content: Option<u64>,
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
    /// What has left and has no result yet, by its content: an owner that ended did not hear it.
    left: HashMap<u64, CommandId>,
    /// What was done, by its content, the oldest first.
    done: HashSet<u64>,
    done_order: VecDeque<u64>,
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
        let content = is_said_once(delivery).then(|| content(delivery));
        if let Some(content) = content {
            self.left.insert(content, id.clone());
        }
        let last = LastTry {
            content,
            what: what(delivery),
            attempts: delivery.attempts,
            outcome: SendOutcome::Unclear,
            doubted: before.is_some_and(|before| before.doubted || before.outcome == SendOutcome::Unclear),
        };
        if self.tries.insert(id.clone(), last).is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > COMMANDS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            let gone = self.tries.remove(&oldest);
            self.came_of(gone.and_then(|last| last.content), &oldest);
        }
    }

    /// It is known what came of it, or it is forgotten.
    fn came_of(&mut self, content: Option<u64>, id: &CommandId) {
        if let Some(content) = content.filter(|content| self.left.get(content) == Some(id)) {
            self.left.remove(&content);
        }
    }

    /// A try that was done stays done, even if its settlement then failed.
    pub fn came_back(&mut self, delivery: &Delivery, outcome: SendOutcome) {
        if outcome == SendOutcome::Done && is_said_once(delivery) {
            let content = content(delivery);
            if self.done.insert(content) {
                self.done_order.push_back(content);
            }
            if self.done_order.len() > COMMANDS_MAX
                && let Some(oldest) = self.done_order.pop_front()
            {
                self.done.remove(&oldest);
            }
        }
        if matches!(outcome, SendOutcome::Done | SendOutcome::NotDone) && is_said_once(delivery) {
            self.came_of(Some(content(delivery)), delivery.id());
        }
        let last = self.tries.get_mut(delivery.id());
        if let Some(last) = last.filter(|last| last.outcome != SendOutcome::Done) {
            let doubted = last.doubted && outcome != SendOutcome::NotDone;
            let (what, attempts) = (what(delivery), delivery.attempts);
            *last = LastTry { what, attempts, outcome, doubted, content: last.content };
        }
    }

    /// What this process knows beyond the delivery as the store shows it before a try; `None` if the store
    /// has lost nothing.
    pub fn recall(&self, delivery: &Delivery) -> Option<EarlierTry> {
        // What was read before says nothing about now.
        if matches!(
            delivery.command.ask.kind(),
            AskKind::ReadOrder | AskKind::ReadLead | AskKind::ReadMade | AskKind::ReadSaid
        ) {
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
    /// Whether the same was said for the same order under whatever id: asked after a loss, when orders are decided
    /// again.
    pub fn was_said(&self, delivery: &Delivery) -> bool {
        is_said_once(delivery) && self.done.contains(&content(delivery))
    }

    /// The other id under which the same has left for the same order, if nobody knows what came of it: it is looked up
    /// under that one.
    pub fn may_be_said_as(&self, delivery: &Delivery) -> Option<CommandId> {
        let id = is_said_once(delivery).then(|| self.left.get(&content(delivery))).flatten()?;
        (id != delivery.id()).then(|| id.clone())
    }
}

/// Letters, notes, comments and calls in the feed: a second one disturbs people, and none of them can be found
/// under another id.
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
    use crate::process::{At, Command, Urgency};
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
        let command = Command { ask: Ask::ReadOrder, ..delivery.command.clone() };
        assert_eq!(sent.recall(&Delivery { command, ..delivery }), None);
    }

    /// An order that is decided again reads itself back under the same id: the answer is what it waits for.
    #[test]
    fn what_only_reads_is_never_done_already() {
        let mut sent = Sent::default();
        let mut read = delivery("gc-1.1", 1);
        read.command.ask = Ask::ReadOrder;
        sent.leaves(&read);
        sent.came_back(&read, SendOutcome::Done);
        assert_eq!(sent.recall(&Delivery { attempts: 0, ..read }), None);
    }

    #[test]
    fn what_was_said_is_known_under_another_id_and_only_for_its_order() {
        let mut sent = Sent::default();
        sent.leaves(&delivery("gc-1.1", 1));
        assert!(!sent.was_said(&delivery("gc-1.7", 1)), "it may still fail");
        sent.came_back(&delivery("gc-1.1", 1), SendOutcome::Done);
        assert!(sent.was_said(&delivery("gc-1.7", 1)));
        let mut other = delivery("gc-2.7", 1);
        other.command.order = "gc-2".into();
        assert!(!sent.was_said(&other));
        other.command.order = "gc-1".into();
        other.command.ask = Ask::AddComment { text: "другое".to_owned() };
        assert!(!sent.was_said(&other));
    }

    /// The owner ended while the request was in the air: nothing came back, and the order is decided again.
    #[test]
    fn what_left_and_never_came_back_is_looked_up_under_its_own_id() {
        let mut sent = Sent::default();
        let (first, again) = (delivery("gc-1.15", 1), delivery("gc-1.13", 1));
        sent.leaves(&first);
        assert!(!sent.was_said(&again));
        assert_eq!(sent.may_be_said_as(&again), Some(first.id().clone()));
        assert_eq!(sent.may_be_said_as(&first), None, "its own id");
        sent.came_back(&first, SendOutcome::Unclear);
        assert_eq!(sent.may_be_said_as(&again), Some(first.id().clone()));
        sent.came_back(&first, SendOutcome::NotDone);
        assert_eq!(sent.may_be_said_as(&again), None, "it was refused");
        sent.leaves(&first);
        sent.came_back(&first, SendOutcome::Done);
        assert!(sent.was_said(&again) && sent.may_be_said_as(&again).is_none());
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut sent = Sent::default();
        for n in 0..=COMMANDS_MAX {
            sent.leaves(&delivery(&n.to_string(), 1));
            sent.leaves(&delivery(&n.to_string(), 2));
        }
        assert_eq!(sent.order.len(), COMMANDS_MAX);
        assert!(sent.left.len() <= COMMANDS_MAX);
        assert_eq!(sent.recall(&delivery("0", 0)), None);
        assert_eq!(sent.recall(&delivery("1", 0)), Some(EarlierTry::MayBeDone));
    }
}
