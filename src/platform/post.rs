//! The port to a mail server: a letter, and why it was not accepted. Never shows an address in an error: the
//! server's text may contain one, so only its codes are kept. Enter at [`Post`]; `mail` implements it with
//! SMTP, runs without a network implement it with the sandbox.

use async_trait::async_trait;

use crate::process::At;

/// The mail server: SMTP, or the sandbox's mailbox in runs without a network.
#[async_trait]
pub trait Post: Send + Sync {
    /// Returns when the server has accepted the letter.
    async fn send(&self, letter: &Outgoing) -> Result<(), PostFault>;
}

/// Why a letter was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostFault {
    /// No connection, or it was lost before the letter was complete: nothing was delivered.
    #[error("not sent: {0}")]
    NotSent(String),
    /// Lost after the letter's end: it may be on its way.
    #[error("broken off: {0}")]
    BrokenOff(String),
    /// The recipient's or the sender's address cannot be used in a letter.
    #[error("the {0} address cannot be used")]
    BadAddress(&'static str),
    /// The server lacks something that we need (TLS, a sign-in method): a person has to check the settings.
    #[error("the server cannot be used: {0}")]
    Unusable(String),
    #[error("refused at {stage:?}: {reply}")]
    Refused { stage: SmtpStage, reply: SmtpReply },
}

/// How far the exchange with the server came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpStage {
    /// Greeting, TLS, sign-in: before any command about the letter.
    SignIn,
    Sender,
    Recipient,
    Content,
}

/// A server's reply without its text, which may contain an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmtpReply {
    pub code: u16,
    /// RFC 3463, `5.1.1`.
    pub enhanced: Option<(u16, u16, u16)>,
    /// The server does not relay for us, wants a sign-in, or blocks our host or domain: every letter fares so.
    pub is_about_us: bool,
}

/// Words of refusals that no letter's address or text is at fault for. RFC 7372 gives 5.7.20 to 5.7.26 for DKIM, SPF and
/// reverse names; 5.7.27 is RFC 7505's.
const ABOUT_US: [&str; 9] = [
    "relay",
    "authentication",
    "must issue a starttls",
    "client host",
    "reverse hostname",
    "reverse dns",
    "dmarc",
    "blocked using",
    "blacklist",
];

impl PostFault {
    /// A refusal as the server wrote it: `text` begins with the enhanced code, if there is one.
    pub fn refused(stage: SmtpStage, code: u16, text: &str) -> Self {
        let (words, enhanced) = (text.to_ascii_lowercase(), enhanced(text));
        let is_about_us =
            ABOUT_US.iter().any(|word| words.contains(word)) || matches!(enhanced, Some((5, 7, 20..=27)));
        Self::Refused { stage, reply: SmtpReply { code, enhanced, is_about_us } }
    }
}

/// `5.1.1 …` at the beginning of a reply's text.
fn enhanced(text: &str) -> Option<(u16, u16, u16)> {
    let mut numbers = text.split_whitespace().next()?.splitn(3, '.').map(|part| part.parse::<u16>().ok());
    let code = (numbers.next()??, numbers.next()??, numbers.next()??);
    matches!(code.0, 2 | 4 | 5).then_some(code)
}

impl std::fmt::Display for SmtpReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.code)?;
        self.enhanced.map_or(Ok(()), |(class, subject, detail)| write!(f, " {class}.{subject}.{detail}"))
    }
}

/// A letter ready for the server. Addresses are personal data: never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Without angle brackets; the same for every try of one command.
    pub message_id: String,
    pub from: String,
    pub to: String,
    pub reply_to: Option<String>,
    pub subject: String,
    /// Plain text, UTF-8.
    pub body: String,
    pub at: At,
}
