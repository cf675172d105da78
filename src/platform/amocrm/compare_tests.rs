//! Tests of the comparison with an account that answers by a script.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::platform::amocrm::AmoClient;
use crate::platform::amocrm::discover::discover;
use crate::platform::amocrm::fake::{BASE, OneToken, Scene, Script, get};
use crate::platform::check::Complaints;
use crate::problem::Problem;

fn list(name: &str, items: Value) -> Value {
    json!({ "_links": { "next": null }, "_embedded": { name: items } })
}

fn account() -> Scene {
    get(
        "/api/v4/account?with=task_types,datetime_settings",
        200,
        json!({ "id": 31877554, "name": "Школа Рост", "_embedded": {
            "task_types": [{ "id": 1, "name": "Связаться" }],
            "datetime_settings": { "timezone": "Europe/Moscow" } } }),
    )
}

fn users() -> Scene {
    let user = |id: u64, name: &str, active: bool| json!({ "id": id, "name": name, "rights": { "is_active": active } });
    let all = json!([user(10_412_345, "Марина", true), user(10_412_350, "Олег", false)]);
    get("/api/v4/users?limit=250&page=1", 200, list("users", all))
}

fn lead_fields() -> Value {
    let choice = |value: &str| json!({ "id": 1, "value": value });
    json!([
        { "id": 901337, "name": "Номер заказа", "type": "text" },
        { "id": 901338, "name": "Что дальше?", "type": "select",
          "enums": [choice("Перезвонить"), choice("Перезвоните"), choice("Горячий")] },
        { "id": 901339, "name": "Когда", "type": "date_time" },
        { "id": 901341, "name": "Причина", "type": "select", "enums": [choice("Дорого"), choice("Ценаа")] },
        { "id": 901342, "name": "Источник", "type": "select", "enums": [choice("ВКонтакте")] },
        { "id": 901343, "name": "Договор", "type": "file" },
        { "id": 901344, "name": "Скидка", "type": "numeric" },
    ])
}

fn read(users: Scene) -> Found {
    let pipelines = json!([
        { "id": 8123410, "name": "Продажи", "is_archive": false, "_embedded": { "statuses": [
            { "id": 66104106, "name": "Новая заявка" }, { "id": 142, "name": "Успешно" }] } },
        { "id": 8123411, "name": "Обучение", "is_archive": false, "_embedded": { "statuses": [
            { "id": 66104206, "name": "Учится" }] } },
        { "id": 8123499, "name": "Старая", "is_archive": true, "_embedded": { "statuses": [] } },
    ]);
    let contact_fields = json!([{ "id": 884240, "name": "Пояс", "type": "text" }]);
    let script = vec![
        account(),
        get("/api/v4/leads/pipelines", 200, list("pipelines", pipelines)),
        get(
            "/api/v4/leads/loss_reasons?limit=250&page=1",
            200,
            list("loss_reasons", json!([{ "id": 70, "name": "Цена" }])),
        ),
        users,
        get("/api/v4/leads/custom_fields?limit=250&page=1", 200, list("custom_fields", lead_fields())),
        get("/api/v4/contacts/custom_fields?limit=250&page=1", 200, list("custom_fields", contact_fields)),
    ];
    let client = AmoClient::new(BASE, Script::new(script), Arc::new(OneToken));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(discover(&client)).expect("all is there")
}

/// `key | what is wrong | what is allowed`, mistakes and warnings.
fn against(found: &Found, table: &str) -> (Vec<String>, Vec<String>) {
    let settings = format!(
        "url = 'https://shkolarost.amocrm.ru'\nauth = {{ by = 'long_lived', token = {{ env = 'A' }} }}\n{table}"
    );
    let settings: Settings = toml::from_str(&settings).expect("good settings");
    let roster: Vec<Manager> = [("marina", 10_412_345), ("oleg", 10_412_350), ("nina", 10_412_346)]
        .map(|(id, amocrm)| {
            let name = if id == "nina" { "Марина" } else { id };
            let text = format!("name = {name:?}\namocrm = {amocrm}");
            Manager { id: id.into(), ..toml::from_str(&text).expect("a manager") }
        })
        .into();
    let route = "fields = { 901342 = 'ВКонтатке', 901343 = 'x', 901344 = 'много', 884240 = 'x' }\n\
                 contact_fields = { 884240 = '{{ client.city }}' }";
    let route = Route { name: "rest".to_owned(), ..toml::from_str(route).expect("a route") };
    let known = |choice: &str| match choice {
        "Перезвонить" | "Дорого" => Meaning::Known,
        near if near.starts_with("Пере") => Meaning::Unknown {
            nearest: Some("\"перезвоните\" = \"call_back\"".to_owned()),
            all: String::new(),
        },
        _ => Meaning::Unknown { nearest: None, all: "call_back, promise".to_owned() },
    };
    let answers = WantedAnswers {
        field: Some(901_338),
        date_field: Some(901_337),
        why_field: Some(901_399),
        reason_field: Some(901_341),
        stages: vec![66_104_206, 66_104_999],
        answer: &known,
        reason: &known,
    };
    let (mut wrong, mut warned) = (Vec::new(), Vec::new());
    let mut findings = Findings {
        wrong: Complaints { file: "school.toml", found: &mut wrong },
        warn: Complaints { file: "school.toml", found: &mut warned },
    };
    let routes = [route];
    found.against(
        &Wanted {
            settings: &settings,
            roster: &roster,
            routes: &routes,
            dictionaries: &BTreeMap::new(),
            answers,
        },
        &mut findings,
    );
    let line = |one: Problem| format!("{} | {} | {}", one.key, one.wrong, one.allowed);
    (wrong.into_iter().map(line).collect(), warned.into_iter().map(line).collect())
}

const TABLE: &str = "account_id = 31877554\norder_number_field = 901339\nzone_field = 901337\n\
    loss_reasons = { price = 7 }\ntask_types = { call = 1, ask = 2 }\n\
    pipelines.sales = { id = 8123410, stages = { new = 66104106, in_work = 66104206, won = 142 } }\n\
    pipelines.revival = { id = 8123499, stages = {} }";

#[test]
fn what_the_account_lacks_is_named_with_what_it_has() {
    let (wrong, warned) = against(&read(users()), TABLE);
    let texts = "901337 «Номер заказа»";
    let expected = [
        "amocrm.pipelines.sales.stages.in_work | no status `66104206` in «Продажи», it stands in «Обучение» | \
         66104106 «Новая заявка», 142 «Успешно»",
        "amocrm.pipelines.revival.id | no pipeline `8123499`, it is in the archive | \
         8123410 «Продажи», 8123411 «Обучение»",
        "amocrm.loss_reasons.price | no loss reason `7`: «Цена» is 70 | 70 «Цена»",
        "amocrm.task_types.ask | no task type `2` | 1 «Связаться»",
        "managers.oleg.amocrm | no active user `10412350`: «Олег» is deactivated | 10412345 «Марина»",
        "managers.nina.amocrm | no active user `10412346`: «Марина» is 10412345 | 10412345 «Марина»",
        &format!(
            "amocrm.order_number_field | «Когда» is of the type date_time | a text field; \
             there are: {texts}, 901344 «Скидка»"
        ),
        "amocrm.zone_field | no field `901337`: «Номер заказа» is a field of leads | 884240 «Пояс»",
        "answers.stages.66104999 | no status `66104999` in any pipeline | \
         66104106 «Новая заявка», 142 «Успешно», 66104206 «Учится»",
        "answers.date_field | «Номер заказа» is of the type text | a field of date and time (date_time); \
         there are: 901339 «Когда»",
        &format!("answers.why_field | no field `901399` | {texts}"),
        "routes.rest.fields.884240 | no field `884240`: «Пояс» is a field of contacts | 901337 «Номер заказа», \
         901338 «Что дальше?», 901341 «Причина», 901342 «Источник», 901344 «Скидка»",
        "routes.rest.fields.901342 | no choice `ВКонтатке` in «Источник» | «ВКонтакте»",
        "routes.rest.fields.901343 | «Договор» is of the type file | a field that takes a text, a number or a \
         choice; there are: 901337 «Номер заказа», 901338 «Что дальше?», 901341 «Причина», 901342 «Источник», \
         901344 «Скидка»",
        "routes.rest.fields.901344 | «Скидка» takes only numbers | a number",
    ];
    assert_eq!(wrong, expected);
    assert_eq!(
        warned,
        [
            "answers.field | the choice «Перезвоните» of «Что дальше?» has no meaning here | \
             in [answers.words]: \"перезвоните\" = \"call_back\"",
            "answers.field | the choice «Горячий» of «Что дальше?» has no meaning here | \
             in [answers.words]: \"горячий\" = one of call_back, promise",
            "answers.reason_field | the choice «Ценаа» of «Причина» has no meaning here | \
             in [answers.reasons]: \"ценаа\" = one of call_back, promise",
        ]
    );
}

/// G11: nothing false is said of what an account does not show.
#[test]
fn a_list_that_is_refused_is_said_and_hides_nothing_else() {
    let refused = get("/api/v4/users?limit=250&page=1", 403, json!({ "status": 403 }));
    let (wrong, warned) = against(&read(refused), TABLE);
    assert!(wrong.iter().all(|line| !line.starts_with("managers.")), "{wrong:?}");
    assert!(wrong.iter().any(|line| line.starts_with("amocrm.zone_field")), "{wrong:?}");
    assert!(warned[0].starts_with("amocrm.auth | the users could not be compared: amoCRM answers 403"));
}

#[test]
fn an_address_without_an_account_makes_no_findings() {
    for (status, body) in [(404, Value::Null), (204, Value::Null), (200, json!({}))] {
        let script = vec![get("/api/v4/account?with=task_types,datetime_settings", status, body)];
        let client = AmoClient::new(BASE, Script::new(script), Arc::new(OneToken));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let found = runtime.block_on(discover(&client));
        assert!(found.is_err(), "{status}");
    }
}
