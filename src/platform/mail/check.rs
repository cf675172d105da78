//! What is wrong with a school's `[mail]`. Never asks the server. Enter at [`check`].

use lettre::message::Mailbox;

use super::Settings;
use super::letter;
use super::settings::Tls;
use crate::platform::check::{self, Beside, Findings};

pub fn check(settings: &Settings, beside: &Beside, findings: &mut Findings) {
    check::secret(beside, settings.password.as_ref(), "mail.password", findings);
    if settings.user.is_some() != settings.password.is_some() {
        findings.wrong.add("mail.user", "user and password belong together", "both or neither");
    }
    let loopback = ["localhost", "127.0.0.1", "::1"].contains(&settings.host.as_str());
    if settings.tls == Tls::None && !loopback {
        findings.wrong.add(
            "mail.tls",
            "no protection on the way",
            "starttls or wrapped; none only for loopback",
        );
    }
    if settings.host.trim().is_empty() {
        findings.wrong.add("mail.host", "empty", "the name of the mail server");
    } else if let Some(wrong) = check::host_fault(&settings.host) {
        findings.wrong.add("mail.host", wrong, "the name of the mail server: smtp.example.ru");
    }
    if settings.port == 0 {
        findings.wrong.add(
            "mail.port",
            "0",
            "the port of the mail server: 465 with wrapped, 587 with starttls",
        );
    }
    for (key, address) in [("mail.from", Some(&settings.from)), ("mail.reply_to", settings.reply_to.as_ref())]
    {
        if let Some((wrong, allowed)) = address.and_then(|address| sender(address)) {
            findings.wrong.add(key, wrong, allowed);
        }
    }
    check::rate(settings.letters_per_second, check::RATE_MAX, "mail.letters_per_second", findings);
    check::timeout(settings.timeout_s, "mail.timeout_s", findings);
}

/// Signs that a sender's name may only have in quotes.
const NEED_QUOTES: &str = ",;:()[]\\";

/// What is wrong with the address of a sender, and the right form.
fn sender(address: &str) -> Option<(String, String)> {
    let why = letter::sender(address).err()?;
    let (name, rest) = address.rsplit_once('<').unwrap_or(("", address));
    let sign = name.chars().find(|sign| NEED_QUOTES.contains(*sign));
    let quoted = format!("\"{}\" <{rest}", name.trim().replace(['"', '\\'], ""));
    match sign {
        Some(sign) if !name.contains(['<', '@']) && quoted.parse::<Mailbox>().is_ok() => {
            Some((format!("a name with `{sign}` needs quotes"), format!("'{quoted}'")))
        }
        _ => Some((why.to_owned(), "Школа «Рост» <order@school.example>".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_needs_quotes_is_shown_with_them() {
        let check = |address: &str, wrong: Option<(&str, &str)>| {
            let found = sender(address);
            let found = found.as_ref().map(|(wrong, allowed)| (wrong.as_str(), allowed.as_str()));
            assert_eq!(found, wrong, "{address}");
        };
        check("order@school.example", None);
        check("Школа «Рост» <order@school.example>", None);
        check("\"Рост, школа\" <order@school.example>", None);
        let comma = ("a name with `,` needs quotes", "'\"Рост, школа\" <order@school.example>'");
        check("Рост, школа <order@school.example>", Some(comma));
        let colon = ("a name with `:` needs quotes", "'\"Курсы: Рост\" <order@school.example>'");
        check("Курсы: Рост <order@school.example>", Some(colon));
        let none = ("no address of a sender", "Школа «Рост» <order@school.example>");
        check("Школа <a@school.example>, Курсы <b@school.example>", Some(none));
        check("школа, рост", Some(none));
        check("Школа <order@школа.рф>", None);
        let why = "the part before @ has other letters than Latin ones, which most servers refuse";
        check("заказ@школа.рф", Some((why, "Школа «Рост» <order@school.example>")));
    }
}
