//! Call start: one courier for all providers, which differ in one request. Never repeats a start that may
//! have been done, and never starts a call after its time. Enter at [`LineCourier`]; a provider implements
//! [`Starter`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::link;
use crate::platform::http::{NoResponse, Response};
use crate::platform::{Courier, Fault, Links, Receipt, Room, Try};
use crate::process::command::StartCall;
use crate::process::definition::Manager;
use crate::process::{Ask, At, Command, ManagerId, Urgency};

/// One call to be started, manager's leg first.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// Our command's id, for providers that accept one.
    pub command: &'a str,
    pub extension: &'a str,
    /// E.164.
    pub client: &'a str,
    /// Our line that the client should see, as written in the school's file.
    pub caller_id: Option<&'a str>,
    pub urgency: Urgency,
}

impl Start<'_> {
    /// `7XXXXXXXXXX`: how every provider here wants it.
    pub fn client_digits(&self) -> &str {
        self.client.trim_start_matches('+')
    }

    pub fn caller_id_digits(&self) -> Option<&str> {
        self.caller_id.map(|line| line.trim_start_matches('+'))
    }
}

/// The part that differs between providers.
#[async_trait]
pub trait Starter: Send + Sync {
    /// Requests the call. Returns the names that its events will use for it, in addition to our command's id;
    /// `Unclear` if the request may have been done.
    async fn start(&self, start: &Start<'_>, now: At) -> Result<Vec<String>, Fault>;

    /// Recurring maintenance; returns when it is due next.
    async fn chore(&self, now: At) -> Result<At, Fault> {
        Ok(now + TimeDelta::days(1))
    }
}

/// The courier of a school's telephony.
pub struct LineCourier {
    starter: Box<dyn Starter>,
    extensions: BTreeMap<ManagerId, String>,
}

impl LineCourier {
    pub fn new(starter: Box<dyn Starter>, roster: &[Manager]) -> Self {
        let extensions = roster.iter().filter_map(|one| Some((one.id.clone(), one.extension.clone()?)));
        Self { starter, extensions: extensions.collect() }
    }
}

#[async_trait]
impl Courier for LineCourier {
    fn room(&self) -> Room {
        Room { together: 0, alone: 4, money: 0 }
    }

    /// No provider offers a start that is safe to repeat, or a way to find out whether one was done.
    async fn deliver(&self, command: &Command, tried: Try, _: &dyn Links, now: At) -> Result<Receipt, Fault> {
        let Ask::StartCall(StartCall { manager, number, caller_id, not_after, .. }) = &command.ask else {
            return Err(Fault::never("not a command for the line"));
        };
        if tried == Try::MayBeDone {
            return Err(Fault::never("the call may have been started: a start is never repeated"));
        }
        if now > *not_after {
            return Err(Fault::never("the call's moment has passed"));
        }
        let Some(extension) = self.extensions.get(manager) else {
            return Err(Fault::never(format!("manager {manager} has no extension in the roster")));
        };
        let start = Start {
            command: command.id.as_str(),
            extension,
            client: number,
            caller_id: caller_id.as_deref(),
            urgency: command.urgency,
        };
        let names = self.starter.start(&start, now).await?;
        // The command's own id already names its order.
        let mut links: Vec<_> =
            names.iter().map(|name| (link::call(name), command.order.to_string())).collect();
        if !names.is_empty() {
            links.push((link::start(&command.id), names.join(" ")));
        }
        Ok(Receipt { links, signals: Vec::new() })
    }

    async fn chore(&self, now: At) -> Result<At, Fault> {
        self.starter.chore(now).await
    }
}

/// No answer came to a start.
pub fn no_response(silence: NoResponse) -> Fault {
    match silence {
        NoResponse::NotSent(why) => Fault::later(why),
        NoResponse::BrokenOff(why) => Fault::unclear(why),
    }
}

/// A status without further details.
pub fn refused(provider: &str, response: &Response) -> Fault {
    let why = format!("{provider} answers {}", response.status);
    match response.status {
        401 | 403 => Fault::denied(format!("{why}: are the keys right, and may they start calls?")),
        429 | 503 => Fault::Later { why, after_ms: response.retry_after_ms() },
        408 | 500..=599 => Fault::unclear(why),
        200..=299 => Fault::unclear(format!("{why}, and not what was expected")),
        _ => Fault::never(why),
    }
}

#[cfg(test)]
pub(in crate::platform) mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::platform::fake::{FakeLinks, class};
    use crate::process::{CommandId, TaskId};

    pub fn response(status: u16, body: &str) -> Response {
        Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    /// Counts how often it is asked.
    #[derive(Clone, Default)]
    struct Counting(Arc<AtomicU32>);

    #[async_trait]
    impl Starter for Counting {
        async fn start(&self, start: &Start<'_>, _: At) -> Result<Vec<String>, Fault> {
            assert_eq!((start.extension, start.client_digits()), ("101", "79005550101"));
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(vec!["theirs".to_owned()])
        }
    }

    fn command(manager: &str, not_after: At) -> Command {
        let start = StartCall {
            manager: ManagerId::from(manager),
            number: "+79005550101".to_owned(),
            caller_id: None,
            task: TaskId("t1·gc-1".to_owned()),
            not_after,
        };
        Command {
            id: CommandId("gc-1.4".to_owned()),
            order: "gc-1".into(),
            client: "c-1".into(),
            urgency: Urgency::Hot,
            ask: Ask::StartCall(start),
        }
    }

    #[tokio::test]
    async fn a_start_is_asked_for_once_in_its_time_for_somebody_with_a_phone() {
        let now = At::from_timestamp(1_767_254_400, 0).expect("in range");
        let (later, passed) = (now + TimeDelta::seconds(90), now - TimeDelta::seconds(1));
        let manager = |id: &str, extension: Option<&str>| Manager {
            id: ManagerId::from(id),
            name: id.to_owned(),
            head: false,
            active: true,
            amocrm: None,
            getcourse: None,
            email: None,
            extension: extension.map(str::to_owned),
        };
        let roster = [manager("irina", Some("101")), manager("oleg", None)];
        for (who, not_after, tried, expected, asked) in [
            ("irina", later, Try::First, "done", 1),
            ("irina", later, Try::MayBeDone, "never", 0),
            ("irina", passed, Try::First, "never", 0),
            ("oleg", later, Try::First, "never", 0),
        ] {
            let counting = Counting::default();
            let courier = LineCourier::new(Box::new(counting.clone()), &roster);
            let done = courier.deliver(&command(who, not_after), tried, &FakeLinks::default(), now).await;
            assert_eq!(class(&done), expected, "{who} {tried:?}");
            assert_eq!(counting.0.load(Ordering::SeqCst), asked, "{who} {tried:?}");
            if let Ok(receipt) = done {
                let links = [("call:theirs", "gc-1"), ("start:gc-1.4", "theirs")];
                assert_eq!(receipt.links, links.map(|(name, value)| (name.to_owned(), value.to_owned())));
            }
        }
    }
}
