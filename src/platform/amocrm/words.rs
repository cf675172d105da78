//! The part of `dozvon url` about amoCRM: the webhook's address and events, the integration's addresses.
//! Sends no requests. Enter at [`setup`].

use std::fmt::Write;

use super::settings::Auth;
use super::{App, Settings, subscription};
use crate::platform::entry::heading;
use crate::process::SchoolId;

/// The webhook, and the integration if the school signs in by OAuth.
pub fn setup(text: &mut String, base: &str, school: &SchoolId, settings: &Settings) {
    heading(text, "amoCRM: вебхук");
    text.push_str(
        "\nПрограмма подписывается сама, если у токена есть права администратора. Иначе добавьте вебхук в настройках \
         аккаунта (нужен тариф «Расширенный» или «Профессиональный»):\n\n",
    );
    let _ = writeln!(text, "{base}/\n\nСобытия:");
    for event in subscription::EVENTS {
        let _ = writeln!(text, "- {} ({event})", event_title(event));
    }
    let _ = write!(text, "\nДля блока «отправить вебхук» в цифровой воронке:\n{base}/pipeline\n");
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
    let _ = write!(text, "\nВебхук об отключении интеграции:\n{base}/uninstall\n");
    if let Ok(Some(app)) = App::of(settings) {
        let link = app.consent_link(school, &settings.url);
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
