//! The mail server over lettre, one letter after another on one connection, command by command: only this way can a
//! loss before the letter's end be told from one after it. Never opens an unprotected connection to another
//! machine. Enter at [`SmtpPost::open`].

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use tokio::time::Instant;

use super::letter::{Written, sender};
use super::settings::{Settings, Tls};
use crate::clock::stopwatch;
use crate::platform::post::{Outgoing, Post, PostFault, SmtpStage};

/// A connection is used for the next letter within this time: greeting, TLS and sign-in of a slow server take longer
/// than a letter. Servers close one that is silent for minutes.
const KEPT: Duration = Duration::from_secs(20);

/// Letters over one connection; servers limit them, most to a hundred.
const LETTERS_MAX: u32 = 50;

/// The server says that it closes the connection.
const CLOSES: u16 = 421;

/// A school's mail server.
pub struct SmtpPost {
    host: String,
    port: u16,
    tls: Tls,
    /// `None` on loopback only.
    tls_parameters: Option<TlsParameters>,
    credentials: Option<Credentials>,
    hello: ClientId,
    timeout: Duration,
    /// Signed in, and between two letters.
    kept: Arc<Mutex<Option<Kept>>>,
}

struct Kept {
    connection: AsyncSmtpConnection,
    letters: u32,
    since: Instant,
}

impl SmtpPost {
    /// Reads the password and checks what can be checked without a connection; the error says which key is
    /// wrong.
    pub fn open(settings: &Settings) -> Result<Self, String> {
        let from = sender(&settings.from).map_err(|why| format!("mail.from: {why}"))?;
        if let Some(reply_to) = &settings.reply_to {
            sender(reply_to).map_err(|why| format!("mail.reply_to: {why}"))?;
        }
        if settings.tls == Tls::None && !is_loopback(&settings.host) {
            return Err("mail.tls: `none` is accepted for loopback only".to_owned());
        }
        let tls_parameters = match settings.tls {
            Tls::None => None,
            Tls::Wrapped | Tls::Starttls => {
                let parameters = TlsParameters::new(settings.host.clone());
                Some(parameters.map_err(|error| format!("mail.host: no TLS with it: {error}"))?)
            }
        };
        let credentials = match (&settings.user, &settings.password) {
            (None, None) => None,
            (Some(user), Some(password)) => {
                let password = password.read().map_err(|why| format!("mail.password: {why}"))?;
                Some(Credentials::new(user.clone(), password.reveal().to_owned()))
            }
            _ => return Err("mail.user and mail.password: both or none".to_owned()),
        };
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            tls: settings.tls,
            tls_parameters,
            credentials,
            hello: ClientId::Domain(from.email.domain().to_owned()),
            timeout: Duration::from_secs(settings.timeout_s),
            kept: Arc::default(),
        })
    }

    /// Greeting, TLS, sign-in.
    async fn connected(&self) -> Result<AsyncSmtpConnection, PostFault> {
        let at_once = self.tls_parameters.clone().filter(|_| self.tls == Tls::Wrapped);
        let address = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(address, Some(self.timeout), &self.hello, at_once, None)
                .await
                .map_err(|error| before_end(SmtpStage::SignIn, &error))?;
        if self.tls == Tls::Starttls
            && let Some(parameters) = self.tls_parameters.clone()
        {
            let secured = connection.starttls(parameters, &self.hello).await;
            secured.map_err(|error| before_end(SmtpStage::SignIn, &error))?;
        }
        if let Some(credentials) = &self.credentials {
            let signed_in = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            signed_in.map_err(|error| before_end(SmtpStage::SignIn, &error))?;
        }
        Ok(connection)
    }

    /// A connection on which the server waits for the letter, and how many it has taken before.
    async fn announced(&self, from: Address, to: Address) -> Result<(AsyncSmtpConnection, u32), PostFault> {
        let kept = self.kept().take().filter(|kept| kept.since.elapsed() < KEPT);
        if let Some(Kept { mut connection, letters, .. }) = kept {
            let announcing = announce(&mut connection, from.clone(), to.clone());
            match tokio::time::timeout(self.timeout / 2, announcing).await {
                // It was closed meanwhile: nothing was sent, and a new one is opened.
                Err(_) | Ok(Err(PostFault::NotSent(_))) => {}
                Ok(Err(PostFault::Refused { reply, .. })) if reply.code == CLOSES => {}
                Ok(done) => return done.map(|()| (connection, letters)),
            }
        }
        let mut connection = self.connected().await?;
        announce(&mut connection, from, to).await?;
        Ok((connection, 0))
    }

    /// Keeps the connection for the next letter, and takes leave of the server if none comes.
    fn keep(&self, connection: AsyncSmtpConnection, letters: u32) {
        let since = stopwatch();
        *self.kept() = Some(Kept { connection, letters, since });
        let kept = Arc::downgrade(&self.kept);
        tokio::spawn(async move {
            tokio::time::sleep(KEPT).await;
            let Some(kept) = kept.upgrade() else { return };
            let old = kept.lock().unwrap_or_else(PoisonError::into_inner).take_if(|kept| kept.since == since);
            if let Some(old) = old {
                leave(old.connection).await;
            }
        });
    }

    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All commands up to the point where the server waits for the letter.
async fn announce(connection: &mut AsyncSmtpConnection, from: Address, to: Address) -> Result<(), PostFault> {
    let answered = connection.command(Mail::new(Some(from), vec![])).await;
    answered.map_err(|error| before_end(SmtpStage::Sender, &error))?;
    let answered = connection.command(Rcpt::new(to, vec![])).await;
    answered.map_err(|error| before_end(SmtpStage::Recipient, &error))?;
    let answered = connection.command(Data).await;
    answered.map(drop).map_err(|error| before_end(SmtpStage::Content, &error))
}

/// How a connection ends does not matter.
async fn leave(mut connection: AsyncSmtpConnection) {
    let _ = tokio::time::timeout(Duration::from_secs(1), connection.quit()).await;
}

#[async_trait]
impl Post for SmtpPost {
    async fn send(&self, letter: &Outgoing) -> Result<(), PostFault> {
        let Written { from, to, raw } = letter.written()?;
        let announced = tokio::time::timeout(self.timeout, self.announced(from, to)).await;
        let (mut connection, letters) =
            announced.map_err(|_| PostFault::NotSent("the server is too slow".to_owned()))??;
        let taken = tokio::time::timeout(self.timeout, connection.message(&raw)).await;
        taken.map_err(|_| PostFault::BrokenOff("no reply to the letter in time".to_owned()))?.map_err(
            |error| refusal(SmtpStage::Content, &error).unwrap_or_else(|| PostFault::BrokenOff(kind(&error))),
        )?;
        // The letter is accepted. After any failure the connection is dropped: nobody knows its state.
        match letters + 1 {
            LETTERS_MAX.. => leave(connection).await,
            letters => self.keep(connection, letters),
        }
        Ok(())
    }
}

/// Before the letter's end nothing can have been delivered.
fn before_end(stage: SmtpStage, error: &Error) -> PostFault {
    refusal(stage, error).unwrap_or_else(|| {
        let lacks = error.is_client();
        if lacks { PostFault::Unusable(kind(error)) } else { PostFault::NotSent(kind(error)) }
    })
}

fn refusal(stage: SmtpStage, error: &Error) -> Option<PostFault> {
    let code: u16 = error.status()?.into();
    let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    Some(PostFault::refused(stage, code, &text))
}

/// The kind of a failure without its text, which may contain an address.
fn kind(error: &Error) -> String {
    let word = if error.is_timeout() {
        "time-out"
    } else if error.is_tls() {
        "no TLS"
    } else if error.is_client() {
        "it offers no STARTTLS or no sign-in that we know"
    } else {
        "connection lost"
    };
    word.to_owned()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::JoinHandle;

    use super::*;
    use crate::platform::post::SmtpReply;

    /// The server's reply to each command; an empty text closes the connection.
    #[derive(Clone, Copy)]
    struct Script {
        greeting: &'static str,
        mail: &'static str,
        rcpt: &'static str,
        data: &'static str,
        end: &'static str,
        /// Afterwards it closes the connection.
        letters: usize,
    }

    const GOOD: Script = Script {
        greeting: "220 mx",
        mail: "250 2.1.0 ok",
        rcpt: "250 2.1.5 ok",
        data: "354 go on",
        end: "250 2.0.0 queued as 4F2",
        letters: usize::MAX,
    };

    async fn talk(stream: TcpStream, script: Script) -> String {
        let mut stream = BufReader::new(stream);
        let (mut heard, mut letters) = (String::new(), 0);
        stream.write_all(format!("{}\r\n", script.greeting).as_bytes()).await.unwrap();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return heard;
            }
            let answer = match line.split(' ').next().unwrap_or_default().trim() {
                "EHLO" => "250-mx\r\n250 8BITMIME",
                "MAIL" => script.mail,
                "RCPT" => script.rcpt,
                "DATA" => script.data,
                _ => "221 bye",
            };
            heard.push_str(&line);
            if answer.is_empty() {
                return heard;
            }
            stream.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
            if answer.starts_with("354") {
                while !heard.ends_with("\r\n.\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).await.unwrap_or(0) == 0 {
                        return heard;
                    }
                    heard.push(char::from(byte[0]));
                }
                if script.end.is_empty() {
                    return heard;
                }
                stream.write_all(format!("{}\r\n", script.end).as_bytes()).await.unwrap();
                letters += 1;
                if letters == script.letters {
                    return heard;
                }
            }
        }
    }

    async fn server(script: Script) -> (Settings, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = tokio::spawn(async move { talk(listener.accept().await.unwrap().0, script).await });
        (settings(port), heard)
    }

    fn settings(port: u16) -> Settings {
        toml::from_str(&format!(
            "host = '127.0.0.1'\nport = {port}\ntls = 'none'\nfrom = 'Школа «Рост» <order@school.example>'"
        ))
        .unwrap()
    }

    fn letter(to: &str) -> Outgoing {
        Outgoing {
            message_id: "dozvon.gc-1.7@school.example".to_owned(),
            from: "Школа «Рост» <order@school.example>".to_owned(),
            to: to.to_owned(),
            reply_to: Some("irina@school.example".to_owned()),
            subject: "Заявка принята".to_owned(),
            body: "Здравствуйте!\n.\nШкола".to_owned(),
            at: "2026-07-14T15:05:33Z".parse().unwrap(),
        }
    }

    #[tokio::test]
    async fn a_letter_arrives_with_its_headers() {
        let (settings, heard) = server(GOOD).await;
        let post = SmtpPost::open(&settings).unwrap();
        assert_eq!(post.send(&letter("m@пример.рф")).await, Ok(()));
        drop(post);
        let heard = heard.await.unwrap();
        for part in [
            "EHLO school.example",
            "MAIL FROM:<order@school.example>",
            "RCPT TO:<m@xn--e1afmkfd.xn--p1ai>",
            "Message-ID: <dozvon.gc-1.7@school.example>",
            "Date: Tue, 14 Jul 2026 15:05:33 +0000",
            "Reply-To: irina@school.example",
            "Auto-Submitted: auto-generated",
            "Content-Type: text/plain; charset=utf-8",
        ] {
            assert!(heard.contains(part), "{part} is not in\n{heard}");
        }
        assert!(heard.is_ascii());
    }

    /// Postfix, Exim and OpenSMTPD refuse a host in Cyrillic at EHLO or MAIL (F92).
    #[tokio::test]
    async fn a_school_with_a_cyrillic_host_sends_ascii_only() {
        let (mut settings, heard) = server(GOOD).await;
        settings.from = "Школа «Рост» <order@школа.рф>".to_owned();
        let post = SmtpPost::open(&settings).unwrap();
        let letter = Outgoing {
            from: settings.from.clone(),
            reply_to: Some("Ирина <irina@школа.рф>".to_owned()),
            ..letter("m@example.ru")
        };
        assert_eq!(post.send(&letter).await, Ok(()));
        drop(post);
        let heard = heard.await.unwrap();
        for part in [
            "EHLO xn--80atdl2c.xn--p1ai",
            "MAIL FROM:<order@xn--80atdl2c.xn--p1ai>",
            "<irina@xn--80atdl2c.xn--p1ai>",
        ] {
            assert!(heard.contains(part), "{part} is not in\n{heard}");
        }
        assert!(heard.is_ascii());
    }

    /// Greeting and sign-in once, then letters; a connection that the server has closed meanwhile is opened anew.
    #[tokio::test]
    async fn letters_that_follow_one_another_use_one_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let post = SmtpPost::open(&settings(listener.local_addr().unwrap().port())).unwrap();
        let server = tokio::spawn(async move {
            let mut heard = Vec::new();
            for letters in [2, 9] {
                let stream = listener.accept().await.unwrap().0;
                heard.push(talk(stream, Script { letters, ..GOOD }).await);
            }
            heard
        });
        for _ in 0..3 {
            assert_eq!(post.send(&letter("m@example.ru")).await, Ok(()));
        }
        drop(post);
        let heard = server.await.unwrap();
        let counts =
            heard.iter().map(|heard| (heard.matches("EHLO").count(), heard.matches("MAIL FROM").count()));
        assert_eq!(counts.collect::<Vec<_>>(), [(1, 2), (1, 1)]);
    }

    #[tokio::test]
    async fn where_it_broke_decides_whether_it_may_have_left() {
        let refused = |stage, code, enhanced| PostFault::Refused {
            stage,
            reply: SmtpReply { code, enhanced, is_about_us: false },
        };
        let lost = |at: &str| PostFault::NotSent(at.to_owned());
        for (script, expected) in [
            (Script { greeting: "554 no", ..GOOD }, refused(SmtpStage::SignIn, 554, None)),
            (Script { mail: "553 5.7.1 no", ..GOOD }, refused(SmtpStage::Sender, 553, Some((5, 7, 1)))),
            (
                Script { rcpt: "550 5.1.1 no such user", ..GOOD },
                refused(SmtpStage::Recipient, 550, Some((5, 1, 1))),
            ),
            (Script { rcpt: "451 4.7.1 later", ..GOOD }, refused(SmtpStage::Recipient, 451, Some((4, 7, 1)))),
            (Script { data: "554 no", ..GOOD }, refused(SmtpStage::Content, 554, None)),
            (Script { end: "554 5.7.1 spam", ..GOOD }, refused(SmtpStage::Content, 554, Some((5, 7, 1)))),
            (Script { mail: "", ..GOOD }, lost("connection lost")),
            (Script { data: "", ..GOOD }, lost("connection lost")),
            (Script { end: "", ..GOOD }, PostFault::BrokenOff("connection lost".to_owned())),
        ] {
            let (settings, heard) = server(script).await;
            let post = SmtpPost::open(&settings).unwrap();
            assert_eq!(post.send(&letter("m@example.ru")).await, Err(expected));
            heard.abort();
        }
    }

    #[tokio::test]
    async fn a_bad_address_never_reaches_the_server_and_a_closed_port_sends_nothing() {
        let post = SmtpPost::open(&settings(1)).unwrap();
        for to in ["", "m", "m@", "@example.ru", "m m@example.ru", "мария@example.ru", "m@example.ru\r\nDATA"]
        {
            assert_eq!(post.send(&letter(to)).await, Err(PostFault::BadAddress("recipient's")), "{to:?}");
        }
        assert!(matches!(post.send(&letter("m@example.ru")).await, Err(PostFault::NotSent(_))));
    }

    #[tokio::test]
    async fn a_server_without_the_promised_protection_gets_no_letter() {
        let (mut settings, heard) = server(GOOD).await;
        settings.tls = Tls::Starttls;
        let post = SmtpPost::open(&settings).unwrap();
        assert!(matches!(post.send(&letter("m@example.ru")).await, Err(PostFault::Unusable(_))));
        assert!(!heard.await.unwrap().contains("MAIL"));
    }

    #[test]
    fn settings_that_would_leak_or_cannot_work_are_refused() {
        for (key, change) in [
            ("mail.tls", "host = 'mx.example'\ntls = 'none'\nfrom = 'a@b.example'"),
            ("mail.from", "host = 'localhost'\ntls = 'none'\nfrom = 'school'"),
            ("mail.from", "host = 'localhost'\ntls = 'none'\nfrom = 'заказ@школа.рф'"),
            ("mail.user", "host = 'localhost'\ntls = 'none'\nfrom = 'a@b.example'\nuser = 'a'"),
            ("mail.reply_to", "host = 'localhost'\ntls = 'none'\nfrom = 'a@b.example'\nreply_to = '-'"),
        ] {
            let settings: Settings = toml::from_str(change).unwrap();
            let why = SmtpPost::open(&settings).err().unwrap();
            assert!(why.starts_with(key), "{why}");
        }
        let protected = toml::from_str("host = 'mx.example'\nfrom = 'a@b.example'").unwrap();
        assert!(SmtpPost::open(&protected).is_ok());
    }
}
