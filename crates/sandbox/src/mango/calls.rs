//! The course of a call as a list of events: outgoing, incoming, and the callback with its two legs (sheet
//! 5). It never knows who the client is, nor why he does not answer. Enter at its [`Phones`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};

use super::events::{CallEvent, Dct, RecordAdded, Recording, Side, Summary, json};
use super::{Post, Vpbx};
use crate::calls::{Call, Command, Course, Employee, times};
use crate::lines::Phones;

struct Leg {
    entry: String,
    call: String,
    seq: u32,
    from: Side,
    to: Side,
    dct: Option<Dct>,
    command: Option<String>,
}

impl Leg {
    fn event(&mut self, at: DateTime<Utc>, state: &'static str, reason: Option<u16>) -> Post {
        self.seq += 1;
        let event = CallEvent {
            entry_id: self.entry.clone(),
            call_id: self.call.clone(),
            timestamp: at.timestamp(),
            seq: self.seq,
            call_state: state,
            location: "abonent",
            from: self.from.clone(),
            to: self.to.clone(),
            disconnect_reason: reason,
            dct: self.dct,
            callback_initiator: self.command.as_ref().map(|_| "API"),
            command_id: self.command.clone(),
        };
        Post { at, path: "events/call", json: json(&event) }
    }
}

impl Phones for Vpbx {
    /// A manager dials a client by his phone. Returns the call's index.
    fn dial(&mut self, now: DateTime<Utc>, extension: &str, client: &str, course: Course) -> usize {
        let line = self.setup.line.clone();
        let from = Side { line_number: Some(line), ..self.side(extension) };
        let mut leg = self.leg(0, from, number(client), None);
        leg.dct = Some(Dct { kind: 0 });
        self.posts.push(leg.event(now, "Appeared", None));
        let (answered, ended) = times(now, course);
        if let Some(at) = answered {
            self.posts.push(leg.event(at, "Connected", None));
        }
        self.posts.push(leg.event(ended, "Disconnected", Some(course.reason)));
        self.finish(now, 2, extension, client, (answered, ended), course.reason, None)
    }

    /// A client calls in; `extension` is rung, if anybody is.
    fn ring_in(&mut self, now: DateTime<Utc>, extension: &str, client: &str, course: Course) -> usize {
        let (answered, ended) = times(now, course);
        if !extension.is_empty() {
            let mut leg = self.leg(
                0,
                number(client),
                Side { line_number: Some(self.setup.line.clone()), ..self.side(extension) },
                None,
            );
            leg.dct = Some(Dct { kind: 0 });
            self.posts.push(leg.event(now, "Appeared", None));
            if let Some(at) = answered {
                self.posts.push(leg.event(at, "Connected", None));
            }
            self.posts.push(leg.event(ended, "Disconnected", Some(course.reason)));
        }
        self.finish(now, 1, extension, client, (answered, ended), course.reason, None)
    }

    /// The bridge's command: the manager's leg first, then the client's. `manager_s` is when he picks up;
    /// `None`: he does not, and the client is never dialled.
    fn call_back(
        &mut self,
        now: DateTime<Utc>,
        command: &Command,
        manager_s: Option<i64>,
        course: Course,
    ) -> usize {
        let id = Some(command.command_id.clone());
        let (extension, client) = (command.extension.as_str(), command.to_number.as_str());
        let mut first = self.leg(0, number(client), self.side(extension), id.clone());
        self.posts.push(first.event(now, "Appeared", None));
        let Some(wait) = manager_s else {
            let ended = now + TimeDelta::seconds(course.rings_s);
            self.posts.push(first.event(ended, "Disconnected", Some(1111)));
            let call = self.finish(now, 2, extension, client, (None, ended), 1111, id);
            self.board.calls[call].client_dialled = false;
            return call;
        };
        let picked = now + TimeDelta::seconds(wait);
        let dialled = picked + TimeDelta::seconds(1);
        self.posts.push(first.event(picked, "Connected", None));
        let from = Side { taken_from_call_id: Some(first.call.clone()), ..self.side(extension) };
        let mut second = self.leg(1, from, number(client), id.clone());
        self.posts.push(second.event(dialled, "Appeared", None));
        self.posts.push(first.event(dialled, "Disconnected", Some(1000)));
        let (answered, ended) = times(dialled, course);
        if let Some(at) = answered {
            self.posts.push(second.event(at, "Connected", None));
        }
        self.posts.push(second.event(ended, "Disconnected", Some(course.reason)));
        self.finish(now, 2, extension, client, (answered, ended), course.reason, id)
    }
}

impl Vpbx {
    fn side(&self, extension: &str) -> Side {
        let sip = self.employee(extension).map(sip);
        Side { extension: Some(extension.to_owned()), number: sip, ..Side::default() }
    }

    fn leg(&self, index: usize, from: Side, to: Side, command: Option<String>) -> Leg {
        let call = STANDARD.encode(format!("1:1000001:{}:{index}", 100 + self.board.calls.len()));
        Leg { entry: self.entry_id(), call, seq: 0, from, to, dct: None, command }
    }

    fn entry_id(&self) -> String {
        STANDARD.encode((10_000_000_001u64 + self.board.calls.len() as u64).to_string())
    }

    /// The summary, the recording, and the call's own record.
    #[expect(clippy::too_many_arguments, reason = "the end of all three ways a call goes")]
    fn finish(
        &mut self,
        now: DateTime<Utc>,
        direction: u8,
        extension: &str,
        client: &str,
        (answered, ended): (Option<DateTime<Utc>>, DateTime<Utc>),
        reason: u16,
        command_id: Option<String>,
    ) -> usize {
        let entry_id = self.entry_id();
        let ours = if extension.is_empty() { Side::default() } else { self.side(extension) };
        let (from, to) = if direction == 2 { (ours, number(client)) } else { (number(client), ours) };
        let summary = Summary {
            entry_id: entry_id.clone(),
            call_direction: direction,
            from,
            to,
            line_number: self.setup.line.clone(),
            create_time: now.timestamp(),
            forward_time: if direction == 2 || answered.is_some() { now.timestamp() } else { 0 },
            talk_time: answered.map_or(0, |at| at.timestamp()),
            end_time: ended.timestamp(),
            entry_result: u8::from(answered.is_some()),
            disconnect_reason: reason,
            dct: answered.map(|_| Dct { kind: 0 }),
        };
        self.posts.push(Post { at: ended, path: "events/summary", json: json(&summary) });
        if answered.is_some() && self.setup.recordings {
            self.push_recording(&entry_id, extension, ended);
        }
        self.board.calls.push(Call {
            entry_id,
            direction,
            extension: extension.to_owned(),
            client: client.to_owned(),
            line: self.setup.line.clone(),
            created_at: now,
            answered_at: answered,
            ended_at: ended,
            reason,
            command_id,
            client_dialled: true,
            outcome: String::new(),
            script: None,
            number: 0,
        });
        self.board.calls.len() - 1
    }

    fn push_recording(&mut self, entry_id: &str, extension: &str, ended: DateTime<Utc>) {
        let recording_id = STANDARD.encode(format!("1:1000001:{}:0", 500 + self.board.calls.len()));
        let (stopped, stored) = (ended + TimeDelta::seconds(1), ended + TimeDelta::seconds(8));
        let recording = Recording {
            recording_id: recording_id.clone(),
            recording_state: "Completed",
            seq: 2,
            entry_id: entry_id.to_owned(),
            call_id: STANDARD.encode(format!("1:1000001:{}:0", 100 + self.board.calls.len())),
            extension: extension.to_owned(),
            timestamp: stopped.timestamp(),
            completion_code: 1000,
            recipient: "Cloud",
        };
        let added = RecordAdded {
            entry_id: entry_id.to_owned(),
            product_id: 400_012_345,
            user_id: 12_345_678,
            timestamp: stored.timestamp(),
            recording_id,
        };
        self.posts.push(Post { at: stopped, path: "events/recording", json: json(&recording) });
        self.posts.push(Post { at: stored, path: "events/record/added", json: json(&added) });
    }
}

/// `sip:<key>@school.mangosip.ru` where the setup says nothing else.
pub fn sip(employee: &Employee) -> String {
    let usual = || format!("sip:{}@school.mangosip.ru", employee.key);
    employee.sip.clone().unwrap_or_else(usual)
}

fn number(client: &str) -> Side {
    Side { number: Some(client.to_owned()).filter(|number| !number.is_empty()), ..Side::default() }
}
