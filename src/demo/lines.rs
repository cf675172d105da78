//! What happens, in plain Russian lines while it happens: a few an order.
//! It reads the stand-ins after every moment and says what is new; it never tells phones or addresses.
//! Enter at [`Teller::look`].

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Timelike, Utc, Weekday};
use chrono_tz::Tz;

use super::facts::short_name;
use super::names::Names;
use super::scripts::Script;
use crate::sandbox::World;
use crate::sandbox::amocrm::model::{LOST, Task, WON};

/// More than so many lines an order has only if something important happens.
const LINES_MAX: usize = 6;

/// Remembers what has been told.
pub struct Teller {
    names: Names,
    scripts: Vec<(String, String)>,
    told: BTreeMap<String, usize>,
    calls: usize,
    turns: BTreeMap<i64, usize>,
    newest_task: i64,
    statuses: BTreeMap<i64, usize>,
    payments: BTreeMap<i64, usize>,
    missed: BTreeMap<String, u32>,
}

impl Teller {
    pub fn new(names: Names, scripts: &[Script]) -> Self {
        Self {
            names,
            scripts: scripts.iter().map(|s| (s.order.id.clone(), short_name(&s.order.name))).collect(),
            told: BTreeMap::new(),
            calls: 0,
            turns: BTreeMap::new(),
            newest_task: 0,
            statuses: BTreeMap::new(),
            payments: BTreeMap::new(),
            missed: BTreeMap::new(),
        }
    }

    /// The lines of what is new since the last look.
    pub fn look(&mut self, world: &World, now: DateTime<Utc>) -> Vec<String> {
        let mut news: Vec<(String, bool, String)> = Vec::new();
        self.orders(world, &mut news);
        self.calls(world, now, &mut news);
        self.tasks(world, now, &mut news);
        self.leads(world, &mut news);
        let zone = self.names.zone;
        let mut lines = Vec::new();
        for (script, important, text) in news {
            let told = self.told.entry(script.clone()).or_default();
            if !important && *told >= LINES_MAX {
                continue;
            }
            *told += 1;
            lines.push(format!("{} · {}: {text}", day_time(now, zone), self.who(world, &script)));
        }
        lines
    }

    fn who(&self, world: &World, script: &str) -> String {
        let name = self.scripts.iter().find(|(id, _)| id == script).map_or("", |(_, name)| name);
        match world.getcourse().order_of_script(script) {
            Some(order) => format!("заказ {} ({name})", order.number),
            None => format!("звонок на линию ({name})"),
        }
    }

    fn orders(&mut self, world: &World, news: &mut Vec<(String, bool, String)>) {
        for order in world.orders() {
            let Some(script) = order.script.clone() else { continue };
            let seen = self.statuses.insert(order.id, order.history.len()).unwrap_or(0);
            if seen == 0 {
                news.push((script.clone(), false, format!("новый заказ, {}", order.title)));
            }
            for turn in order.history.iter().skip(seen.max(1)).filter(|turn| turn.by_api) {
                let text = match turn.status.as_str() {
                    "cancelled" => "мост отменил заказ в GetCourse",
                    "false" => "мост пометил заказ ложным",
                    "not_confirmed" => "телефона нет, заказ «Не подтверждён», номер спрошен письмом",
                    "payment_waiting" => "статус «Ожидаем оплаты»",
                    _ => continue,
                };
                news.push((script.clone(), true, text.to_owned()));
            }
            let paid = self.payments.insert(order.id, order.payments.len()).unwrap_or(0);
            for payment in order.payments.iter().skip(paid) {
                let part = if order.payed < order.cost {
                    "пришла часть оплаты"
                } else {
                    "пришла оплата"
                };
                news.push((script.clone(), true, format!("{part}, {} ₽", payment.amount / 100)));
            }
        }
    }

    fn calls(&mut self, world: &World, now: DateTime<Utc>, news: &mut Vec<(String, bool, String)>) {
        let ended = |index: &usize| world.calls().get(*index).is_some_and(|call| call.ended_at <= now);
        while ended(&self.calls) {
            let call = &world.calls()[self.calls];
            self.calls += 1;
            let Some(script) = call.script.clone() else { continue };
            if call.direction == 1 {
                let text = if call.talk_seconds() > 0 {
                    "клиент позвонил сам"
                } else {
                    "пропущен звонок клиента"
                };
                news.push((script, true, text.to_owned()));
                continue;
            }
            let count = self.missed.entry(script.clone()).or_default();
            if call.talk_seconds() > 0 && call.outcome == "talk" {
                *count = 0;
                let text = format!("разговор {}", length(call.talk_seconds()));
                news.push((script, true, text));
            } else {
                *count += 1;
            }
        }
    }

    /// A new task says what the bridge has made of the last call.
    fn tasks(&mut self, world: &World, now: DateTime<Utc>, news: &mut Vec<(String, bool, String)>) {
        let zone = self.names.zone;
        let fresh: Vec<&Task> = world.tasks().filter(|task| task.id > self.newest_task).collect();
        for task in fresh {
            self.newest_task = task.id;
            let id = task.id;
            let scripts = self.scripts.iter().map(|(script, _)| script.clone());
            let Some(script) =
                scripts.into_iter().find(|script| world.tasks_of(script).iter().any(|mine| mine.id == id))
            else {
                continue;
            };
            let title = task.text.lines().next().unwrap_or("").to_owned();
            let who = self.names.first_name(task.responsible_user_id);
            let missed = self.missed.get(&script).copied().unwrap_or(0);
            let after = match missed {
                0 => String::new(),
                missed => format!("без ответа: {missed}; "),
            };
            let due = if task.complete_till > now + chrono::TimeDelta::hours(1) {
                format!(" (срок {})", day_time(task.complete_till, zone))
            } else {
                String::new()
            };
            news.push((script, false, format!("{after}задача «{title}», {who}{due}")));
        }
    }

    fn leads(&mut self, world: &World, news: &mut Vec<(String, bool, String)>) {
        for lead in world.leads() {
            let seen = self.turns.insert(lead.id, lead.history.len()).unwrap_or(0);
            if seen == lead.history.len() {
                continue;
            }
            let scripts = self.scripts.iter().map(|(script, _)| script.clone());
            let Some(script) = scripts
                .into_iter()
                .find(|script| world.leads_of(script).iter().any(|mine| mine.id == lead.id))
            else {
                continue;
            };
            for turn in lead.history.iter().skip(seen).filter(|turn| turn.what == "stage") {
                let text = match turn.to.rsplit('/').next().and_then(|status| status.parse::<i64>().ok()) {
                    Some(WON) => "сделка успешно реализована".to_owned(),
                    Some(LOST) => {
                        let reason = lead.loss_reason_id.map(|id| self.names.reason(id)).unwrap_or_default();
                        let reason =
                            if reason.is_empty() { reason } else { format!(", причина: {reason}") };
                        format!("сделка закрыта{reason}")
                    }
                    _ if turn.from.is_empty() && !self.is_sales(lead.first_pipeline_id) => {
                        format!("новая сделка в воронке «{}»", self.names.role(lead.first_pipeline_id))
                    }
                    _ => continue,
                };
                news.push((script.clone(), true, text));
            }
            for turn in lead.history.iter().skip(seen).filter(|turn| turn.what == "responsible") {
                let to = turn.to.parse().map(|user| self.names.first_name(user)).unwrap_or_default();
                news.push((script.clone(), false, format!("теперь ведёт {to}")));
            }
        }
    }

    fn is_sales(&self, pipeline: i64) -> bool {
        self.names.is_main(pipeline)
    }
}

/// «пн 16 марта, 10:20».
pub fn day_time(at: DateTime<Utc>, zone: Tz) -> String {
    let at = at.with_timezone(&zone);
    format!("{}, {:02}:{:02}", day(at.date_naive()), at.hour(), at.minute())
}

fn day(date: chrono::NaiveDate) -> String {
    const MONTHS: [&str; 12] = [
        "января",
        "февраля",
        "марта",
        "апреля",
        "мая",
        "июня",
        "июля",
        "августа",
        "сентября",
        "октября",
        "ноября",
        "декабря",
    ];
    let weekday = match date.weekday() {
        Weekday::Mon => "пн",
        Weekday::Tue => "вт",
        Weekday::Wed => "ср",
        Weekday::Thu => "чт",
        Weekday::Fri => "пт",
        Weekday::Sat => "сб",
        Weekday::Sun => "вс",
    };
    let month = MONTHS[usize::try_from(date.month0()).unwrap_or(0)];
    format!("{weekday} {} {month}", date.day())
}

fn length(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} с"),
        _ => format!("{} мин {} с", seconds / 60, seconds % 60),
    }
}
