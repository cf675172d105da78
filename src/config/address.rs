//! The addresses that a school's administrator pastes into the platforms' cabinets, with how each has to
//! be set up there. They contain the school's secret, so they are printed and never logged. Contains nothing
//! specific to a platform: each platform supplies its own instructions. Enter at [`urls`].

use super::{Config, School};

/// What `dozvon url` prints for one school, in Russian.
pub fn urls(config: &Config, school: &School) -> String {
    let mut text = format!("Адреса школы «{}» ({})\n", bare_name(&school.process.name), school.id);
    text.push_str(
        "В каждом адресе есть секрет, у каждой платформы свой. Не публикуйте адреса и не пересылайте в открытых чатах.\n\
         Вставляйте адрес целиком, без пробела в начале.\n",
    );
    if school.secrets.len() > 1 {
        text.push_str(
            "Действуют два секрета: здесь новый. Когда замените адреса везде, уберите старый из настроек.\n",
        );
    }
    let seen = school.as_seen_by_platforms(&config.instance.url);
    for (_, settings) in school.platforms.iter() {
        settings.url_words(&mut text, &seen);
    }
    text
}

/// Avoids nested quotes: «Школа «Рост»».
fn bare_name(name: &str) -> &str {
    match name.split_once('«') {
        Some((_, rest)) => rest.trim_end().trim_end_matches('»'),
        None => name,
    }
}
