//! Dates of answers: what a date field of the CRM contains, and what a person's words mean. Never reads the words
//! itself. Enter at [`field_moment`] and [`moment`].

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::process::At;
use crate::process::calendar::at_local;
use crate::process::dates::{Named, Reader};
use crate::process::event::Extent;

/// An instant with what was said of it; `None` if the words can mean two.
pub(super) fn moment(named: Named, dates: &Reader) -> Option<(At, Extent)> {
    match named {
        Named::Day(day) => Some((at_local(day, 0, dates.now.timezone()), Extent::Day)),
        Named::Time(at) => Some((at, Extent::Moment)),
        Named::Clock(at) => Some((at, Extent::TimeOfDay)),
        Named::Unclear => None,
    }
}

/// A date field's value: Unix seconds in webhooks, RFC 3339 elsewhere, or a date as people write it. A moment at
/// midnight is a day without a time.
pub(super) fn field_moment(value: &str, dates: &Reader) -> Option<(At, Extent)> {
    let zone = dates.now.timezone();
    let in_full = || {
        let time = NaiveDateTime::parse_from_str(value, "%d.%m.%Y %H:%M:%S")
            .or_else(|_| NaiveDateTime::parse_from_str(value, "%Y-%m-%d %H:%M:%S"));
        let time = time.ok()?;
        let minute = time.signed_duration_since(time.date().into()).num_minutes();
        Some(at_local(time.date(), u32::try_from(minute).ok()?, zone))
    };
    let at = match value.parse::<i64>() {
        Ok(seconds) => DateTime::from_timestamp(seconds, 0),
        Err(_) => {
            let rfc = DateTime::parse_from_rfc3339(value).ok().map(|at| at.with_timezone(&Utc));
            rfc.or_else(in_full)
        }
    };
    let Some(at) = at else { return moment(dates.meant(value)?.named, dates) };
    let is_midnight = at == at_local(at.with_timezone(&zone).date_naive(), 0, zone);
    Some((at, if is_midnight { Extent::Day } else { Extent::Moment }))
}
