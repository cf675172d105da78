//! What is wrong with a school's `[mail]`. Never asks the server. Enter at [`check`].

use super::Settings;
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
        if address.is_some_and(|address| address.parse::<lettre::message::Mailbox>().is_err()) {
            findings.wrong.add(key, "no address of a sender", "Школа «Рост» <order@school.example>");
        }
    }
    check::rate(settings.letters_per_second, check::RATE_MAX, "mail.letters_per_second", findings);
    check::timeout(settings.timeout_s, "mail.timeout_s", findings);
}
