//! Managers: they notice tasks, call when the tasks are due, and enter the result into the CRM (or do not).
//! They never work outside their hours and never make two calls at once. Enter at [`World::task_touched`] and
//! [`World::manager_acts`].

use chrono::{DateTime, TimeDelta, Utc};

use super::{Trigger, word};
use crate::World;
use crate::agenda::{Due, Ended};
use crate::amocrm::model::{Entity, Task};
use crate::calls::{Command, Course};
use crate::script::{CallKind, Closes, ManagerScript, OtherTasks, TaskScript};
use crate::wire::phone_dialled;

/// From a task's creation until a manager can notice it.
const NOTICED_AFTER: TimeDelta = TimeDelta::seconds(30);

impl World {
    /// A task was created or changed: its manager plans when to do it.
    pub(crate) fn task_touched(&mut self, now: DateTime<Utc>, id: i64) {
        let Some(task) = self.amocrm.tasks.get(&id).cloned() else {
            return;
        };
        if task.is_completed {
            return;
        }
        let is_new = task.history.first().is_some_and(|turn| turn.at == now);
        if is_new && let Some(script) = self.script_of_task(&task) {
            self.trigger(now, script, Trigger::Task(&task.text));
        }
        let Some(manager) = self.manager_of_user(task.responsible_user_id).cloned() else {
            return;
        };
        if self.people.planned.insert(id, task.revision) == Some(task.revision) {
            // Only its text changed: the plan stays.
            return;
        }
        let at =
            (task.complete_till + manager.lag.0 + self.rng.span(manager.jitter.0)).max(now + NOTICED_AFTER);
        self.plan_task(&manager.key, at, &task);
    }

    fn plan_task(&mut self, manager: &str, at: DateTime<Utc>, task: &Task) {
        if let Some(at) = self.working(manager, at) {
            self.agenda.plan(at, Due::Task { task: task.id, revision: task.revision });
        }
    }

    /// The time has come at which a manager planned to do a task.
    pub(crate) fn manager_acts(&mut self, now: DateTime<Utc>, id: i64, revision: u32) {
        let Some(task) = self.amocrm.tasks.get(&id).cloned() else {
            return;
        };
        if task.is_completed || task.revision != revision {
            return;
        }
        let Some(manager) = self.manager_of_user(task.responsible_user_id).cloned() else {
            return;
        };
        if self.people.away.contains(&manager.key) {
            return;
        }
        let script = self.script_of_task(&task);
        if let Some(rule) = self.rule_for(&task, script) {
            return self.act_by_rule(now, &task, &manager, script, &rule);
        }
        let text = task.text.to_lowercase();
        let habits = &self.setup.people;
        let first = |words: &[String]| words.iter().filter_map(|word| text.find(word.as_str())).min();
        let typed = habits.call_task_types.contains(&task.task_type_id);
        // The word that comes first decides the kind of task: a call task may mention the question.
        let (call, question) = match (first(&habits.call_words), first(&habits.question_words)) {
            (Some(call), Some(question)) => (call < question, question < call),
            (call, question) => (call.is_some(), question.is_some()),
        };
        let call = call || (typed && !question);
        if question {
            return;
        }
        if call {
            self.make_call(now, &task, &manager, script);
        } else if manager.other_tasks == OtherTasks::Close {
            self.close_task(now, id, "Сделано", manager.amocrm_user);
        }
    }

    /// The first rule of the script that matches this task; a match is counted once per task.
    fn rule_for(&mut self, task: &Task, script: Option<usize>) -> Option<TaskScript> {
        let script = script?;
        let rules = self.setup.orders.get(script)?.tasks.clone();
        let text = task.text.to_lowercase();
        let mut found = None;
        for (index, rule) in rules.into_iter().enumerate() {
            if !text.contains(&rule.contains.to_lowercase()) {
                continue;
            }
            let nth = match self.people.matched.get(&(task.id, index)) {
                Some(nth) => *nth,
                None => {
                    let count = self.people.progress[script].rule_matches.entry(index).or_insert(0);
                    *count += 1;
                    self.people.matched.insert((task.id, index), *count);
                    *count
                }
            };
            if found.is_none() && rule.nth.is_none_or(|wanted| wanted == nth) {
                found = Some(rule);
            }
        }
        found
    }

    fn act_by_rule(
        &mut self,
        now: DateTime<Utc>,
        task: &Task,
        manager: &ManagerScript,
        script: Option<usize>,
        rule: &TaskScript,
    ) {
        if rule.ignore {
            return;
        }
        if let Some(late) = rule.late
            && self.people.put_off.insert((task.id, task.revision))
        {
            return self.plan_task(&manager.key, now + late.0, task);
        }
        if let Some(script) = script {
            self.apply_answer(now, script, Some(task.id), &rule.act);
        }
    }

    fn make_call(&mut self, now: DateTime<Utc>, task: &Task, manager: &ManagerScript, script: Option<usize>) {
        let (number, outcome) = self.next_call(script);
        if outcome.late > TimeDelta::zero() && self.people.put_off.insert((task.id, task.revision)) {
            return self.plan_task(&manager.key, now + outcome.late, task);
        }
        if outcome.kind != CallKind::Ignore
            && let Some(until) = self.people.busy.get(&manager.key).filter(|until| **until > now)
        {
            return self.plan_task(&manager.key, *until + TimeDelta::seconds(20), task);
        }
        let Some(client) = self.phone_of(task, script).filter(|phone| !phone.is_empty()) else {
            return self.trouble(now, script, "a call task, but no phone to dial");
        };
        self.count_call(script);
        if matches!(outcome.kind, CallKind::Ignore | CallKind::ManagerMissed) {
            return;
        }
        let course = self.course(outcome.kind);
        let talked = matches!(outcome.kind, CallKind::Talk { .. } | CallKind::Mobile);
        let unseen =
            (outcome.kind == CallKind::Mobile || manager.extension.is_none()).then_some(match outcome.kind {
                CallKind::Talk { .. } | CallKind::Mobile => "Дозвонился",
                CallKind::Invalid => "Неверный номер",
                _ => "Не дозвонился",
            });
        let ended = now + TimeDelta::seconds(course.rings_s + course.talk_s);
        if let (None, Some(extension)) = (unseen, &manager.extension) {
            let call = self.phones().dial(now, extension, &phone_dialled(&client), course);
            self.name_call(call, word(outcome.kind), script, number);
        }
        self.people.busy.insert(manager.key.clone(), ended);
        let ended_call =
            Ended { script, number, talked, task: Some(task.id), manager: manager.key.clone(), unseen };
        self.agenda.plan(ended + TimeDelta::seconds(1), Due::CallEnded(ended_call));
    }

    fn count_call(&mut self, script: Option<usize>) {
        if let Some(script) = script {
            self.people.progress[script].calls += 1;
        }
    }

    pub(crate) fn name_call(&mut self, call: usize, outcome: &str, script: Option<usize>, number: u32) {
        let name = script.and_then(|script| self.setup.orders.get(script)).map(|order| order.id.clone());
        if let Some(call) = self.call_mut(call) {
            call.outcome = outcome.to_owned();
            call.script = name;
            call.number = number;
        }
    }

    /// The number that a manager dials: from the card, otherwise from GetCourse.
    fn phone_of(&self, task: &Task, script: Option<usize>) -> Option<String> {
        let contact = match task.entity? {
            (Entity::Contacts, id) => Some(id),
            (Entity::Leads, id) => {
                let lead = self.amocrm.leads.get(&id)?;
                lead.contacts.iter().find(|(_, main)| *main).or(lead.contacts.first()).map(|(id, _)| *id)
            }
            (Entity::Companies, _) => None,
        };
        let phones = contact
            .and_then(|id| self.amocrm.contacts.get(&id))
            .map(|contact| self.amocrm.texts_of(contact, "PHONE"));
        let card = phones.unwrap_or_default().into_iter().next();
        card.or_else(|| {
            let order = self.people.progress[script?].order?;
            let user = self.getcourse.orders.get(&order)?.user_id;
            self.getcourse.users.get(&user).map(|user| user.phone.clone())
        })
    }

    /// Rings, seconds and the reason of the end for an outcome.
    pub(crate) fn course(&self, kind: CallKind) -> Course {
        let people = &self.setup.people;
        let without = |rings_s, reason| Course { rings_s, talk_s: 0, reason };
        match kind {
            CallKind::Talk { seconds } => {
                Course { rings_s: people.ring_s, talk_s: seconds.max(1), reason: 1110 }
            }
            CallKind::Mobile => Course { rings_s: people.ring_s, talk_s: 90, reason: 1110 },
            CallKind::Voicemail => Course { rings_s: 20, talk_s: 15, reason: 1310 },
            CallKind::NoAnswer | CallKind::Ignore | CallKind::ManagerMissed => {
                without(people.ring_out_s, 1111)
            }
            CallKind::Busy => without(8, 1121),
            CallKind::Rejected => without(10, 1122),
            CallKind::Unreachable => without(5, 1131),
            CallKind::Invalid => without(4, 1133),
            CallKind::Cancelled => without(15, 1110),
        }
    }

    /// The bridge starts a call: the manager's leg rings first.
    pub(crate) fn bridge_calls(&mut self, now: DateTime<Utc>, command: &Command) {
        let script = self.script_of_phone(&command.to_number);
        let manager = self
            .setup
            .managers
            .iter()
            .find(|manager| manager.extension.as_deref() == Some(&command.extension))
            .cloned();
        let Some(manager) = manager else { return };
        let (number, outcome) = self.next_call(script);
        let there = manager.answers_bridge
            && !self.people.away.contains(&manager.key)
            && self.working(&manager.key, now) == Some(now);
        let free = self.people.busy.get(&manager.key).is_none_or(|until| *until <= now);
        let missed = matches!(outcome.kind, CallKind::ManagerMissed | CallKind::Ignore);
        if !there || !free || missed {
            if missed {
                self.count_call(script);
            }
            let course = self.course(CallKind::ManagerMissed);
            let call = self.phones().call_back(now, command, None, course);
            return self.name_call(call, "manager_missed", script, 0);
        }
        self.count_call(script);
        let kind =
            if outcome.kind == CallKind::Mobile { CallKind::Talk { seconds: 90 } } else { outcome.kind };
        let course = self.course(kind);
        let call = self.phones().call_back(now, command, Some(4), course);
        self.name_call(call, word(kind), script, number);
        let ended = self.calls()[call].ended_at;
        self.people.busy.insert(manager.key.clone(), ended);
        let talked = matches!(kind, CallKind::Talk { .. });
        let ended_call = Ended { script, number, talked, task: None, manager: manager.key, unseen: None };
        self.agenda.plan(ended + TimeDelta::seconds(1), Due::CallEnded(ended_call));
    }

    /// A call has ended: the manager's habits, answers and events follow.
    pub(crate) fn call_ended(&mut self, now: DateTime<Utc>, ended: &Ended) {
        let manager = self.manager(&ended.manager).cloned();
        if let (Some(task), Some(manager)) = (ended.task, &manager) {
            let by_habit = match manager.closes {
                Closes::None => false,
                Closes::Talks => ended.talked,
                Closes::All => true,
            };
            let text = ended.unseen.or(by_habit.then_some(if ended.talked {
                "Дозвонился"
            } else {
                "Не дозвонился"
            }));
            if let Some(text) = text {
                self.close_task(now, task, text, manager.amocrm_user);
            }
        }
        let Some(script) = ended.script else { return };
        if ended.number > 0 {
            self.trigger(now, script, Trigger::Call(ended.number));
        }
        if ended.talked {
            self.people.progress[script].talks += 1;
            let talks = self.people.progress[script].talks;
            self.trigger(now, script, Trigger::Talk(talks));
        }
    }
}
