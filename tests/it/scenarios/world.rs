//! Orders of one client, their time and their receipts, moved by the steps of a scenario.
//! Every command is carried out at once unless it is held; every wake fires at its own time.

use std::collections::{BTreeMap, BTreeSet};

use dozvon::message::text::{LETTERS, TASKS, TextId};
use dozvon::process::case::{Case, Client, Desks, Meters};
use dozvon::process::{
    Ask, At, ClientId, Command, CommandId, Event, Line, Moment, Order, OrderId, Process, Step, has_next_step,
    may_stay, step, strays, wake,
};

pub struct World {
    pub process: Process,
    pub client: Client,
    pub desks: Desks,
    pub meters: Meters,
    pub orders: BTreeMap<OrderId, Order>,
    /// The latest moment so far: time never goes back.
    pub now: Option<At>,
    /// Names of the tasks' texts, also of closed ones.
    pub names: BTreeMap<String, String>,
    /// Asks whose commands are not settled.
    pub hold: BTreeSet<String>,
    pub held: Vec<Command>,
    /// What happened since the last check.
    pub commands: Vec<Command>,
    pub revoked: Vec<CommandId>,
    pub journal: Vec<Line>,
}

impl World {
    pub fn new(process: Process) -> Self {
        Self {
            process,
            client: Client::new(ClientId::from("c-1")),
            desks: Desks::default(),
            meters: Meters::default(),
            orders: BTreeMap::new(),
            now: None,
            names: BTreeMap::new(),
            hold: BTreeSet::new(),
            held: Vec::new(),
            commands: Vec::new(),
            revoked: Vec::new(),
            journal: Vec::new(),
        }
    }

    /// One event of one order, with everything that follows immediately.
    pub fn happen(&mut self, order: &OrderId, event: &Event, now: At) -> Result<(), String> {
        let mut queue = std::collections::VecDeque::from([(order.clone(), event.clone())]);
        let mut turns = 0;
        self.now = self.now.max(Some(now));
        while let Some((order, event)) = queue.pop_front() {
            turns += 1;
            if turns > 500 {
                return Err(format!("events never end, the last is {event:?}"));
            }
            let case = self.open(&order, now);
            let again = step(&self.process, case.clone(), &event, now);
            let step = step(&self.process, case, &event, now);
            if step != again {
                return Err(format!("{event:?} is decided in two ways"));
            }
            if !has_next_step(&self.process, &step.case, now) || step.case.order.repairs > 0 {
                let order = &step.case.order;
                let (phase, timers, tasks) = (order.state().name(), &order.timers, &order.tasks);
                return Err(format!("L14: no next step after {event:?}: {phase:?} {timers:?} {tasks:?}"));
            }
            self.nothing_outlives_its_state(&order, &step)?;
            self.no_call_comes_twice(&step)?;
            if step.case.order.tasks.values().filter(|task| is_call(task)).count() > 1 {
                return Err(format!("two open call tasks after {event:?}"));
            }
            for (id, task) in &step.case.order.tasks {
                if !TASKS.contains(&task.text) {
                    return Err(format!("the library has no task `{}`", task.text));
                }
                self.names.insert(id.to_string(), task.text.to_string());
            }
            if let Some(unknown) = step.case.order.letters.keys().find(|text| !LETTERS.contains(text)) {
                return Err(format!("the library has no letter `{unknown}`"));
            }
            for command in &step.commands {
                if self.hold.contains(command.ask.name()) {
                    self.held.push(command.clone());
                } else {
                    queue.push_back((order.clone(), Event::Receipt { command: command.id.clone() }));
                }
            }
            self.held.retain(|command| !step.revoke.contains(&command.id));
            queue.extend(step.tell.iter().map(|(to, news)| (to.clone(), Event::Sibling(news.clone()))));
            self.commands.extend(step.commands);
            self.revoked.extend(step.revoke);
            self.journal.extend(step.journal);
            self.client = step.case.client;
            self.desks = step.case.desks;
            self.meters = step.case.meters;
            self.orders.insert(order, step.case.order);
        }
        Ok(())
    }

    /// Fires every wake up to `until`, each at its own time.
    pub fn pass(&mut self, until: At) -> Result<(), String> {
        for _ in 0..5000 {
            let wakes = self.orders.iter().filter_map(|(id, order)| Some((wake(order)?.0, id.clone())));
            let Some((at, order)) = wakes.min().filter(|(at, _)| *at <= until) else { return Ok(()) };
            // A timer that is resumed after a hold may be overdue.
            let at = self.now.map_or(at, |now| now.max(at));
            self.happen(&order, &Event::Wake, at)?;
        }
        Err("wakes never end".to_owned())
    }

    /// No timer runs and no task is open of a state that the order has left.
    fn nothing_outlives_its_state(&self, order: &OrderId, step: &Step) -> Result<(), String> {
        let after = &step.case.order;
        let strays = strays(after);
        if !strays.is_empty() {
            return Err(format!("{strays:?} run in {}", after.state().name()));
        }
        let Some(before) = self.orders.get(order) else { return Ok(()) };
        for moment in &step.moments {
            let Moment::Left { from, to } = moment else { continue };
            let open = before.tasks.keys().filter_map(|id| after.tasks.get(id));
            if let Some(task) = open.into_iter().find(|task| !may_stay(task, from, to)) {
                return Err(format!("`{}` is open after {} → {}", task.text, from.name(), to.name()));
            }
        }
        Ok(())
    }

    /// D2, K10: between an attempt and the next one of the ladder is the gap, whenever its task is made.
    fn no_call_comes_twice(&self, step: &Step) -> Result<(), String> {
        let order = &step.case.order;
        let gap = chrono::TimeDelta::minutes(i64::from(self.process.figures.dialling.gap_minutes));
        let Some(last) = order.round.last_attempt_at else { return Ok(()) };
        let ladder = [TextId::TaskFirstCall, TextId::TaskCall, TextId::TaskCheckContacts];
        for command in &step.commands {
            let Ask::CreateTask(made) = &command.ask else { continue };
            let text = order.tasks.get(&made.task).map(|task| &task.text);
            if text.is_some_and(|text| ladder.contains(text)) && made.due < last + gap {
                return Err(format!("a call for {} after the attempt of {last}", made.due));
            }
        }
        Ok(())
    }

    fn open(&self, order: &OrderId, now: At) -> Case {
        let client = self.client.clone();
        let (desks, meters) = (self.desks.clone(), self.meters.clone());
        match self.orders.get(order) {
            Some(order) => Case { order: order.clone(), client, desks, meters },
            None => Case { meters, ..Case::new(order.clone(), client, desks, now) },
        }
    }
}

pub fn is_call(task: &dozvon::process::case::Task) -> bool {
    task.kind == dozvon::process::command::TaskKind::Call
}
