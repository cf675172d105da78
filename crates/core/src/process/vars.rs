//! The variables of the library's texts, filled from one case; rendering is in `message`.
//! Enter at [`build`].

use chrono::{NaiveDate, Offset};
use chrono_tz::Tz;

use super::calendar::{Opening, at_local, say_day, say_time, typed_day};
use super::case::{Case, Order};
use super::definition::Process;
use super::free_text::{holds_number, is_greetable, is_link, is_token};
use super::value::*;
use crate::message::phrase::quotable;
use crate::message::text::{LETTERS, TextId};
use crate::message::vars::{ClientVars, ExampleVars, ManagerVars, OrderVars, SchoolVars, Vars};
use crate::mutant::cut;

/// The variables of one text. The caller fills `why` and `more`, and the moment by [`about`].
pub(super) fn build(
    process: &Process,
    case: &Case,
    manager: Option<&ManagerId>,
    client_zone: Tz,
    now: At,
) -> Vars {
    let Case { order, client, .. } = case;
    let manager = manager.or(order.responsible.as_ref()).and_then(|id| process.manager(id));
    let money = |amount: &Option<Money>| amount.as_ref().map(Money::text).unwrap_or_default();
    let sum = |amount: &Option<Money>| amount.as_ref().map(Money::major).unwrap_or_default();
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    let left = left(order);
    let known = [order.number.as_ref(), client.name.as_ref(), client.phone(), client.email()];
    let called = text(known.into_iter().flatten().find(|word| !word.trim().is_empty()));
    Vars {
        school: SchoolVars { name: process.name.clone(), zone: process.zone.name().to_owned() },
        order: OrderVars {
            number: text(order.number.as_ref()),
            id: order.id.deal().unwrap_or_default().to_owned(),
            called,
            positions: order.positions.clone().unwrap_or_default(),
            cost: money(&order.cost),
            paid: money(&order.paid),
            left: money(&left),
            cost_sum: sum(&order.cost),
            paid_sum: sum(&order.paid),
            left_sum: sum(&left),
            payment_link: order.payment_link.clone().unwrap_or_default(),
            source: order.source.clone(),
        },
        client: ClientVars {
            name: client.name.clone().unwrap_or_default(),
            phone: text(client.phone()),
            phone_words: client.phone_words().map(quotable).unwrap_or_default(),
            phone_typed: client.phone_typed().map(quotable).unwrap_or_default(),
            phone_bad: text(client.phone_bad()),
            email: text(client.email()),
            email_typed: client.email_typed().map(quotable).unwrap_or_default(),
            local_time: now.with_timezone(&client_zone).format("%H:%M").to_string(),
            ahead: ahead(client_zone, process.zone, now),
            zone_known: client.zone.as_deref().is_some_and(|zone| zone.parse::<Tz>().is_ok()),
            first_name: client.greeted().unwrap_or_default().to_owned(),
        },
        manager: ManagerVars { name: manager.map(|manager| manager.name.clone()).unwrap_or_default() },
        time: String::new(),
        day: String::new(),
        example: examples(process, &process.calls(order, client_zone), now),
        who: who(case),
        due: String::new(),
        later: false,
        day_off: false,
        attempt: order.round.attempts + 1,
        attempts: process.figures_of(order).dialling.attempts_min,
        why: String::new(),
        more: String::new(),
        letters: letters(case, Post::Went),
        leaving: letters(case, Post::Leaves),
        doubtful: letters(case, Post::InDoubt),
    }
}

/// F101: what anybody may type into a form is not carried to the address that he typed beside it: no link, and no name
/// that is none.
pub(super) fn for_letter(mut vars: Vars) -> Vars {
    let ClientVars { name, first_name, .. } = &mut vars.client;
    // The first name is one that may be said, or empty; the whole one is not said without it.
    if first_name.is_empty() || !is_greetable(name) {
        name.clear();
    }
    let is_unsafe = |text: &str| is_link(text) || holds_number(text);
    let OrderVars { number, id, called, source, positions, .. } = &mut vars.order;
    if !cut("M2.positions") {
        let safe = positions.lines().filter(|line| !is_unsafe(line));
        *positions = safe.collect::<Vec<_>>().join("\n");
    }
    if !is_token(number) && !number.is_empty() && !cut("M2.number") {
        if called == number {
            called.clone_from(id);
        }
        number.clone_from(id);
    }
    let ClientVars { phone_words, phone_typed, email_typed, .. } = &mut vars.client;
    // What was typed where a number should be is said to be none: only if it is nothing else.
    let is_typed = |c: char| c.is_ascii_digit() || " \u{a0}+()-.–_*xX".contains(c);
    if !phone_typed.chars().all(is_typed) {
        phone_typed.clear();
    }
    let typed = [called, phone_words, email_typed, &mut vars.who];
    typed.into_iter().chain(source.values_mut()).filter(|text| is_unsafe(text)).for_each(String::clear);
    vars
}

/// More of what was ordered does not fit into a first line.
const ORDERED_CHARS_MAX: usize = 60;

/// Who and what, as a list of tasks shows it: client, order, sum.
fn who(Case { order, client, .. }: &Case) -> String {
    let name = client.name.as_deref().filter(|name| !name.trim().is_empty());
    let called = name.or(client.phone().map(String::as_str)).or(client.email().map(String::as_str));
    let ordered = order.positions.as_deref().map(|positions| {
        let all = positions.lines().map(str::trim).collect::<Vec<_>>().join(", ");
        let plain = all.replace(['«', '»', '„', '“'], "");
        let cut: String = plain.chars().take(ORDERED_CHARS_MAX).collect();
        let end = if cut.len() < plain.len() { "…" } else { "" };
        format!("„{}{end}“", cut.trim_end())
    });
    let number = || order.number.as_ref().map(|number| format!("№\u{a0}{number}"));
    let parts = [called.map(quotable), ordered.or_else(number), order.cost.as_ref().map(Money::text)];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// How far a client's clock is ahead of the school's now.
fn ahead(client: Tz, school: Tz, now: At) -> String {
    let offset = |zone: Tz| now.with_timezone(&zone).offset().fix().local_minus_utc() / 60;
    let minutes = offset(client) - offset(school);
    let sign = if minutes < 0 { '−' } else { '+' };
    match (minutes.abs() / 60, minutes.abs() % 60) {
        (0, 0) => String::new(),
        (hours, 0) => format!("{sign}{hours}"),
        (hours, minutes) => format!("{sign}{hours}:{minutes:02}"),
    }
}

/// The moment that a text is about, in its reader's zone.
pub(super) fn about(vars: &mut Vars, at: At, zone: Tz, now: At) {
    (vars.time, vars.day) = (say_time(at, zone, now), say_day(at, zone, now));
}

/// Dates that a manager might type today: on the next two days on which the school works and the client may be
/// called.
pub(super) fn examples(process: &Process, calls: &Opening, now: At) -> ExampleVars {
    let zone = process.zone;
    let first = free_day(process, calls, now.with_timezone(&zone).date_naive());
    let second = free_day(process, calls, first.with_timezone(&zone).date_naive());
    ExampleVars { day: typed_day(second.with_timezone(&zone).date_naive()), time: typed_time(first, zone) }
}

/// «28.11 11:00», as a manager types it.
pub(super) fn typed_time(at: At, zone: Tz) -> String {
    let local = at.with_timezone(&zone);
    format!("{} {}", typed_day(local.date_naive()), local.format("%H:%M"))
}

/// So far ahead a day for an example is looked for; holidays are shorter.
const EXAMPLE_DAYS: usize = 30;

fn free_day(process: &Process, calls: &Opening, after: NaiveDate) -> At {
    let days = after.iter_days().skip(1).take(EXAMPLE_DAYS);
    let works = |day: &NaiveDate| process.calendar.is_working(*day) || cut("L13.example");
    let mut free = days.filter(works).filter_map(|day| hour_on(day, calls, process.zone, At::MIN_UTC));
    free.next().unwrap_or_else(|| calls.next_day(at_local(after, 0, process.zone)))
}

/// A full hour of this day at which the client may be called, from a moment on: eleven, else the first one.
pub(super) fn hour_on(day: NaiveDate, calls: &Opening, zone: Tz, from: At) -> Option<At> {
    let at = |hour: u32| at_local(day, hour * 60, zone);
    let mut hours = std::iter::once(EXAMPLE_HOUR).chain(0..24).map(at);
    hours.find(|at| *at >= from && calls.is_open(*at))
}

const EXAMPLE_HOUR: u32 = 11;

/// How far a letter is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Post {
    Leaves,
    Went,
    InDoubt,
}

/// Letters that bounced are not among an order's (L11: no text claims a letter that did not go).
fn letters(Case { order, client, .. }: &Case, post: Post) -> Vec<String> {
    let stands = |text: &TextId| {
        let sent = order.letters.get(text).filter(|_| client.email().is_some())?;
        let waits = order.unsent.values().any(|pending| pending.letter.as_ref() == Some(text));
        Some(match (waits, sent.in_doubt) {
            (true, _) => Post::Leaves,
            (false, true) => Post::InDoubt,
            (false, false) => Post::Went,
        })
    };
    let is_told = |text: &&TextId| match cut("L11.letter_is_true") {
        true => post == Post::Went,
        false => stands(text) == Some(post),
    };
    LETTERS.iter().filter(is_told).map(|text| text.name().to_owned()).collect()
}

/// What is left to pay, as GetCourse says it; its API does not, then from the two other sums.
fn left(order: &Order) -> Option<Money> {
    order.left.clone().or_else(|| {
        let (cost, paid) = (order.cost.as_ref()?, order.paid.as_ref()?);
        let same = cost.currency == paid.currency;
        same.then(|| Money::new((cost.minor - paid.minor).max(0), &cost.currency))
    })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::process::case::{Client, Desks};

    #[test]
    fn a_first_line_has_what_is_known() {
        let check =
            |name: Option<&str>, phone: &str, ordered: Option<&str>, cost: Option<i64>, want: &str| {
                let mut client = Client::new("c-1".into());
                client.name = name.map(str::to_owned);
                client.phones.push(phone.to_owned());
                let mut case = Case::new("gc-1".into(), client, Desks::default(), At::UNIX_EPOCH);
                case.order.number = Some("1001".to_owned());
                case.order.positions = ordered.map(str::to_owned);
                case.order.cost = cost.map(|minor| Money::new(minor, "RUB"));
                assert_eq!(who(&case), want);
            };
        let phone = "+79035550127";
        check(Some("Мария"), phone, Some("Курс «Дизайн»\nЧат"), None, "Мария, „Курс Дизайн, Чат“");
        check(None, phone, None, Some(3_850_000), "+79035550127, №\u{a0}1001, 38\u{a0}500\u{a0}₽");
        let long = "а".repeat(80);
        check(Some(" "), phone, Some(&long), None, &format!("{phone}, „{}…“", "а".repeat(60)));
    }

    #[test]
    fn a_clock_is_ahead_or_behind() {
        let (moscow, now) = (chrono_tz::Europe::Moscow, At::UNIX_EPOCH + TimeDelta::days(20_000));
        assert_eq!(ahead(chrono_tz::Asia::Yekaterinburg, moscow, now), "+2");
        assert_eq!(ahead(chrono_tz::Europe::Kaliningrad, moscow, now), "−1");
        assert_eq!(ahead(chrono_tz::Asia::Kolkata, moscow, now), "+2:30");
        assert_eq!(ahead(moscow, moscow, now), "");
    }
}
