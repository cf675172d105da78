//! What is a number at all: area codes of +7, countries with the lengths of their numbers, obvious fakes (Q3).
//! Never reads text, only digits. Enter at [`is_person`], [`foreign`], [`is_fake`].

use std::collections::BTreeSet;
use std::sync::OnceLock;

/// Made by `deploy/countries.py`, which names the source and its version in the first lines.
const TABLE: &str = include_str!("countries.txt");

/// This many equal digits in a row are a fake (Q3).
const EQUAL_DIGITS: usize = 7;
/// This many digits that go up or down by one are a fake (Q3). «123-45-67» is not: such numbers are given out.
const STRAIGHT_DIGITS: usize = 9;
/// No complete number is shorter, its country's code included.
const DIGITS_MIN: usize = 7;

struct Plan {
    /// Three digits behind +7.
    areas: BTreeSet<&'static str>,
    countries: Vec<Country>,
}

struct Country {
    code: &'static str,
    /// Lengths of the national number, and its possible first digits.
    shapes: Vec<(Vec<usize>, &'static str)>,
}

fn plan() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| {
        let lines = || TABLE.lines().filter(|line| !line.starts_with('#'));
        let areas = lines().filter_map(|line| line.strip_prefix("area "));
        let countries = lines().filter(|line| !line.starts_with("area ")).filter_map(country);
        Plan {
            areas: areas.flat_map(|line| line.split(' ').skip(1)).collect(),
            countries: countries.collect(),
        }
    })
}

fn country(line: &'static str) -> Option<Country> {
    let mut parts = line.split(' ');
    let code = parts.next()?;
    let shapes = parts.skip(1).filter_map(|part| part.split_once(':'));
    let shapes = shapes.map(|(lengths, firsts)| {
        (lengths.split(',').filter_map(|length| length.parse().ok()).collect(), firsts)
    });
    Some(Country { code, shapes: shapes.collect() })
}

/// Whether three digits behind +7 are in use for people: not 800, not 890 (a number typed into a form that had +7
/// already).
pub fn is_area(area: &str) -> bool {
    plan().areas.contains(area)
}

/// Ten digits behind +7 that belong to a person or an office.
pub fn is_person(national: &str) -> bool {
    national.len() == 10 && national.get(..3).is_some_and(is_area)
}

/// Digits with the code of a country other than +7 in front: how long the code is.
pub fn foreign(digits: &str) -> Option<usize> {
    if digits.len() < DIGITS_MIN {
        return None;
    }
    let country = plan().countries.iter().find(|country| digits.starts_with(country.code))?;
    let national = digits.get(country.code.len()..)?;
    let first = national.chars().next()?;
    let fits =
        |(lengths, firsts): &(Vec<usize>, &str)| lengths.contains(&national.len()) && firsts.contains(first);
    country.shapes.iter().any(fits).then_some(country.code.len())
}

pub fn is_code(code: &str) -> bool {
    plan().countries.iter().any(|country| country.code == code)
}

/// Q3: seven equal digits in a row, or nearly the whole number a straight run.
pub fn is_fake(digits: &str) -> bool {
    let has_run = |step: i16, enough: usize| {
        let mut run = 1;
        digits.as_bytes().windows(2).any(|pair| {
            let goes_on = matches!(pair, [a, b] if i16::from(*a) + step == i16::from(*b));
            run = if goes_on { run + 1 } else { 1 };
            run >= enough
        })
    };
    has_run(0, EQUAL_DIGITS) || has_run(1, STRAIGHT_DIGITS) || has_run(-1, STRAIGHT_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number of each of these countries, as its people write it, passes; one digit too many does not.
    #[test]
    fn numbers_of_the_countries_where_clients_live_pass() {
        for (country, number) in [
            ("Belarus", "375291234567"),
            ("Ukraine", "380501234567"),
            ("Uzbekistan", "998901234567"),
            ("Kyrgyzstan", "996555123456"),
            ("Tajikistan", "992917123456"),
            ("Turkmenistan", "99366123456"),
            ("Armenia", "37477123456"),
            ("Azerbaijan", "994401234567"),
            ("Georgia", "995555123456"),
            ("Moldova", "37362112345"),
            ("Latvia", "37121234567"),
            ("Lithuania", "37061234567"),
            ("Poland", "48512345678"),
            ("Czechia", "420601123456"),
            ("Serbia", "381601234567"),
            ("Montenegro", "38267622901"),
            ("Bulgaria", "359881234567"),
            ("Turkey", "905012345678"),
            ("Israel", "972502345678"),
            ("United Arab Emirates", "971501234567"),
            ("United States", "12025550143"),
            ("United Kingdom", "447400123456"),
            ("France", "33612345678"),
            ("Spain", "34612345678"),
            ("Portugal", "351912345678"),
            ("Cyprus", "35796123456"),
            ("Greece", "306912345678"),
            ("Thailand", "66812345678"),
            ("Viet Nam", "84912345678"),
            ("India", "918123456789"),
            ("China", "8613123456789"),
            ("Japan", "819012345678"),
            ("South Korea", "821020000000"),
        ] {
            assert!(foreign(number).is_some(), "{country}: {number}");
            let long = format!("{number}123");
            assert!(foreign(&long).is_none(), "{country}: {long}");
        }
        // These countries' numbers have many lengths.
        assert!(foreign("62812345678").is_some() && foreign("628123456789").is_some());
        assert!(foreign("4915123456789").is_some() && foreign("4930901820").is_some());
        assert!(foreign("49").is_none() && foreign("4915123456789012").is_none());
    }

    #[test]
    fn codes_that_no_country_has_do_not_pass() {
        for digits in ["210123456789", "8001234567", "999123456789", "8161234567890", "0291234567", ""] {
            assert_eq!(foreign(digits), None, "{digits}");
        }
        assert_eq!(plan().countries.len(), 205, "the table was cut short, or renewed: count again");
    }

    #[test]
    fn areas_of_people_are_known() {
        for area in ["495", "812", "843", "903", "999", "701", "777", "727", "365"] {
            assert!(is_area(area), "{area}");
        }
        for area in ["800", "890", "790", "770", "870", "375", "380", "000", "555", "123", "80", "8000"] {
            assert!(!is_area(area), "{area}");
        }
    }

    #[test]
    fn obvious_fakes_are_known() {
        for fake in ["1111111111", "9000000000", "9991111111", "1234567890", "9876543210", "9123456789"] {
            assert!(is_fake(fake), "{fake}");
        }
        for good in ["9035550127", "9031234567", "9055555501", "4957777770", "9007654321"] {
            assert!(!is_fake(good), "{good}");
        }
    }
}
