//! The addresses that a school's administrator pastes into GetCourse, amoCRM and the telephony
//! cabinets, with how each has to be set up there. They hold the school's secret, so they are printed and never logged.
//! Never asks a platform anything. Enter at [`urls`].

use std::fmt::Write;

use super::{Config, School};
use crate::platform::amocrm::{App, settings::Auth, subscription};
use crate::platform::getcourse::{Kind, fields};
use crate::secret::SecretSource;

/// What `dozvon url` prints for one school, in Russian.
pub fn urls(config: &Config, school: &School) -> String {
    let mut text = format!("Адреса школы «{}» ({})\n", bare_name(&school.process.name), school.id);
    text.push_str(
        "В каждом адресе есть секрет школы. Не публикуйте их и не пересылайте в открытых чатах.\n\
         Вставляйте адрес целиком, без пробела в начале.\n",
    );
    if school.secrets.len() > 1 {
        text.push_str(
            "Действуют два секрета: здесь новый. Когда замените адреса везде, уберите старый из настроек.\n",
        );
    }
    if let Some(settings) = &school.getcourse {
        getcourse(&mut text, &base(config, school, "getcourse"), settings);
        example(&mut text, &base(config, school, "getcourse"), school);
    }
    if let Some(settings) = &school.amocrm {
        amocrm(&mut text, &base(config, school, "amocrm"), school, settings);
    }
    if school.mango.is_some() {
        mango(&mut text, &base(config, school, "mango"));
    }
    if school.sipuni.is_some() {
        sipuni(&mut text, &base(config, school, "sipuni"));
    }
    if let Some(settings) = &school.telphin {
        telphin(&mut text, &base(config, school, "telphin"), settings);
    }
    text
}

/// `{url}/hooks/{school}/{platform}/{secret}`, without a slash at its end.
pub fn base(config: &Config, school: &School, platform: &str) -> String {
    let secret = school.secrets.first().map(|secret| secret.reveal()).unwrap_or_default();
    format!("{}/hooks/{}/{platform}/{secret}", config.instance.url, school.id)
}

/// «Школа «Рост»» would put quotes into quotes.
fn bare_name(name: &str) -> &str {
    match name.split_once('«') {
        Some((_, rest)) => rest.trim_end().trim_end_matches('»'),
        None => name,
    }
}

fn heading(text: &mut String, title: &str) {
    let _ = write!(text, "\n\n=== {title} ===\n");
}

fn getcourse(text: &mut String, base: &str, settings: &crate::platform::getcourse::Settings) {
    heading(text, "GetCourse: операция «Вызвать URL»");
    text.push_str(
        "\nДля каждого события создайте процесс с одним блоком: операция «Вызвать URL», метод GET.\n\
         Проверка по условию идёт раз в 5–15 минут, и каждый заказ попадает в такой процесс один раз.\n",
    );
    for kind in Kind::ALL {
        let (title, setup) = process_setup(kind);
        let _ = write!(text, "\n{title}\n{setup}\n{}\n", fields::address(base, kind));
    }
    let (Some(developer), Some(school)) = (&settings.developer_key, &settings.school_key) else { return };
    heading(text, "GetCourse: подписка Tech API");
    text.push_str(
        "\nТочнее процессов: сообщает и о повторной смене статуса. Выполните по одной команде на событие.\n\
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

/// What the process listens to, and how it is set (sheet GetCourse, 1.3).
fn process_setup(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::OrderCreated => (
            "Заказ создан",
            "Процесс на заказы, запуск при создании заказа, без условий и без задержки перед блоком.",
        ),
        Kind::OrderStatus => (
            "Статус заказа изменился",
            "По одному процессу на каждый статус: В работе, Ожидаем оплаты, Не подтвержден, Отложен, Отменен, \
             Ложный, Ожидаем возврата.\nПроцесс на заказы, периодическая проверка, условие: статус заказа равен этому статусу.",
        ),
        Kind::PaymentPartial => (
            "Частичная оплата",
            "Процесс на заказы, периодическая проверка, условие: статус «Частично оплачен».\n\
             Сработает только на первую часть: о следующих GetCourse так не сообщает.",
        ),
        Kind::PaymentFull => (
            "Полная оплата",
            "Процесс на заказы, периодическая проверка, условие: статус «Завершен» (так GetCourse называет оплаченный заказ).",
        ),
        Kind::ManagerAssigned => (
            "Назначен менеджер заказа",
            "Процесс на заказы, периодическая проверка, по процессу на каждого менеджера, условие: менеджер заказа — он.",
        ),
        Kind::UserUpdated => (
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

/// A request that can be tried at once, with an invented person.
fn example(text: &mut String, base: &str, school: &School) {
    heading(text, "Проверка без GetCourse");
    let offer = school.process.routes.iter().find_map(|route| route.offers.first());
    text.push_str(
        "\nПридуманный заказ, как его пришлёт GetCourse. Заказ пройдёт весь путь и появится в amoCRM, \
         поэтому пробуйте в тестовом аккаунте.\n\n",
    );
    let _ = write!(text, "curl -sS -G '{base}/{}'", Kind::OrderCreated.tail());
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
        ("payment_link", "https://school.example/pay/700100200"),
    ] {
        let _ = write!(text, " \\\n  --data-urlencode '{name}={value}'");
    }
    text.push('\n');
}

fn amocrm(text: &mut String, base: &str, school: &School, settings: &crate::platform::amocrm::Settings) {
    heading(text, "amoCRM: вебхук");
    text.push_str(
        "\nМост подписывается сам, если у токена есть права администратора. Иначе добавьте вебхук в настройках \
         аккаунта (нужен тариф «Расширенный» или «Профессиональный»):\n\n",
    );
    let _ = writeln!(text, "{base}/\n\nСобытия:");
    for event in subscription::EVENTS {
        let _ = writeln!(text, "- {} ({event})", event_title(event));
    }
    let _ = write!(text, "\nДля блока «отправить webhook» в цифровой воронке:\n{base}/pipeline\n");
    let Auth::Oauth { redirect_uri, .. } = &settings.auth else { return };
    heading(text, "amoCRM: интеграция (OAuth)");
    let expected = format!("{base}/oauth");
    let _ = write!(text, "\nСсылка для перенаправления (Redirect URI):\n{expected}\n");
    if *redirect_uri != expected {
        let _ = writeln!(
            text,
            "Сейчас в настройках школы (amocrm.auth.redirect_uri) указано другое: {redirect_uri}\n\
             Адреса в интеграции и в настройках должны совпадать буква в букву.",
        );
    }
    let _ = write!(text, "\nХук об отключении интеграции:\n{base}/uninstall\n");
    if let Ok(Some(app)) = App::of(settings) {
        let link = app.consent_link(&school.id, &settings.url);
        let _ =
            write!(text, "\nОдин раз откройте под администратором аккаунта и разрешите доступ:\n{link}\n");
    }
}

fn event_title(event: &str) -> &str {
    match event {
        "add_lead" => "сделка создана",
        "update_lead" => "сделка изменена",
        "status_lead" => "у сделки сменился этап",
        "responsible_lead" => "у сделки сменился ответственный",
        "delete_lead" => "сделка удалена",
        "restore_lead" => "сделка восстановлена",
        "note_lead" => "к сделке добавлено примечание",
        "add_contact" => "контакт создан",
        "update_contact" => "контакт изменён",
        "delete_contact" => "контакт удалён",
        "restore_contact" => "контакт восстановлен",
        "update_task" => "задача изменена",
        "responsible_task" => "у задачи сменился ответственный",
        "delete_task" => "задача удалена",
        other => other,
    }
}

fn mango(text: &mut String, base: &str) {
    heading(text, "Mango Office: API коннектор");
    let _ = write!(
        text,
        "\nЛичный кабинет Mango, Интеграции, API коннектор: добавьте внешнюю систему и вставьте её адрес.\n\
         Уникальный код АТС и ключ для подписи из кабинета запишите в переменные школы (mango.api_key, mango.api_salt).\n\n\
         {base}/\n\n\
         Кнопка проверки связи в кабинете должна показать успех.\n"
    );
}

fn sipuni(text: &mut String, base: &str) {
    heading(text, "Sipuni: события АТС");
    let _ = write!(
        text,
        "\nКабинет Sipuni, Настройки, API (или Интеграции, API), раздел «События АТС»: подключите сервис, вставьте адрес \
         и сохраните.\n\n\
         {base}/\n\n\
         События не подписаны: адрес с секретом — единственная защита, никому его не показывайте.\n\
         Чтобы мост сам начинал звонки, возьмите там же ключ интеграции и запишите его в переменную школы (sipuni.key).\n"
    );
}

fn telphin(text: &mut String, base: &str, settings: &crate::platform::telephony::telphin::Settings) {
    heading(text, "Телфин.Офис: события добавочных");
    text.push_str(
        "\nКабинет Телфин, Настройки, API: создайте приложение типа trusted и запишите его id и секрет в настройки школы \
         (telphin.client_id, telphin.client_secret).\n",
    );
    match (settings.client_secret.is_some(), settings.extensions.is_empty()) {
        (true, false) => text.push_str(
            "Мост сам подписывает на события каждый добавочный из telphin.extensions и раз в сутки проверяет подписки.\n",
        ),
        _ => text.push_str(
            "Когда приложение и номера добавочных (telphin.extensions) записаны, мост подпишется на события сам.\n",
        ),
    }
    let _ = write!(
        text,
        "\nВручную — для каждого добавочного по одной подписке на dial-in, dial-out, answer и hangup, метод POST, адрес:\n\
         {base}\n\n\
         События не подписаны: адрес с секретом — единственная защита, никому его не показывайте.\n"
    );
}
