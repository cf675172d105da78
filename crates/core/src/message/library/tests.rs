//! The shipped texts read well with and without every variable.

use super::*;
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
    "№ \n",
    ": .",
    ":.",
    ", .",
    ",,",
    "\n\n\n",
    "gc-700100200,",
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
        for fact in ["https://school.example/pay/700100200", "14:05", "38 500 ₽", "Что дальше?"] {
            assert!(body.contains(fact), "{name} lacks {fact}:\n{body}");
        }
        let bare = library.render(&name.into(), &Vars::bare_example()).body;
        assert!(bare.contains("Что сказать клиенту"), "{name} lacks its script:\n{bare}");
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
    check("invoice.txt", &with("К оплате {{ order.cots }}"), "", "`order.cots`", "order.cost");
    check("invoice.txt", &with("{% if not time %}{{ tme }}{% endif %} а"), "", "`tme`", "time");
    check("invoice.txt", &with("{% if time %} без конца"), "", "not a template", "endif");
    check("invoice.txt", &with("{{ order.cost | roubles }}"), "", "roubles", "order.number");
    check("invoice.txt", "subject: Счёт\n\nТекст", "owner", "nobody owns", "owner");
    check("invoice.txt", "subject: Счёт\n\nТекст", "review", "no month", "2027-06");
    check("invoice.txt", "owner: Ольга\nreview: 2027-06\n\nТекст", "subject", "without a subject", "subject");
    check("invoice.txt", &with("Текст").replace("service", "spam"), "purpose", "no purpose", "advertising");
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
    assert_eq!((text.subject.as_str(), text.body.as_str()), ("Счёт 12041", "На 38 500 ₽"));
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
        "{{ order.positions or 'Заказ' }} · {{ order.number or order.id }}",
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
