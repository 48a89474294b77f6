//! One task owns one connection. Jobs that arrive together share a transaction, and each is answered only
//! after the commit.

use std::future::Future;
use std::pin::Pin;

use supervise_core::SafeLine;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::connection::Connection;
use crate::error::StoreError;
use crate::watch::{Wake, Watch};

const BATCH: usize = 256;

pub(crate) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'c>>;
type Ending = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Run = Box<dyn for<'c> FnOnce(Result<&'c mut Connection, StoreError>) -> Running<'c> + Send>;
type Running<'c> = Pin<Box<dyn Future<Output = Ran> + Send + 'c>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    /// At most one statement that writes: refused, it leaves nothing behind by itself.
    WriteOnce,
    Write,
}

struct Job {
    kind: Kind,
    /// Given an error instead of a connection, it only tells its caller.
    run: Run,
}

/// What is left of a job once its statements have run: its own error, and whom to tell how it ended.
struct Ran {
    error: Option<StoreError>,
    ending: Ending,
}

/// The handle on the task, which ends when the handle is gone and the jobs are done.
pub(crate) struct Db {
    jobs: mpsc::UnboundedSender<Job>,
    task: JoinHandle<()>,
    life: watch::Receiver<()>,
}

impl Db {
    pub(crate) fn start(connection: Connection, watch: Option<Watch>) -> Db {
        let (jobs, queue) = mpsc::unbounded_channel();
        let (alive, life) = watch::channel(());
        let task = tokio::spawn(async move {
            let _alive = alive;
            run(connection, queue, watch).await;
        });
        Db { jobs, task, life }
    }

    /// Ready once the task has ended. Keeps no handle on it.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut life = self.life.clone();
        async move {
            // Nothing is ever sent; the error is the end.
            while life.changed().await.is_ok() {}
        }
    }

    /// Runs `work` outside of a write transaction of its own.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Work<'c, T> + Send + 'static,
    {
        self.submit(Kind::Read, work, |_| {}).await
    }

    /// Runs `work` in a write transaction; returns after its commit.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Work<'c, T> + Send + 'static,
    {
        self.submit(Kind::Write, work, |_| {}).await
    }

    /// As [`Db::write`] for work with at most one statement that writes, which needs no savepoint around it.
    pub(crate) async fn write_once<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Work<'c, T> + Send + 'static,
    {
        self.submit(Kind::WriteOnce, work, |_| {}).await
    }

    /// As [`Db::write`]; `then` runs right after the commit, even if the caller has gone by then.
    pub(crate) async fn write_then<T, F, N>(&self, work: F, then: N) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Work<'c, T> + Send + 'static,
        N: FnOnce(&T) + Send + 'static,
    {
        self.submit(Kind::Write, work, then).await
    }

    /// As [`Db::write_then`] for callers that can't wait.
    pub(crate) fn write_later<T, F, N>(&self, work: F, then: N)
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Work<'c, T> + Send + 'static,
        N: FnOnce(&T) + Send + 'static,
    {
        drop(self.send(Kind::Write, work, then));
    }

    /// Finishes what was asked, closes the connection and waits for the task's end.
    pub(crate) async fn close(self) {
        drop(self.jobs);
        // A task that panicked has ended as well.
        let _ = self.task.await;
    }

    async fn submit<T, F, N>(&self, kind: Kind, work: F, then: N) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Work<'c, T> + Send + 'static,
        N: FnOnce(&T) + Send + 'static,
    {
        self.send(kind, work, then).await.map_err(|_| StoreError::Gone)?
    }

    fn send<T, F, N>(&self, kind: Kind, work: F, then: N) -> oneshot::Receiver<Result<T, StoreError>>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Work<'c, T> + Send + 'static,
        N: FnOnce(&T) + Send + 'static,
    {
        let (answer, receiver) = oneshot::channel();
        let run: Run = Box::new(move |connection| {
            Box::pin(async move {
                let result = match connection {
                    Ok(connection) => work(connection).await,
                    Err(error) => Err(error),
                };
                let error = result.as_ref().err().cloned();
                Ran {
                    error,
                    ending: Box::new(move |committed| end(committed.and(result), then, answer)),
                }
            })
        });
        // A failed send drops the job and with it the sender: the receiver then says Gone.
        let _ = self.jobs.send(Job { kind, run });
        receiver
    }
}

fn end<T>(
    result: Result<T, StoreError>,
    then: impl FnOnce(&T),
    answer: oneshot::Sender<Result<T, StoreError>>,
) {
    if let Ok(value) = &result {
        then(value);
    }
    // The caller may have gone, or never waited; what was committed stays.
    if let Err(Err(error)) = answer.send(result) {
        tracing::warn!(error = %SafeLine::new(&error.to_string()), "a change that nobody waits for failed");
    }
}

async fn run(mut connection: Connection, mut queue: mpsc::UnboundedReceiver<Job>, watch: Option<Watch>) {
    let mut batch = Vec::new();
    let Some(mut watch) = watch else {
        while queue.recv_many(&mut batch, BATCH).await > 0 {
            run_batch(&mut connection, &mut batch).await;
        }
        return connection.close().await;
    };
    loop {
        tokio::select! {
            taken = queue.recv_many(&mut batch, BATCH) => {
                if taken == 0 {
                    break;
                }
                match watch.follow_file(&mut connection).await {
                    Ok(()) => {
                        run_batch(&mut connection, &mut batch).await;
                        watch.after_own_work(&mut connection).await;
                    }
                    Err(error) => fail(std::mem::take(&mut batch), &error).await,
                }
            }
            wake = watch.wake(&mut connection) => {
                // A hint comes with every commit; the poll is often enough to notice that the file is another.
                if wake != Wake::Poll || watch.follow_file(&mut connection).await.is_ok() {
                    watch.check(wake, &mut connection).await;
                }
            }
        }
    }
    connection.close().await;
}

async fn run_batch(connection: &mut Connection, batch: &mut Vec<Job>) {
    let jobs = std::mem::take(batch);
    // What the other side has told by now is true for these jobs.
    if let Err(error) = connection.take_in().await {
        return fail(jobs, &error).await;
    }
    let only_reads = jobs.iter().all(|job| job.kind == Kind::Read);
    let begun = if only_reads {
        connection.begin_read().await
    } else {
        connection.begin().await
    };
    match begun {
        Ok(()) if only_reads => run_reads(connection, jobs).await,
        Ok(()) => run_transaction(connection, jobs).await,
        Err(error) => fail(jobs, &error).await,
    }
}

async fn run_reads(connection: &mut Connection, jobs: Vec<Job>) {
    let mut endings = Vec::with_capacity(jobs.len());
    for job in jobs {
        connection.start_statement();
        endings.push((job.run)(Ok(&mut *connection)).await.ending);
    }
    // Nothing was written: what was read is right however the transaction ends.
    connection.rollback().await;
    endings.into_iter().for_each(|ending| ending(Ok(())));
}

async fn run_transaction(connection: &mut Connection, jobs: Vec<Job>) {
    let mut endings = Vec::with_capacity(jobs.len());
    let mut jobs = jobs.into_iter();
    let mut outcome = Ok(());
    for job in jobs.by_ref() {
        match run_in_savepoint(connection, job).await {
            (ending, Ok(())) => endings.push(ending),
            (ending, Err(error)) => {
                endings.push(ending);
                outcome = Err(error);
                break;
            }
        }
    }
    if outcome.is_ok() {
        outcome = connection.commit().await;
    }
    if outcome.is_err() {
        connection.rollback().await;
    }
    for ending in endings {
        ending(outcome.clone());
    }
    // Those that never ran share the fate of the transaction they were to run in.
    if let Err(error) = outcome {
        fail(jobs.collect(), &error).await;
    }
}

/// Runs one job so that its failure leaves nothing of it behind. An error means the whole transaction is
/// lost: SQLite may have rolled it back already, and what ran next would commit by itself.
async fn run_in_savepoint(connection: &mut Connection, job: Job) -> (Ending, Result<(), StoreError>) {
    if job.kind != Kind::Write {
        connection.start_statement();
        let Ran { error, ending } = (job.run)(Ok(&mut *connection)).await;
        let settled = error
            .filter(|error| !error.spares_transaction())
            .map_or(Ok(()), Err);
        return (ending, settled);
    }
    if let Err(error) = connection.control("SAVEPOINT job").await {
        let ran = (job.run)(Err(error.clone())).await;
        return (ran.ending, Err(error));
    }
    connection.start_statement();
    let told = connection.told();
    let Ran { error, ending } = (job.run)(Ok(&mut *connection)).await;
    if error.is_some() {
        connection.tell_only(told);
    }
    let settled = match error {
        None => connection.control("RELEASE job").await,
        Some(error) if error.spares_transaction() => undo_savepoint(connection).await,
        Some(error) => Err(error),
    };
    (ending, settled)
}

async fn undo_savepoint(connection: &mut Connection) -> Result<(), StoreError> {
    connection.control("ROLLBACK TO job").await?;
    connection.control("RELEASE job").await
}

async fn fail(jobs: Vec<Job>, error: &StoreError) {
    for job in jobs {
        ((job.run)(Err(error.clone())).await.ending)(Ok(()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use supervise_core::{Ask, Response, Slug, Status};

    use super::*;
    use crate::asks::Asked;
    use crate::hold::{Answer, Delivery, Outcome};
    use crate::limits::Limits;
    use crate::queue::Queue;
    use crate::row::parse_id;

    #[tokio::test]
    async fn what_arrived_and_was_never_archived_is_not_kept_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let slug: Slug = "dev".parse().unwrap();
        let queue = Queue::create(&dir.path().join("queue"), &slug).await.unwrap();
        let holds = Arc::downgrade(queue.holds());
        let response = Response {
            proposal_id: "6f7d3a2e-9c41-4b8e-8f5a-2d1c0b9e7a63".to_owned(),
            status: Status::Approved,
            notes: String::new(),
            final_file: None,
        };
        let id = parse_id(&response.proposal_id).unwrap();
        let answer = Answer {
            response,
            applied: None,
        };
        let delivery = Delivery::new(&queue, id, Arc::new(answer));
        // The task ends before the job that would archive it.
        queue
            .db()
            .write_later(|_| Box::pin(async { panic!("on purpose") }), |_: &()| {});
        delivery.delivered();
        queue.ended().await;
        drop(queue);
        assert!(holds.upgrade().is_none());
    }

    #[tokio::test]
    async fn a_panic_ends_the_task_and_everybody_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let slug: Slug = "dev".parse().unwrap();
        let queue = Queue::create(&dir.path().join("queue"), &slug).await.unwrap();
        let ask = |file: &str| Ask {
            tool: supervise_core::Tool::EgressAllow,
            proposed_file: file.to_owned(),
            justification: "why".to_owned(),
        };
        let Asked::Held(mut hold) = queue.proposal_ask(ask("a"), Limits::default()).await.unwrap() else {
            panic!("not held");
        };
        let panicked: Result<(), StoreError> = queue
            .db()
            .write(|_| Box::pin(async { panic!("on purpose") }))
            .await;
        assert!(matches!(panicked, Err(StoreError::Gone)));
        assert!(matches!(hold.outcome().await, Outcome::StoreGone));
        let asked = queue.proposal_ask(ask("b"), Limits::default()).await;
        assert!(matches!(asked, Err(StoreError::Gone)), "{asked:?}");
        assert!(matches!(queue.check_health().await, Err(StoreError::Gone)));
        drop(hold);
        queue.close().await;
        // What was acknowledged before is there for the next one.
        let again = Queue::create(&dir.path().join("queue"), &slug).await.unwrap();
        assert_eq!(again.proposal_page().await.unwrap().proposals.len(), 1);
    }
}
