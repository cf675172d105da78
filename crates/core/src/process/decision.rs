//! One decision while it is being made: the case, what is asked of the world so far, and the verbs
//! in which the sections speak. Never decides anything itself and never looks at a clock.
//! Enter at [`Decision`]; the sections beside this file use it, nobody else does.

use chrono_tz::Tz;

use super::calendar::Opening;
use super::case::{Case, End, Pending, Phase, Task};
use super::command::{Ask, Command, CreateTask, Letter, TaskKind, Urgency};
use super::definition::Process;
use super::event::News;
use super::timers::Timer;
use super::value::*;
use super::{Line, Step, vars};
use crate::message::library::Vars;

pub(super) struct Decision<'a> {
    pub process: &'a Process,
    pub case: Case,
    pub now: At,
    /// What is asked from here on is as urgent as this.
    pub urgency: Urgency,
    commands: Vec<Command>,
    revoke: Vec<CommandId>,
    tell: Vec<(OrderId, News)>,
    journal: Vec<Line>,
}

/// A task as a section wants it; the rest is filled in by [`Decision::task`].
pub(super) struct NewTask<'t> {
    pub kind: TaskKind,
    /// Name in the library.
    pub text: &'t str,
    pub due: At,
    pub minutes: u32,
    /// `None`: the order's responsible, else the head.
    pub to: Option<ManagerId>,
    /// The moment that the text speaks of.
    pub time: Option<At>,
    pub why: &'t str,
    pub more: String,
}

impl<'t> NewTask<'t> {
    pub fn new(kind: TaskKind, text: &'t str, due: At) -> Self {
        Self { kind, text, due, minutes: 15, to: None, time: None, why: "", more: String::new() }
    }
}

impl<'a> Decision<'a> {
    pub fn new(process: &'a Process, case: Case, now: At) -> Self {
        Self {
            process,
            case,
            now,
            urgency: Urgency::Usual,
            commands: Vec::new(),
            revoke: Vec::new(),
            tell: Vec::new(),
            journal: Vec::new(),
        }
    }

    pub fn into_step(self) -> Step {
        let Self { case, commands, revoke, tell, journal, .. } = self;
        Step { case, commands, revoke, tell, journal }
    }

    // ---- words -------------------------------------------------------------------------------

    /// Why: a line of the journal.
    pub fn say(&mut self, rule: &str, text: impl Into<String>) {
        self.journal.push(Line { rule: rule.to_owned(), text: text.into() });
    }

    /// A turn of the process: journal, lead's feed and GetCourse's comment (K6).
    pub fn turn(&mut self, rule: &str, text: impl Into<String>) {
        let text = text.into();
        self.say(rule, text.clone());
        self.note(&text);
        self.comment(text);
    }

    /// A comment in GetCourse's order (K6).
    pub fn comment(&mut self, text: String) {
        if self.process.figures.feed.comments {
            self.getcourse(Ask::AddComment { text });
        }
    }

    /// A line in the lead's feed (K6).
    pub fn note(&mut self, text: &str) {
        if self.process.figures.feed.notes && self.case.order.leads.contains_key(&LeadRole::Sales) {
            self.ask(Ask::AddNote { role: LeadRole::Sales, text: text.to_owned() });
        }
    }

    pub fn tell(&mut self, order: OrderId, news: News) {
        self.tell.push((order, news));
    }

    // ---- zones and hours ---------------------------------------------------------------------

    /// The client's zone (D13): the card's field, else the school's.
    pub fn zone(&self) -> Tz {
        self.case.client.zone.as_deref().and_then(|zone| zone.parse().ok()).unwrap_or(self.process.zone)
    }

    /// When this client may be called (D13).
    pub fn calls(&self) -> Opening<'a> {
        let contact = &self.process.figures.contact;
        Opening {
            calendar: &self.process.calendar,
            zone: self.zone(),
            working: contact.calls.meet(contact.hard),
            off: contact.calls_off_days.and_then(|hours| hours.meet(contact.hard)),
        }
    }

    /// When letters of a ladder may leave (D13); any time where the school sets nothing.
    pub fn letters_open_at(&self, at: At) -> At {
        let contact = &self.process.figures.contact;
        let Some(hours) = contact.letters else { return at };
        let hours = hours.meet(contact.hard);
        let calendar = &self.process.calendar;
        Opening { calendar, zone: self.zone(), working: hours, off: hours }.next(at)
    }

    /// When the school's team works.
    pub fn team(&self) -> Opening<'a> {
        Opening {
            calendar: &self.process.calendar,
            zone: self.process.zone,
            working: Some(self.process.figures.task.hours),
            off: None,
        }
    }

    /// A later moment of the team's day: so many working minutes from now.
    pub fn work_minutes(&self, minutes: u32) -> At {
        self.team().add_minutes(self.now, minutes)
    }

    /// The same time, so many working days later, when the team is there.
    pub fn work_days(&self, days: u32) -> At {
        self.team().next(self.process.calendar.add_working_days(self.now, days, self.process.zone))
    }

    /// What fell outside the hours and was moved to an opening does not land on its first minute.
    pub fn spread(&self, timer: Timer, opening: At) -> At {
        let order = &self.case.order;
        let key = format!("{}/{timer:?}/{}", order.id, order.attempts);
        opening + super::calendar::spread(&key, self.process.figures.contact.spread_minutes)
    }

    // ---- timers ------------------------------------------------------------------------------

    /// Sets a timer; while a payment is unconfirmed everything but its own check is set aside.
    pub fn set(&mut self, timer: Timer, at: At) {
        let order = &mut self.case.order;
        if order.payment_unconfirmed && timer != Timer::ConfirmPayment {
            order.held.set(timer, at);
        } else {
            order.timers.set(timer, at);
        }
    }

    /// When a timer is to fire, also one that is set aside.
    pub fn at(&self, timer: Timer) -> Option<At> {
        self.case.order.timers.at(timer).or(self.case.order.held.at(timer))
    }

    pub fn stop(&mut self, timer: Timer) {
        self.case.order.timers.stop(timer);
        self.case.order.held.stop(timer);
    }

    pub fn stop_many(&mut self, timers: &[Timer]) {
        for timer in timers {
            self.stop(*timer);
        }
    }

    // ---- commands ----------------------------------------------------------------------------

    pub fn ask(&mut self, ask: Ask) -> CommandId {
        let order = &mut self.case.order;
        order.issued += 1;
        let id = CommandId(format!("{}.{}", order.id, order.issued));
        let pending = Pending {
            ask: ask.name().to_owned(),
            task: match &ask {
                Ask::CreateTask(task) => Some(task.task.clone()),
                Ask::MoveTask { task, .. } | Ask::CloseTask { task, .. } => Some(task.clone()),
                Ask::StartCall(start) => Some(start.task.clone()),
                _ => None,
            },
            letter: match &ask {
                Ask::SendLetter(letter) => Some(letter.text.clone()),
                _ => None,
            },
            role: match &ask {
                Ask::SaveLead(lead) => Some(lead.role),
                _ => None,
            },
        };
        order.unsent.insert(id.clone(), pending);
        self.commands.push(Command {
            id: id.clone(),
            order: order.id.clone(),
            client: order.client.clone(),
            urgency: self.urgency,
            ask,
        });
        id
    }

    /// Asks GetCourse, where the order is known there.
    pub fn getcourse(&mut self, ask: Ask) {
        if self.case.order.gc_id.is_some() {
            self.ask(ask);
        }
    }

    /// A status in GetCourse, unless it already is that one.
    pub fn status(&mut self, status: Status, reason: Option<String>) {
        if self.case.order.status.as_ref() != Some(&status) {
            self.case.order.status = Some(status.clone());
            self.getcourse(Ask::SetStatus { status, reason });
        }
    }

    /// Moves the sales lead; forward only, and over what the school does not map (K2). A payment
    /// wins even a lost lead (L4).
    pub fn stage(&mut self, stage: Stage, reason: Option<RefusalReason>) {
        let Some(now) = self.case.order.leads.get(&LeadRole::Sales).copied() else { return };
        let forward = stage > now || (stage == Stage::Won && now == Stage::Lost);
        if stage == now || (self.process.figures.feed.forward_only && !forward) {
            return;
        }
        let closes = matches!(stage, Stage::Won | Stage::Lost);
        let mapped = self.process.pipelines.get(&LeadRole::Sales).is_some_and(|has| has.contains(&stage));
        self.case.order.leads.insert(LeadRole::Sales, stage);
        if closes || mapped {
            self.ask(Ask::SetStage { role: LeadRole::Sales, stage, reason });
        }
    }

    /// Drops what has not left yet. A task that may be on its way is remembered: its receipt
    /// closes it.
    pub fn revoke_where(&mut self, holds: impl Fn(&Pending) -> bool) {
        let order = &mut self.case.order;
        let gone: Vec<CommandId> =
            order.unsent.iter().filter(|(_, pending)| holds(pending)).map(|(id, _)| id.clone()).collect();
        for id in gone {
            let pending = order.unsent.remove(&id);
            let task = pending.filter(|pending| pending.ask == "create_task").and_then(|made| made.task);
            if let Some(task) = &task {
                order.tasks.remove(task);
            }
            let asked_now = self.commands.iter().position(|command| command.id == id);
            if let Some(place) = asked_now {
                self.commands.remove(place);
                continue;
            }
            if let Some(task) = task {
                order.revoked.insert(id.clone(), task);
            }
            self.revoke.push(id);
        }
        while order.revoked.len() > REVOKED_MAX {
            order.revoked.pop_first();
        }
    }

    // ---- tasks -------------------------------------------------------------------------------

    /// Creates a task (L13, D1, …). `None` where the school has nobody at all.
    pub fn task(&mut self, new: NewTask<'_>) -> Option<TaskId> {
        let Some(to) = new.to.clone().or_else(|| self.someone()) else {
            self.say("G4", "Задачу поставить некому: в списке менеджеров никого нет.");
            return None;
        };
        let mut vars = self.vars(Some(&to));
        vars.why = new.why.to_owned();
        vars.time = new.time.map(|at| super::calendar::say_time(at, self.process.zone)).unwrap_or_default();
        vars.more = new.more;
        let text = self.process.texts.render(new.text, &vars).body;
        let order = &mut self.case.order;
        let id = TaskId(format!("t{}·{}", order.issued + 1, order.id));
        order.tasks.insert(
            id.clone(),
            Task {
                kind: new.kind,
                due: new.due,
                responsible: to.clone(),
                text: new.text.to_owned(),
                reminded: false,
                escalated: false,
                about: None,
            },
        );
        self.ask(Ask::CreateTask(CreateTask {
            task: id.clone(),
            role: LeadRole::Sales,
            kind: new.kind,
            text,
            due: new.due,
            minutes: new.minutes,
            responsible: to,
        }));
        Some(id)
    }

    /// Closes a task and the reminders of it. One that has not left yet is revoked instead.
    pub fn close_task(&mut self, id: &TaskId, result: &str) {
        if self.case.order.tasks.remove(id).is_none() {
            return;
        }
        let unsent = self.is_uncreated(id);
        self.revoke_where(|pending| {
            pending.task.as_ref() == Some(id)
                && matches!(pending.ask.as_str(), "create_task" | "move_task" | "start_call")
        });
        if !unsent {
            self.ask(Ask::CloseTask { task: id.clone(), result: result.to_owned() });
        }
        self.close_tasks_where(|task| task.about.as_ref() == Some(id), result);
    }

    pub fn close_tasks(&mut self, kind: TaskKind, result: &str) {
        self.close_tasks_where(|task| task.kind == kind, result);
    }

    pub fn close_tasks_where(&mut self, holds: impl Fn(&Task) -> bool, result: &str) {
        let ids: Vec<TaskId> =
            self.case.order.tasks.iter().filter(|(_, task)| holds(task)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.close_task(&id, result);
        }
    }

    /// A new deadline or person for an open task; it is watched anew.
    pub fn move_task(&mut self, id: &TaskId, due: Option<At>, responsible: Option<ManagerId>) {
        let Some(task) = self.case.order.tasks.get_mut(id) else { return };
        if let Some(due) = due {
            task.due = due;
            task.reminded = false;
            task.escalated = false;
        }
        if let Some(manager) = &responsible {
            task.responsible = manager.clone();
        }
        self.ask(Ask::MoveTask { task: id.clone(), due, responsible });
    }

    /// Its creation is not yet settled: the CRM may not know it.
    pub fn is_uncreated(&self, id: &TaskId) -> bool {
        let mut unsent = self.case.order.unsent.values();
        unsent.any(|pending| pending.ask == "create_task" && pending.task.as_ref() == Some(id))
    }

    /// The order's responsible, else the head, else anybody.
    pub fn someone(&self) -> Option<ManagerId> {
        let responsible = self.case.order.responsible.clone();
        responsible.or_else(|| self.head()).or_else(|| self.process.roster.first().map(|m| m.id.clone()))
    }

    pub fn head(&self) -> Option<ManagerId> {
        self.process.head().map(|head| head.id.clone())
    }

    // ---- letters -----------------------------------------------------------------------------

    /// Sends a text of the library to the client; says so where he has no usable address.
    pub fn letter(&mut self, rule: &str, text: &str) {
        self.letter_with(rule, text, |_| {});
    }

    /// The same, with more to say than the case itself does.
    pub fn letter_with(&mut self, rule: &str, text: &str, fill: impl FnOnce(&mut Vars)) {
        let Some(to) = self.case.client.email().cloned() else {
            let title = super::feed::letter_title(text);
            self.say(rule, format!("Письмо «{title}» не ушло: нет действующего адреса."));
            return;
        };
        let mut vars = self.vars(None);
        fill(&mut vars);
        let rendered = self.process.texts.render(text, &vars);
        if self.is_said_today(text, &rendered.body) {
            let title = super::feed::letter_title(text);
            self.say(rule, format!("Письмо «{title}» сегодня уже ушло: второй раз не отправляем."));
            return;
        }
        *self.case.order.letters.entry(text.to_owned()).or_default() += 1;
        self.ask(Ask::SendLetter(Letter {
            text: text.to_owned(),
            to,
            subject: rendered.subject,
            body: rendered.body,
        }));
    }

    /// Nobody gets the same words twice in a day. Notes what is said now.
    fn is_said_today(&mut self, text: &str, body: &str) -> bool {
        let day = self.now.with_timezone(&self.process.zone).date_naive();
        let said = format!("{day} {:x}", super::calendar::fnv(body));
        self.case.order.notes.insert(format!("letter {text}"), said.clone()).is_some_and(|last| last == said)
    }

    /// Everything that a text may name.
    pub fn vars(&self, manager: Option<&ManagerId>) -> Vars {
        vars::build(self.process, &self.case, manager, self.zone(), self.now)
    }

    // ---- phases ------------------------------------------------------------------------------

    /// The order has ended: nothing is pending any more (L4, L6). What closes the lead and the
    /// order outside is asked for by the section, after this.
    pub fn end(&mut self, end: End, result: &str) {
        if self.case.order.is_open() {
            super::desk::release(self);
        }
        let order = &mut self.case.order;
        order.timers.stop_all();
        order.held.stop_all();
        order.payment_unconfirmed = false;
        order.promise = None;
        order.phase = Phase::Ended;
        order.end = Some(end);
        self.revoke_where(|pending| {
            matches!(
                pending.ask.as_str(),
                "create_task"
                    | "move_task"
                    | "send_letter"
                    | "set_stage"
                    | "set_status"
                    | "read_order"
                    | "start_call"
            )
        });
        self.close_tasks_where(|_| true, result);
    }
}

/// More than these are never on their way at once.
const REVOKED_MAX: usize = 16;
