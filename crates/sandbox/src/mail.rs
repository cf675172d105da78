//! The mail stand-in: a mailbox for each recipient, addresses that bounce, greylisting. It never talks SMTP
//! itself (`smtp` does) and never delivers anything. Enter at [`MailServer::receive`].

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::setup::MailSetup;

/// A letter as the client sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letter {
    pub from: String,
    pub to: String,
    /// Headers and body, as in DATA, without dot-stuffing.
    pub raw: Vec<u8>,
}

/// The relay's answer: `250 2.0.0 …`, `451 4.7.1 …`, `550 5.1.1 …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAnswer {
    pub code: u16,
    pub text: String,
}

impl MailAnswer {
    fn new(code: u16, text: &str) -> MailAnswer {
        MailAnswer { code, text: text.to_owned() }
    }
}

/// A letter that was accepted.
#[derive(Clone, Debug, Serialize)]
pub struct Received {
    pub at: DateTime<Utc>,
    pub from: String,
    pub to: String,
    pub message_id: String,
    pub subject: String,
    /// The plain text.
    pub text: String,
}

/// All mailboxes.
#[derive(Clone, Debug)]
pub struct MailServer {
    setup: MailSetup,
    /// First attempt for each greylisted recipient.
    first_seen: BTreeMap<String, DateTime<Utc>>,
    pub letters: Vec<Received>,
    /// Refused attempts: moment, recipient, code.
    pub refused: Vec<(DateTime<Utc>, String, u16)>,
}

impl MailServer {
    pub fn new(setup: MailSetup) -> MailServer {
        MailServer { setup, first_seen: BTreeMap::new(), letters: Vec::new(), refused: Vec::new() }
    }

    /// Whether a recipient is accepted now: the answer to `RCPT TO`.
    pub fn recipient(&mut self, now: DateTime<Utc>, to: &str) -> MailAnswer {
        let to = to.trim().to_lowercase();
        let listed = |list: &[String]| {
            list.iter().any(|entry| {
                to == entry.to_lowercase() || (entry.starts_with('@') && to.ends_with(&entry.to_lowercase()))
            })
        };
        let answer = if !to.contains('@') {
            MailAnswer::new(501, "5.1.3 Bad recipient address syntax")
        } else if listed(&self.setup.bounces) {
            MailAnswer::new(550, "5.1.1 No such user")
        } else if listed(&self.setup.greylist) && self.too_early(now, &to) {
            MailAnswer::new(451, "4.7.1 Greylisted, try again later")
        } else {
            return MailAnswer::new(250, "2.1.5 Ok");
        };
        self.refused.push((now, to, answer.code));
        answer
    }

    fn too_early(&mut self, now: DateTime<Utc>, to: &str) -> bool {
        let first = *self.first_seen.entry(to.to_owned()).or_insert(now);
        first == now || now < first + TimeDelta::seconds(self.setup.greylist_s)
    }

    /// Accepts a letter, or refuses it.
    pub fn receive(&mut self, now: DateTime<Utc>, letter: &Letter) -> MailAnswer {
        let answer = self.recipient(now, &letter.to);
        if answer.code != 250 {
            return answer;
        }
        let raw = String::from_utf8_lossy(&letter.raw).replace("\r\n", "\n");
        let (head, body) = raw.split_once("\n\n").unwrap_or((&raw, ""));
        let headers = unfold(head);
        let find = |name: &str| header(&headers, name);
        self.letters.push(Received {
            at: now,
            from: letter.from.clone(),
            to: letter.to.trim().to_lowercase(),
            message_id: find("message-id"),
            subject: decode_words(&find("subject")),
            text: plain_text(&headers, body),
        });
        MailAnswer::new(250, &format!("2.0.0 Ok: queued as {:08X}", self.letters.len()))
    }
}

/// Header lines with folded ones joined.
fn unfold(head: &str) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in head.lines() {
        match headers.last_mut() {
            Some((_, value)) if line.starts_with([' ', '\t']) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            _ => {
                if let Some((name, value)) = line.split_once(':') {
                    headers.push((name.trim().to_lowercase(), value.trim().to_owned()));
                }
            }
        }
    }
    headers
}

fn header(headers: &[(String, String)], name: &str) -> String {
    headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

/// The first plain-text part, decoded.
fn plain_text(headers: &[(String, String)], body: &str) -> String {
    let kind = header(headers, "content-type");
    let boundary = kind
        .split("boundary=")
        .nth(1)
        .map(|rest| rest.trim_start_matches('"').split(['"', ';']).next().unwrap_or("").to_owned());
    if let Some(boundary) = boundary.filter(|_| kind.to_lowercase().starts_with("multipart/")) {
        let marker = format!("--{boundary}");
        let parts = body.split(marker.as_str()).skip(1).filter(|part| !part.starts_with("--"));
        let parts: Vec<(Vec<(String, String)>, &str)> = parts
            .filter_map(|part| part.trim_start_matches('\n').split_once("\n\n"))
            .map(|(head, body)| (unfold(head), body))
            .collect();
        let plain = parts
            .iter()
            .find(|(head, _)| !header(head, "content-type").to_lowercase().starts_with("text/html"));
        return plain.or(parts.first()).map(|(head, body)| plain_text(head, body)).unwrap_or_default();
    }
    let bytes = match header(headers, "content-transfer-encoding").to_lowercase().as_str() {
        "base64" => STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap_or_default(),
        "quoted-printable" => quoted_printable(body, false),
        _ => body.as_bytes().to_vec(),
    };
    String::from_utf8_lossy(&bytes).trim_end().replace("\r\n", "\n")
}

fn quoted_printable(text: &str, underscore: bool) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        match bytes[index] {
            b'=' if bytes.get(index + 1) == Some(&b'\n') => index += 1,
            b'=' => match text.get(index + 1..index + 3).and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
                Some(byte) => {
                    decoded.push(byte);
                    index += 2;
                }
                None => decoded.push(b'='),
            },
            b'_' if underscore => decoded.push(b' '),
            byte => decoded.push(byte),
        }
        index += 1;
    }
    decoded
}

/// Decodes `=?utf-8?b?…?=` and `=?utf-8?q?…?=`; white space between two of them is dropped.
fn decode_words(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let mut parts = rest[start + 2..].splitn(3, '?');
        let (Some(_), Some(way), Some(tail)) = (parts.next(), parts.next(), parts.next()) else {
            break;
        };
        let Some(end) = tail.find("?=") else { break };
        if !(after_word && rest[..start].trim().is_empty()) {
            bytes.extend_from_slice(&rest.as_bytes()[..start]);
        }
        match way {
            "b" | "B" => bytes.extend(STANDARD.decode(&tail[..end]).unwrap_or_default()),
            _ => bytes.extend(quoted_printable(&tail[..end], true)),
        }
        rest = &tail[end + 2..];
        after_word = true;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}
