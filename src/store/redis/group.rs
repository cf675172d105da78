//! Calls of one script for one school, grouped: what is asked while a request is under way goes with the next one, so
//! many callers share a request. Within a school the calls are carried out in the order in which they were asked, and
//! one request is under way at a time; an idle school's call leaves at once. Never repeats a call. Enter at
//! [`Group::run`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::{Script, ToRedisArgs, Value};
use tokio::sync::oneshot;

use super::link::Link;
use crate::process::SchoolId;
use crate::store::{StoreError, StoreResult};

/// Most calls of one request: it keeps the server for some milliseconds.
const TOGETHER_MAX: usize = 64;

/// A request takes no further call from this length on.
const BYTES_MAX: usize = 1024 * 1024;

/// The keys and arguments of one call, behind those that all calls of the school have in common.
#[derive(Debug, Default)]
pub struct Share {
    keys: Vec<String>,
    args: Vec<Vec<u8>>,
}

impl Share {
    pub fn key(&mut self, key: String) -> &mut Self {
        self.keys.push(key);
        self
    }

    pub fn arg(&mut self, arg: impl ToRedisArgs) -> &mut Self {
        arg.write_redis_args(&mut self.args);
        self
    }

    fn bytes(&self) -> usize {
        self.args.iter().map(Vec::len).sum()
    }
}

/// One script. It gets what its calls have in common, then their shares, and answers with a list of as many answers.
pub struct Group {
    script: Arc<Script>,
    schools: Mutex<BTreeMap<SchoolId, Arc<Queue>>>,
}

/// What is common to all calls of a school.
pub struct Common {
    pub keys: Vec<String>,
    pub args: Vec<Vec<u8>>,
}

#[derive(Default)]
struct Queue(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    waiting: VecDeque<(Share, oneshot::Sender<StoreResult<Value>>)>,
    /// Somebody takes them out.
    is_served: bool,
}

impl Group {
    pub fn of(script: Script) -> Self {
        Self { script: Arc::new(script), schools: Mutex::default() }
    }

    /// The answer to one call. If the server does not answer, all that wait for it hear so.
    pub async fn run(
        &self,
        link: Arc<Link>,
        school: &SchoolId,
        common: impl FnOnce() -> Common,
        share: Share,
    ) -> StoreResult<Value> {
        let queue = self.queue(school);
        let (answer, answered) = oneshot::channel();
        let is_first = queue.push(share, answer);
        if is_first {
            // A task of its own: the caller may stop waiting, and others depend on it.
            tokio::spawn(serve(Serving(queue), link, self.script.clone(), school.clone(), common()));
        }
        answered.await.unwrap_or_else(|_| Err(StoreError::Unreachable("the call was given up".to_owned())))
    }

    fn queue(&self, school: &SchoolId) -> Arc<Queue> {
        let mut schools = self.schools.lock().unwrap_or_else(PoisonError::into_inner);
        match schools.get(school) {
            Some(queue) => queue.clone(),
            None => schools.entry(school.clone()).or_default().clone(),
        }
    }
}

impl Queue {
    /// True if nobody serves the queue yet.
    fn push(&self, share: Share, answer: oneshot::Sender<StoreResult<Value>>) -> bool {
        let mut calls = self.calls();
        calls.waiting.push_back((share, answer));
        !std::mem::replace(&mut calls.is_served, true)
    }

    /// The calls of the next request; without any, the queue is served no longer.
    fn take(&self) -> Vec<(Share, oneshot::Sender<StoreResult<Value>>)> {
        let mut calls = self.calls();
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while taken.len() < TOGETHER_MAX
            && bytes < BYTES_MAX
            && let Some(call) = calls.waiting.pop_front()
        {
            bytes += call.0.bytes();
            taken.push(call);
        }
        calls.is_served = !taken.is_empty();
        taken
    }

    fn fail_all(&self, error: &StoreError) {
        let waiting = std::mem::take(&mut self.calls().waiting);
        waiting.into_iter().for_each(|(_, answer)| drop(answer.send(Err(error.clone()))));
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// However serving ends, nobody waits for ever.
struct Serving(Arc<Queue>);

impl Drop for Serving {
    fn drop(&mut self) {
        let mut calls = self.0.calls();
        if calls.is_served {
            calls.waiting.clear();
            calls.is_served = false;
        }
    }
}

async fn serve(serving: Serving, link: Arc<Link>, script: Arc<Script>, school: SchoolId, common: Common) {
    let queue = &serving.0;
    loop {
        let calls = queue.take();
        if calls.is_empty() {
            return;
        }
        let mut call = script.prepare_invoke();
        call.key(&common.keys).arg(&common.args);
        let mut askers = Vec::with_capacity(calls.len());
        for (share, asker) in calls {
            call.key(share.keys).arg(share.args);
            askers.push(asker);
        }
        match link.invoke_for::<Vec<Value>>(school.as_str(), &call).await {
            Ok(answers) if answers.len() == askers.len() => {
                askers.into_iter().zip(answers).for_each(|(asker, answer)| drop(asker.send(Ok(answer))));
            }
            answered => {
                let odd = |_| StoreError::Unreadable("an answer of a script".to_owned());
                let error = answered.map_or_else(|error| error, odd);
                askers.into_iter().for_each(|asker| drop(asker.send(Err(error.clone()))));
                queue.fail_all(&error);
            }
        }
    }
}
