//! Prints what happens, in plain Russian lines while it happens: a few lines per order. It reads the
//! stand-ins after every moment and prints the changes; it never prints phones or addresses. Enter at
//! [`Teller::look`].

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Timelike, Utc, Weekday};
use chrono_tz::Tz;

use super::facts::short_name;
use super::names::Names;
use super::scripts::Script;
use crate::process::Money;
use crate::sandbox::World;
use crate::sandbox::amocrm::model::{LOST, Lead, Task, WON};

/// Most lines per order, besides the one that says how it ended.
const LINES_MAX: usize = 7;

/// Remembers what has been printed.
pub struct Teller {
    names: Names,
    /// Script and the client's short name.
    scripts: Vec<(String, String)>,
    printed: BTreeMap<String, usize>,
    calls: usize,
    newest_task: i64,
    turns: BTreeMap<i64, usize>,
    statuses: BTreeMap<i64, usize>,
    payments: BTreeMap<i64, usize>,
    /// Calls without an answer since the last talk.
    missed: BTreeMap<String, usize>,
}

/// A change of one order.
struct News {
    script: String,
    weight: Weight,
    text: String,
}

/// Whether a line is printed when an order already has many.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    Usual,
    End,
}

impl News {
    fn new(script: &str, text: impl Into<String>) -> Self {
        Self { script: script.to_owned(), weight: Weight::Usual, text: text.into() }
    }

    fn end(script: &str, text: impl Into<String>) -> Self {
        Self { weight: Weight::End, ..Self::new(script, text) }
    }
}

impl Teller {
    pub fn new(names: Names, scripts: &[Script]) -> Self {
        Self {
            names,
            scripts: scripts.iter().map(|s| (s.order.id.clone(), short_name(&s.order.name))).collect(),
            printed: BTreeMap::new(),
            calls: 0,
            newest_task: 0,
            turns: BTreeMap::new(),
            statuses: BTreeMap::new(),
            payments: BTreeMap::new(),
            missed: BTreeMap::new(),
        }
    }

    /// The lines for all changes since the last look.
    pub fn look(&mut self, world: &World, now: DateTime<Utc>) -> Vec<String> {
        let mut news = self.orders(world);
        news.extend(self.calls(world, now));
        news.extend(self.tasks(world, now));
        news.extend(self.leads(world));
        let mut lines = Vec::new();
        for News { script, weight, text } in news {
            let printed = self.printed.entry(script.clone()).or_default();
            if weight == Weight::Usual && *printed >= LINES_MAX {
                continue;
            }
            *printed += 1;
            lines.push(format!("{} · {}: {text}", day_time(now, self.names.zone), self.who(world, &script)));
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

    /// New orders, parts of payments, and the bridge's changes of an order in GetCourse.
    fn orders(&mut self, world: &World) -> Vec<News> {
        let mut news = Vec::new();
        for order in world.orders() {
            let Some(script) = order.script.as_deref() else { continue };
            let seen = self.statuses.insert(order.id, order.history.len()).unwrap_or(0);
            if seen == 0 {
                news.push(News::new(script, format!("новый заказ, {}", order.title)));
            }
            let by_bridge = order.history.iter().skip(seen.max(1)).filter(|turn| turn.by_api);
            news.extend(by_bridge.filter_map(|turn| {
                Some(match turn.status.as_str() {
                    "false" => News::end(script, "заказ отмечен ложным"),
                    "not_confirmed" => {
                        News::new(script, "телефона нет: клиент спрошен письмом, менеджеру задача")
                    }
                    "pending" => News::new(script, "телефон так и не прислали, заказ отложен"),
                    "payment_waiting" => News::new(script, "обещана оплата, заказ ждёт её"),
                    _ => return None,
                })
            }));
            let paid = self.payments.insert(order.id, order.payments.len()).unwrap_or(0);
            let parts = order.payments.iter().skip(paid).filter(|_| order.payed < order.cost);
            news.extend(
                parts.map(|part| News::new(script, format!("пришла часть оплаты, {}", roubles(part.amount)))),
            );
        }
        news
    }

    /// Talks and calls from clients; calls without an answer are mentioned in the next line.
    fn calls(&mut self, world: &World, now: DateTime<Utc>) -> Vec<News> {
        let mut news = Vec::new();
        while let Some(call) = world.calls().get(self.calls).filter(|call| call.ended_at <= now) {
            self.calls += 1;
            let Some(script) = call.script.as_deref() else { continue };
            let missed = self.missed.entry(script.to_owned()).or_default();
            let talked = call.talk_seconds() > 0 && call.outcome == "talk";
            *missed = if talked { 0 } else { *missed + usize::from(call.direction == 2) };
            let length = length(call.talk_seconds());
            match (call.direction, talked) {
                (1, true) => news.push(News::new(script, format!("клиент позвонил сам, разговор {length}"))),
                (1, false) => news.push(News::new(script, "клиент позвонил сам, трубку не взяли")),
                (_, true) => news.push(News::new(script, format!("разговор {length}"))),
                (_, false) => {}
            }
        }
        news
    }

    /// A new task shows how the bridge reacted to what came before it.
    fn tasks(&mut self, world: &World, now: DateTime<Utc>) -> Vec<News> {
        let fresh: Vec<&Task> = world.tasks().filter(|task| task.id > self.newest_task).collect();
        let mut news = Vec::new();
        for task in fresh {
            self.newest_task = task.id;
            let mine = |script: &str| world.tasks_of(script).iter().any(|mine| mine.id == task.id);
            let Some((script, _)) = self.scripts.iter().find(|(script, _)| mine(script)) else { continue };
            let title = task.text.lines().next().unwrap_or("");
            // Every talk is followed by this question.
            if title == "Что дальше?" {
                continue;
            }
            let who = self.names.first_name(task.responsible_user_id);
            let missed = self.missed.get(script).copied().unwrap_or(0);
            let text = match ORDINALS.get(missed.wrapping_sub(1)) {
                Some(ordinal) if title.starts_with("Позвонить") => {
                    let part = part_of_day(now, self.names.zone);
                    format!("после {ordinal} звонка без ответа новая попытка {part}, {who}")
                }
                _ => format!("задача «{title}», {who}{}", self.due(task, now)),
            };
            news.push(News::new(script, text));
        }
        news
    }

    fn due(&self, task: &Task, now: DateTime<Utc>) -> String {
        // A promised call has its time in its name.
        let far =
            task.complete_till > now + chrono::TimeDelta::hours(12) && !task.text.starts_with("Перезвонить");
        if far {
            format!(", срок {}", day_time(task.complete_till, self.names.zone))
        } else {
            String::new()
        }
    }

    /// How leads end, and who becomes responsible for them.
    fn leads(&mut self, world: &World) -> Vec<News> {
        let mut news = Vec::new();
        for lead in world.leads() {
            let seen = self.turns.insert(lead.id, lead.history.len()).unwrap_or(0);
            if seen == lead.history.len() || !self.names.is_main(lead.first_pipeline_id) {
                continue;
            }
            let mine = |script: &str| world.leads_of(script).iter().any(|mine| mine.id == lead.id);
            let Some((script, _)) = self.scripts.iter().find(|(script, _)| mine(script)) else { continue };
            for turn in lead.history.iter().skip(seen) {
                news.extend(match (turn.what.as_str(), last_id(&turn.to)) {
                    ("stage", Some(WON)) => Some(News::end(script, won(world, script))),
                    ("stage", Some(LOST)) => Some(News::end(script, self.lost(lead))),
                    ("responsible", Some(user)) => Some(News::new(
                        script,
                        format!("клиента теперь ведёт {}", self.names.first_name(user)),
                    )),
                    _ => None,
                });
            }
        }
        news
    }

    fn lost(&self, lead: &Lead) -> String {
        match lead.loss_reason_id.map(|id| self.names.reason(id)).filter(|reason| !reason.is_empty()) {
            Some(reason) => format!("сделка закрыта, причина: {}", reason.to_lowercase()),
            None => "сделка закрыта".to_owned(),
        }
    }
}

const ORDINALS: [&str; 8] =
    ["первого", "второго", "третьего", "четвёртого", "пятого", "шестого", "седьмого", "восьмого"];

/// The number behind the last slash.
fn last_id(turn: &str) -> Option<i64> {
    turn.rsplit('/').next()?.parse().ok()
}

fn won(world: &World, script: &str) -> String {
    let paid = world.getcourse().order_of_script(script).map_or(0, |order| order.payed);
    format!("оплата {}, сделка успешно реализована", roubles(paid))
}

/// «38 500 ₽» from kopecks.
fn roubles(kopecks: i64) -> String {
    Money::new(kopecks, "RUB").text()
}

fn part_of_day(at: DateTime<Utc>, zone: Tz) -> &'static str {
    match at.with_timezone(&zone).hour() {
        ..12 => "утром",
        12..18 => "днём",
        _ => "вечером",
    }
}

/// «пн 16 марта, 10:20».
pub fn day_time(at: DateTime<Utc>, zone: Tz) -> String {
    let at = at.with_timezone(&zone);
    format!("{}, {:02}:{:02}", day(at.date_naive()), at.hour(), at.minute())
}

fn day(date: chrono::NaiveDate) -> String {
    let weekday = match date.weekday() {
        Weekday::Mon => "пн",
        Weekday::Tue => "вт",
        Weekday::Wed => "ср",
        Weekday::Thu => "чт",
        Weekday::Fri => "пт",
        Weekday::Sat => "сб",
        Weekday::Sun => "вс",
    };
    format!("{weekday} {}", crate::process::calendar::say_date(date, date))
}

fn length(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} с"),
        _ => format!("{} мин {} с", seconds / 60, seconds % 60),
    }
}
