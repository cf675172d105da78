//! Checks the answers to «Что дальше?» (L13): ids, words and fields have to be distinguishable.

use super::{Draft, Findings};
use crate::platform::amocrm::check::CLOSED;
use crate::platform::check::repeated;

pub(super) fn answers(draft: &Draft, findings: &mut Findings) {
    let answers = &draft.file.answers;
    for status in answers.stages.keys() {
        let key = format!("answers.stages.{status}");
        match status.parse::<u64>() {
            Err(_) => findings.wrong.add(key, "no id of a status", "a number, as `dozvon discover` shows it"),
            Ok(id) if CLOSED.iter().any(|(_, number)| *number == id) => {
                findings.wrong.add(key, "a closed lead is no answer", "any status but 142 and 143");
            }
            Ok(id) if !is_known(draft, id) => {
                let why = "no pipeline of [amocrm] has this status";
                findings.warn.add(key, why, "a status of one of them; `dozvon discover` shows all");
            }
            Ok(_) => {}
        }
    }
    words_and_fields(draft, findings);
}

/// Without a CRM nothing is known of its pipelines.
fn is_known(draft: &Draft, status: u64) -> bool {
    let Some(crm) = draft.crm() else { return true };
    crm.all_pipelines().any(|(_, pipeline)| pipeline.stages.values().any(|known| *known == status))
}

/// Our own value would be a manager's answer (L13).
pub(super) const OF_ANSWERS: &str =
    "[answers] reads this field of the lead: what is written would be taken for an answer";

fn words_and_fields(draft: &Draft, findings: &mut Findings) {
    let answers = &draft.file.answers;
    for (table, words) in [
        ("words", answers.words.keys().collect::<Vec<_>>()),
        ("reasons", answers.reasons.keys().collect::<Vec<_>>()),
    ] {
        for text in words.into_iter().filter(|text| crate::config::answers::words_of(text).is_empty()) {
            findings.wrong.add(format!("answers.{table}.{text:?}"), "no words", "at least one word");
        }
    }
    let read = |field: &Option<u64>| field.is_some_and(|field| answers.fields().any(|known| known == field));
    for (name, _) in draft.file.dictionaries.iter().filter(|(_, dictionary)| read(&dictionary.field)) {
        findings.wrong.add(format!("dictionaries.{name}.field"), OF_ANSWERS, "another field");
    }
    for id in repeated(answers.fields()) {
        findings.wrong.add("answers", format!("field {id} stands twice"), "a field of its own for each");
    }
    if answers.field.is_none() && answers.fields().next().is_some() {
        findings.wrong.add("answers.field", "missing", "the list field with the answer itself");
    }
}
