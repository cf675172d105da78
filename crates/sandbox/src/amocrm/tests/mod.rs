//! The sheet's own example bodies against the amoCRM stand-in.
//! No test sleeps: time is a parameter.
//! Enter at [`check`].

mod access;
mod cards;
mod entities;
mod filters;
mod hooks;
mod log;
mod unsorted;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::setup::{AmocrmSetup, EnumSetup, FieldSetup, Setup, UserSetup};
use crate::{Platform, WireAnswer, WireRequest, World};

const TOKEN: &str = "sandbox-long-lived-token";

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_773_738_000 + seconds, 0).unwrap_or_default()
}

fn setup() -> Setup {
    let user = |id, name: &str, active| UserSetup {
        id,
        name: name.into(),
        email: String::new(),
        phone: None,
        active,
        admin: true,
    };
    let choice = |id, value: &str| EnumSetup { id, value: value.into(), code: None };
    let field = |id, name: &str, kind: &str, enums| FieldSetup {
        id,
        name: name.into(),
        code: None,
        kind: kind.into(),
        enums,
    };
    let amocrm = AmocrmSetup {
        users: vec![
            user(10_412_345, "Марина Котова", true),
            user(10_412_350, "Пётр Орлов", true),
            user(10_412_399, "Ушла", false),
        ],
        lead_fields: vec![
            FieldSetup { code: None, ..FieldSetup::text(901_337, "Номер заказа", "") },
            field(901_339, "Тариф", "select", vec![choice(650_021, "Стандарт")]),
            field(901_341, "Дата оплаты", "date", vec![]),
            field(901_343, "Оплачено", "checkbox", vec![]),
            field(901_345, "Способ оплаты", "radiobutton", vec![choice(650_044, "Рассрочка")]),
        ],
        order_field: "Номер заказа".into(),
        ..AmocrmSetup::default()
    };
    Setup { amocrm, ..Setup::default() }
}

/// A world whose request budget is never used up: each request comes a second after the last.
struct Crm {
    world: World,
    seconds: i64,
}

impl Crm {
    fn new() -> Crm {
        Crm { world: World::new(setup(), 1), seconds: 0 }
    }

    fn ask(&mut self, method: &str, path: &str, body: &Value) -> WireAnswer {
        self.seconds += 1;
        self.world.handle(at(self.seconds), &request(method, path, TOKEN, body))
    }
}

fn request(method: &str, path: &str, token: &str, body: &Value) -> WireRequest {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let headers = vec![("authorization".to_owned(), format!("Bearer {token}"))];
    WireRequest { platform: Platform::Amocrm, method: method.into(), path: path.into(), headers, body }
}

fn lead() -> Value {
    json!({"name": "Заказ GC-100482", "price": 24900, "pipeline_id": 8_123_410, "status_id": 66_104_106, "responsible_user_id": 10_412_345,
           "created_by": 0, "custom_fields_values": [{"field_id": 901_337, "values": [{"value": "GC-100482"}]}],
           "tags_to_add": [{"name": "GetCourse"}], "request_id": "job-8812"})
}

fn person() -> Value {
    json!({"first_name": "Анна", "last_name": "Белова", "custom_fields_values": [
        {"field_code": "PHONE", "values": [{"value": "+79165550137", "enum_code": "MOB"}]},
        {"field_code": "EMAIL", "values": [{"value": "anna.belova@example.com", "enum_code": "WORK"}]}], "request_id": "job-8814"})
}

/// Method, path, body; the expected status, and expected values at some paths of the answer.
type Step<'a> = (&'a str, &'a str, Value, u16, &'a [(&'a str, Value)]);

/// Sends the requests in order; each answer must have this status and these values.
fn check(crm: &mut Crm, steps: &[Step]) {
    for (method, path, body, status, places) in steps {
        let answer = crm.ask(method, path, body);
        assert_eq!(answer.status, *status, "{method} {path}: {}", answer.text());
        for (pointer, wanted) in *places {
            let found = answer.value().pointer(pointer).cloned().unwrap_or(Value::Null);
            assert_eq!(&found, wanted, "{method} {path} at {pointer}: {}", answer.text());
        }
    }
}
