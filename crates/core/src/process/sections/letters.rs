//! Receipts of commands: a delivered letter is shown in the lead's feed (K6, M1, M2).
//! Enter at [`receipt`].

use crate::mutant::cut;
use crate::process::command::{Ask, AskKind};
use crate::process::decision::{Decision, Heard, Section};
use crate::process::event::Event;
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "letters",
    rules: &["K6", "M1", "M2"],
    hears: |d, event| match event {
        Event::Receipt { command } => {
            receipt(d, command);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

/// Shows the delivery of a letter (K6). A task that was revoked while its command was in flight exists in
/// the CRM after all and is closed (L4).
fn receipt(d: &mut Decision, command: &CommandId) {
    if let Some(task) = d.case.order.revoked.remove(command).filter(|_| !cut("L4.late_receipt")) {
        d.say("L4", "Задача успела уйти до отзыва: закрываем её.");
        d.ask(Ask::CloseTask { task, result: "Больше не нужна".to_owned() });
        return;
    }
    let Some(pending) = d.case.order.unsent.remove(command) else { return };
    if matches!(pending.ask, AskKind::CreateTask | AskKind::SaveLead) {
        d.case.order.failures = 0;
    }
    if let Some(letter) = &pending.letter {
        d.note(&format!("Письмо «{}» отправлено клиенту.", letter.title()));
    }
}
