//! Jobs that a file system or another process may block for any time, on a thread that can be abandoned.

use std::fmt;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

/// Threads that may be stuck at once, some 20 KB each. Beyond that no job is started until one of them returns.
const STUCK: usize = 4;

/// Creates the function that a thread calls with each job.
type Factory<J, R> = dyn Fn() -> Box<dyn FnMut(J) -> R> + Send + Sync;

/// Runs jobs on a thread of its own, one after the other, each within a time limit.
pub(crate) struct Guard<J, R> {
    name: &'static str,
    factory: Arc<Factory<J, R>>,
    thread: Option<Worker<J, R>>,
    stuck: Vec<Weak<()>>,
}

/// The channels of a thread.
struct Worker<J, R> {
    jobs: SyncSender<J>,
    results: Receiver<R>,
    alive: Weak<()>,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GuardError {
    /// The job took too long, and its result is discarded. The reference is alive while the job runs.
    #[error("no answer within {0:?}")]
    Late(Duration, Weak<()>),
    /// Too many jobs are stuck.
    #[error("{STUCK} earlier ones have had no answer yet")]
    Stuck,
    /// The job panicked.
    #[error("the job panicked")]
    Panicked,
    /// No thread can be started.
    #[error("no thread can be started: {0}")]
    Thread(#[source] io::Error),
}

impl<J, R> fmt::Debug for Guard<J, R> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Guard").field("name", &self.name).field("stuck", &self.stuck).finish_non_exhaustive()
    }
}

impl<J: Send + 'static, R: Send + 'static> Guard<J, R> {
    /// The thread is started with the first job, and inherits the privileges and the priority of the thread that
    /// submits it.
    pub(crate) fn new(
        name: &'static str,
        factory: impl Fn() -> Box<dyn FnMut(J) -> R> + Send + Sync + 'static,
    ) -> Self {
        Self { name, factory: Arc::new(factory), thread: None, stuck: Vec::new() }
    }

    /// Ends the thread after its present job; the next job starts another.
    pub(crate) fn end_thread(&mut self) {
        self.thread = None;
    }

    /// The result of a job.
    pub(crate) fn run(&mut self, job: J, within: Duration) -> Result<R, GuardError> {
        let worker = match self.thread.take() {
            Some(worker) => worker,
            None => self.start()?,
        };
        if worker.jobs.send(job).is_err() {
            return Err(GuardError::Panicked);
        }
        match worker.results.recv_timeout(within) {
            Ok(result) => {
                self.thread = Some(worker);
                Ok(result)
            }
            Err(RecvTimeoutError::Timeout) => {
                self.stuck.push(Weak::clone(&worker.alive));
                Err(GuardError::Late(within, worker.alive))
            }
            Err(RecvTimeoutError::Disconnected) => Err(GuardError::Panicked),
        }
    }

    fn start(&mut self) -> Result<Worker<J, R>, GuardError> {
        self.stuck.retain(|thread| thread.strong_count() > 0);
        if self.stuck.len() >= STUCK {
            return Err(GuardError::Stuck);
        }
        let (jobs, inbox) = sync_channel(0);
        let (outbox, results) = sync_channel(1);
        let token = Arc::new(());
        let alive = Arc::downgrade(&token);
        let factory = Arc::clone(&self.factory);
        let body = move || {
            let _token = token;
            let mut work = factory();
            for job in inbox {
                if outbox.send(work(job)).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name(self.name.into()).spawn(body).map_err(GuardError::Thread)?;
        Ok(Worker { jobs, results, alive })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;
    use crate::host::test_support::wait_until;

    #[test]
    fn blocked_jobs_time_out_and_their_threads_are_used_again() {
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let shared = Arc::clone(&gate);
        let mut guard = Guard::new("test", move || {
            let gate = Arc::clone(&shared);
            Box::new(move |blocks: bool| {
                let (open, changed) = &*gate;
                let open = open.lock().unwrap();
                drop(changed.wait_while(open, |open| blocks && !*open).unwrap());
                blocks
            })
        });
        for _ in 0..STUCK {
            assert!(matches!(guard.run(true, Duration::from_millis(1)), Err(GuardError::Late(..))));
        }
        assert!(matches!(guard.run(false, Duration::from_secs(60)), Err(GuardError::Stuck)));
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        wait_until("a free thread", || guard.run(false, Duration::from_secs(60)).is_ok());
        assert!(!guard.run(false, Duration::from_secs(60)).unwrap());
    }
}
