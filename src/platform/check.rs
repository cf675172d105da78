//! Collects the mistakes of a file, and contains the checks that several platforms share. Never stops at the
//! first mistake and never repeats a secret. Enter at [`Findings`].

use std::collections::BTreeSet;
use std::net::IpAddr;

use url::{Host, Url};

use crate::problem::Problem;
use crate::process::definition::{Figures, Manager};
use crate::secret::SecretSource;

/// The highest allowed rate for any platform, in requests per second.
pub const RATE_MAX: f64 = 50.0;

/// Letters of a host's name, and of one part of it (RFC 1035).
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// Collects the mistakes of one file.
pub struct Complaints<'a> {
    pub file: &'a str,
    pub found: &'a mut Vec<Problem>,
}

/// The collected findings: mistakes stop the program, warnings do not.
pub struct Findings<'a> {
    pub wrong: Complaints<'a>,
    pub warn: Complaints<'a>,
}

/// The context in which a platform's table is checked.
pub struct Beside<'a> {
    pub roster: &'a [Manager],
    pub figures: &'a Figures,
    /// A variable of the environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Complaints<'_> {
    pub fn add(&mut self, key: impl Into<String>, wrong: impl Into<String>, allowed: impl Into<String>) {
        self.found.push(Problem {
            file: self.file.to_owned(),
            key: key.into(),
            wrong: wrong.into(),
            allowed: allowed.into(),
        });
    }
}

pub fn address(url: &str, key: &str, findings: &mut Findings) {
    if let Some((wrong, allowed)) = address_fault(url) {
        findings.wrong.add(key, wrong, allowed);
    }
}

pub fn secret(beside: &Beside, source: Option<&SecretSource>, key: &str, findings: &mut Findings) {
    let read = source.map(|source| source.read_with(beside.variable));
    if let Some(Err(fault)) = read {
        findings.wrong.add(key, fault, SecretSource::ADVICE);
    }
    if let Some(why) = source.and_then(|source| source.open_to_others(beside.variable)) {
        findings.warn.add(key, why, SecretSource::CLOSE);
    }
}

/// An interval of more than a day is useless; 0 switches it off explicitly.
pub fn reconcile_minutes(minutes: u32, key: &str, findings: &mut Findings) {
    if minutes > 24 * 60 {
        findings.wrong.add(key, format!("{minutes} is out of range"), "1 to 1440 minutes, or 0 for off");
    }
}

pub fn rate(value: f64, most: f64, key: &str, findings: &mut Findings) {
    if !(value > 0.0 && value <= most) {
        findings.wrong.add(key, format!("{value} is out of range"), format!("more than 0, at most {most}"));
    }
}

pub fn timeout(seconds: u64, key: &str, findings: &mut Findings) {
    if !(1..=120).contains(&seconds) {
        findings.wrong.add(key, format!("{seconds} is out of range"), "1 to 120 seconds");
    }
}

/// The mistake in the address of a platform or of the bridge: it has to be https, except on this machine.
pub fn address_fault(address: &str) -> Option<(String, &'static str)> {
    let allowed = "https://name.example without a path; http only for loopback";
    let Ok(url) = Url::parse(address) else {
        return Some((format!("`{address}` is no address"), allowed));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Some(("the address holds a name or password".to_owned(), allowed));
    }
    if let Some(wrong) = url.host_str().and_then(host_fault) {
        return Some((wrong, allowed));
    }
    let safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(address));
    if !safe {
        return Some((format!("`{address}` is not https"), allowed));
    }
    let bare = url.query().is_none() && url.fragment().is_none() && url.path().trim_matches('/').is_empty();
    (!bare).then(|| (format!("`{address}` goes on behind the host"), allowed))
}

/// Why nothing in the net can have this name; `None` if it can be one, or is an IP address.
pub fn host_fault(host: &str) -> Option<String> {
    if host.parse::<IpAddr>().is_ok() {
        return None;
    }
    let name = match Host::parse(host) {
        Ok(Host::Domain(name)) => name,
        Ok(_) => return None,
        Err(_) => return Some(format!("`{host}` is no name of a host")),
    };
    let mut labels = name.split('.');
    let wrong = labels.find_map(|label| match label {
        "" => Some("two dots, or one at an end"),
        _ if label.len() > LABEL_MAX => Some("a part of more than 63 letters"),
        _ if label.starts_with('-') || label.ends_with('-') => Some("a part that begins or ends with `-`"),
        _ if label.contains('_') => Some("`_`"),
        _ if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => Some("a sign"),
        _ => None,
    });
    let wrong = wrong.or((name.len() > NAME_MAX).then_some("more than 253 letters"));
    wrong.map(|wrong| format!("no host is named `{host}`: {wrong}"))
}

/// Whether others reach the bridge at this address.
pub fn is_public(address: &str) -> bool {
    let is_https = Url::parse(address).is_ok_and(|url| url.scheme() == "https");
    is_https && address_fault(address).is_none() && !is_loopback(address)
}

/// Whether this address leads to this machine.
pub fn is_loopback(address: &str) -> bool {
    match Url::parse(address).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Values that occur more than once, each named once.
pub fn repeated<T: Ord + Clone>(values: impl Iterator<Item = T>) -> BTreeSet<T> {
    let mut seen = BTreeSet::new();
    values.filter(|value| !seen.insert(value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_cannot_be_is_told_so() {
        for host in ["smtp.example.ru", "localhost", "школа.рф", "127.0.0.1", "::1", "[::1]", "a-1.example"]
        {
            assert_eq!(host_fault(host), None, "{host}");
        }
        let long = "a".repeat(LABEL_MAX + 1);
        for host in
            ["my_school.ru", "-a.ru", "a-.ru", "a..ru", "a.ru.", "a b.ru", "", &long, &"a.".repeat(127)]
        {
            assert!(host_fault(host).is_some(), "{host}");
        }
    }
}
