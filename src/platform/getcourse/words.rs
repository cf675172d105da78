//! What `dozvon url` tells of GetCourse: processes, subscriptions, and a request to be tried at once.
//! Never shows a key: a command line names its variable. Enter at [`setup`] and [`example`].

use std::fmt::Write;

use url::Url;

use super::addresses::{self, Address};
use super::{HookKind, Settings};
use crate::platform::entry::heading;
use crate::process::Process;
use crate::process::event::Author;
use crate::secret::SecretSource;

/// The addresses of processes and subscriptions.
pub fn setup(text: &mut String, base: &str, settings: &Settings) {
    let keys = settings.developer_key.as_ref().zip(settings.school_key.as_ref());
    heading(text, "GetCourse: что подключить");
    text.push_str(match keys {
        Some(_) => {
            "\nИ процессы, и подписку Tech API.\n\
             Процессы приносят состав заказа, ссылку на оплату и utm. О повторной смене статуса они не сообщают.\n\
             Подписка сообщает о каждой смене статуса, но без состава, ссылки и utm. Состав, от которого зависит маршрут, \
             программа тогда читает в GetCourse сама, а utm прочитать негде: без процессов они неизвестны.\n"
        }
        None => {
            "\nПроцессы: они приносят состав заказа, ссылку на оплату и utm.\n\
             Подписка Tech API дополняет их, для неё нужны developer_key и school_key в разделе [getcourse].\n"
        }
    });
    heading(text, "GetCourse: операция «Вызвать URL»");
    text.push_str(
        "\nДля каждого события создайте процесс с одним блоком: операция «Вызвать URL», метод GET.\n\
         Проверка по условию идёт раз в 5–15 минут, и каждый заказ попадает в такой процесс один раз.\n",
    );
    for Address { kind, author, url } in addresses::all(base, settings) {
        let (title, setup) = process_setup(kind, author);
        let _ = write!(text, "\n{title}\n{setup}\n{url}\n");
    }
    let absent = addresses::absent(settings);
    if !absent.is_empty() {
        let _ = write!(
            text,
            "\nЭтого в адресах нет: {}. Переменных для этого GetCourse не описывает. Если они известны вам или значение \
             постоянно, впишите их в [getcourse.variables] и снова выполните dozvon url.\n",
            absent.join(", ")
        );
    }
    let Some((developer, school)) = keys else { return };
    heading(text, "GetCourse: подписка Tech API");
    text.push_str(
        "\nДополняет процессы: сообщает о каждой смене статуса, в том числе о повторной. Выполните по одной команде на событие.\n\
         На одно событие действует один адрес: новая подписка заменяет прежнюю.\n",
    );
    for (event_id, title) in [(1, "заказ создан"), (2, "статус заказа изменился"), (3, "заказ оплачен")]
    {
        let _ = write!(
            text,
            "\n{title}:\ncurl -sS '{url}/pl/api/v1/set-uri' \\\n  -H \"Authorization: Bearer {developer}_{school}\" \\\n  \
             -H 'Content-Type: application/json' \\\n  \
             -d '{{\"uri\":\"{base}/hook\",\"event_object_id\":2,\"event_id\":{event_id},\"subscribe\":1}}'\n",
            url = settings.url,
            developer = shell_value(developer),
            school = shell_value(school),
        );
    }
}

/// A request that can be tried at once, with an invented person.
pub fn example(text: &mut String, base: &str, settings: &Settings, process: &Process) {
    heading(text, "Проверка без GetCourse");
    let offer = process.routes.iter().find_map(|route| route.offers.first());
    text.push_str(
        "\nПридуманный заказ, как его пришлёт GetCourse. Заказ пройдёт весь путь и появится в amoCRM, \
         поэтому пробуйте в тестовом аккаунте.\n\n",
    );
    let _ = write!(text, "curl -sS -G '{base}/{}'", HookKind::OrderCreated.tail());
    let link = format!("https://{}/pay/700100200", pay_host(settings));
    for (name, value) in [
        ("order_id", "700100200"),
        ("number", "12041"),
        ("user_id", "400300100"),
        ("first_name", "Мария"),
        ("last_name", "Кузнецова"),
        ("email", "m.kuznetsova@example.ru"),
        ("phone", "+79035550127"),
        ("positions", "Дизайн интерьера: база"),
        ("offers", offer.map_or("5512874", String::as_str)),
        ("cost", "38500"),
        ("left", "38 500 руб."),
        ("payed", "0 руб."),
        ("status", "Новый"),
        ("payment_link", &link),
    ] {
        let _ = write!(text, " \\\n  --data-urlencode '{name}={value}'");
    }
    text.push('\n');
}

/// A host to which a letter may link.
fn pay_host(settings: &Settings) -> String {
    let of_url = || Some(Url::parse(&settings.url).ok()?.host_str()?.to_owned());
    settings.link_hosts.first().cloned().or_else(of_url).unwrap_or_default()
}

/// What the process listens to, and how it is set (sheet GetCourse, 1.3).
fn process_setup(kind: HookKind, author: Option<Author>) -> (&'static str, &'static str) {
    match kind {
        HookKind::OrderCreated if author == Some(Author::Client) => (
            "Заказ создан клиентом",
            "Процесс на заказы, запуск при создании заказа, условие: заказ создал не менеджер. Без задержки перед блоком.\n\
             Если такого условия в кабинете нет, оставьте один процесс без условия и уберите из адреса author.",
        ),
        HookKind::OrderCreated if author == Some(Author::Manager) => (
            "Заказ создан менеджером",
            "Процесс на заказы, запуск при создании заказа, условие: заказ создал менеджер. Без задержки перед блоком.\n\
             По этому адресу программа не ждёт самостоятельной оплаты, а сразу спрашивает менеджера о дате.",
        ),
        HookKind::OrderCreated => (
            "Заказ создан",
            "Процесс на заказы, запуск при создании заказа, без условий и без задержки перед блоком.",
        ),
        HookKind::OrderStatus => (
            "Статус заказа изменился",
            "По одному процессу на каждый статус: В работе, Ожидаем оплаты, Не подтвержден, Отложен, Отменен, \
             Ложный, Ожидаем возврата.\nПроцесс на заказы, периодическая проверка, условие: статус заказа равен этому статусу.",
        ),
        HookKind::PaymentPartial => (
            "Частичная оплата",
            "Процесс на заказы, периодическая проверка, условие: статус «Частично оплачен».\n\
             Сработает только на первую часть: о следующих GetCourse так не сообщает.",
        ),
        HookKind::PaymentFull => (
            "Полная оплата",
            "Процесс на заказы, периодическая проверка, условие: статус «Завершен» (так GetCourse называет оплаченный заказ).",
        ),
        HookKind::ManagerAssigned => (
            "Назначен менеджер заказа",
            "Процесс на заказы, периодическая проверка, по процессу на каждого менеджера, условие: «менеджер заказа» равен этому менеджеру.",
        ),
        HookKind::UserUpdated => (
            "Изменились данные пользователя (по желанию)",
            "Процесс на пользователей. Готового события нет: запускайте его по своему условию, например по группе \
             «сменил телефон», или из формы.",
        ),
    }
}

/// A secret's place in a command line: its variable, never itself.
fn shell_value(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("${{{name}}}"),
        SecretSource::File(path) => format!("$(cat '{}')", path.display()),
    }
}
