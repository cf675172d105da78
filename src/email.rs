//! Normalises e-mail addresses as people type them; for phones see `Phone::parse`. Text that cannot be an
//! address gives none. Enter at [`parse_email`].

/// Trimmed and lower-cased; `None` if it cannot be an address. Delivery proves the rest (Q2).
pub fn parse_email(raw: &str) -> Option<String> {
    let email = raw.trim().trim_matches(['<', '>']).to_lowercase();
    let (name, host) = email.split_once('@')?;
    let host_is_sound = host.contains('.')
        && host.split('.').all(|label| !label.is_empty())
        && host.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '.');
    let name_is_sound = !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || ",;<>@".contains(c));
    (host_is_sound && name_is_sound).then_some(email)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn emails_are_lower_cased_and_checked() {
        for (raw, email) in [
            ("  M.Kuznetsova@Example.ru ", Some("m.kuznetsova@example.ru")),
            ("мария@пример.рф", Some("мария@пример.рф")),
            ("m@localhost", None),
            ("m kuz@example.ru", None),
            ("@example.ru", None),
            ("m@example..ru", None),
            ("m@b@example.ru", None),
        ] {
            assert_eq!(parse_email(raw).as_deref(), email, "{raw:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(raw in ".{0,80}") {
            parse_email(&raw);
        }
    }
}
