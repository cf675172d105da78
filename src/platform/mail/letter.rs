//! A letter as it is handed over: one recipient, plain text, one Message-ID for all its tries. Never takes a
//! line break into a header and never shows an address in an error. Enter at [`Outgoing::written`].

use std::time::SystemTime;

use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::{Address, Message};

use crate::platform::post::{Outgoing, PostFault};

/// The letter in its final form (RFC 5322), with its envelope.
pub struct Written {
    pub from: Address,
    pub to: Address,
    /// Headers and body with CRLF, as after DATA, without dot-stuffing. ASCII only.
    pub raw: Vec<u8>,
}

impl Outgoing {
    pub fn written(&self) -> Result<Written, PostFault> {
        let from = sender(&self.from).map_err(|_| PostFault::BadAddress("sender's"))?;
        let to = ascii(&self.to).ok_or(PostFault::BadAddress("recipient's"))?;
        let auto = HeaderName::new_from_ascii_str("Auto-Submitted");
        let mut builder = Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(self.subject.as_str())
            .date(SystemTime::from(self.at))
            .message_id(Some(format!("<{}>", self.message_id)))
            .header(ContentType::TEXT_PLAIN)
            // Keeps out-of-office notes from answering (RFC 3834).
            .raw_header(HeaderValue::new(auto, "auto-generated".to_owned()));
        if let Some(reply_to) = self.reply_to.as_ref().and_then(|address| sender(address).ok()) {
            builder = builder.reply_to(reply_to);
        }
        let message = builder.body(self.body.clone()).map_err(|_| PostFault::BadAddress("recipient's"))?;
        Ok(Written { from: from.email, to, raw: message.formatted() })
    }
}

/// A sender's name and address, with its host in ASCII; the error says what to write instead.
pub fn sender(text: &str) -> Result<Mailbox, &'static str> {
    let Mailbox { name, email } = text.parse().map_err(|_| "no address of a sender")?;
    match ascii(email.as_ref()) {
        Some(email) => Ok(Mailbox { name, email }),
        None => Err("the part before @ has other letters than Latin ones, which most servers refuse"),
    }
}

/// An address with its host in ASCII, so that a Cyrillic host needs no SMTPUTF8.
fn ascii(address: &str) -> Option<Address> {
    let (name, host) = address.trim().rsplit_once('@')?;
    let host = url::Host::parse(host).ok()?.to_string();
    Address::new(name, host).ok().filter(|address| address.user().is_ascii())
}
