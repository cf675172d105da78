//! Two sets of variables with which every text is tried before use: all variables, and the least that an
//! order can have. Never used for a real client. Enter at [`Vars::full_example`].

use std::collections::BTreeMap;

use super::vars::{ClientVars, ExampleVars, ManagerVars, OrderVars, SchoolVars, Vars};

impl Vars {
    /// Every variable is filled in.
    pub fn full_example() -> Self {
        Self {
            school: SchoolVars {
                name: "Школа «Рост»".to_owned(), zone: "Europe/Moscow".to_owned()
            },
            order: OrderVars {
                number: "12041".to_owned(),
                id: "700100200".to_owned(),
                called: "12041".to_owned(),
                positions: "Дизайн интерьера: база. Пакет «Всё сразу»".to_owned(),
                cost: "38\u{a0}500\u{a0}₽".to_owned(),
                paid: "15\u{a0}000\u{a0}₽".to_owned(),
                left: "23\u{a0}500\u{a0}₽".to_owned(),
                cost_sum: 38_500.0,
                paid_sum: 15_000.0,
                left_sum: 23_500.0,
                payment_link: "https://school.example/pay/700100200".to_owned(),
                source: BTreeMap::from([("utm_source".to_owned(), "vk".to_owned())]),
            },
            client: ClientVars {
                name: "Мария Кузнецова".to_owned(),
                phone: "+79035550127".to_owned(),
                phone_words: "доб. 136, после 18:00".to_owned(),
                phone_typed: "1111111".to_owned(),
                phone_bad: "+79035550128".to_owned(),
                email: "m.kuznetsova@example.ru".to_owned(),
                email_typed: "m.kuznetsova".to_owned(),
                local_time: "14:05".to_owned(),
                ahead: "+2".to_owned(),
                zone_known: true,
                first_name: "Мария".to_owned(),
            },
            manager: ManagerVars { name: "Ирина Соколова".to_owned() },
            time: "24\u{a0}ноября в\u{a0}11:00".to_owned(),
            day: "24\u{a0}ноября".to_owned(),
            example: ExampleVars::sample(),
            who: "Мария Кузнецова, „Дизайн интерьера: база. Пакет Всё сразу“, 38\u{a0}500\u{a0}₽".to_owned(),
            due: "во вторник, 24\u{a0}ноября, в\u{a0}11:00".to_owned(),
            later: true,
            day_off: true,
            attempt: 2,
            attempts: 5,
            why: "просит после работы".to_owned(),
            more: "Два звонка без ответа, одно письмо.".to_owned(),
            letters: vec!["confirm_phone".to_owned(), "materials".to_owned()],
            leaving: vec!["invoice".to_owned()],
            doubtful: vec!["documents".to_owned()],
        }
    }

    /// Only what every order has: a school and what the order is called.
    pub fn bare_example() -> Self {
        Self {
            school: SchoolVars {
                name: "Школа «Рост»".to_owned(), zone: "Europe/Moscow".to_owned()
            },
            order: OrderVars { called: "+79035550127".to_owned(), ..OrderVars::default() },
            example: ExampleVars::sample(),
            who: "+79035550127".to_owned(),
            attempt: 1,
            attempts: 5,
            ..Self::default()
        }
    }
}

impl ExampleVars {
    fn sample() -> Self {
        Self { day: "25.11".to_owned(), time: "24.11 11:00".to_owned() }
    }
}
