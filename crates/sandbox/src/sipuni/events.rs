//! Events as Sipuni writes them: names, their order, what is absent (sheet 2, 3).
//! It never parses anything back.
//! Enter at [`Event`].

use chrono::{DateTime, Utc};
use md5::{Digest, Md5};

use super::SipuniSetup;
use crate::calls::Call;

/// The pairs of one event.
pub struct Event(pub Vec<(String, String)>);

/// Who stands on which side of a call, as its events show it.
pub struct Shape {
    outbound: bool,
    /// Empty: the call never reached an extension.
    extension: String,
    client: String,
    pub callback: Option<String>,
    /// A call between two outside numbers, whose answer time is wrong (sheet 2.4).
    pub external: bool,
}

impl Shape {
    pub fn outbound(extension: &str, client: &str) -> Shape {
        let (extension, client) = (extension.to_owned(), client.to_owned());
        Shape { outbound: true, extension, client, callback: None, external: false }
    }

    pub fn inbound(extension: &str, client: &str) -> Shape {
        Shape { outbound: false, ..Shape::outbound(extension, client) }
    }

    /// Incoming, nobody answered: the client's number lacks its country code, both sides are outside ones.
    pub fn missed(client: &str) -> Shape {
        let national = client.strip_prefix('7').filter(|rest| rest.len() == 10).unwrap_or(client);
        Shape::inbound("", national)
    }

    fn sides(&self, setup: &SipuniSetup) -> Vec<(&'static str, String)> {
        let own = format!("{}{}", setup.user, self.extension);
        let client = self.client.clone();
        if self.outbound {
            let dialled = if self.callback.is_some() { client.clone() } else { format!("+{client}") };
            return vec![
                ("src_num", own),
                ("src_type", "2".into()),
                ("short_src_num", self.extension.clone()),
                ("dst_num", client.clone()),
                ("dst_type", "1".into()),
                ("short_dst_num", client),
                ("pbxdstnum", dialled),
            ];
        }
        let outside = format!("{}_id123456", setup.line);
        let (dst, kind, short) = match self.extension.is_empty() {
            true => (outside.clone(), "1", outside),
            false => (own, "2", self.extension.clone()),
        };
        vec![
            ("src_num", client.clone()),
            ("src_type", "1".into()),
            ("short_src_num", client),
            ("dst_num", dst),
            ("dst_type", kind.into()),
            ("short_dst_num", short),
            ("pbxdstnum", setup.line.clone()),
        ]
    }
}

impl Event {
    /// Event 1.
    pub fn start(shape: &Shape, call: &Call, setup: &SipuniSetup, at: DateTime<Utc>) -> Event {
        let channel = format!("SIP/{}100003-0000a1d3", setup.user);
        Event::of("1", shape, call, setup, (at, Vec::new(), channel))
    }

    /// Event 3.
    pub fn answer(shape: &Shape, call: &Call, setup: &SipuniSetup, at: DateTime<Utc>) -> Event {
        Event::of("3", shape, call, setup, (at, Vec::new(), trunk(setup)))
    }

    /// Event 2, the final one.
    pub fn end(shape: &Shape, call: &Call, setup: &SipuniSetup) -> Event {
        // On call-backs that nobody answered, and on all calls between outside numbers, the moment of the answer
        // is wrong (2.4).
        let answered = match call.answered_at {
            Some(_) if shape.external => call.created_at.timestamp() - 1,
            Some(at) => at.timestamp(),
            None if shape.external || shape.callback.is_some() => call.created_at.timestamp(),
            None => 0,
        };
        let link = format!(
            "https://sipuni.com/api/crm/record?id={id}&hash={hash}&user={user}",
            id = call.entry_id,
            hash = hash(&[call.entry_id.as_str()], setup),
            user = setup.user
        );
        let mut more = vec![
            ("status", status(call).to_owned()),
            ("call_start_timestamp", call.created_at.timestamp().to_string()),
        ];
        if answered > 0 {
            more.push(("call_answer_timestamp", answered.to_string()));
        }
        if !call.extension.is_empty() {
            more.push(("last_called", call.extension.clone()));
        }
        more.push(("call_record_link", link));
        Event::of("2", shape, call, setup, (call.ended_at, more, trunk(setup)))
    }

    fn of(
        event: &str,
        shape: &Shape,
        call: &Call,
        setup: &SipuniSetup,
        (at, more, channel): (DateTime<Utc>, Vec<(&'static str, String)>, String),
    ) -> Event {
        let tree = if shape.outbound {
            ("Исходящая", "000-123456")
        } else {
            ("Входящая", "000-123450")
        };
        let mut pairs = vec![("event", event.to_owned()), ("call_id", call.entry_id.clone())];
        pairs.extend(shape.sides(setup));
        pairs.push(("timestamp", at.timestamp().to_string()));
        pairs.extend(more);
        pairs.extend(shape.callback.clone().map(|id| ("callbackId", id)));
        pairs.push(("treeName", tree.0.to_owned()));
        pairs.push(("treeNumber", tree.1.to_owned()));
        pairs.push(("channel", channel));
        pairs.push(("user_id", setup.user.clone()));
        Event(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

fn trunk(setup: &SipuniSetup) -> String {
    format!("SIP/{}{}-0000a1d4", setup.user, setup.line)
}

/// A refusal and a manager who gave up look like no answer (2.4); a wrong number like a phone that is off.
pub fn status(call: &Call) -> &'static str {
    match call.reason {
        _ if call.answered_at.is_some() => "ANSWER",
        1121 if call.direction == 2 => "BUSY",
        1131..=1133 if call.direction == 2 => "CHANUNAVAIL",
        2000..=2999 => "CONGESTION",
        _ => "NOANSWER",
    }
}

/// `md5(values + user + secret)`, joined by plus signs (4.1); the values in the order of their names.
pub fn hash(values: &[&str], setup: &SipuniSetup) -> String {
    let tail = [setup.user.as_str(), setup.key.as_str()];
    let parts: Vec<&str> = values.iter().copied().chain(tail).collect();
    hex::encode(Md5::digest(parts.join("+")))
}
