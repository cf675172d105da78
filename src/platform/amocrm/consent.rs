//! The integration's own proofs: the consent link with its state, and the uninstall signature. Never sends
//! anything, and never lets the client secret go to a host other than amoCRM's. Enter at [`App`]. Source:
//! amocrm.ru/developers/content/oauth/step-by-step.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::settings::{Auth, Settings};
use crate::process::SchoolId;
use crate::secret::Secret;

/// An OAuth integration of one school.
#[derive(Debug, Clone)]
pub struct App {
    pub client_id: String,
    pub client_secret: Secret,
    /// As registered, byte for byte: the token endpoint compares it.
    pub redirect_uri: String,
}

impl App {
    /// The school's integration; `None` if a long-lived token is used. The error says what is wrong with the
    /// secret's source.
    pub fn of(settings: &Settings) -> Result<Option<Self>, String> {
        match &settings.auth {
            Auth::LongLived { .. } => Ok(None),
            Auth::Oauth { client_id, client_secret, redirect_uri } => Ok(Some(Self {
                client_id: client_id.clone(),
                client_secret: client_secret.read()?,
                redirect_uri: redirect_uri.clone(),
            })),
        }
    }

    /// The `state` that a callback must bring back. It is bound to the school and to the client secret, so
    /// only a link printed by this bridge is accepted. It needs no storage; that it does not expire is
    /// harmless, because a code is valid only for this integration and this account.
    pub fn state(&self, school: &SchoolId) -> String {
        self.sign(&format!("dozvon-consent|{school}"))
    }

    /// The link that an administrator of the account opens once.
    pub fn consent_link(&self, school: &SchoolId, account_url: &str) -> String {
        let host = host_of(account_url).unwrap_or_default();
        let platform = if host.ends_with(".kommo.com") { "www.kommo.com" } else { "www.amocrm.ru" };
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &self.client_id)
            .append_pair("state", &self.state(school))
            .append_pair("mode", "popup")
            .finish();
        format!("https://{platform}/oauth?{query}")
    }

    /// `hex(HMAC-SHA256(client secret, client id | account id))` (sheet, 1.8).
    pub fn uninstall_signature(&self, client_id: &str, account_id: &str) -> String {
        self.sign(&format!("{client_id}|{account_id}"))
    }

    fn sign(&self, message: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.client_secret.reveal().as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(message.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}

/// The host of an address or a bare host, in lower case; with its port if a stand-in has one.
pub fn host_of(address: &str) -> Option<String> {
    let rest = address.trim().split_once("://").map_or(address.trim(), |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    (!host.is_empty() && host.chars().all(plain)).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> App {
        App {
            client_id: "4c1c7f0a-9d2e-4b53-8f6e-2a7be0c4d915".to_owned(),
            client_secret: Secret::new("Zk3-demo-client-secret-91"),
            redirect_uri: "https://bridge.example.com/amo/callback".to_owned(),
        }
    }

    #[test]
    fn the_uninstall_signature_is_the_sheets_vector() {
        let app = app();
        assert_eq!(
            app.uninstall_signature(&app.client_id, "31877554"),
            "4dc570926e6dbbf54a75ff34102672ec6e4ba94450702b860801b97572a4e6ac"
        );
    }

    #[test]
    fn each_school_has_its_own_state() {
        assert_ne!(app().state(&"rost".into()), app().state(&"zima".into()));
    }

    #[test]
    fn the_link_goes_to_the_accounts_own_platform() {
        let link = |url| app().consent_link(&"rost".into(), url);
        assert!(
            link("https://shkolarost.amocrm.ru").starts_with("https://www.amocrm.ru/oauth?client_id=4c1c")
        );
        assert!(link("https://rost.kommo.com").starts_with("https://www.kommo.com/oauth?"));
    }

    #[test]
    fn a_host_is_read_from_an_address_or_alone() {
        let check = |text, host: Option<&str>| assert_eq!(host_of(text).as_deref(), host, "{text}");
        check("https://ShkolaRost.amocrm.ru/", Some("shkolarost.amocrm.ru"));
        check("shkolarost.amocrm.ru", Some("shkolarost.amocrm.ru"));
        check("https://evil.example@shkolarost.amocrm.ru", None);
        check("", None);
    }
}
