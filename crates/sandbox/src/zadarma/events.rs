//! Events as Zadarma writes them: names, their order, what is absent, what is signed (sheet 2, 3).
//! It never parses anything back.
//! Enter at [`Event`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::{Pbx, ZadarmaSetup};
use crate::calls::Call;

/// The pairs of one event.
#[derive(Clone, Debug)]
pub struct Event {
    pub pairs: Vec<(String, String)>,
}

impl Event {
    /// Of an outgoing call.
    pub fn outgoing(event: &str, call: &Call, pbx: &Pbx) -> Event {
        Event::of(event, call, pbx)
            .with("internal", &call.extension)
            .with("destination", &call.client)
            .with("caller_id", &pbx.setup.line)
    }

    /// Of an incoming call, or of an outgoing one that is told the incoming way: then from an extension.
    pub fn inbound(event: &str, call: &Call, pbx: &Pbx) -> Event {
        let (from, to) = match call.direction {
            1 => (&call.client, &pbx.setup.line),
            _ => (&call.extension, &call.client),
        };
        Event::of(event, call, pbx).with("caller_id", from).with("called_did", to)
    }

    /// Who answered: an extension, or the number that was dialled.
    pub fn answered(call: &Call, destination: &str, pbx: &Pbx) -> Event {
        let caller = if call.direction == 1 { &call.client } else { &pbx.setup.line };
        Event::of("NOTIFY_ANSWER", call, pbx)
            .with("caller_id", caller)
            .with("destination", destination)
            .with("internal", &call.extension)
    }

    pub fn recorded(call: &Call) -> Event {
        Event { pairs: Vec::new() }
            .with("event", "NOTIFY_RECORD")
            .with("call_id_with_rec", &record_id(call))
            .with("pbx_call_id", &call.entry_id)
    }

    fn of(event: &str, call: &Call, pbx: &Pbx) -> Event {
        Event { pairs: Vec::new() }
            .with("event", event)
            .with("call_start", &local(call.created_at, pbx))
            .with("pbx_call_id", &call.entry_id)
    }

    /// What an end says besides. A menu that took the call answered it.
    pub fn ended(self, call: &Call) -> Event {
        let (disposition, cause) = result(call);
        let by_menu = call.direction == 1 && call.extension.is_empty();
        let seconds =
            if by_menu { (call.ended_at - call.created_at).num_seconds() } else { call.talk_seconds() };
        let recorded = call.talk_seconds() > 0 && !by_menu;
        let told = self
            .with("duration", &seconds.to_string())
            .with("disposition", if by_menu { "answered" } else { disposition })
            .with("status_code", &cause.to_string())
            .with("is_recorded", if recorded { "1" } else { "0" });
        let told = if recorded { told.with("call_id_with_rec", &record_id(call)) } else { told };
        let is_managers = call.direction == 1 && !call.extension.is_empty();
        if is_managers { told.with("internal", &call.extension) } else { told }
    }

    /// Which leg of a call-back it is of, where that is told.
    pub fn leg(self, leg: u8, pbx: &Pbx) -> Event {
        match pbx.setup.call_type {
            true => self.with("calltype", &format!("callback_leg{leg}")),
            false => self,
        }
    }

    pub fn with(mut self, name: &str, value: &str) -> Event {
        self.pairs.push((name.to_owned(), value.to_owned()));
        self
    }

    fn value(&self, name: &str) -> &str {
        self.pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Over some of the event's fields, by its kind (2).
    pub fn signature(&self, setup: &ZadarmaSetup) -> String {
        let names: &[&str] = match self.value("event") {
            "NOTIFY_RECORD" => &["pbx_call_id", "call_id_with_rec"],
            "NOTIFY_ANSWER" => &["caller_id", "destination", "call_start"],
            "NOTIFY_OUT_START" | "NOTIFY_OUT_END" => &["internal", "destination", "call_start"],
            _ => &["caller_id", "called_did", "call_start"],
        };
        let message: String = names.iter().map(|name| self.value(name)).collect();
        match setup.signature_raw {
            true => STANDARD.encode(hmac_sha1(&setup.secret, &message)),
            false => STANDARD.encode(hex::encode(hmac_sha1(&setup.secret, &message))),
        }
    }
}

/// The account's own time, without an offset.
pub fn local(at: DateTime<Utc>, pbx: &Pbx) -> String {
    at.with_timezone(&pbx.zone).format("%Y-%m-%d %H:%M:%S").to_string()
}

pub fn record_id(call: &Call) -> String {
    format!("{}.1234567", call.created_at.timestamp())
}

/// Disposition and Q.931 cause; a refusal looks like a busy line (3.4).
pub fn result(call: &Call) -> (&'static str, u8) {
    match call.reason {
        _ if call.answered_at.is_some() => ("answered", 16),
        1121 | 1122 => ("busy", 17),
        1131 => ("failed", 20),
        1132 | 1133 => ("unallocated number", 1),
        2000..=2999 => ("failed", 38),
        1110 => ("cancel", 16),
        _ => ("no answer", 19),
    }
}

pub fn hmac_sha1(secret: &str, message: &str) -> Vec<u8> {
    let mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes());
    mac.map(|mac| mac.chain_update(message).finalize().into_bytes().to_vec()).unwrap_or_default()
}
