//! Markers at the end of our texts in the CRM. They identify a task or a note of ours if its receipt was
//! lost. Only managers see them. Enter at [`task`] and [`note`].

use crate::process::{CommandId, TaskId};

/// Separates a note from its marker.
const NOTE: &str = " ·";

/// `[t3·gc-1]`, the end of a task's text.
pub fn task(task: &TaskId) -> String {
    format!("[{task}]")
}

/// The id of our task in a text of the CRM; `None` if the text has no marker.
pub fn task_in(text: &str) -> Option<TaskId> {
    let (_, mark) = text.trim_end().strip_suffix(']')?.rsplit_once('[')?;
    let (number, order) = mark.strip_prefix('t')?.split_once('·')?;
    (number.parse::<u32>().is_ok() && !order.is_empty()).then(|| TaskId(mark.to_owned()))
}

/// ` ·gc-1.12`, the end of a note.
pub fn note(command: &CommandId) -> String {
    format!("{NOTE}{command}")
}

/// Whether `text` is the note that `command` writes with these words, also if it was written under another id of the
/// same order: an order that a store has lost is decided again.
pub fn is_note_of(text: &str, command: &CommandId, words: &str) -> bool {
    let Some((said, mark)) = text.trim_end().rsplit_once(NOTE) else { return false };
    let other = CommandId::from(mark);
    other == *command || (said == words && other.order().is_some_and(|order| Some(order) == command.order()))
}

/// `[gc-1.12]`, the end of a comment in GetCourse.
pub fn comment(command: &CommandId) -> String {
    format!("[{command}]")
}

/// Like [`is_note_of`]; what GetCourse puts around a comment is not certain.
pub fn is_comment_of(text: &str, command: &CommandId, words: &str) -> bool {
    let of_order = command.order().map(|order| format!("[{order}."));
    text.contains(&comment(command))
        || of_order.is_some_and(|mark| text.contains(&mark) && text.contains(words.trim()))
}

/// Whether a command of ours wrote this note.
pub fn is_note(text: &str) -> bool {
    let mark = text.trim_end().rsplit_once(NOTE).map(|(_, mark)| mark);
    mark.is_some_and(|mark| !mark.contains(char::is_whitespace) && mark.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_known_again() {
        let task_id = TaskId("t3·gc-1".to_owned());
        assert_eq!(task_in(&format!("Позвонить [срочно]\n{}\n", task(&task_id))), Some(task_id));
        for text in [
            "Встреча [в Zoom]",
            "Позвонить",
            "Позвонить [срочно]",
            "[t·gc-1]",
            "[t3·]",
            "[3·gc-1]",
            "[t3·gc-1] сам",
        ] {
            assert_eq!(task_in(text), None, "{text}");
        }
        let command = CommandId::from("gc-1.12-a0f3");
        let paid = format!("Оплата{}", note(&command));
        assert!(is_note(&paid));
        assert!(is_note_of(&paid, &command, "Оплата 500 ₽"), "the id alone");
        let again = CommandId::from("gc-1.14-a0f3");
        assert!(is_note_of(&paid, &again, "Оплата"), "the words alone");
        assert!(!is_note_of(&paid, &again, "Оплата 500 ₽"));
        assert!(!is_note_of(&paid, &CommandId::from("gc-2.12-a0f3"), "Оплата"), "of another order");
        let said = format!("<p>Оплата\n{}</p>", comment(&command));
        assert!(is_comment_of(&said, &command, "Оплата 500 ₽") && is_comment_of(&said, &again, "Оплата"));
        assert!(!is_comment_of(&said, &again, "Оплата 500 ₽"));
        assert!(!is_comment_of(&said, &CommandId::from("gc-2.12-a0f3"), "Оплата"), "of another order");
        for text in ["Перезвонить ·завтра", "Отказ: цена · 12.5 тысяч", "Отказ"]
        {
            assert!(!is_note(text), "{text}");
        }
    }
}
