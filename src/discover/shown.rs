//! An account as a list for a person. Enter at [`account`].

use std::fmt::Write;

use crate::platform::amocrm::discover::{Field, Found, Named};

/// Everything that the configuration may refer to.
pub fn account(found: &Found) -> String {
    let mut text = format!("account {} «{}», {}\n", found.account_id, found.name, found.zone);
    for pipeline in found.live_pipelines() {
        let _ = writeln!(text, "\npipeline {} {}", pipeline.id, pipeline.name);
        rows(&mut text, &pipeline.statuses);
    }
    text.push_str("\nusers\n");
    for user in &found.users {
        let away = if user.active { "" } else { " (deactivated)" };
        let _ = writeln!(text, "  {} {}{away}", user.id, user.name);
    }
    fields(&mut text, "lead fields", &found.lead_fields);
    fields(&mut text, "contact fields", &found.contact_fields);
    for (title, named) in [("loss reasons", &found.loss_reasons), ("task types", &found.task_types)] {
        let _ = writeln!(text, "\n{title}");
        rows(&mut text, named);
    }
    text
}

fn rows(text: &mut String, named: &[Named]) {
    for one in named {
        let _ = writeln!(text, "  {} {}", one.id, one.name);
    }
}

fn fields(text: &mut String, title: &str, fields: &[Field]) {
    let _ = writeln!(text, "\n{title}");
    for field in fields {
        let _ = writeln!(text, "  {} {} ({})", field.id, field.name, kind(field));
    }
}

/// `select: Да, Нет`.
pub fn kind(field: &Field) -> String {
    match field.choices.is_empty() {
        true => field.kind.clone(),
        false => format!("{}: {}", field.kind, field.choices.join(", ")),
    }
}
