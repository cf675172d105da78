//! The bridge's counts in the text format of Prometheus. Names begin with `dozvon_` and end with their unit.
//! Never shows anything about an order or a person. Enter at [`text`].

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Front;
use crate::store::Counts;
use crate::trouble::Trouble;
use crate::worker::lease_view::Ownership;
use crate::worker::site::Site;

#[derive(Clone, Copy)]
enum MetricKind {
    /// Only grows while the process runs.
    Counter,
    Gauge,
}

/// A metric of each school; without a value where it is not known now.
struct Metric {
    name: &'static str,
    kind: MetricKind,
    help: &'static str,
    value: fn(&Site, Option<&Counts>) -> Option<f64>,
}

fn of(counter: &AtomicU64) -> Option<f64> {
    Some(counter.load(Ordering::Relaxed) as f64)
}

const fn metric(
    name: &'static str,
    kind: MetricKind,
    help: &'static str,
    value: fn(&Site, Option<&Counts>) -> Option<f64>,
) -> Metric {
    Metric { name, kind, help, value }
}

const METRICS: &[Metric] = &[
    metric("requests_accepted_total", MetricKind::Counter, "Requests stored", |site, _| {
        of(&site.tally.accepted)
    }),
    metric("requests_repeated_total", MetricKind::Counter, "Requests that were known already", |site, _| {
        of(&site.tally.repeated)
    }),
    metric("requests_spooled_total", MetricKind::Counter, "Requests kept on the disk", |site, _| {
        of(&site.tally.spooled)
    }),
    metric("requests_refused_total", MetricKind::Counter, "Requests that were not authentic", |site, _| {
        of(&site.tally.refused)
    }),
    metric("requests_oversized_total", MetricKind::Counter, "Requests that were too large", |site, _| {
        of(&site.tally.oversized)
    }),
    metric("requests_throttled_total", MetricKind::Counter, "Requests beyond the quota", |site, _| {
        of(&site.tally.throttled)
    }),
    metric("requests_found_total", MetricKind::Counter, "Events found by reconciliation", |site, _| {
        of(&site.tally.found)
    }),
    metric("steps_total", MetricKind::Counter, "Decisions of the process", |site, _| of(&site.tally.stepped)),
    metric("deliveries_done_total", MetricKind::Counter, "Commands carried out", |site, _| {
        of(&site.tally.delivered)
    }),
    metric("deliveries_dead_total", MetricKind::Counter, "Commands given up", |site, _| {
        of(&site.tally.buried)
    }),
    metric(
        "watchdog_repairs_total",
        MetricKind::Counter,
        "Orders without a next step, repaired",
        |site, _| of(&site.tally.repairs),
    ),
    metric("panics_total", MetricKind::Counter, "Panics caught", |site, _| Some(site.panics() as f64)),
    metric("owner", MetricKind::Gauge, "1 where this instance works for the school", |site, _| {
        Some(f64::from(u8::from(site.lease.ownership() == Ownership::Owner)))
    }),
    metric("inbox_entries", MetricKind::Gauge, "Entries that wait in the inbox", |_, held| {
        held.map(|held| held.inbox as f64)
    }),
    metric("outbox_deliveries", MetricKind::Gauge, "Commands that wait or are on their way", |_, held| {
        held.map(|held| held.deliveries as f64)
    }),
    metric("wakes", MetricKind::Gauge, "Timers that wait", |_, held| held.map(|held| held.wakes as f64)),
    metric("dead_letters", MetricKind::Gauge, "Dead letters that wait for a person", |_, held| {
        held.map(|held| held.dead as f64)
    }),
    metric("wake_lateness_seconds", MetricKind::Gauge, "Lateness of the last timer", |site, _| {
        Some(site.tally.late_ms.load(Ordering::Relaxed) as f64 / 1000.0)
    }),
    metric("spool_requests", MetricKind::Gauge, "Requests that wait on the disk", |site, _| {
        Some(site.spool.as_ref().map_or(0, |spool| spool.waiting()) as f64)
    }),
    metric("spool_bytes", MetricKind::Gauge, "Their size on the disk", |site, _| {
        Some(site.spool.as_ref().map_or(0, |spool| spool.bytes()) as f64)
    }),
];

/// All of them, and one line for each trouble that stands.
pub async fn text(front: &Front, troubles: &[Trouble]) -> String {
    let mut counted = Vec::new();
    let mut answers = true;
    for site in front.sites.all() {
        // An unreachable store is asked only once.
        let held = if answers { site.store.counts(site.id()).await.ok() } else { None };
        answers = held.is_some();
        counted.push((site, held));
    }
    let mut text = String::new();
    head(&mut text, "build_info", MetricKind::Gauge, "The running version");
    let _ = writeln!(text, "dozvon_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    for metric in METRICS {
        head(&mut text, metric.name, metric.kind, metric.help);
        for (site, held) in &counted {
            if let Some(value) = (metric.value)(site, held.as_ref()) {
                let _ = writeln!(
                    text,
                    "dozvon_{}{{school=\"{}\"}} {value}",
                    metric.name,
                    label(site.id().as_str())
                );
            }
        }
    }
    head(&mut text, "trouble", MetricKind::Gauge, "1 for each trouble that stands");
    for trouble in troubles {
        let school = trouble.school.as_ref().map_or("", |school| school.as_str());
        let platform = trouble.platform.as_deref().unwrap_or_default();
        let _ = writeln!(
            text,
            "dozvon_trouble{{id=\"{}\",weight=\"{}\",school=\"{}\",platform=\"{}\"}} 1",
            trouble.id.id(),
            crate::json::name(&trouble.weight),
            label(school),
            label(platform)
        );
    }
    text
}

fn head(text: &mut String, name: &str, kind: MetricKind, help: &str) {
    let kind = match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
    };
    let _ = writeln!(text, "# HELP dozvon_{name} {help}.\n# TYPE dozvon_{name} {kind}");
}

/// A value between quotes, as the format wants it.
fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
