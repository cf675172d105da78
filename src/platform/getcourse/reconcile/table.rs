//! An export's table: its columns are found by their titles, never by their positions (sheet, 4.4). Never
//! guesses a column: a missing title gives no values. Enter at [`Columns`].

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::platform::RawRequest;

/// Our name of a column → its title in the export. Those of payments come from one client's account; a school
/// whose titles differ sets them in `getcourse.export_columns`.
pub const COLUMNS: [(&str, &str); 20] = [
    ("order_id", "ID заказа"),
    ("number", "Номер"),
    ("user_id", "ID пользователя"),
    ("name", "Пользователь"),
    ("email", "Email"),
    ("phone", "Телефон"),
    ("created_at", "Дата создания"),
    ("positions", "Title"),
    ("status", "Статус"),
    ("cost", "Стоимость"),
    ("payed", "Оплачено"),
    ("currency", "Валюта"),
    ("manager", "Менеджер"),
    ("utm_source", "utm_source"),
    ("utm_medium", "utm_medium"),
    ("utm_campaign", "utm_campaign"),
    ("payment_id", "Номер"),
    ("payment_email", "Эл. почта"),
    ("payment_order", "Заказ"),
    ("payment_at", "Дата создания"),
];

/// The content of a finished export; every cell is text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    pub fields: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn read(info: &Value) -> Self {
        let texts = |list: &Value| -> Vec<String> {
            list.as_array().map(|cells| cells.iter().map(text).collect()).unwrap_or_default()
        };
        let rows = info["items"].as_array().map(|rows| rows.iter().map(texts).collect());
        Self { fields: texts(&info["fields"]), rows: rows.unwrap_or_default() }
    }
}

fn text(cell: &Value) -> String {
    match cell {
        Value::String(text) => text.trim().to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The positions of a table's columns.
pub struct Columns<'a> {
    table: &'a Table,
    places: BTreeMap<&'static str, usize>,
}

impl<'a> Columns<'a> {
    /// `given` are the school's own titles.
    pub fn of(table: &'a Table, given: &BTreeMap<String, String>) -> Self {
        let place = |title: &str| table.fields.iter().position(|field| is_titled(field, title));
        let places = COLUMNS.iter().filter_map(|(name, title)| {
            let title = given.get(*name).map_or(*title, String::as_str);
            Some((*name, place(title)?))
        });
        Self { table, places: places.collect() }
    }

    /// The first of these columns that is missing.
    pub fn missing(&self, needed: &[&'static str]) -> Option<&'static str> {
        needed.iter().find(|name| !self.places.contains_key(**name)).copied()
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.table.rows.iter().map(|cells| Row { columns: self, cells })
    }
}

/// `Стоимость, RUB` is the column «Стоимость».
fn is_titled(field: &str, title: &str) -> bool {
    field.trim() == title || field.trim().strip_prefix(title).is_some_and(|rest| rest.starts_with(','))
}

/// One row.
pub struct Row<'a> {
    columns: &'a Columns<'a>,
    cells: &'a [String],
}

impl Row<'_> {
    /// A cell, if it is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let cell = self.cells.get(*self.columns.places.get(name)?)?;
        Some(cell.as_str()).filter(|cell| !cell.is_empty())
    }

    /// An order's row, in the form of a request to the address «order-status».
    pub fn request(&self) -> RawRequest {
        let columns = COLUMNS.iter().filter(|(name, _)| !name.starts_with("payment_"));
        let mut body: serde_json::Map<String, Value> =
            columns.filter_map(|(name, _)| Some(((*name).to_owned(), json!(self.get(name)?)))).collect();
        if !body.contains_key("currency")
            && let Some(place) = self.columns.places.get("cost")
            && let Some((_, currency)) = self.columns.table.fields[*place].split_once(',')
        {
            body.insert("currency".to_owned(), json!(currency.trim()));
        }
        found("order-status", &Value::Object(body))
    }
}

/// A request made by reconciliation.
pub fn found(tail: &str, body: &Value) -> RawRequest {
    RawRequest {
        method: "POST".to_owned(),
        tail: tail.to_owned(),
        query: String::new(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_string().into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::read(&json!({
            "fields": ["Теги", "Номер", "ID заказа", "Стоимость, USD", "Статус", "Мой столбец"],
            "items": [["", "12041", 700100200, "38\u{a0}500", "В работе", "Ольга"], ["x"]],
        }))
    }

    #[test]
    fn columns_are_found_by_their_titles_wherever_they_lie() {
        let (table, given) = (table(), BTreeMap::from([("manager".to_owned(), "Мой столбец".to_owned())]));
        let columns = Columns::of(&table, &given);
        assert_eq!(columns.missing(&["order_id", "status", "payed", "email"]), Some("payed"));
        let row = columns.rows().next().expect("two rows");
        let expected =
            [("order_id", Some("700100200")), ("number", Some("12041")), ("cost", Some("38\u{a0}500"))];
        for (name, cell) in expected.into_iter().chain([("manager", Some("Ольга")), ("phone", None)]) {
            assert_eq!(row.get(name), cell, "{name}");
        }
        let body: Value = serde_json::from_slice(&row.request().body).expect("our own JSON");
        assert_eq!(body["currency"], "USD");
        assert_eq!(columns.rows().nth(1).and_then(|short| short.get("order_id").map(str::to_owned)), None);
    }
}
