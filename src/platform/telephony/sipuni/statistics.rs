//! Sipuni's call statistics: a table of whole days in the cabinet's time zone (sheet, 5). Times that
//! contradict the calls' own ids and tables without the required columns are rejected; unreadable rows are
//! reported and read again next time. Enter at [`SipuniStatistics`].

use async_trait::async_trait;
use chrono::{NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::table::{Row, Table};
use super::{Settings, SipuniClient, call_key, wire};
use crate::platform::Fault;
use crate::platform::telephony::statistics::{self, Reading, Remaining, Statistics, TimeRange, Times};
use crate::platform::telephony::{line, phone};
use crate::process::At;
use crate::process::event::{Direction, Outcome};
use crate::signal::{CallEvent, CallWhat, FinalRecord};

/// The call statistics of one cabinet.
pub struct SipuniStatistics {
    client: SipuniClient,
    zone: Tz,
    users: Vec<String>,
}

impl SipuniStatistics {
    pub fn new(client: SipuniClient, settings: &Settings) -> Self {
        Self { client, zone: settings.zone, users: settings.users() }
    }
}

#[async_trait]
impl Statistics for SipuniStatistics {
    async fn read(&self, range: &TimeRange, _: At) -> Result<Reading, Fault> {
        let day = |at: At| at.with_timezone(&self.zone).format("%d.%m.%Y").to_string();
        let (from, to) = (day(range.from), day(range.until));
        // All kinds and states of calls, with hidden numbers; empty parameters are part of the hash.
        let pairs = [
            ("anonymous", "1"),
            ("firstTime", "0"),
            ("from", from.as_str()),
            ("fromNumber", ""),
            ("state", "0"),
            ("to", to.as_str()),
            ("toAnswer", ""),
            ("toNumber", ""),
            ("tree", ""),
            ("type", "0"),
        ];
        let answer = self.client.ask(self.client.request("statistic/export", &pairs)).await?;
        if !(200..300).contains(&answer.status) {
            return Err(statistics::refused("sipuni", &answer));
        }
        if answer.json().is_ok_and(|body| body.is_object()) {
            let why = "sipuni refuses the statistics: are sipuni.user and sipuni.key right?";
            return Err(Fault::denied(why));
        }
        read(&String::from_utf8_lossy(&answer.body), range, self.zone, &self.users)
    }
}

/// The calls of a table that began within the range.
fn read(text: &str, range: &TimeRange, zone: Tz, users: &[String]) -> Result<Reading, Fault> {
    let table = Table::read(text).map_err(Fault::later)?;
    let (mut calls, mut times, mut unread) = (Vec::new(), Times::default(), table.torn);
    for row in table.rows() {
        let Some(record) = record(&row, zone, users) else {
            unread += usize::from(!row.kind.starts_with("Внутр"));
            continue;
        };
        times.see(row.id, record.started_at);
        if (range.from..=range.until).contains(&record.started_at) {
            let (call, at) = (call_key(row.id), record.ended_at);
            calls.push(CallEvent { call, at, what: CallWhat::Final(record) });
        }
    }
    times.agree("sipuni.zone", zone)?;
    Ok(Reading { calls, rest: Remaining::after(unread) })
}

/// A call's final record. `None`: an internal call, or a row that cannot be read.
fn record(row: &Row, zone: Tz, users: &[String]) -> Option<FinalRecord> {
    let direction = match row.kind {
        kind if kind.starts_with("Исх") => Direction::Outbound,
        kind if kind.starts_with("Вх") => Direction::Inbound,
        _ => return None,
    };
    let begun = NaiveDateTime::parse_from_str(row.begun, "%d.%m.%Y %H:%M:%S").ok()?;
    let started_at = zone.from_local_datetime(&begun).earliest()?.to_utc();
    let ended_at = started_at + TimeDelta::seconds(seconds(row.whole)?.into());
    // A talk needs the status «answered», and no length of zero; an empty cell is an unknown length.
    let talk_seconds = match row.status.starts_with("Отвеч") {
        true if row.talk.is_empty() => None,
        true => Some(seconds(row.talk)?),
        false => Some(0),
    };
    let is_talk = talk_seconds != Some(0);
    let (client, manager) = match direction {
        Direction::Outbound => (row.to, row.from),
        Direction::Inbound => (row.from, row.who),
    };
    let manager = wire::without_cabinet(unnamed(manager), users);
    Some(FinalRecord {
        direction: Some(direction),
        outcome: if is_talk { Outcome::Answered } else { Outcome::NoAnswer },
        talk_seconds,
        started_at,
        ended_at,
        client_number: phone(wire::without_id(unnamed(client))),
        extension: Some(manager.to_owned()).filter(|manager| !manager.is_empty()),
        line: (direction == Direction::Inbound).then(|| line(wire::without_id(unnamed(row.to)))),
        command: None,
        recording: is_talk.then(|| row.id.to_owned()),
        rough: false,
    })
    .filter(|_| !row.id.is_empty())
}

/// `101 (Имя)` → `101`.
fn unnamed(cell: &str) -> &str {
    cell.split_once('(').map_or(cell, |(number, _)| number).trim()
}

/// `72`, `1:12` or `00:01:12`: the format is not documented. An empty cell is 0.
fn seconds(cell: &str) -> Option<u32> {
    let parts = cell.split(':').filter(|part| !part.is_empty());
    parts
        .into_iter()
        .try_fold(0, |sum: u32, part| sum.checked_mul(60)?.checked_add(part.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    const HEAD: &str = "\u{feff}Тип;Статус;Время;Схема;Исходящая линия;Откуда;Куда;Кому звонили;Кто разговаривал;\
        Кто ответил;Длительность звонка;Длительность разговора;Время ответа;Оценка;ID записи;Метка\n";

    fn at(second: i64) -> At {
        DateTime::from_timestamp(second, 0).expect("in range")
    }

    fn day(text: &str, zone: Tz) -> Result<Reading, Fault> {
        let range =
            TimeRange { from: at(1_767_250_000), until: at(1_767_260_000), place: serde_json::Value::Null };
        read(text, &range, zone, &["012345".to_owned()])
    }

    /// Direction, outcome, seconds of talk, client, extension.
    type Short = (Direction, Outcome, Option<u32>, Option<String>, Option<String>);

    /// The result of the first row.
    fn first(row: &str) -> Option<Short> {
        let reading = day(&format!("{HEAD}{row}\n"), chrono_tz::Europe::Moscow).expect("a table");
        let CallWhat::Final(record) = reading.calls.into_iter().next()?.what else { return None };
        let FinalRecord { direction, outcome, talk_seconds, client_number, extension, .. } = record;
        Some((direction?, outcome, talk_seconds, client_number, extension))
    }

    #[test]
    fn a_row_is_the_final_record_that_never_came() {
        use Direction::{Inbound, Outbound};
        let client = || Some("+79005550101".to_owned());
        let irina = || Some("101".to_owned());
        for (row, expected) in [
            (
                r#""Исходящий";"Отвечен";"01.01.2026 11:00:00";;;"101 (Ирина; ""старшая"")";"79005550101";;;;"72";"60";"12";;"1767254400.1";"#,
                Some((Outbound, Outcome::Answered, Some(60), client(), irina())),
            ),
            (
                "Исходящий;Не отвечен;01.01.2026 11:00:00;;;012345101;+79005550101;;;;0:00:40;;;;1767254400.1;",
                Some((Outbound, Outcome::NoAnswer, Some(0), client(), irina())),
            ),
            (
                "Входящий;Отвечен;01.01.2026 11:00:00;;;9005550101;74955550000_id12;;;101 (Ирина);01:12;01:00;;;1767254400.1;",
                Some((Inbound, Outcome::Answered, Some(60), client(), irina())),
            ),
            (
                // A duration with «not answered», and none with «answered».
                "Входящий;Не отвечен;01.01.2026 11:00:00;;;79005550101;74955550000;;;;30;30;;;1767254400.1;",
                Some((Inbound, Outcome::NoAnswer, Some(0), client(), None)),
            ),
            (
                "Входящий;Отвечен;01.01.2026 11:00:00;;;79005550101;74955550000;;;;30;0;;;1767254400.1;",
                Some((Inbound, Outcome::NoAnswer, Some(0), client(), None)),
            ),
            (
                "Входящий;Отвечен;01.01.2026 11:00:00;;;79005550101;74955550000;;;;30;;;;1767254400.1;",
                Some((Inbound, Outcome::Answered, None, client(), None)),
            ),
            ("Внутренний;Отвечен;01.01.2026 11:00:00;;;101;102;;;;30;20;;;1767254400.1;", None),
            // The other calls of the day are outside this range.
            ("Входящий;Отвечен;01.01.2026 08:00:00;;;79005550101;1;;;;30;20;;;1767243600.1;", None),
        ] {
            assert_eq!(first(row), expected, "{row}");
        }
    }

    /// Unreadable rows do not affect the others, and are read again.
    #[test]
    fn a_torn_table_loses_no_row_and_says_so() {
        let good = "Исходящий;Отвечен;01.01.2026 11:00:00;;;101;79005550101;;;;72;60;12;;1767254400.1;";
        for (rows, calls, unread) in [
            (String::new(), 0, 0),
            (format!("{good}\r\n\n"), 1, 0),
            (format!("{good}\n{}", &good[..40]), 1, 1),
            (format!("{good}\n\"Исходящий;Отв"), 1, 1),
            (format!("{}\n{good}\n", good.replace("11:00", "утром")), 1, 1),
            (format!("{}\n{good}\n", good.replace("1767254400.1", "")), 1, 1),
            (format!("{}\n{good}\n", good.replace("Исходящий", "Новый")), 1, 1),
        ] {
            let reading = day(&format!("{HEAD}{rows}"), chrono_tz::Europe::Moscow).expect("a table");
            assert_eq!(reading.calls.len(), calls, "{rows}");
            match reading.rest {
                Remaining::Nothing => assert_eq!(unread, 0, "{rows}"),
                Remaining::All(why) => {
                    assert!(why.unwrap_or_default().starts_with(&format!("{unread} rows")))
                }
                Remaining::Place { .. } => panic!("a table is read at once"),
            }
        }
    }

    #[test]
    fn what_is_no_table_or_in_another_zone_is_said() {
        let row = "Исходящий;Отвечен;01.01.2026 11:00:00;;;101;79005550101;;;;72;60;12;;1767254400.1;\n";
        let wrong = |text: &str, zone| day(text, zone).expect_err("wrong").to_string();
        let moscow = chrono_tz::Europe::Moscow;
        assert!(wrong("<html>", moscow).contains("no column «Тип»"));
        assert!(wrong("", moscow).contains("no column «Тип»"));
        assert!(wrong(&HEAD.replace("ID записи", "ID"), moscow).contains("no column «ID записи»"));
        let why = wrong(&format!("{HEAD}{row}"), chrono_tz::Asia::Novosibirsk);
        assert!(why.contains("240 minutes") && why.contains("sipuni.zone (Asia/Novosibirsk)"), "{why}");
    }
}
