//! Phones as people type them: what is read, what is not, and what is kept.

use super::*;

#[track_caller]
fn check(raw: &str, e164: Option<&str>, extension: Option<&str>, second: Option<&str>) {
    let phone = Phone::parse(raw);
    let found = (phone.e164.as_deref(), phone.extension.as_deref(), phone.second.as_deref());
    assert_eq!(found, (e164, extension, second), "{raw:?}");
    assert_eq!(phone.raw, raw);
}

#[track_caller]
fn check_words(raw: &str, e164: &str, words: &str) {
    let phone = Phone::parse(raw);
    let found =
        (phone.e164.as_deref(), phone.extension.as_deref(), phone.words.as_deref().unwrap_or_default());
    assert_eq!(found, (Some(e164), None, words), "{raw:?}");
}

#[test]
fn every_usual_spelling_of_a_russian_number_is_the_same_number() {
    for raw in [
        "+79035550127",
        "+7 (903) 555-01-27",
        "8 (903) 555-01-27",
        "8-903-555/01/27",
        "8.903.555.01.27",
        "89035550127",
        "79035550127",
        "9035550127",
        "903 555 01 27",
        "+89035550127",
        "+9035550127",
        "007 903 555 01 27",
        "8 10 7 903 555 01 27",
        "тел. 8 903 555 01 27",
        "\u{a0}8\u{a0}903\u{a0}5550127 ",
        "tel:+79035550127",
        // The form had +7 already, or a person began twice.
        "+7 8 903 555 01 27",
        "+7 (8) 903 555-01-27",
        "+7 8903 5550127",
        "+789035550127",
        "7 8 903 555 01 27",
        "8 7 903 555 01 27",
        "8 +7 903 555 01 27",
        "8 (+7) 903 555 01 27",
        "+7 +7 903 555 01 27",
        // Spreadsheets and other keyboards.
        "79035550127.0",
        "79035550127.00",
        "7.9035550127E10",
        "7,9035550127E+10",
        "'+79035550127",
        "=\"89035550127\"",
        "８９０３５５５０１２７",
        "＋７（９０３）５５５－０１－２７",
        "8\u{2011}903\u{2013}555\u{2014}01\u{2212}27",
        "\u{202a}+7 903 555-01-27\u{202c}",
        "8 903\u{200b}5550127",
        "8\u{2009}903\u{202f}555\u{2003}01\t27",
        "89035550127 / +7 903 555 01 27",
    ] {
        check(raw, Some("+79035550127"), None, None);
        assert_eq!(Phone::parse(raw).words, None, "{raw:?}");
    }
}

#[test]
fn foreign_numbers_keep_their_country() {
    for (raw, e164) in [
        ("+375 29 123-45-67", "+375291234567"),
        ("8 10 375 29 123 45 67", "+375291234567"),
        ("00375291234567", "+375291234567"),
        ("+375 (029) 123-45-67", "+375291234567"),
        ("+375 80 29 123-45-67", "+375291234567"),
        ("80 29 123-45-67", "+375291234567"),
        ("8 029 123-45-67", "+375291234567"),
        ("8 (029) 123-45-67", "+375291234567"),
        ("80 44 123-45-67", "+375441234567"),
        ("8 017 223-45-67", "+375172234567"),
        ("+1 202 555 0143", "+12025550143"),
        ("+81 3 5555 0123", "+81355550123"),
        ("+84 91 555 01 23", "+84915550123"),
        ("+86 131 5555 0123", "+8613155550123"),
        ("+998 90 123 45 67", "+998901234567"),
        ("+38 (050) 555-01-27", "+380505550127"),
        ("+49 (0) 30 901820", "+4930901820"),
        ("+49 30 901820", "+4930901820"),
        ("8 701 555 01 23", "+77015550123"),
        ("+7 701 555 01 23", "+77015550123"),
        ("701 555 01 23", "+77015550123"),
        ("8 (727) 255-01-23", "+77272550123"),
        ("+7 600 555 01 23", "+76005550123"),
    ] {
        check(raw, Some(e164), None, None);
    }
}

#[test]
fn extensions_and_second_numbers_are_kept_apart() {
    for raw in [
        "+74955550127 доб. 136",
        "+74955550127, доб.136",
        "+74955550127 (доб. 136)",
        "+74955550127 доп. 136",
        "+74955550127 вн. 136",
        "+74955550127 внутр.136",
        "+74955550127 ext 136",
        "+74955550127 Ext. 136",
        "+74955550127x136",
        "+74955550127 х 136",
        "+74955550127#136",
        "+74955550127 добавочный № 136",
    ] {
        check(raw, Some("+74955550127"), Some("136"), None);
        assert_eq!(Phone::parse(raw).words, None, "{raw:?}");
    }
    check("+74955550127 доб 12; 89035550127", Some("+74955550127"), Some("12"), Some("+79035550127"));
    check("89035550127, 89165550128", Some("+79035550127"), None, Some("+79165550128"));
    check("89035550127 89165550128", Some("+79035550127"), None, Some("+79165550128"));
    check("9035550127 9165550128", Some("+79035550127"), None, Some("+79165550128"));
    check("8 903 555 01 27 8 916 555 01 28", Some("+79035550127"), None, Some("+79165550128"));
    check("8 903 555 01 27 или 8 916 555 01 28", Some("+79035550127"), None, Some("+79165550128"));
    check("89035550127/89165550128", Some("+79035550127"), None, Some("+79165550128"));
    check("89035550127 доп. 89165550128", Some("+79035550127"), None, Some("+79165550128"));
    check("+79035550127+375291234567", Some("+79035550127"), None, Some("+375291234567"));
    check("Ивн. 89035550127", Some("+79035550127"), None, None);
}

#[test]
fn an_extension_stands_behind_a_word_for_one() {
    for raw in [
        "89035550127, кв. 12",
        "89035550127, 101",
        "89035550127 5",
        "89035550127, ул. Лесная 7",
        "89035550127 anna12@example.ru",
        "89035550127 x",
        "89035550127 доб. 12-34",
        "89035550127 доп. 18:00",
    ] {
        check(raw, Some("+79035550127"), None, None);
        assert!(Phone::parse(raw).words.is_some(), "{raw:?} loses what was typed");
    }
}

#[test]
fn what_is_left_over_is_kept_as_words() {
    check_words("4955550127 5", "+74955550127", "5");
    check_words("9035550127 до 20", "+79035550127", "до 20");
    check_words("8 903 555 01 27 (2-й этаж)", "+79035550127", "2-й этаж");
    check_words("8 495 555-01-27 комн. 214", "+74955550127", "комн. 214");
    check_words("8 903 555 01 27 (после 18:00)", "+79035550127", "после 18:00");
    check_words("8 903 555 01 27 18:00-20:00", "+79035550127", "18:00-20:00");
    check_words("после 18 8 903 555 01 27", "+79035550127", "после 18");
    check_words("с 10 до 18, 89035550127", "+79035550127", "с 10 до 18");
    check_words("89035550127 (Мария)", "+79035550127", "Мария");
    check_words("Мария (сестра) 89035550127 ватсап", "+79035550127", "Мария (сестра), ватсап");
    check_words("tg @anna_2 8 903 555-01-27", "+79035550127", "tg @anna_2");
    check_words("https://wa.me/79035550127", "+79035550127", "https://wa.me");
    check_words("89035550127 anna@example.ru", "+79035550127", "anna@example.ru");
    check_words("89035550127, 555-01-28", "+79035550127", "555-01-28");
    check_words("8 495 555-01-27/28", "+74955550127", "28");
    check_words("+375 29 123 45 67 18:00", "+375291234567", "18:00");
    check_words("1111111111, 89035550127", "+79035550127", "1111111111");
    let three = Phone::parse("89035550127, 89165550128, 89265550129");
    assert_eq!(three.words.as_deref(), Some("89265550129"));
}

#[test]
fn what_is_no_number_stays_raw() {
    for raw in [
        "",
        "-",
        "нет",
        "12345",
        "+7 903 555",
        "1111111",
        "sip:79035550127@sip.example.ru",
        "79035550127@example.ru",
        "+7 000 555 01 27",
        "0",
        "+7903555012",
        "790355501270",
        "890355501277",
        "8 800 555 01 01",
        "+7 800 555 01 01",
        "8 101 555 01 27",
        "anonymous",
        // A digit was lost, or the form had a +7 and cut the last digit.
        "8903555012",
        "8 342 555 01 2",
        "+7 (890) 355-50-12",
        "+7 (790) 355-50-12",
        // Rounded by a spreadsheet.
        "7.90356E10",
        "7.90356E+10",
        "8,9035550127E9",
        // A country's code without a plus, or behind the form's +7.
        "4915123456789",
        "998 90 123 45 67",
        "998901234567",
        "380501234567",
        "375291234567",
        "375 29 123-45-67",
        "375291234567.0",
        "+7 998 90 123 45 67",
        "1 415 555 01 43",
        "1 9035550127",
        "49555501275",
        // No country, or no such length.
        "+999 123 456 789",
        "+210 123 456 789",
        "+375 29 123 45",
        // Two readings.
        "8342 55 50 12 5",
        "8 044 555-01-27",
        "+495 555-01-27",
        // Something else that has digits.
        "id 7015550127",
        "vk.com/id8125550127",
        "ИНН 4955550127",
        "заказ № 9035550127",
    ] {
        check(raw, None, None, None);
        assert_eq!(Phone::parse(raw).words, None, "{raw:?}");
    }
}

/// Q3.
#[test]
fn an_obvious_fake_is_no_number() {
    for raw in [
        "1111111111",
        "+7 111 111 11 11",
        "8 999 999 99 99",
        "+7 900 000 00 00",
        "+7 900 000-00-00 Иван",
        "1234567890",
        "+7 (912) 345-67-89",
        "89876543210",
        "+375 29 111 11 11",
        "00000000000",
    ] {
        check(raw, None, None, None);
    }
    check("+7 903 123-45-67", Some("+79031234567"), None, None);
}

#[test]
fn a_code_in_brackets_is_a_towns() {
    check("(8412) 55-50-12", Some("+78412555012"), None, None);
    check("(8342) 55-50-12", Some("+78342555012"), None, None);
    check("8412 55-50-12", Some("+78412555012"), None, None);
    check("812 555-01-27", Some("+78125550127"), None, None);
    check("8 (8342) 55-50-12", Some("+78342555012"), None, None);
}

#[test]
fn an_exchange_writes_all_digits_without_a_plus() {
    for (said, number) in [
        ("79035550127", Some("+79035550127")),
        ("998901234567", Some("+998901234567")),
        ("4915123456789", Some("+4915123456789")),
        ("79000000000", Some("+79000000000")),
        ("+12025550143", Some("+12025550143")),
        ("101", None),
        ("sip:101", None),
        ("anonymous", None),
        ("999123456789", None),
    ] {
        assert_eq!(Phone::of_line(said).as_deref(), number, "{said}");
    }
}

#[test]
fn whatever_people_put_around_two_numbers_is_theirs() {
    let check = |raw: &str, second: Option<&str>, words: Option<&str>| {
        let phone = Phone::parse(raw);
        assert_eq!(phone.e164.as_deref(), Some("+79035550127"), "{raw}");
        assert_eq!((phone.second.as_deref(), phone.words.as_deref()), (second, words), "{raw}");
    };
    let moscow = Some("+74955550101");
    check("моб.8-903-555-01-27 раб.8(495)555-01-01 доб.12", moscow, Some("раб, доб.12"));
    check("8-903-555-01-27 (WhatsApp, Viber)", None, Some("WhatsApp, Viber"));
    check("+7 903 5550127 7 495 555 0101", moscow, None);
    check("+7 9035550127 9035550127", None, None);
    check("8(903)555-01-27/ 8(495)555-01-01", moscow, None);
    check("9 0 3 5 5 5 0 1 2 7", None, None);
    check("8 903 555 01 27 с 10 до 18", None, Some("с 10 до 18"));
    check("8 903 555 01 27, жена 8 495 555 01 01", moscow, Some("жена"));
    check("8 903 555 01 27 📞 звоните!", None, Some("📞 звоните!"));
    let foreign = Phone::parse("+1 (202) 555-0143 ext. 5");
    assert_eq!((foreign.e164.as_deref(), foreign.extension.as_deref()), (Some("+12025550143"), Some("5")));
    let foreign = Phone::parse("+49 151 55500127 18 часов");
    assert_eq!(
        (foreign.e164.as_deref(), foreign.words.as_deref()),
        (Some("+4915155500127"), Some("18 часов"))
    );
}

/// What an earlier version stored has no words; what this one stores it reads back.
#[test]
fn words_outlive_the_store() {
    let phone = Phone::parse("8 903 555 01 27 доб. 12 (после 18:00)");
    let stored = serde_json::to_string(&phone).expect("written");
    assert_eq!(serde_json::from_str::<Phone>(&stored).expect("read"), phone);
    let old = r#"{"e164":"+79035550127","raw":"89035550127"}"#;
    let old: Phone = serde_json::from_str(old).expect("read");
    assert_eq!(old, Phone::parse("89035550127"));
}
