//! Work that may block for as long as a file system or another process wants it to, on a thread that can be given up.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

/// Threads that may be stuck at once. Each takes some 20 KB as long as it is. Beyond that nothing is begun any more until
/// one of them comes back.
const STUCK: usize = 4;

/// Makes what a thread does with each job.
type Factory<J, R> = dyn Fn() -> Box<dyn FnMut(J) -> R> + Send + Sync;

/// Does jobs on a thread of its own, one after the other, each within a time.
pub(crate) struct Guard<J, R> {
    name: &'static str,
    factory: Arc<Factory<J, R>>,
    thread: Option<Hands<J, R>>,
    stuck: Vec<Weak<()>>,
}

/// What a thread is given and gives back.
struct Hands<J, R> {
    jobs: SyncSender<J>,
    results: Receiver<R>,
    alive: Weak<()>,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GuardError {
    /// The job took too long. What becomes of it nobody will know; this says as long as it still runs.
    #[error("no answer within {0:?}")]
    Late(Duration, Weak<()>),
    /// As many jobs are stuck as may be.
    #[error("{STUCK} earlier ones have had no answer yet")]
    Stuck,
    /// The job panicked.
    #[error("the thread broke down")]
    Broken,
    /// There is no thread.
    #[error("no thread can be started: {0}")]
    Thread(#[source] io::Error),
}

impl<J: Send + 'static, R: Send + 'static> Guard<J, R> {
    /// The thread is started with the first job; it has the privileges and the priority of the one that asks for that.
    pub(crate) fn new(
        name: &'static str,
        factory: impl Fn() -> Box<dyn FnMut(J) -> R> + Send + Sync + 'static,
    ) -> Self {
        Self { name, factory: Arc::new(factory), thread: None, stuck: Vec::new() }
    }

    /// The result of a job.
    pub(crate) fn run(&mut self, job: J, within: Duration) -> Result<R, GuardError> {
        let hands = match self.thread.take() {
            Some(hands) => hands,
            None => self.start()?,
        };
        if hands.jobs.send(job).is_err() {
            return Err(GuardError::Broken);
        }
        match hands.results.recv_timeout(within) {
            Ok(result) => {
                self.thread = Some(hands);
                Ok(result)
            }
            Err(RecvTimeoutError::Timeout) => {
                self.stuck.push(Weak::clone(&hands.alive));
                Err(GuardError::Late(within, hands.alive))
            }
            Err(RecvTimeoutError::Disconnected) => Err(GuardError::Broken),
        }
    }

    fn start(&mut self) -> Result<Hands<J, R>, GuardError> {
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
        Ok(Hands { jobs, results, alive })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;
    use crate::host::test_support::wait_until;

    #[test]
    fn a_job_that_blocks_holds_up_nobody_and_its_thread_comes_back() {
        let door = Arc::new((Mutex::new(false), Condvar::new()));
        let behind = Arc::clone(&door);
        let mut guard = Guard::new("test", move || {
            let door = Arc::clone(&behind);
            Box::new(move |blocks: bool| {
                let (open, changed) = &*door;
                let open = open.lock().unwrap();
                drop(changed.wait_while(open, |open| blocks && !*open).unwrap());
                blocks
            })
        });
        for _ in 0..STUCK {
            assert!(matches!(guard.run(true, Duration::from_millis(1)), Err(GuardError::Late(..))));
        }
        assert!(matches!(guard.run(false, Duration::from_secs(60)), Err(GuardError::Stuck)));
        *door.0.lock().unwrap() = true;
        door.1.notify_all();
        wait_until("a free thread", || guard.run(false, Duration::from_secs(60)).is_ok());
        assert!(!guard.run(false, Duration::from_secs(60)).unwrap());
    }
}
