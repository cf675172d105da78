//! Orders that a typed number or address joined to a client: it is told, and a person may undo it (Q4). Never decides
//! who a person is: intake does. Enter at [`SECTION`].

use crate::message::phrase::crm;
use crate::mutant::cut;
use crate::process::decision::{Heard, Request, Section};
use crate::process::event::{Event, News};
use crate::process::leads;

pub const SECTION: Section = Section {
    name: "same_person",
    rules: &["Q4"],
    hears: |d, event| match event {
        Event::Sibling(News::SetApart) => {
            d.say("Q4", crm::set_apart());
            leads::set_apart(d);
            d.note(crm::set_apart());
            Heard::Taken
        }
        Event::Sibling(News::Left { order, number }) => {
            let order = number.clone().unwrap_or_else(|| order.to_string());
            d.say("Q4", crm::left(order.as_str()));
            d.note(crm::left(order.as_str()));
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    enters: |d, request| match request {
        Request::Join { by } => {
            let own = &d.case.order.id;
            if by.is_empty() || d.case.client.orders.keys().all(|other| other == own) || cut("Q4.joined") {
                return Heard::Refused;
            }
            d.case.client.join(own, by, d.now);
            d.say("Q4", leads::joined_by(d, by));
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};
