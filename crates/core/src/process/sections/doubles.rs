//! Duplicates: the younger unpaid order of the same client and offer is merged into the older one (L7).
//! Never closes an order that holds money, nor for an older one that only a report tells of. Enter at [`fold`] and [`on_news`].

use crate::message::phrase::{doubles, result, why};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::decision::{Decision, Heard, Request, Section};
use crate::process::event::{Event, News};
use crate::process::state::End;
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "doubles",
    rules: &["L7"],
    hears: |d, event| match event {
        Event::Sibling(news) => on_news(d, news),
        _ => Heard::Passed,
    },
    enters: |d, request| match request {
        Request::Fold { sure } if fold(d, *sure) => Heard::Refused,
        Request::Fold { .. } => Heard::Taken,
        Request::DoubleByWord => by_word(d),
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

/// L7: the younger unpaid order of the same client and offer becomes «Ложный» and is linked to the older.
/// Returns whether this order was the younger one. Not `sure`: a report alone says that it is the older one (F104).
fn fold(d: &mut Decision, sure: bool) -> bool {
    if !d.figures().arrival.fold_duplicates {
        return false;
    }
    for other in d.case.rivals() {
        let Some(brief) = d.case.client.orders.get(&other).cloned() else { continue };
        let order = &d.case.order;
        let mine = (order.made_at(), order.id.clone());
        let younger = (brief.seen_at, other.clone()) < mine;
        if !order.has_money() && !order.is_held() && (brief.paid || younger) {
            d.tell(other.clone(), News::DuplicateFound { order: d.case.order.id.clone() });
            end_as_double(d, &other);
            return true;
        }
        // Another person's order (F100).
        if brief.paid || d.case.client.is_leaving(&d.case.order.id) {
            continue;
        }
        if !sure && d.can_read() && !cut("L7.read_back") {
            d.say("L7", doubles::maybe());
            d.case.order.fold_waits = true;
            d.read_order();
        } else {
            d.say("L7", doubles::folding());
            let order = d.case.order.id.clone();
            d.tell(other, News::DuplicateOf { order });
        }
    }
    false
}

/// L7: this order ends; the client gets the link of the older one.
fn end_as_double(d: &mut Decision, of: &OrderId) {
    let older = d.case.client.orders.get(of).cloned();
    let number = older.as_ref().and_then(|brief| brief.number.clone()).unwrap_or_default();
    d.end(End::Duplicate { at: d.now, of: of.clone() }, &result::double());
    d.stage(Stage::Lost, None);
    d.status(Status::False, None);
    d.turn("L7", doubles::double(number.as_str()));
    if let Some(older) = older.filter(|brief| brief.open && !brief.paid) {
        let own = d.case.order.number.clone().unwrap_or_default();
        d.letter_with("L7", TextId::OlderOrder, |vars| {
            vars.order.number = number;
            vars.order.payment_link = older.payment_link.unwrap_or_default();
            vars.more = own;
        });
    }
}

/// L7, reported by a manager: the other order is kept. If there is no other order, nothing is merged.
fn by_word(d: &mut Decision) -> Heard {
    let own = d.case.order.id.clone();
    let others = d.case.client.orders.iter().filter(|(id, brief)| **id != own && brief.open);
    let other = d.case.rivals().first().cloned().or_else(|| others.map(|(id, _)| id.clone()).next());
    let Some(other) = other.filter(|_| !cut("L7.by_word")) else {
        d.ask_again(&why::no_other_order());
        return Heard::Refused;
    };
    if d.case.order.has_money() {
        d.ask_again(&why::paid_double());
        return Heard::Refused;
    }
    d.tell(other.clone(), News::DuplicateFound { order: own });
    end_as_double(d, &other);
    Heard::Taken
}

/// News of another order of the same client that concerns duplicates.
fn on_news(d: &mut Decision, news: &News) -> Heard {
    match news {
        News::Talked { .. }
        | News::MoneyWent { .. }
        | News::MoneyCame { .. }
        | News::SetApart
        | News::Left { .. } => return Heard::Passed,
        News::DuplicateFound { .. } => {
            d.turn("L7", doubles::twice());
        }
        News::DuplicateOf { order } | News::Paid { order } => {
            if d.case.order.has_money() || d.case.order.is_held() || cut("L7.other_is_paid") {
                d.turn("L7", doubles::both_paid());
            } else {
                end_as_double(d, order);
            }
        }
    }
    Heard::Taken
}
