//! Sends letters: one recipient each, plain text, the same Message-ID on every try (sheet
//! `messaging/smtp.md`). Never sends a letter again that may have left: plain SMTP offers no way to look it
//! up. Enter at [`MailCourier`].

use async_trait::async_trait;
use chrono::TimeDelta;

use super::Settings;
use super::bare::{BareRefusals, Verdict};
use super::letter::sender;
use crate::platform::post::{Outgoing, Post, PostFault, SmtpReply, SmtpStage};
use crate::platform::{Courier, Fault, Links, Receipt, Room, Try};
use crate::process::command::Letter;
use crate::process::{Ask, At, Command};

/// The beginning of the `why` of a letter whose address is bad; the core marks the address by it (L11).
pub use crate::process::command::BOUNCED;

/// The `why` of a letter that may have left: a person checks, and may have it sent again.
pub const IN_DOUBT: &str = "may already have been sent; not repeated";

/// Greylisting accepts the same letter after 5 to 15 minutes.
const GREYLIST_MS: u64 = 6 * 60 * 1000;

/// The mail courier of one school.
pub struct MailCourier {
    from: String,
    reply_to: Option<String>,
    /// Host part of Message-IDs.
    domain: String,
    post: Box<dyn Post>,
    bare_refusals: BareRefusals,
}

impl MailCourier {
    pub fn new(settings: &Settings, post: Box<dyn Post>) -> Self {
        let domain = sender(&settings.from).map(|from| from.email.domain().to_owned()).unwrap_or_default();
        let (from, reply_to) = (settings.from.clone(), settings.reply_to.clone());
        Self { from, reply_to, domain, post, bare_refusals: BareRefusals::default() }
    }

    fn outgoing(&self, command: &Command, letter: &Letter, at: At) -> Outgoing {
        Outgoing {
            message_id: message_id(command.id.as_str(), &self.domain),
            from: self.from.clone(),
            to: letter.to.clone(),
            reply_to: self.reply_to.clone(),
            // A line break would begin another header.
            subject: letter.subject.split_whitespace().collect::<Vec<_>>().join(" "),
            body: letter.body.clone(),
            at,
        }
    }
}

#[async_trait]
impl Courier for MailCourier {
    fn room(&self) -> Room {
        // One letter at a time, however long the server takes: after a kill only this one is in doubt.
        Room { together: 0, alone: 1, money: 0 }
    }

    async fn deliver(
        &self,
        command: &Command,
        tried: Try,
        _links: &dyn Links,
        now: At,
    ) -> Result<Receipt, Fault> {
        let Ask::SendLetter(letter) = &command.ask else {
            return Err(Fault::never("not a letter"));
        };
        if tried == Try::MayBeDone {
            return Err(Fault::never(IN_DOUBT));
        }
        match self.post.send(&self.outgoing(command, letter, now)).await {
            Ok(()) => {
                self.bare_refusals.accepted(&letter.to);
                Ok(Receipt::default())
            }
            Err(PostFault::Refused { stage: SmtpStage::Recipient, reply }) if is_bare(reply) => {
                let why = format!("recipient {reply}, without a reason");
                Err(match self.bare_refusals.judge(&letter.to) {
                    Verdict::TryAgain => Fault::Later { why, after_ms: Some(GREYLIST_MS) },
                    Verdict::WrongAddress => Fault::never(format!("{BOUNCED}: {why}")),
                    Verdict::AskPerson => Fault::never(format!("{why}: the server may not relay")),
                })
            }
            Err(refusal) => Err(fault(refusal)),
        }
    }

    async fn chore(&self, now: At) -> Result<At, Fault> {
        Ok(now + TimeDelta::days(1))
    }
}

/// `<command>@<domain>`: several large receivers drop a second copy with the same id.
pub fn message_id(command: &str, domain: &str) -> String {
    let safe: String = command
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '-' })
        .collect();
    format!("dozvon.{safe}@{domain}")
}

/// The class of a failure for the outbox. The enhanced code takes precedence over the three digits (sheet,
/// section 3).
pub fn fault(fault: PostFault) -> Fault {
    match fault {
        PostFault::NotSent(why) => Fault::later(why),
        PostFault::BrokenOff(why) => Fault::unclear(why),
        PostFault::BadAddress("recipient's") => Fault::never(format!("{BOUNCED}: the address is not one")),
        PostFault::BadAddress(whose) => Fault::denied(format!("the {whose} address cannot be used")),
        PostFault::Unusable(why) => Fault::denied(why),
        PostFault::Refused { stage, reply } => refused(stage, reply),
    }
}

fn refused(stage: SmtpStage, reply: SmtpReply) -> Fault {
    let why = format!("{stage:?} {reply}").to_lowercase();
    match (reply.code, reply.enhanced) {
        // The server does not know us: no address is at fault, whichever it was.
        _ if reply.is_about_us => Fault::denied(why),
        // A full mailbox may be emptied again.
        (_, Some((4 | 5, 2, 2))) => Fault::Later { why, after_ms: Some(GREYLIST_MS) },
        (400..=499, _) => Fault::Later { why, after_ms: Some(GREYLIST_MS) },
        (530 | 534 | 535, _) => Fault::denied(why),
        _ => match stage {
            SmtpStage::SignIn | SmtpStage::Sender => Fault::denied(why),
            SmtpStage::Recipient if is_bad_recipient(reply) => Fault::never(format!("{BOUNCED}: {why}")),
            SmtpStage::Recipient | SmtpStage::Content => match reply.enhanced {
                // Some servers check the recipient only when they have the letter.
                Some((5, 1, _)) | Some((5, 2, 1)) => Fault::never(format!("{BOUNCED}: {why}")),
                _ => Fault::never(why),
            },
        },
    }
}

/// A final refusal of a recipient that does not say whether the address is at fault.
fn is_bare(reply: SmtpReply) -> bool {
    reply.enhanced.is_none() && !reply.is_about_us && is_bad_recipient(reply)
}

/// Policy, spam and size (5.3, 5.7) are not the recipient's fault and do not mark the address.
fn is_bad_recipient(reply: SmtpReply) -> bool {
    match reply.enhanced {
        Some((_, subject, detail)) => {
            // OpenSMTPD says 5.2.4 of an address that its table of users lacks.
            subject == 1 || matches!((subject, detail), (2, 1 | 4) | (0, 0))
        }
        None => matches!(reply.code, 501 | 550 | 551 | 553),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::platform::fake::FakeLinks;
    use crate::process::{ClientId, CommandId, OrderId, Urgency};

    /// Keeps the letters it receives and gives the answer it was made with.
    struct Mailbox {
        taken: Arc<Mutex<Vec<Outgoing>>>,
        answer: Result<(), PostFault>,
    }

    #[async_trait]
    impl Post for Mailbox {
        async fn send(&self, letter: &Outgoing) -> Result<(), PostFault> {
            self.taken.lock().unwrap().push(letter.clone());
            self.answer.clone()
        }
    }

    fn letter(subject: &str) -> Command {
        Command {
            id: CommandId("gc-700100200.7".to_owned()),
            order: OrderId::from("gc-700100200"),
            client: ClientId::from("c-gc-700100200"),
            urgency: Urgency::Usual,
            ask: Ask::SendLetter(Letter {
                text: "order_taken".into(),
                to: "m.kuznetsova@example.ru".to_owned(),
                subject: subject.to_owned(),
                body: "Здравствуйте!".to_owned(),
            }),
        }
    }

    fn courier(mailbox: Mailbox) -> MailCourier {
        let settings: Settings =
            toml::from_str("host = 'localhost'\nfrom = 'Школа «Рост» <order@school.example>'").unwrap();
        MailCourier::new(&settings, Box::new(mailbox))
    }

    /// Each letter that is on its way when the program is killed is one that a person has to look at.
    #[test]
    fn of_all_urgencies_one_letter_is_on_its_way() {
        let Room { together, alone, money } =
            courier(Mailbox { taken: Arc::default(), answer: Ok(()) }).room();
        assert_eq!(together + alone + money, 1);
    }

    async fn deliver(tried: Try, answer: Result<(), PostFault>) -> (Result<Receipt, Fault>, Vec<Outgoing>) {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let courier = courier(Mailbox { taken: taken.clone(), answer });
        let now = "2026-07-14T15:05:33Z".parse().unwrap();
        let result =
            courier.deliver(&letter("Заявка\r\nBcc: x@example.ru"), tried, &FakeLinks::default(), now).await;
        let taken = taken.lock().unwrap().clone();
        (result, taken)
    }

    #[tokio::test]
    async fn a_letter_carries_its_commands_id_and_no_foreign_header() {
        let (result, taken) = deliver(Try::First, Ok(())).await;
        assert_eq!(result, Ok(Receipt::default()));
        assert_eq!(taken[0].message_id, "dozvon.gc-700100200.7@school.example");
        assert_eq!(taken[0].subject, "Заявка Bcc: x@example.ru");
    }

    /// Replies of Debian's servers to a sender for whom they do not relay, and of large receivers to a host or domain.
    #[test]
    fn a_server_that_refuses_us_marks_no_address() {
        for (stage, code, text) in [
            (SmtpStage::Recipient, 550, "relay not permitted"),
            (SmtpStage::Recipient, 454, "4.7.1 <m@example.ru>: Relay access denied"),
            (SmtpStage::Recipient, 554, "5.7.1 <m@example.ru>: Relay access denied"),
            (SmtpStage::Recipient, 550, "5.7.1 Relaying denied"),
            (SmtpStage::Recipient, 550, "Authentication is required for relay"),
            (SmtpStage::Sender, 530, "5.7.0 Must issue a STARTTLS command first"),
            (SmtpStage::Recipient, 550, "5.7.1 Client host rejected: cannot find your reverse hostname"),
            (SmtpStage::Recipient, 554, "5.7.1 Client host [192.0.2.1] blocked using dnsbl.example"),
            (SmtpStage::Content, 550, "5.7.26 Unauthenticated email is not accepted due to DMARC policy"),
            (SmtpStage::Content, 550, "5.7.25 no name for your address"),
        ] {
            let fault = fault(PostFault::refused(stage, code, text));
            assert!(fault.to_string().starts_with("denied"), "{code} {text}: {fault}");
            assert!(!fault.to_string().contains('@'), "{fault}");
        }
    }

    #[tokio::test]
    async fn a_refusal_without_a_reason_is_not_believed_at_once() {
        let refusal = PostFault::refused(SmtpStage::Recipient, 550, "Invalid recipient");
        let (result, _) = deliver(Try::First, Err(refusal)).await;
        assert!(matches!(result, Err(Fault::Later { .. })), "{result:?}");
    }

    #[tokio::test]
    async fn a_letter_that_may_have_left_is_never_sent_again() {
        let (result, taken) = deliver(Try::MayBeDone, Ok(())).await;
        assert!(matches!(result, Err(Fault::Never { .. })) && taken.is_empty());
    }

    #[test]
    fn each_refusal_has_the_class_that_says_what_to_do() {
        use SmtpStage::*;
        for (stage, code, enhanced, class) in [
            (Recipient, 550, Some((5, 1, 1)), "never: bounced"),
            (Recipient, 550, None, "never: bounced"),
            (Recipient, 553, Some((5, 1, 3)), "never: bounced"),
            (Recipient, 550, Some((5, 2, 1)), "never: bounced"),
            (Recipient, 524, Some((5, 2, 4)), "never: bounced"),
            (Content, 550, Some((5, 1, 1)), "never: bounced"),
            (Recipient, 550, Some((5, 7, 1)), "never: recipient"),
            (Recipient, 552, Some((5, 2, 2)), "later"),
            (Recipient, 451, Some((4, 7, 1)), "later"),
            (Recipient, 450, None, "later"),
            (SignIn, 421, None, "later"),
            (SignIn, 535, Some((5, 7, 8)), "denied"),
            (SignIn, 554, None, "denied"),
            (Sender, 553, Some((5, 7, 1)), "denied"),
            (Sender, 530, None, "denied"),
            (Content, 554, Some((5, 7, 1)), "never: content"),
            (Content, 552, Some((5, 3, 4)), "never: content"),
            (Recipient, 599, None, "never: recipient"),
        ] {
            let reply = SmtpReply { code, enhanced, is_about_us: false };
            let fault = fault(PostFault::Refused { stage, reply });
            assert!(fault.to_string().starts_with(class), "{stage:?} {code} {enhanced:?}: {fault}");
        }
        assert!(matches!(fault(PostFault::NotSent(String::new())), Fault::Later { .. }));
        assert!(matches!(fault(PostFault::BrokenOff(String::new())), Fault::Unclear { .. }));
        assert!(fault(PostFault::BadAddress("recipient's")).to_string().starts_with("never: bounced"));
    }
}
