//! Tells people what has begun to be wrong and what has ended: by mail and by a signed webhook. Looks at the
//! list of troubles for as long as the bridge runs. Never gives more than one notice of a trouble per hour
//! ([`crate::trouble::Board`] says which), and never waits for a receiver longer than its timeout. Enter at
//! [`run`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use tokio::time::Instant;

use crate::clock::{Clock, WallClock, stopwatch};
use crate::config::Notify;
use crate::http::{Front, operation};
use crate::panics::caught;
use crate::platform::entry::{Account, Wires};
use crate::platform::http::{Http, RealHttp, Request};
use crate::platform::post::Post;
use crate::platform::tokens::TokenStore;
use crate::platform::{Courier, Fault, Links, Try};
use crate::process::command::Letter;
use crate::process::{Ask, ClientId, Command, CommandId, OrderId, SchoolId, Target, Urgency};
use crate::secret::{Secret, random_token};
use crate::trouble::{Change, LISTED_MAX, Notice, Trouble};

/// Between two looks at the list.
const LOOK: Duration = Duration::from_secs(2);

/// A notice is given up after so many tries; the pauses between them double.
const TRIES_MAX: u32 = 9;
const AGAIN_FIRST: Duration = Duration::from_secs(2);

/// Notices that wait; more would be of no use to a person.
const WAITING_MAX: usize = 100;

/// Timeout of one webhook, seconds.
const ANSWER_S: u64 = 10;

/// A notice on its way to one receiver.
struct Pending {
    to: Receiver,
    notice: Notice,
    /// The same for each try, so that a receiver can tell a repeat.
    id: String,
    tries: u32,
    not_before: Instant,
}

#[derive(Clone)]
enum Receiver {
    Webhook,
    Mail(String),
}

/// Looks and tells until it is dropped. A panic costs the look in which it happens.
pub async fn run(front: Data<Front>, settings: Notify, url: String) {
    let http = RealHttp::new(Duration::from_secs(ANSWER_S));
    let http = http.inspect_err(|error| tracing::error!(error, "no notices by webhook")).ok();
    let mut notifier = Notifier { front, settings, url, http, pending: VecDeque::new() };
    loop {
        if let Err(panicked) = caught(notifier.round()).await {
            tracing::error!(%panicked, "ALARM: the look for troubles panicked; it is repeated");
        }
        tokio::time::sleep(LOOK).await;
    }
}

struct Notifier {
    front: Data<Front>,
    settings: Notify,
    /// The bridge's own address, which tells instances apart.
    url: String,
    http: Option<RealHttp>,
    pending: VecDeque<Pending>,
}

impl Notifier {
    async fn round(&mut self) {
        operation::look(&self.front).await;
        for notice in self.front.board.notices(crate::clock::wall_now()) {
            self.note(&notice);
        }
        for _ in 0..self.pending.len() {
            let Some(pending) = self.pending.pop_front() else { return };
            if pending.not_before > stopwatch() {
                self.pending.push_back(pending);
            } else if let Err(why) = self.tell(&pending).await {
                self.again(pending, &why);
            }
        }
    }

    /// Logs it, and lays it out for each receiver.
    fn note(&mut self, notice: &Notice) {
        let (id, count) = (notice.id.id(), notice.troubles.len());
        match notice.change {
            Change::Begun => tracing::error!(id, count, "ALARM: trouble: {}", details(notice)),
            Change::Ended => tracing::info!(id, count, "the trouble has ended"),
        }
        let webhook = self.settings.webhook.as_ref().map(|_| Receiver::Webhook);
        let mails = self.settings.emails.iter().cloned().map(Receiver::Mail);
        for to in webhook.into_iter().chain(mails) {
            if self.pending.len() >= WAITING_MAX {
                self.pending.pop_front();
                tracing::warn!("too many notices wait: the oldest one is dropped");
            }
            let (notice, id) = (notice.clone(), random_token());
            self.pending.push_back(Pending { to, notice, id, tries: 0, not_before: stopwatch() });
        }
    }

    fn again(&mut self, pending: Pending, why: &str) {
        let tries = pending.tries + 1;
        let id = pending.notice.id.id();
        if tries >= TRIES_MAX {
            tracing::error!(id, tries, why, "a notice could not be given and is dropped");
            return;
        }
        tracing::warn!(id, tries, why, "a notice could not be given; it is tried again");
        let not_before = stopwatch() + AGAIN_FIRST * 2_u32.pow(tries - 1);
        self.pending.push_back(Pending { tries, not_before, ..pending });
    }

    async fn tell(&self, pending: &Pending) -> Result<(), String> {
        match &pending.to {
            Receiver::Webhook => self.call(pending).await,
            Receiver::Mail(to) => self.write(pending, to).await,
        }
    }

    async fn call(&self, pending: &Pending) -> Result<(), String> {
        let (Some((address, secret)), Some(http)) = (&self.settings.webhook, &self.http) else {
            return Ok(());
        };
        let Notice { id, change, at, troubles } = &pending.notice;
        let troubles = &troubles[..troubles.len().min(LISTED_MAX)];
        let body = json!({
            "notice": pending.id, "instance": self.url, "id": id, "change": change, "at": at,
            "count": pending.notice.troubles.len(), "troubles": troubles,
        });
        let (body, second) = (body.to_string(), at.timestamp());
        let request = Request::new("POST", address.reveal())
            .header("content-type", "application/json")
            .header("dozvon-timestamp", second.to_string())
            .header("dozvon-signature", signature(secret, second, &body));
        let request = Request { body: body.into_bytes(), ..request };
        match http.send(request).await {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(format!("the receiver answers {}", answer.status)),
            Err(none) => Err(none.to_string()),
        }
    }

    /// Through the mail server of the school concerned, else through that of any school.
    async fn write(&self, pending: &Pending, to: &str) -> Result<(), String> {
        let of = pending.notice.troubles.iter().find_map(|trouble| trouble.school.clone());
        let sites = self.front.sites.all();
        let concerned = sites.iter().filter(|site| of.as_ref() == Some(site.id()));
        let courier = concerned.chain(&sites).find_map(|site| {
            let seen = site.school.as_seen_by_platforms(&self.url);
            let mut settings = site.school.platforms.iter();
            settings.find_map(|(platform, settings)| {
                let is_mail = platform.name == Target::Mail.as_str();
                let connected = is_mail.then(|| settings.connect(&seen, &mut Alone).ok())??;
                connected.courier.map(|(_, courier)| courier)
            })
        });
        let courier = courier.ok_or("no school has a usable [mail]")?;
        let command = letter(pending, to, &self.url);
        let sent = courier.deliver(&command, Try::First, &NoLinks, WallClock.now()).await;
        match sent {
            // It may have left: a person does not need it twice.
            Ok(_) | Err(Fault::Unclear { .. }) => Ok(()),
            Err(fault) => Err(fault.to_string()),
        }
    }
}

/// `v1=` and the hex HMAC-SHA256 of «timestamp.body».
pub fn signature(secret: &Secret, second: i64, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes());
    let mut mac = mac.expect("a key of any length");
    mac.update(format!("{second}.{body}").as_bytes());
    format!("v1={}", hex::encode(mac.finalize().into_bytes()))
}

fn details(notice: &Notice) -> String {
    let place = |trouble: &Trouble| {
        let school = trouble.school.as_ref().map_or("-", |school| school.as_str());
        format!("{school}/{}: {}", trouble.platform.as_deref().unwrap_or("-"), trouble.detail)
    };
    notice.troubles.iter().take(LISTED_MAX).map(place).collect::<Vec<_>>().join("; ")
}

fn letter(pending: &Pending, to: &str, url: &str) -> Command {
    let (subject, body) = words(&pending.notice, url);
    Command {
        id: CommandId(format!("notice-{}", pending.id)),
        order: OrderId::from("notice"),
        client: ClientId::from("notice"),
        urgency: Urgency::Usual,
        ask: Ask::SendLetter(Letter { text: "notice".into(), to: to.to_owned(), subject, body }),
    }
}

/// Subject and text of the letter.
fn words(notice: &Notice, url: &str) -> (String, String) {
    let what = notice.id.what();
    let subject = match notice.change {
        Change::Begun => format!("Dozvon: {}", first_lower(what)),
        Change::Ended => format!("Dozvon: прошло, было: {}", first_lower(what)),
    };
    let mut body = match notice.change {
        Change::Begun => format!("{what}.\n{}.\n\n", notice.id.remedy()),
        Change::Ended => format!("Прошло: {}.\n\n", first_lower(what)),
    };
    for trouble in notice.troubles.iter().take(LISTED_MAX) {
        let place = [trouble.school.as_ref().map(|school| school.as_str()), trouble.platform.as_deref()];
        let place = place.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let place = if place.is_empty() { "вся программа" } else { &place };
        let since = trouble.since.format("%Y-%m-%d %H:%M");
        body.push_str(&format!("— {place}: с {since} UTC, {}\n", trouble.detail));
    }
    if notice.troubles.len() > LISTED_MAX {
        body.push_str(&format!("и ещё {}\n", notice.troubles.len() - LISTED_MAX));
    }
    body.push_str(&format!("\nАдрес: {url}\nЗнак: {}\n", notice.id.id()));
    (subject, body)
}

fn first_lower(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
    // A name such as Redis keeps its letter.
    if first.is_ascii() { text.to_owned() } else { first + letters.as_str() }
}

/// Connects a mail server without budgets, which need the store: a notice may be about the store.
struct Alone;

impl Wires for Alone {
    fn http(&mut self, _: &'static str, _: u64, _: Account) -> Result<Arc<dyn Http>, String> {
        Err("notices leave by mail only".to_owned())
    }

    fn paced(&mut self, _: Account, courier: Box<dyn Courier>) -> Arc<dyn Courier> {
        Arc::from(courier)
    }

    fn post(&mut self) -> Option<Box<dyn Post>> {
        None
    }

    fn tokens(&self, _: &str, _: &SchoolId) -> Result<Arc<dyn TokenStore>, String> {
        Err("notices leave by mail only".to_owned())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(WallClock)
    }
}

/// A notice refers to nothing stored.
struct NoLinks;

#[async_trait]
impl Links for NoLinks {
    async fn find(&self, _: &str) -> Result<Option<String>, Fault> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::At;
    use crate::trouble::TroubleKind;

    #[test]
    fn a_letter_says_what_is_wrong_where_since_when_and_what_to_do() {
        let at = At::from_timestamp(1_795_000_000, 0).expect("in range");
        let trouble = Trouble::new(TroubleKind::AccountDenied, 3, "amoCRM answers 401", at);
        let troubles = vec![trouble.of(&SchoolId::from("rost")).at("crm")];
        let notice = Notice { id: TroubleKind::AccountDenied, change: Change::Begun, at, troubles };
        let (subject, body) = words(&notice, "https://bridge.example");
        assert_eq!(subject, "Dozvon: платформа не принимает наши запросы: доступ отклонён");
        for part in ["rost, crm", "2026-11-18 11:06", "amoCRM answers 401", "SIGHUP", "account_denied"] {
            assert!(body.contains(part), "{part}: {body}");
        }
        let (subject, _) = words(&Notice { change: Change::Ended, ..notice }, "");
        assert!(subject.starts_with("Dozvon: прошло"), "{subject}");
    }

    /// By `printf '1795000000.{}' | openssl dgst -sha256 -hmac key`.
    #[test]
    fn the_signature_covers_time_and_body() {
        let signed = signature(&Secret::new("key"), 1_795_000_000, "{}");
        assert_eq!(signed, "v1=71f6cd81e7ac967a6bfd8d621347e9ee7792b1fde3a9a64c3161a631437c7fb6");
    }
}
