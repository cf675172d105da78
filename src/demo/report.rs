//! The table at the end and the facts below it, for a person; the facts as JSON, for a program. It never
//! counts anything itself. Enter at [`table`], [`summary`], [`json`].

use super::facts::{Facts, Row};

/// Widths of the table's columns; with the bars between them 120 in all.
const COLUMNS: [(&str, usize); 8] = [
    ("заказ", 6),
    ("клиент", 13),
    ("чем кончилось", 14),
    ("зв.", 3),
    ("разг.", 5),
    ("задач", 5),
    ("писем", 5),
    ("последнее решение", 46),
];

/// Every order with its end.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let heads: Vec<String> = COLUMNS.iter().map(|(head, _)| (*head).to_owned()).collect();
    push_line(&mut text, &heads);
    let rule: Vec<String> = COLUMNS.iter().map(|(_, width)| "─".repeat(*width)).collect();
    text.push_str(&format!("─{}─\n", rule.join("─┼─")));
    for row in rows {
        let end = if row.expected { row.end.clone() } else { format!("! {}", row.end) };
        push_line(
            &mut text,
            &[
                row.number.clone(),
                row.client.clone(),
                end,
                row.attempts.to_string(),
                row.talks.to_string(),
                row.tasks.to_string(),
                row.letters.to_string(),
                row.reason.clone(),
            ],
        );
    }
    text
}

fn push_line(text: &mut String, cells: &[String]) {
    let cells = cells.iter().zip(COLUMNS).enumerate().map(|(index, (cell, (_, width)))| {
        let cell = fitted(cell, width);
        let space = " ".repeat(width.saturating_sub(cell.chars().count()));
        // Numbers are right-aligned.
        if (3..7).contains(&index) { format!("{space}{cell}") } else { format!("{cell}{space}") }
    });
    let line = cells.collect::<Vec<_>>().join(" │ ");
    text.push_str(&format!(" {}\n", line.trim_end()));
}

/// Cut to a width, with `…` if something is missing.
fn fitted(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

/// The facts, in plain lines.
pub fn summary(facts: &Facts) -> String {
    let mut lines = vec![
        format!("Заказов в хранилище: {}, принятых запросов: {}.", facts.orders, facts.accepted),
        format!(
            "Запросов программы к площадкам: {}, из них сорвано песочницей: {}.",
            facts.requests, facts.faults
        ),
        format!("Потеряно: {}, сделано дважды: {}.", facts.lost, facts.doubled_creates),
        format!(
            "Открытых заказов без следующего шага: {}, починок сторожем: {}, неожиданных исходов: {}.",
            facts.open_without_next_step, facts.watchdog_repairs, facts.unexpected_ends
        ),
        format!("Правил процесса подтверждено: {} ({}).", facts.rules_met.len(), facts.rules_met.join(", ")),
    ];
    if facts.kills > 0 {
        lines.push(format!(
            "Программа убита раз: {}, из них посреди отправки: {}; работа продолжалась не позже чем через {} мс.",
            facts.kills, facts.kills_in_flight, facts.resumed_ms_max
        ));
        lines.push(format!(
            "Писем под сомнением показано человеку: {} (дошли все), повторено им: {}.",
            facts.letters_in_doubt, facts.letters_repeated
        ));
    }
    if facts.redis_kills > 0 {
        lines.push(format!(
            "Redis убит раз: {}; работа продолжалась не позже чем через {} мс после его возвращения.",
            facts.redis_kills, facts.redis_resumed_ms_max
        ));
    }
    if !facts.rules_missed.is_empty() {
        lines.push(format!("Не подтверждено: {}.", facts.rules_missed.join(", ")));
    }
    lines.extend(facts.troubles.iter().map(|trouble| format!("  ! {trouble}")));
    lines.push(match facts.well() {
        true => "Всё сошлось.".to_owned(),
        false => "Сошлось не всё: см. строки выше.".to_owned(),
    });
    lines.join("\n") + "\n"
}

/// The facts as a JSON document.
pub fn json(facts: &Facts) -> String {
    serde_json::to_string_pretty(facts).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_fits_120_columns() {
        let row = Row {
            number: "12041".into(),
            client: "Иннокентий Долгофамильный".into(),
            end: "не дозвонились".into(),
            expected: false,
            attempts: 12,
            talks: 3,
            tasks: 14,
            letters: 5,
            reason: "Очень длинная причина последнего решения, которая никуда не поместится".into(),
        };
        let table = table(&[row]);
        assert_eq!(table.lines().count(), 3);
        for line in table.lines() {
            assert!(line.chars().count() <= 120, "{} columns: {line}", line.chars().count());
        }
    }
}
