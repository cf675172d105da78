//! The world: all stand-ins and people together as one state machine over given times. It never reads a
//! clock, opens a socket, starts a thread or iterates over a hash map, so a seed reproduces a run. Enter at
//! [`World::new`], [`World::handle`], [`World::next_due`] and [`World::advance`].

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::agenda::{Agenda, Due};
use super::amocrm::Account;
use super::calls::Employee;
use super::faults::{Faults, HookFault, RequestFault};
use super::getcourse::{GetCourse, Staff};
use super::lines::{Exchange, ExchangeSetup, Line};
use super::mail::{Letter, MailAnswer, MailServer};
use super::observe::Counters;
use super::people::People;
use super::rng::Rng;
use super::setup::{Setup, UserSetup};
use super::wire::{Hook, Platform, WireAnswer, WireRequest};

/// The whole sandbox at one moment.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) setup: Setup,
    pub(super) start: DateTime<Utc>,
    pub(super) amocrm: Account,
    pub(super) getcourse: GetCourse,
    pub(super) exchanges: Vec<(Line, Box<dyn Exchange>)>,
    pub(super) mail: MailServer,
    pub(super) people: People,
    pub(super) agenda: Agenda,
    pub(super) counters: Counters,
    /// Actions of scripts that could not be carried out.
    pub(super) troubles: Vec<(DateTime<Utc>, String)>,
    pub(super) rng: Rng,
    /// Used for webhooks only, so that their number changes nothing else.
    hook_rng: Rng,
    faults: Faults,
    deliveries: BTreeMap<u64, HookDelivery>,
    next_hook: u64,
    echoes_planned: bool,
}

/// A webhook that is planned or in flight.
#[derive(Clone, Debug)]
struct HookDelivery {
    hook: Hook,
    attempts: u32,
}

impl World {
    /// The world at its start. The managers of the setup become users of amoCRM, staff of GetCourse,
    /// employees of each exchange.
    pub fn new(setup: Setup, seed: u64) -> World {
        let start = setup.start.with_timezone(&Utc);
        let mut amocrm = setup.amocrm.clone();
        let managers = setup.managers.iter().map(|manager| UserSetup {
            id: manager.amocrm_user,
            name: manager.name.clone(),
            email: manager.email.clone(),
            phone: manager.phone.clone(),
            active: manager.active,
            admin: manager.admin,
        });
        amocrm.users = managers.chain(setup.amocrm.users.iter().cloned()).collect();
        let staff = setup.managers.iter().filter(|manager| manager.getcourse_id != 0).map(|manager| Staff {
            id: manager.getcourse_id,
            name: manager.name.clone(),
            email: manager.email.clone(),
            phone: manager.phone.clone().unwrap_or_default(),
        });
        let employees = setup.managers.iter().filter_map(|manager| {
            Some(Employee {
                extension: manager.extension.clone()?,
                name: manager.name.clone(),
                email: manager.email.clone(),
                sip: manager.sip.clone(),
                key: manager.key.clone(),
            })
        });
        let employees: Vec<Employee> = employees.collect();
        let open = |(line, exchange): (Line, &dyn ExchangeSetup)| {
            (line, exchange.open(employees.clone(), setup.zone))
        };
        let exchanges = setup.lines.iter().map(open).collect();
        let mut world = World {
            start,
            amocrm: Account::new(amocrm, setup.zone, start),
            getcourse: GetCourse::new(setup.getcourse.clone(), setup.zone, staff.collect(), seed),
            exchanges,
            mail: MailServer::new(setup.mail.clone()),
            people: People::new(&setup),
            agenda: Agenda::default(),
            counters: Counters::default(),
            troubles: Vec::new(),
            rng: Rng::new(seed),
            hook_rng: Rng::new(!seed),
            faults: setup.faults.clone(),
            deliveries: BTreeMap::new(),
            next_hook: 0,
            echoes_planned: false,
            setup,
        };
        for (script, order) in world.setup.orders.iter().enumerate() {
            world.agenda.plan(order.at.resolve(start, start, world.setup.zone), Due::Order { script });
        }
        world
    }

    /// The start of the run.
    pub fn start(&self) -> DateTime<Utc> {
        self.start
    }

    /// Answers an API request of the bridge.
    pub fn handle(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        if let Some(answer) = self.by_hand(now, request) {
            self.notice(now);
            return answer;
        }
        let platform = request.platform;
        self.counters.request(platform);
        let answer = self.answer(now, request);
        if answer.status == 429 {
            self.counters.refusal(platform);
        }
        self.notice(now);
        answer
    }

    fn answer(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        let platform = request.platform;
        if platform == Platform::Amocrm
            && let Err(answer) = self.amocrm.gate(now)
        {
            return answer;
        }
        let rule = self.faults.of(platform);
        let fault = rule.for_request(now, &mut self.rng);
        let slow_ms = rule.slow_ms;
        let Some(fault) = fault else {
            return self.carry_out(now, request);
        };
        self.counters.fault(platform);
        match fault {
            RequestFault::TooMany if platform == Platform::Amocrm => {
                WireAnswer::html(429, "Too Many Requests")
            }
            RequestFault::TooMany => WireAnswer::json(
                429,
                &json!({"name": "Service Unavailable", "message": "Rate limit exceeded.", "code": 0, "status": 429}),
            ),
            RequestFault::Missing => WireAnswer::json(
                404,
                &json!({"title": "Not Found", "status": 404, "detail": "Account not found"}),
            ),
            RequestFault::Locked => WireAnswer::html(423, "Locked"),
            RequestFault::ServerError => WireAnswer::html(500, "Internal Server Error"),
            RequestFault::BadGateway => WireAnswer::html(502, "Bad Gateway"),
            RequestFault::Unavailable => WireAnswer::html(503, "Service Temporarily Unavailable"),
            RequestFault::GatewayTimeout => {
                if self.rng.chance(500) {
                    self.carry_out(now, request);
                }
                WireAnswer::html(504, "Gateway Time-out")
            }
            RequestFault::Slow => WireAnswer { delay_ms: slow_ms, ..self.carry_out(now, request) },
            RequestFault::BrokenOff => WireAnswer { broken_off: true, ..self.carry_out(now, request) },
        }
    }

    fn carry_out(&mut self, now: DateTime<Utc>, request: &WireRequest) -> WireAnswer {
        let lengths = (self.amocrm.echoes.len(), self.getcourse.stirs.len());
        let answer = match request.platform {
            Platform::Amocrm => self.amocrm.handle(now, request, &mut self.rng),
            Platform::Getcourse => self.getcourse.handle(now, request),
            Platform::Line(line) => self.exchange_mut(line).handle(now, request),
        };
        if self.faults.of(request.platform).echoes_untold {
            self.amocrm.echoes.truncate(lengths.0);
            self.getcourse.stirs.truncate(lengths.1);
        }
        answer
    }

    pub fn mail_recipient(&mut self, now: DateTime<Utc>, to: &str) -> MailAnswer {
        self.mail.recipient(now, to)
    }

    /// Accepts a letter, or refuses it.
    pub fn receive_mail(&mut self, now: DateTime<Utc>, letter: Letter) -> MailAnswer {
        if self.faults.mail.for_request(now, &mut self.rng).is_some() {
            return MailAnswer { code: 451, text: "4.3.2 Try again later".into() };
        }
        let answer = self.mail.receive(now, &letter);
        if answer.code == 250 {
            self.letter_arrived(now, &letter.to);
        }
        answer
    }

    /// The time of the next action of people or the next webhook.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        self.agenda.next()
    }

    /// Runs everything that is due by `now`; returns the webhooks to send.
    pub fn advance(&mut self, now: DateTime<Utc>) -> Vec<Hook> {
        let mut hooks = Vec::new();
        while let Some((at, due)) = self.agenda.take(now) {
            match due {
                Due::Order { script } => self.order_appears(at, script),
                Due::Event { script, event } => self.event_happens(at, script, event),
                Due::Task { task, revision } => self.manager_acts(at, task, revision),
                Due::CallEnded(ended) => self.call_ended(at, &ended),
                Due::Answer { script, answer } => self.manager_answers(at, script, answer),
                Due::Echoes => self.send_echoes(at),
                Due::Process { index, object } => self.run_process(at, index, object),
                Due::Deliver { hook } => hooks.extend(self.deliver(hook)),
            }
            self.notice(at);
        }
        hooks
    }

    fn deliver(&mut self, id: u64) -> Option<Hook> {
        let delivery = self.deliveries.get_mut(&id)?;
        delivery.attempts += 1;
        let platform = delivery.hook.platform;
        self.counters.hook(platform, delivery.attempts > 1);
        Some(delivery.hook.clone())
    }

    /// The bridge's answer to a webhook; `None`: no answer in time. amoCRM repeats by its rules (sheet 4.1),
    /// the others never do.
    pub fn hook_answered(&mut self, id: u64, status: Option<u16>, now: DateTime<Utc>) {
        let Some(delivery) = self.deliveries.get(&id) else {
            return;
        };
        let good = status.is_some_and(|status| (100..300).contains(&status));
        let (platform, attempts, url) =
            (delivery.hook.platform, delivery.attempts, delivery.hook.url.clone());
        if good {
            self.deliveries.remove(&id);
            return;
        }
        self.counters.hook_failed(platform);
        if platform != Platform::Amocrm {
            self.deliveries.remove(&id);
            return;
        }
        if let Some(subscription) =
            self.amocrm.subscriptions.iter_mut().find(|known| known.destination == url)
        {
            subscription.count_bad(now);
        }
        let server_fault = status.is_some_and(|status| status == 499 || (500..600).contains(&status));
        let wait = match attempts {
            1 => Some(5),
            2 => Some(15),
            3 if server_fault => Some(15),
            4 if server_fault => Some(60),
            _ => None,
        };
        match wait {
            Some(minutes) => self.agenda.plan(now + TimeDelta::minutes(minutes), Due::Deliver { hook: id }),
            None => {
                self.deliveries.remove(&id);
            }
        }
    }

    /// Webhooks that are planned or not answered yet.
    pub fn hooks_open(&self) -> usize {
        self.deliveries.len()
    }

    /// The fault rules, to be changed during a run.
    pub fn faults_mut(&mut self) -> &mut Faults {
        &mut self.faults
    }

    /// Collects what has happened in the stand-ins, and plans the consequences.
    fn notice(&mut self, now: DateTime<Utc>) {
        for task in std::mem::take(&mut self.amocrm.touched_tasks) {
            self.task_touched(now, task);
        }
        for stir in std::mem::take(&mut self.getcourse.stirs) {
            self.plan_processes(now, stir);
        }
        self.notice_lines(now);
        if !self.amocrm.echoes.is_empty() && !self.echoes_planned {
            self.echoes_planned = true;
            self.agenda.plan(now + TimeDelta::milliseconds(self.setup.amocrm.hook_lag_ms), Due::Echoes);
        }
    }

    fn send_echoes(&mut self, now: DateTime<Utc>) {
        self.echoes_planned = false;
        for (url, body) in self.amocrm.drain() {
            let request_id = self.hook_rng.hex(32);
            let uuid = format!(
                "{}-{}-4{}-a{}-{}",
                &request_id[..8],
                &request_id[8..12],
                &request_id[13..16],
                &request_id[17..20],
                &request_id[20..]
            );
            let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            let headers = vec![
                header("Content-Type", "application/x-www-form-urlencoded"),
                header("User-Agent", "amoCRM-Webhooks/3.0"),
                header("X-Amocrm-Requestid", &uuid),
                header("Accept-Encoding", "gzip"),
            ];
            self.enqueue(
                now,
                Hook {
                    id: 0,
                    platform: Platform::Amocrm,
                    url,
                    method: "POST".into(),
                    headers,
                    body: body.into_bytes(),
                },
            );
        }
    }

    fn plan_processes(&mut self, now: DateTime<Utc>, stir: super::getcourse::Stir) {
        for (uri, body) in self.getcourse.tech_hooks(stir) {
            let headers = vec![
                ("Accept".to_owned(), "*/*".to_owned()),
                ("Content-Type".to_owned(), "application/json".to_owned()),
            ];
            self.enqueue(
                now,
                Hook {
                    id: 0,
                    platform: Platform::Getcourse,
                    url: uri,
                    method: "POST".into(),
                    headers,
                    body: body.into_bytes(),
                },
            );
        }
        for index in self.getcourse.started_by(stir) {
            let (least, most) = self.getcourse.setup.processes[index].delay_s;
            let extra = self.hook_rng.span(TimeDelta::seconds(i64::from(most.saturating_sub(least))));
            let at = now + TimeDelta::seconds(i64::from(least)) + extra;
            self.agenda.plan(at, Due::Process { index, object: stir.object });
        }
    }

    fn run_process(&mut self, now: DateTime<Utc>, index: usize, object: i64) {
        if let Some(out) = self.getcourse.call_url(index, object) {
            let hook = Hook {
                id: 0,
                platform: Platform::Getcourse,
                url: out.url,
                method: out.method,
                headers: out.headers,
                body: out.body,
            };
            self.enqueue(now, hook);
        }
    }

    /// Plans a webhook for a moment, subject to the fault rules.
    pub(super) fn enqueue(&mut self, at: DateTime<Utc>, hook: Hook) {
        let rule = self.faults.of(hook.platform);
        let fault = rule.for_hook(at, &mut self.hook_rng);
        let later = at + fault.map_or(TimeDelta::zero(), |_| rule.hook_delay(&mut self.hook_rng));
        match fault {
            Some(HookFault::Withheld) => {
                self.counters.hook_withheld(hook.platform);
            }
            Some(HookFault::Delayed) => self.plan_hook(later, hook),
            Some(HookFault::Doubled) => {
                self.plan_hook(at, hook.clone());
                self.plan_hook(later, hook);
            }
            None => self.plan_hook(at, hook),
        }
    }

    fn plan_hook(&mut self, at: DateTime<Utc>, mut hook: Hook) {
        self.next_hook += 1;
        hook.id = self.next_hook;
        self.deliveries.insert(hook.id, HookDelivery { attempts: 0, hook });
        self.agenda.plan(at, Due::Deliver { hook: self.next_hook });
    }
}
