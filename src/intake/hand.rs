//! What people write into the CRM by hand and no field holds: notes on a lead.
//! Never takes our own notes for a person's. Enter at [`note_seen`].

use super::book::Book;
use super::correlate::{Aim, Aims, amocrm_user, lead_of, signed};
use super::signal::SeenNote;
use crate::config::School;
use crate::process::event::{Answer, AnswerKind};
use crate::process::{At, Event};
use crate::store::Kept;

/// A manager's note that says all of an answer is one (L13, L17): «перезвонить 24.11 11:00»,
/// «обещал оплатить 25.11», «отказ: цена». Other words stay what they are, a note.
pub(super) async fn note_seen(school: &School, book: &mut Book, seen: &SeenNote, now: At) -> Kept<Aims> {
    let author = seen.by.and_then(|user| amocrm_user(school, user));
    let (Some(lead), Some(author), true) = (seen.lead, author, seen.common && !is_ours(&seen.text)) else {
        return Ok(Aims::nothing(format!("note {} is no manager's", seen.note)));
    };
    let Some((order, _)) = lead_of(book, lead).await? else {
        return Ok(Aims::nothing(format!("note {} is on a lead of others", seen.note)));
    };
    let Some(record) = book.order(&order).await? else {
        return Ok(Aims::nothing(format!("order {order} has no record")));
    };
    let entity = format!("note/{}", seen.note);
    let mut shadow = book.shadow(&entity).await?;
    if !shadow.note(seen) {
        return Ok(Aims::nothing(format!("note {} is known", seen.note)));
    }
    let said_at = seen.created_at.unwrap_or(now);
    let answer = school.answers.from_result(&seen.text, said_at, school.process.zone).filter(is_whole);
    let aims = answer.map(|answer| {
        let event = Event::Answer(signed(answer, Some(&author)));
        Aim::new(order.clone(), record.client.clone(), event)
    });
    Ok(Aims {
        aims: aims.into_iter().collect(),
        puts: book.put_shadow(&entity, shadow).into_iter().collect(),
        ..Aims::default()
    })
}

/// Whoever only begins with such a word may mean anything.
fn is_whole(answer: &Answer) -> bool {
    match answer.kind {
        AnswerKind::CallBack | AnswerKind::Promise => answer.at.is_some(),
        AnswerKind::Refusal => answer.reason.is_some(),
        _ => false,
    }
}

/// Ours end with the command's id, ` ·gc-700.12`.
fn is_ours(text: &str) -> bool {
    let last = text.trim_end().rsplit_once(" ·").map(|(_, marker)| marker);
    last.is_some_and(|marker| !marker.contains(char::is_whitespace) && marker.contains('.'))
}
