//! The port to a mail server: a letter, and why one was not taken over.
//! Never shows an address in an error: a server's text may hold one, so only its codes are kept.
//! Enter at [`Post`]; `mail` fills it with SMTP, runs without a network with the sandbox.

use async_trait::async_trait;

use crate::process::At;

/// The mail server: SMTP in life, the sandbox's mailbox in runs without a network.
#[async_trait]
pub trait Post: Send + Sync {
    /// Returns when the server has taken the letter over.
    async fn send(&self, letter: &Outgoing) -> Result<(), PostFault>;
}

/// Why a letter was not taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostFault {
    /// No connection, or it was lost before the letter was complete: nothing was delivered.
    #[error("not sent: {0}")]
    NotSent(String),
    /// Lost after the letter's end: it may be on its way.
    #[error("broken off: {0}")]
    BrokenOff(String),
    /// The recipient's or the sender's address cannot be written into a letter.
    #[error("the {0} address cannot be used")]
    BadAddress(&'static str),
    /// It lacks what we need (TLS, a way to sign in): a person has to look at the settings.
    #[error("the server cannot be used: {0}")]
    Unusable(String),
    #[error("refused at {stage:?}: {reply}")]
    Refused { stage: Stage, reply: Reply },
}

/// How far a letter came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Greeting, TLS, sign-in: before anything is said of the letter.
    SignIn,
    Sender,
    Recipient,
    Content,
}

/// A server's reply: codes only, its text may hold an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    /// RFC 3463, `5.1.1`.
    pub enhanced: Option<(u16, u16, u16)>,
}

impl PostFault {
    /// A refusal as the server wrote it: `text` begins with the enhanced code, if there is one.
    pub fn refused(stage: Stage, code: u16, text: &str) -> Self {
        Self::Refused { stage, reply: Reply { code, enhanced: enhanced(text) } }
    }
}

/// `5.1.1 …` at the beginning of a reply's text.
fn enhanced(text: &str) -> Option<(u16, u16, u16)> {
    let mut numbers = text.split_whitespace().next()?.splitn(3, '.').map(|part| part.parse::<u16>().ok());
    let code = (numbers.next()??, numbers.next()??, numbers.next()??);
    matches!(code.0, 2 | 4 | 5).then_some(code)
}

impl std::fmt::Display for Reply {
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
