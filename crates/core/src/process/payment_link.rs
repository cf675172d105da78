//! Where a link of a letter may lead: only to hosts of the school (F105). Reads an address as browsers do and takes none
//! that can be read in two ways. Enter at [`is_allowed`] and [`is_web`].

/// Whether the link leads to one of these hosts, or to a name below one.
pub fn is_allowed(link: &str, hosts: &[String]) -> bool {
    let Some(host) = host(link) else { return false };
    let is_below = |known: &String| host.strip_suffix(known.as_str()).is_some_and(|rest| rest.ends_with('.'));
    hosts.iter().any(|known| *known == host || is_below(known))
}

/// Whether a text is written as a web address.
pub fn is_web(link: &str) -> bool {
    let is_scheme = |scheme: &str| ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web));
    link.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme))
}

/// The host of a plain web address, in lower case.
fn host(link: &str) -> Option<String> {
    if link.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        return None;
    }
    let lower = link.to_lowercase();
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = match authority.split_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) => return None,
        None => authority,
    };
    let is_plain = host.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '.');
    let has_labels = host.split('.').all(|label| !label.is_empty());
    (is_plain && has_labels).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hosts() -> Vec<String> {
        ["school.example", "оплата.рф"].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_scheme_is_known_in_any_case() {
        for (link, want) in [
            ("https://a.ru", true),
            ("HTTPS://A.RU/pay", true),
            ("Http://a.ru", true),
            ("httpx://a.ru", false),
            ("a.ru/http://", false),
            ("http", false),
        ] {
            assert_eq!(is_web(link), want, "{link}");
        }
    }

    #[test]
    fn only_hosts_of_the_school_are_linked() {
        for link in [
            "https://school.example/pay/1",
            "HTTPS://School.Example?a=1",
            "https://pay.school.example:8443/#a",
            "http://school.example",
            "https://оплата.рф/1?to=https://evil.example/",
        ] {
            assert!(is_allowed(link, &hosts()), "{link}");
        }
        for link in [
            "https://evil.example/school.example",
            "https://evilschool.example/",
            "https://school.example.evil.example/",
            "https://school.example@evil.example/",
            "https://school.example:pay@evil.example/",
            "https://evil.example\\@school.example/",
            "https://evil.example\t.school.example/",
            "https:///school.example",
            "https://.school.example/",
            "https://school.example%2eevil.example/",
            "//school.example/",
            "javascript:alert(1)//https://school.example",
            "school.example/pay",
            "",
        ] {
            assert!(!is_allowed(link, &hosts()), "{link}");
        }
        assert!(!is_allowed("https://school.example/", &[]));
    }

    proptest! {
        #[test]
        fn what_is_allowed_begins_with_a_host_of_the_school(link in "(https?://)?[a-z@.:/?#\\\\ ]{0,12}(school\\.example)?[a-z@.:/?#\\\\%]{0,12}") {
            if is_allowed(&link, &hosts()) {
                let rest = link.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
                let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
                let host = authority.split(':').next().unwrap_or_default();
                prop_assert!(host == "school.example" || host.ends_with(".school.example"), "{link}");
                prop_assert!(!authority.contains('@'));
            }
        }
    }
}
