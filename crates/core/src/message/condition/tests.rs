//! What conditions say of orders, which mistakes are told, and what decides nothing.

use super::*;

fn order() -> Facts {
    Facts {
        offers: vec!["5512874".to_owned(), "77".to_owned()],
        source: [("utm_medium", "cpc"), ("page", "")]
            .map(|(name, told)| (name.to_owned(), told.to_owned()))
            .into(),
        author: String::new(),
        line: String::new(),
        tags: None,
        ..example()
    }
}

#[test]
fn a_condition_is_asked_of_what_is_known() {
    for (when, expected) in [
        ("offer in ['5512874'] and source.utm_medium == 'cpc' and cost_sum >= 30000", Ok(true)),
        ("offer == '77'", Ok(true)),
        ("offer == '78'", Ok(false)),
        ("'77' in offers and '78' not in offers", Ok(true)),
        // What nobody has told is neither so nor otherwise.
        ("source.promocode == ''", Err("source.promocode".to_owned())),
        ("not source.promocode", Err("source.promocode".to_owned())),
        ("source.city != 'Москва'", Err("source.city".to_owned())),
        ("source.city | lower in ['тверь'] and offer == '78'", Ok(false)),
        ("source.form or offer == '77'", Ok(true)),
        // The report carried it empty, or other marks of the visit.
        ("source.page == '' and not source.page", Ok(true)),
        ("source.utm_source != 'vk' and not source.utm_term", Ok(true)),
        ("author == ''", Err("author".to_owned())),
        ("author != 'manager'", Err("author".to_owned())),
        ("'курс' in positions | lower", Ok(true)),
        ("20000 <= cost_sum and cost_sum < 38500", Ok(false)),
        ("'ученики' in groups", Ok(true)),
        ("'vip' in tags", Err("tags".to_owned())),
        ("'vip' not in tags", Err("tags".to_owned())),
        // What is known decides wherever it stands.
        ("'vip' in tags or (offer == '77' and cost_sum > 1)", Ok(true)),
        ("not ('vip' in tags or offer == '78' or offer == '5512874') ", Err("tags".to_owned())),
        ("not ('vip' in tags) and offer == '78'", Ok(false)),
        ("('vip' in tags) or ('курс' in (positions | lower))", Ok(true)),
        // One offer that fits needs nothing else.
        ("offer == '77' or 'vip' in tags", Ok(true)),
    ] {
        assert_eq!(Condition::new(when).holds(&order()), expected, "{when}");
    }
    let unknown = Facts { cost_sum: None, ..order() };
    assert_eq!(Condition::new("cost_sum >= 1").holds(&unknown), Err("cost_sum".to_owned()));
    assert_eq!(Condition::new("line == '+74955550100'").holds(&Facts::default()), Ok(false));
    for (when, unknown) in [
        ("offer != '77'", "offer"),
        ("'77' not in offers", "offers"),
        ("'курс' not in positions", "positions"),
        ("source.utm_medium != 'cpc'", "source.utm_medium"),
        ("not source['utm_medium']", "source"),
    ] {
        assert_eq!(Condition::new(when).holds(&Facts::default()), Err(unknown.to_owned()), "{when}");
    }
    // A caller has ordered nothing.
    let caller = Facts { line: "+74955550100".to_owned(), ..Facts::default() };
    assert_eq!(
        Condition::new("line == '+74955550100' and not source.promocode and offer == ''").holds(&caller),
        Ok(true)
    );
}

#[track_caller]
fn wrong(when: &str, expected: &str) {
    let found = faults(when);
    let told = found.first().map_or(String::new(), |(wrong, allowed)| format!("{wrong} | {allowed}"));
    assert!(told.contains(expected), "{when}: {told}");
}

#[test]
fn a_wrong_condition_is_told_with_what_is_allowed() {
    wrong("cost_sum >= '30000'", "a text is compared with a number");
    wrong("offer == 5512874", "`offer` is a text and is compared with a number");
    wrong("offer >= '5512874'", "`offer` is put in order by its letters | one of the numbers: cost_sum");
    wrong("offer in [5512874]", "`offer` is a text and is compared with a number");
    wrong("5512874 in offers", "`offers` holds texts and is asked for a number");
    wrong("offers == '5512874'", "`offers` is a list");
    wrong("offers in ['5512874']", "`offers` is a list");
    wrong(
        "author == 'manger'",
        "`author` is never `manger` | is `manager` meant? There are: client, manager",
    );
    wrong("offer == '1' or 'менеджер' != author", "`author` is never `менеджер` | one of: client, manager");
    wrong("author in ['client', 'admin']", "`author` is never `admin`");
    wrong("(author or '') == 'Manager'", "is `manager` meant?");
    assert_eq!(faults("author == 'manager' or author == '' or author not in ['client']"), []);
    wrong("ofer == '1'", "is `offer` meant?");
    wrong("form == 'x'", "is `source.form` meant?");
    wrong("order.offers", "unknown variable");
    wrong("offer ==", "not an expression");
    wrong("sorce.utm_source = 'direct'", "`==` compares, `=` does not");
    wrong("offer == '5' and source.page = 'a'", "`==` compares, `=` does not");
    wrong("offer }} {{ line", "not an expression");
    wrong("offer | nofilter", "unknown filter");
    wrong("cost_sum in 5", "cannot be evaluated");
    wrong(&"a".repeat(3000), "too long");
    // What hides that a text is compared with a number.
    for source in ["(source.form if source.form else 0) > 0", "source | attr('form') > 0"] {
        wrong(source, "is a text and is compared with a number");
    }
    for source in ["[source.form, 0] | max > 0", "offers | first > 0", "source.form | default(0) > 0"] {
        wrong(source, "a text is compared with a number");
    }
    wrong(
        "offer in '5512874,5512875'",
        "among the letters of one text | a list: `offer in ['5512874', '5512875']`",
    );
    wrong("author in ('client', 'admin')", "`author` is never `admin`");
    wrong("line == '84955550000'", "`line` is never written `84955550000` | `+74955550000`");
    wrong("line in ['8 (495) 555-00-00', 'trunk']", "`+74955550000`");
    assert_eq!(faults("line == '' or line in ['+74955550000', 'trunk'] or '495' in line"), []);
    assert_eq!(faults("offer in ['1'] and source.any_label and cost_sum > 5 and 'a' in tags"), []);
}

#[test]
fn what_holds_always_or_never_decides_nothing() {
    for when in [
        "true",
        "offer or true",
        "cost_sum >= 0",
        "(offer == '1', cost_sum > 5)",
        "offer != '1' or cost_sum != 5 or offer == '1'",
        "'a' in tags or 'a' not in tags",
    ] {
        assert_eq!(Condition::new(when).always(), Some(true), "{when}");
    }
    for when in [
        "offer == '1' and offer == '2'",
        "cost_sum > 50000 and cost_sum < 30000",
        "cost_sum < 0",
        "line == '+74955550000' and offer == '1'",
        "source.utm_medium == 'cpc' and source.utm_medium == 'CPC'",
        "source.city | lower == 'Тверь'",
    ] {
        assert_eq!(Condition::new(when).always(), Some(false), "{when}");
    }
    for when in [
        "offer in ['5512874'] and source.utm_medium == 'cpc' and cost_sum >= 30000",
        "'77' in offers and '78' not in offers and '79' in offers",
        "not source.promocode",
        "line == '+74955550000'",
        "line and not source.promocode",
        // What was never told fits none of these.
        "author in ['client', 'manager']",
        "source.utm_source is defined",
        "source.utm_medium == 'a' or source.utm_medium != 'a'",
        "'курс' in positions | lower and 'дизайн' in positions",
        "source.utm_campaign is startingwith 'a'",
        "source.city | title == 'Тверь'",
        "positions | length > 50",
        "offer | int > 5000",
        "tags | length > 1",
        "source",
        "not (",
    ] {
        assert_eq!(Condition::new(when).always(), None, "{when}");
    }
}

#[test]
fn a_price_is_a_number() {
    assert_eq!(price_faults("cost_sum * 0.9"), []);
    assert_eq!(price_faults("1000"), []);
    assert_eq!(price_faults("'много'")[0].0, "not a number");
    assert!(price_faults("cost")[0].1.contains("cost_sum"));
    assert_eq!(number("cost_sum * 0.5", Some(10.0)), Some(5.0));
    assert_eq!(number("cost_sum", None), None);
    assert_eq!(number("0 - 5", None), None);
}

#[test]
fn what_a_condition_needs_is_named() {
    let names = needed("offer in ['1'] and source.utm_medium == 'cpc' or 'a' in groups");
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["groups", "offer", "source.utm_medium"]);
}
