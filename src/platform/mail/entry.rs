//! E-mail as a platform of the bridge: its value, which connects its parts. It has no webhooks. Enter at
//! [`PLATFORM`].

use toml::Value;

use super::settings::Tls;
use super::{MailCourier, Settings, SmtpPost, check, settings};
use crate::platform::check::{Beside, Findings};
use crate::platform::entry::{
    self, Account, AccountSign, Connected, OfSchool, Platform, PlatformKind, Wires,
};
use crate::process::Target;

pub static PLATFORM: Platform = Platform {
    name: "mail",
    kind: PlatformKind::Channel,
    absent: "Absent: no letters.",
    missing: Some("missing: no letters are sent"),
    sections: settings::SECTIONS,
    least: "host = 'x.example'\nfrom = 'order@x.example'",
    defaults,
    read: entry::read::<Settings>,
};

fn defaults() -> Vec<(&'static str, Value)> {
    let Ok(settings) = toml::from_str::<Settings>(PLATFORM.least) else { return Vec::new() };
    let tls = match settings.tls {
        Tls::Wrapped => "wrapped",
        Tls::Starttls => "starttls",
        Tls::None => "none",
    };
    vec![
        ("port", i64::from(settings.port).into()),
        ("tls", tls.into()),
        ("letters_per_second", settings.letters_per_second.into()),
        ("timeout_s", i64::try_from(settings.timeout_s).unwrap_or_default().into()),
    ]
}

impl entry::Settings for Settings {
    fn check(&self, beside: &Beside, findings: &mut Findings) {
        check::check(self, beside, findings);
    }

    fn connect(&self, _: &OfSchool, wires: &mut dyn Wires) -> Result<Connected, String> {
        let post = match wires.post() {
            Some(post) => post,
            None => Box::new(SmtpPost::open(self)?),
        };
        let user = self.user.as_ref().map(|user| AccountSign::new("mail.user", user));
        let of = entry::budget_of(&self.host, user.as_ref());
        let account = Account { platform: PLATFORM.name, of: &of, per_second: self.letters_per_second };
        let courier = wires.paced(account, Box::new(MailCourier::new(self, post)));
        Ok(Connected { courier: Some((Target::Mail, courier)), ..Connected::default() })
    }
}
