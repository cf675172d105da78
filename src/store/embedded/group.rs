//! Group commit: one thread owns the connection and commits the queued work as one transaction, so that many
//! callers share one sync of the disk. Never returns before the sync, and never lets one caller's refusal
//! affect another's work: each has its own savepoint. Enter at [`Group::start`] and [`Group::run`].

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::store::StoreError;

/// Callers wait when this many are queued.
const QUEUE: usize = 1024;

/// Most callers of one transaction; this bounds the wait of the first of them.
const GROUP: usize = 256;

/// Passes the result to one caller, once the group is on the disk or is known not to be.
type Completion = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> Completion + Send>;

enum Work {
    /// In one transaction with others.
    Shared(Job),
    /// Outside of any transaction.
    Alone(Job),
}

pub struct Group {
    /// `None` only while it is being dropped.
    jobs: Option<mpsc::Sender<Work>>,
    thread: Option<JoinHandle<()>>,
}

impl Group {
    pub fn start(db: Connection) -> Result<Self, StoreError> {
        let (jobs, queued) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || serve(&db, queued))
            .map_err(|error| StoreError::Unreachable(format!("no thread for it: {error}")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `work` on the thread, completely or not at all; returns after the sync.
    pub async fn run<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + From<rusqlite::Error> + Send + 'static,
    {
        self.send(Work::Shared, move |db| whole(db, work)).await
    }

    /// Runs `work` on the thread between two transactions.
    pub async fn run_alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.send(Work::Alone, move |db| catch_unwind(AssertUnwindSafe(|| work(db)))).await
    }

    async fn send<T, E>(
        &self,
        kind: fn(Job) -> Work,
        work: impl FnOnce(&Connection) -> std::thread::Result<Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |db| {
            let done = work(db);
            Box::new(move |synced| {
                // A caller that stopped waiting gets no result; its work is done all the same.
                let _ = answer.send(match synced {
                    Ok(()) => done,
                    Err(error) => Ok(Err(error.into())),
                });
            })
        });
        let ended = || E::from(StoreError::Unreachable("its thread has ended; see the log".to_owned()));
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(kind(job)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Drop for Group {
    /// Waits for the queued work, so that the folder is free when this returns.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs `work` in a savepoint, which is rolled back after a refusal or a panic. The panic is returned, and
/// resumes in the caller.
pub fn whole<T, E: From<rusqlite::Error>>(
    db: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, E>,
) -> std::thread::Result<Result<T, E>> {
    let begun = db.prepare_cached("SAVEPOINT unit").and_then(|mut begin| begin.execute([]));
    if let Err(error) = begun {
        return Ok(Err(error.into()));
    }
    let done = catch_unwind(AssertUnwindSafe(|| work(db)));
    let ends = match done {
        Ok(Ok(_)) => &["RELEASE unit"][..],
        Ok(Err(_)) | Err(_) => &["ROLLBACK TO unit", "RELEASE unit"],
    };
    for end in ends.iter().filter(|_| !db.is_autocommit()) {
        if let Err(error) = db.prepare_cached(end).and_then(|mut end| end.execute([])) {
            return done.map(|_| Err(error.into()));
        }
    }
    done
}

fn serve(db: &Connection, mut queued: mpsc::Receiver<Work>) {
    let mut answers = Vec::with_capacity(GROUP);
    let mut held = None;
    while let Some(work) = held.take().or_else(|| queued.blocking_recv()) {
        let first = match work {
            Work::Shared(first) => first,
            Work::Alone(job) => {
                job(db)(Ok(()));
                continue;
            }
        };
        let (synced, next) = commit_group(db, first, &mut queued, &mut answers);
        held = next;
        if let Err(error) = &synced {
            tracing::error!(%error, callers = answers.len(), "a group of the embedded store was not committed");
        }
        for answer in answers.drain(..) {
            answer(synced.clone());
        }
    }
}

/// One transaction with `first` and the work queued after it, up to work that runs alone, which is returned.
fn commit_group(
    db: &Connection,
    first: Job,
    queued: &mut mpsc::Receiver<Work>,
    answers: &mut Vec<Completion>,
) -> (Result<(), StoreError>, Option<Work>) {
    let mut alone = None;
    let mut more = || match queued.try_recv() {
        Ok(Work::Shared(job)) => Some(job),
        Ok(work) => {
            alone = Some(work);
            None
        }
        Err(_) => None,
    };
    (commit(db, first, &mut more, answers), alone)
}

fn commit(
    db: &Connection,
    first: Job,
    more: &mut dyn FnMut() -> Option<Job>,
    answers: &mut Vec<Completion>,
) -> Result<(), StoreError> {
    let begun = db.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([]));
    let mut next = Some(first);
    while let Some(job) = next {
        answers.push(job(db));
        // On a full disk SQLite rolls the whole transaction back: then no caller's work is stored, and the
        // following work must not run outside of a transaction.
        if db.is_autocommit() {
            begun?;
            return Err(StoreError::Unreachable(
                "the transaction was rolled back, the disk may be full".to_owned(),
            ));
        }
        next = if answers.len() < GROUP { more() } else { None };
    }
    let synced = db.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
    if synced.is_err() && !db.is_autocommit() {
        let _ = db.execute_batch("ROLLBACK");
    }
    synced?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panics::caught;

    /// A panic in one caller's work ends neither the thread nor the work of others in the same transaction.
    #[tokio::test]
    async fn a_panic_in_the_work_is_the_callers_and_leaves_nothing_behind() {
        let db = Connection::open_in_memory().expect("memory");
        db.execute_batch("CREATE TABLE t (n INTEGER)").expect("a table");
        let group = Group::start(db).expect("a thread");
        let put = |n: i64| {
            group.run(move |db| {
                db.execute("INSERT INTO t VALUES (?1)", [n])?;
                assert!(n != 2, "a defect");
                Ok::<_, StoreError>(())
            })
        };
        let (first, second, third) = tokio::join!(caught(put(1)), caught(put(2)), caught(put(3)));
        assert_eq!((first, third), (Ok(Ok(())), Ok(Ok(()))));
        assert!(second.is_err(), "the panic goes on where it was asked for");
        let kept = group.run(|db| {
            let mut kept = db.prepare("SELECT n FROM t ORDER BY n")?;
            Ok::<Vec<i64>, StoreError>(kept.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        });
        assert_eq!(kept.await, Ok(vec![1, 3]));
    }
}
