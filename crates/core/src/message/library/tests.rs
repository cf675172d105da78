//! The shipped texts read well with and without every variable.

use super::*;
use crate::message::phrase::{self, PHRASES, Phrase, Told};
use crate::message::text::{LETTERS, PARTS, SCRIPTS, TASKS, TextId};

/// Marks of a sentence whose variable was empty, and of a template that was not rendered.
const SCARS: &[&str] = &[
    "{{",
    "{%",
    "  ",
    " ,",
    " .",
    " :",
    "()",
    "«»",
    "№\u{a0}\n",
    "№\u{a0},",
    "Вы\u{a0}",
    ": .",
    ":.",
    ", .",
    ",,",
    "\n\n\n",
    "gc-700100200,",
    " !",
    " ?",
    ", !",
    ",!",
    " ;",
    "(,",
    ", )",
    "„“",
    "„ ",
    "« ",
    " »",
];

/// Empties one variable.
type Emptied = (&'static str, fn(&mut Vars));

/// Every variable that an order or a moment may lack.
const EMPTIED: &[Emptied] = &[
    ("order.number", |vars| vars.order.number.clear()),
    ("order.id", |vars| vars.order.id.clear()),
    ("order.positions", |vars| vars.order.positions.clear()),
    ("order.cost", |vars| {
        vars.order.cost.clear();
        vars.order.cost_sum = 0.0;
    }),
    ("order.paid", |vars| {
        vars.order.paid.clear();
        vars.order.paid_sum = 0.0;
    }),
    ("order.left", |vars| {
        vars.order.left.clear();
        vars.order.left_sum = 0.0;
    }),
    ("order.payment_link", |vars| vars.order.payment_link.clear()),
    ("order.source", |vars| vars.order.source.clear()),
    ("client.name", |vars| vars.client.name.clear()),
    ("client.first_name", |vars| vars.client.first_name.clear()),
    ("client.phone", |vars| vars.client.phone.clear()),
    ("client.phone_words", |vars| vars.client.phone_words.clear()),
    ("client.phone_typed", |vars| vars.client.phone_typed.clear()),
    ("client.phone_bad", |vars| vars.client.phone_bad.clear()),
    ("client.email", |vars| vars.client.email.clear()),
    ("client.email_typed", |vars| vars.client.email_typed.clear()),
    ("client.local_time", |vars| vars.client.local_time.clear()),
    ("client.ahead", |vars| vars.client.ahead.clear()),
    ("client.zone_known", |vars| vars.client.zone_known = false),
    ("manager.name", |vars| vars.manager.name.clear()),
    ("time", |vars| vars.time.clear()),
    ("day", |vars| vars.day.clear()),
    ("due", |vars| vars.due.clear()),
    ("later", |vars| vars.later = false),
    ("day_off", |vars| vars.day_off = false),
    ("why", |vars| vars.why.clear()),
    ("more", |vars| vars.more.clear()),
    ("letters", |vars| vars.letters.clear()),
    ("leaving", |vars| vars.leaving.clear()),
    ("doubtful", |vars| vars.doubtful.clear()),
];

fn named(file: &str, source: &str) -> TextFile {
    let name = file.trim_end_matches(".txt").to_owned();
    TextFile { name, file: file.to_owned(), source: source.to_owned() }
}

#[test]
fn a_text_is_known_by_its_name_and_a_schools_own_keeps_its_name() {
    let all = [LETTERS, TASKS, SCRIPTS, PARTS].concat();
    assert_eq!(SHIPPED.len(), all.len());
    for id in all {
        assert_eq!(TextId::from(id.name()), id);
    }
    let own = TextId::from("task_of_ours");
    assert_eq!(own, TextId::Own("task_of_ours".to_owned()));
    assert_eq!(own.name(), "task_of_ours");
}

#[test]
fn every_shipped_text_reads_well_with_all_and_with_the_fewest_variables() {
    let library = Library::with_overrides(&[]).expect("shipped texts are right");
    for vars in [Vars::full_example(), Vars::bare_example()] {
        for name in [LETTERS, TASKS, SCRIPTS, PARTS].concat() {
            let text = library.render(&name, &vars);
            for scar in SCARS {
                assert!(!text.body.contains(scar), "{name} shows `{scar}`:\n{}", text.body);
                assert!(!text.subject.contains(scar), "{name} shows `{scar}`: {}", text.subject);
            }
            let length = text.body.chars().count();
            assert!(length > 80 || PARTS.contains(&name), "{name} says next to nothing:\n{}", text.body);
            assert_eq!(LETTERS.contains(&name), !text.subject.is_empty(), "subject of {name}");
            for line in text.body.lines() {
                assert!(!line.ends_with(", "), "{name}: {line}");
            }
        }
    }
}

/// A client whose name is not greeted, an order without a sum: no hole is left where one variable is empty, nor where
/// all others are.
#[test]
fn every_shipped_text_reads_well_without_any_variable() {
    let library = Library::shipped();
    let mut scarred = Vec::new();
    for (name, empty) in EMPTIED {
        let (mut without, mut alone) = (Vars::full_example(), Vars::full_example());
        empty(&mut without);
        EMPTIED.iter().filter(|(other, _)| other != name).for_each(|(_, empty)| empty(&mut alone));
        for (what, vars) in [(format!("without {name}"), without), (format!("with {name} alone"), alone)] {
            for id in [LETTERS, TASKS, SCRIPTS, PARTS].concat() {
                let text = library.render(&id, &vars);
                let lines = text.body.lines().chain([text.subject.as_str()]);
                for line in lines.filter(|line| SCARS.iter().any(|scar| line.contains(scar))) {
                    scarred.push(format!("{id} {what}: {line}"));
                }
            }
        }
    }
    assert!(scarred.is_empty(), "{}", scarred.join("\n"));
}

/// The list above is whole: each variable of texts stands in it, but those that are never empty.
#[test]
fn every_variable_is_tried_empty() {
    const NEVER_EMPTY: [&str; 11] = [
        "school.name",
        "school.zone",
        "order.called",
        "order.cost_sum",
        "order.paid_sum",
        "order.left_sum",
        "example.day",
        "example.time",
        "who",
        "attempt",
        "attempts",
    ];
    let mut tried: Vec<&str> = EMPTIED.iter().map(|(name, _)| *name).chain(NEVER_EMPTY).collect();
    tried.sort_unstable();
    let mut known = Library::variables();
    known.retain(|name| !name.starts_with("order.source"));
    tried.retain(|name| *name != "order.source");
    known.sort_unstable();
    assert_eq!(tried, known);
}

#[test]
fn a_letter_shows_no_internal_id() {
    let library = Library::shipped();
    for name in LETTERS {
        let text = library.render(name, &Vars::bare_example());
        assert!(!text.body.contains("gc-"), "{name}:\n{}", text.body);
    }
}

#[test]
fn call_tasks_carry_the_link_the_local_time_and_what_is_asked() {
    let library = Library::shipped();
    for name in ["task_first_call", "task_call", "task_check_contacts", "task_call_back"] {
        let body = library.render(&name.into(), &Vars::full_example()).body;
        for fact in [
            "https://school.example/pay/700100200",
            "+2\u{a0}ч к Москве",
            "38\u{a0}500\u{a0}₽",
            "Ответ напишите",
        ] {
            assert!(body.contains(fact), "{name} lacks {fact}:\n{body}");
        }
        let bare = library.render(&name.into(), &Vars::bare_example()).body;
        assert!(bare.contains("Что сказать клиенту"), "{name} lacks its script:\n{bare}");
    }
}

#[test]
fn a_call_task_begins_with_who_and_what_and_has_its_script_once_a_round() {
    let library = Library::shipped();
    let vars = |attempt| Vars { attempt, more: String::new(), ..Vars::full_example() };
    let first = |name: &str, attempt| {
        let body = library.render(&name.into(), &vars(attempt)).body;
        (body.lines().next().unwrap_or_default().to_owned(), body.contains("Что сказать клиенту"))
    };
    let who = "Мария Кузнецова, „Дизайн интерьера: база. Пакет Всё сразу“, 38\u{a0}500\u{a0}₽";
    assert_eq!(first("task_first_call", 1), (format!("Горячий · Позвонить: {who} · первый звонок"), true));
    assert_eq!(first("task_call", 1), (format!("Позвонить: {who} · попытка 1 из 5"), true));
    assert_eq!(first("task_call", 2), (format!("Позвонить: {who} · попытка 2 из 5"), false));
    assert_eq!(first("task_call", 6).0, format!("Позвонить: {who} · попытка 6"));
    let missed = "Пропущенный звонок · Перезвонить во вторник, 24\u{a0}ноября, в\u{a0}11:00: ";
    let body = |why: &str| {
        let vars = Vars { why: why.to_owned(), ..vars(1) };
        library.render(&"task_missed_call".into(), &vars).body
    };
    assert!(body("").starts_with(&format!("{missed}{who}\nКлиент звонил ")), "{}", body(""));
    assert!(body("").contains(" и не дозвонился. "));
    let cut_off = body("разговор оборвался через 8 с");
    assert!(cut_off.starts_with("Звонок оборвался · Перезвонить "), "{cut_off}");
    assert!(cut_off.contains(": разговор оборвался через 8 с. "), "{cut_off}");
}

#[test]
fn a_clients_clock_is_told_as_a_difference_or_as_not_known() {
    let library = Library::shipped();
    let said = |ahead: &str, zone_known| {
        let mut vars = Vars::full_example();
        (vars.client.ahead, vars.client.zone_known) = (ahead.to_owned(), zone_known);
        let body = library.render(&"task_call".into(), &vars).body;
        body.lines().find(|line| line.starts_with("Время: ")).map(str::to_owned)
    };
    let known = "Время: у клиента +2\u{a0}ч к Москве (часовой пояс указан в его данных)";
    assert_eq!(said("+2", true).as_deref(), Some(known));
    assert_eq!(said("", true), None);
    let guess = "Время: часовой пояс клиента не указан, считаем его таким же, как у школы";
    assert_eq!(said("", false).as_deref(), Some(guess));
}

/// D5: a letter names the zone of its time, and claims the client's own only if it is known.
#[test]
fn a_confirmed_time_names_its_zone() {
    let library = Library::shipped();
    let said = |zone_known, school: &str| {
        let mut vars = Vars::full_example();
        (vars.client.zone_known, vars.school.zone) = (zone_known, school.to_owned());
        library.render(&"time_confirmed".into(), &vars).body
    };
    assert!(said(true, "Europe/Moscow").contains("11:00 по вашему времени."));
    assert!(said(false, "Europe/Moscow").contains("11:00 по московскому времени."));
    assert!(said(false, "Asia/Omsk").contains("11:00 по времени школы."));
    for name in [LETTERS, TASKS, SCRIPTS, PARTS].concat() {
        let mut vars = Vars::full_example();
        vars.client.zone_known = false;
        let body = library.render(&name, &vars).body;
        assert!(!body.contains("вашему времени") && !body.contains("местному времени"), "{name}: {body}");
    }
}

#[test]
fn a_broken_text_is_told_with_what_is_allowed() {
    let head = "subject: Счёт\nowner: Ольга\nreview: 2027-06\npurpose: service\n\n";
    let check = |file: &str, source: &str, key: &str, wrong: &str, allowed: &str| {
        let problems = Library::with_overrides(&[named(file, source)]).expect_err("it is broken");
        let found = problems.iter().find(|problem| problem.wrong.contains(wrong));
        let found = found.unwrap_or_else(|| panic!("no `{wrong}` in {problems:?}"));
        assert_eq!((found.file.as_str(), found.key.as_str()), (file, key));
        assert!(found.allowed.contains(allowed), "{}", found.allowed);
    };
    let with = |body: &str| format!("{head}{body}");
    check("invoice.txt", &with("К оплате {{ order.cots }}"), "line 6", "`order.cots`", "order.cost");
    check("invoice.txt", &with("{% if not time %}{{ tme }}{% endif %} а"), "line 6", "`tme`", "time");
    check("invoice.txt", &with("{% if time %} без конца"), "line 6", "not a template", "endif");
    let letter = "{% if 'confirm_fone' in letters %}а{% endif %}";
    check("invoice.txt", &with(letter), "line 6", "`letters` never holds `confirm_fone`", "`confirm_phone`");
    check("invoice.txt", &with("{{ order.cost | roubles }}"), "line 6", "roubles", "upper");
    check("invoice.txt", "subject: Счёт\n\nТекст", "owner", "nobody owns", "owner");
    check("invoice.txt", "subject: Счёт\n\nТекст", "review", "no month", "2027-06");
    check("invoice.txt", "owner: Ольга\nreview: 2027-06\n\nТекст", "subject", "without a subject", "subject");
    check("invoice.txt", &with("Текст").replace("service", "spam"), "purpose", "no purpose", "advertising");
    check(
        "invoice.txt",
        &with("Текст").replace("service", "servise"),
        "purpose",
        "`servise`",
        "is `service` meant?",
    );
    // A wrong head does not hide what is wrong below it.
    let both = with("{{ clint.first_name }}").replace("purpose: service", "purpose: servise");
    check("invoice.txt", &both, "line 6", "`clint.first_name`", "client.first_name");
    check("task_call.txt", &with("Текст"), "", "unknown key `subject`", "owner");
    check("invoice.txt", "Просто текст", "", "without `key: value`", "key: value");
    let subject = head.replace("Счёт", "Счёт {{ nomer }}") + "Текст";
    check("invoice.txt", &subject, "subject", "`nomer`", "order.number");
}

#[test]
fn a_schools_own_text_stands_in_place_of_the_shipped_one() {
    let source = "subject: Счёт {{ order.number }}\nowner: Ольга\nreview: 2027-06\npurpose: service\n\nНа {{ order.cost }}";
    let library = Library::with_overrides(&[named("invoice.txt", source)]).expect("it is right");
    let text = library.render(&TextId::Invoice, &Vars::full_example());
    assert_eq!((text.subject.as_str(), text.body.as_str()), ("Счёт 12041", "На 38\u{a0}500\u{a0}₽"));
    let own: Vec<&str> = library.texts().filter(|(_, text)| !text.shipped).map(|(name, _)| name).collect();
    assert_eq!(own, ["invoice"]);
}

#[test]
fn a_template_of_the_schools_files_gives_one_line() {
    let library = Library::shipped();
    let check = |template: &str, vars: &Vars, line: &str| {
        assert_eq!(library.check_inline(template), Ok(()));
        assert_eq!(library.inline(template, vars), line);
    };
    let full = Vars::full_example();
    check(
        "{{ order.positions or 'Заказ' }} · {{ order.called }}",
        &Vars::bare_example(),
        "Заказ · +79035550127",
    );
    check("{{ order.source.utm_source }}{{ order.source.utm_term }}", &full, "vk");
    let mut two = Vars::full_example();
    two.order.positions = "Курс А x 2\nКурс Б".to_owned();
    check("{{ order.positions }}", &two, "Курс А x 2, Курс Б");
    assert!(library.check_inline("{{ order.nmber }}").is_err());
    assert!(library.check_inline("{{ order.number").is_err());
}

#[test]
fn every_phrase_has_words_and_reads_well() {
    let library = Library::with_overrides(&[]).expect("shipped phrases are right");
    let mut without: Vec<&str> = PHRASES.iter().map(|phrase| phrase.key).collect();
    without.retain(|key| !library.phrases().any(|(has, _)| has == *key));
    assert!(without.is_empty(), "no words in phrases.toml: {without:?}");
    for (key, phrase) in library.phrases() {
        let full = library.phrase_example(key, true);
        let shown = phrase.variables.iter().filter(|name| phrase.words.contains(*name)).count();
        assert_eq!(shown, phrase.variables.len(), "{key} does not use all of {:?}", phrase.variables);
        for scar in SCARS.iter().chain(&["Вы ", "Вас ", "Вам ", "Мост", " мост ", "_"]) {
            assert!(!full.contains(scar) || full.contains("https"), "{key} shows `{scar}`: {full}");
        }
        // Those that may be empty are asked for.
        let may_be_empty = |name: &&&str| phrase.words.contains(&format!("if {name}"));
        for name in phrase.variables.iter().filter(may_be_empty) {
            let without = library.phrases.sample_without(key, name);
            for scar in SCARS {
                assert!(!without.contains(scar), "{key} without {name} shows `{scar}`: {without}");
            }
        }
    }
}

#[test]
fn a_phrase_says_what_it_is_given() {
    let library = Library::shipped();
    let told = |told: &Told| match told {
        Told::Manager(key) => format!("<{key}>"),
        Told::Time(_) | Told::Day(_) | Told::OnDay(_) => "24\u{a0}ноября".to_owned(),
    };
    let check = |phrase: Phrase, words: &str| assert_eq!(library.phrase(&phrase, &told), words);
    let at = chrono::DateTime::UNIX_EPOCH;
    check(phrase::payment::won(Some("38 500 ₽".to_owned())), "Заказ оплачен полностью: 38 500 ₽.");
    check(phrase::payment::won(None::<String>), "Заказ оплачен полностью.");
    check(phrase::doubles::double("12041"), "Это дубль заказа №\u{a0}12041, отмечен ложным.");
    check(phrase::pool::taken(&"irina"), "Заказ в работе: <irina>.");
    check(phrase::answers::own_try(at), "Оплатит сам, проверим 24\u{a0}ноября.");
    let said = phrase::refusal::refused("цена", Some("дорого\nдля «нас»"));
    check(said, "Отказ. Причина: цена. «дорого для „нас“». Сделка закрыта, заказ отменён.");
    let last = "Не дозвонились: 5\u{a0}попыток за 3\u{a0}дня. Отправляем последнее письмо.";
    check(phrase::giving_up::last_letter(5_u32, 3_u32, true), last);
    let failed = phrase::guard::retry(phrase::command::create_task(), at);
    check(failed, "Не удалось поставить задачу в CRM, повторим 24\u{a0}ноября.");
    check(Phrase::NONE, "");
}

#[test]
fn a_school_replaces_single_phrases() {
    let own = "[payment]\nwon = \"Деньги пришли{% if sum %}: {{ sum }}{% endif %}\"\n";
    let library = Library::with_overrides(&[named("phrases.toml", own)]).expect("it is right");
    let said = library.phrase(&phrase::payment::won("5 ₽"), &|_| String::new());
    assert_eq!(said, "Деньги пришли: 5 ₽");
    let changed: Vec<&str> =
        library.phrases().filter(|(_, text)| !text.shipped).map(|(key, _)| key).collect();
    assert_eq!(changed, ["payment.won"]);
}

#[test]
fn a_broken_phrase_is_told_with_what_is_allowed() {
    let check = |source: &str, key: &str, wrong: &str, allowed: &str| {
        let problems = Library::with_overrides(&[named("phrases.toml", source)]).expect_err("it is broken");
        let found = problems.iter().find(|problem| problem.wrong.contains(wrong));
        let found = found.unwrap_or_else(|| panic!("no `{wrong}` in {problems:?}"));
        assert_eq!((found.file.as_str(), found.key.as_str()), ("phrases.toml", key));
        assert!(found.allowed.contains(allowed), "{}", found.allowed);
    };
    check("[payment]\nwonn = 'а'", "payment.wonn", "unknown phrase", "`payment.won`");
    check("[payment]\nwon = '{{ summ }}'", "payment.won", "unknown variable `summ`", "is `sum` meant?");
    check("[payment]\nwon = '{{ order.cost }}'", "payment.won", "`order.cost`", "sum");
    check("[payment]\nfree = '{{ sum }}'", "payment.free", "`sum`", "no variables");
    check(
        "[payment]\nwon = '{% if sum > 5 %}а{% endif %}'",
        "payment.won",
        "`sum` is a text",
        "true if it is",
    );
    check("[payment]\nwon = 5", "payment.won", "no words", "key = ");
    check("won = 'а'", "won", "outside of a table", "[table]");
    check("[payment", "", "not TOML", "[table]");
}

#[test]
fn what_the_engine_would_misunderstand_is_an_error() {
    let head = "owner: Ольга\nreview: 2027-06\n\n";
    let check = |body: &str, line: usize, wrong: &str, allowed: &str| {
        let source = format!("{head}Текст\n{body}");
        let problems = Library::with_overrides(&[named("task_call.txt", &source)]).expect_err("it is broken");
        let [found] = &problems[..] else { panic!("{problems:?}") };
        assert_eq!(found.key, format!("line {line}"));
        assert!(found.wrong.contains(wrong), "{}", found.wrong);
        assert!(found.allowed.contains(allowed), "{}", found.allowed);
    };
    check("{{ order.price }}", 5, "unknown variable `order.price`", "is `order.cost` meant?");
    check("{{ order.product }}", 5, "unknown variable `order.product`", "is `order.positions` meant?");
    // A text is greater than every number.
    check("{% if order.left > 0 %}а{% endif %}", 5, "`order.left` is a text", "`order.left_sum`");
    check(
        "{% if time %}\nа\n{% endif %}\n{{ 'а' if 5 <= order.cost }}",
        8,
        "`order.cost`",
        "`order.cost_sum`",
    );
    check("{% if order.paid is gt(0) %}а{% endif %}", 5, "`order.paid`", "`order.paid_sum`");
    check("{% if order.paid == 0 %}а{% endif %}", 5, "`order.paid`", "`order.paid_sum`");
    check(
        "{% set left = order.left %}{% if left > 0 %}а{% endif %}",
        5,
        "`left` is a text",
        "order.left_sum",
    );
    check("{% if order.left_sum > '0' %}а{% endif %}", 5, "a text is compared", "order.left_sum");
    check("{% if client.name | lower > 5 %}а{% endif %}", 5, "a text is compared", "attempt");
    check("{% if 1 < order.left < 9 %}а{% endif %}", 5, "`order.left`", "order.left_sum");
    // The same behind a choice, a loop, a tuple and a filter.
    for source in [
        "{% if (order.left if order.left else 0) > 0 %}а{% endif %}",
        "{% for left in [order.left] %}{% if left > 0 %}а{% endif %}{% endfor %}",
        "{% set (left, other) = (order.left, 1) %}{% if left > 0 %}а{% endif %}",
        "{% if order | attr('left') > 0 %}а{% endif %}",
        "{% if [order.left, '1'] | first > 0 %}а{% endif %}",
    ] {
        check(source, 5, "compared with a number", "order.left_sum");
    }
    // Methods, filters, tests and functions.
    check("{{ client.name.split(' ')[0] }}", 5, "`.split(…)` is a method", "| split(' ') | first");
    check("{{ client.name.upper() }}", 5, "`.upper(…)` is a method", "`client.name | upper`");
    check("{{ (client.name | trim).strip() }}", 5, "`.strip(…)` is a method", "filters: default");
    check("{{ order.cost | roubles }}", 5, "unknown filter `roubles`", "plural");
    check("{% if time is today %}а{% endif %}", 5, "unknown test `is today`", "`==`");
    check("{{ now() }}", 5, "unknown function `now(…)`", "range");
    check("{{ ordr.cost }}", 5, "unknown variable `ordr.cost`", "is `order.cost` meant?");
    check("а\nб\n{{ order.cost }", 7, "not a template", "endif");
}

#[test]
fn numbers_beside_texts_compare_and_read_as_numbers() {
    let library = Library::shipped();
    let check = |template: &str, vars: &Vars, line: &str| {
        assert_eq!(library.check_inline(template), Ok(()));
        assert_eq!(library.inline(template, vars), line);
    };
    let (full, bare) = (Vars::full_example(), Vars::bare_example());
    let template = "{% if order.left_sum > 20000 %}{{ order.left_sum }}{% else %}мало{% endif %}";
    check(template, &full, "23500");
    check(template, &bare, "мало");
    check("{{ attempt | plural('раз', 'раза', 'раз') }}", &full, "2\u{a0}раза");
    check("{{ (client.name or 'клиент') | split(' ') | first }}", &full, "Мария");
    check("{{ order.positions | quoted }}", &full, "„Дизайн интерьера: база. Пакет Всё сразу“");
    check("{{ school.name | inner }}", &bare, "Школа „Рост“");
}

#[test]
fn a_text_has_its_own_title_or_the_shipped_one() {
    let source = "title: Счёт для бухгалтерии\nsubject: Счёт\nowner: Ольга\nreview: 2027-06\npurpose: service\n\nТекст";
    let library = Library::with_overrides(&[named("invoice.txt", source)]).expect("it is right");
    assert_eq!(library.title(&TextId::Invoice), "Счёт для бухгалтерии");
    assert_eq!(library.title(&TextId::Materials), "Материалы");
}
