//! The workers as a whole: started, watched, given another policy, stopped.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::breaker::Breaker;
use super::budget::Budget;
use super::counts::{Counts, get};
use super::digests::Digests;
use super::fast::Fast;
use super::interfaces::Interfaces;
use super::netlink::Control;
use super::parked::Parked;
use super::settings::{Settings, WorkersError};
use super::shared::Shared;
use super::slow::Slow;
use super::socket::{Received, Socket};
use super::state::{QueueLength, QueueState, Table, WorkerFailure};
use super::totals::Totals;
use super::wake::Wake;
use crate::ask::{Change, Questions, Watcher};
use crate::evaluate::{Audit, Current, Digest, FindOwner, Grant, Identify, Policy};
use crate::panics;

/// Makes the owner finder of one worker.
pub type Finders<'a> = &'a mut dyn FnMut() -> io::Result<Box<dyn FindOwner>>;

/// What the packet path asks of the rest of the program.
pub struct Sources {
    /// Identifies processes.
    pub identify: Arc<dyn Identify>,
    /// Lets the kernel allow flows on its own.
    pub grant: Arc<dyn Grant>,
    /// Records verdicts.
    pub audit: Arc<dyn Audit>,
    /// Computes digests.
    pub digest: Box<dyn Digest>,
    /// Flows that a person is asked about.
    pub questions: Arc<Questions>,
    /// Where the counts go when the workers end.
    pub totals: Arc<Totals>,
}

/// The packet path. Dropping it stops it.
pub struct Workers {
    shared: Arc<Shared>,
    fast: Vec<Worker>,
    slow: Worker,
    wake: Arc<Wake>,
    table: Table,
    totals: Arc<Totals>,
    has_ended: bool,
    /// Notified of answers for as long as it lives.
    _watcher: Arc<Watcher>,
}

/// A worker, from outside.
struct Worker {
    number: u16,
    control: Arc<Control>,
    counts: Arc<Counts>,
    failed: Arc<Mutex<Option<WorkerFailure>>>,
    thread: Option<JoinHandle<()>>,
}

impl Workers {
    /// Begins to read the queues, in the network namespace of the thread that calls this. Firewall rules that send packets
    /// there come after it.
    ///
    /// # Errors
    ///
    /// If a queue cannot be read: another program does, or privilege is missing.
    pub fn start(
        settings: Settings,
        policy: Policy,
        sources: Sources,
        finders: Finders<'_>,
    ) -> Result<Self, WorkersError> {
        let Settings { first_queue: first, count, .. } = settings;
        let slow = first.checked_add(count).filter(|_| count > 0).ok_or(WorkersError::Numbers { first, count })?;
        let Sources { identify, grant, audit, digest, questions, totals } = sources;
        let shared = Shared::new(settings, Current::new(policy), grant, audit);
        let shared = Arc::new(shared);
        let wake = Arc::new(Wake::new().map_err(WorkersError::Thread)?);
        let watcher = watcher(&shared, &wake);
        questions.watch(&watcher);
        // The slow path's queue is there before anybody can put a packet into it.
        let (slow, worker) = Worker::new(
            slow,
            |socket, counts| {
                let (shared, wake) = (Arc::clone(&shared), Arc::clone(&wake));
                let finder = finders().map_err(WorkersError::Finder)?;
                let digests = Digests::new(digest, Arc::clone(&wake));
                let (breaker, parked) = (Breaker::default(), Parked::default());
                let interfaces = Interfaces::new();
                Ok(Slow {
                    socket,
                    finder,
                    shared,
                    counts,
                    wake,
                    identify,
                    questions,
                    digests,
                    breaker,
                    budget: Budget::new(Instant::now()),
                    parked,
                    interfaces,
                })
            },
            &shared.settings,
        )?;
        // Now that a queue is read: where queues are a module, the first one brought it, and the table with it.
        let table = Table::open().map_err(WorkersError::Table)?;
        let mut workers =
            Self { shared, fast: Vec::new(), slow, wake, table, totals, has_ended: false, _watcher: watcher };
        workers.slow.spawn("egret-slow".into(), || worker.run())?;
        let slow = workers.slow.number;
        for number in first..slow {
            let (mut fast, worker) = Worker::new(
                number,
                |socket, counts| {
                    let finder = finders().map_err(WorkersError::Finder)?;
                    let interfaces = Interfaces::new();
                    Ok(Fast { socket, finder, shared: Arc::clone(&workers.shared), counts, interfaces, slow })
                },
                &workers.shared.settings,
            )?;
            fast.spawn(format!("egret-queue-{}", number - first), || worker.run())?;
            workers.fast.push(fast);
        }
        Ok(workers)
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        self.shared.current.get()
    }

    /// Puts another policy in force: for every packet that has no verdict yet, and whatever is remembered or granted from
    /// before.
    pub fn switch(&self, policy: Policy) {
        self.shared.current.set(policy);
        self.shared.advance();
        self.shared.grant.revoke();
        self.wake.ring();
    }

    /// The state of the packet path. It reads one table of the kernel's, and stops no worker.
    #[must_use]
    pub fn state(&self) -> QueueState {
        let capacity = self.shared.settings.queue_length;
        let mut state = QueueState { parked_now: self.shared.parked.load(Ordering::Relaxed), ..QueueState::default() };
        for worker in self.workers() {
            state.add(&worker.counts);
            let (number, missing, failed) = (worker.number, get(&worker.counts.missing), worker.failure());
            state.queues.push(QueueLength { number, capacity, missing, failed, ..QueueLength::default() });
        }
        // If the table cannot be read, the workers' own counts are all there is.
        let _ = self.table.read(&mut state.queues);
        state
    }

    /// Gives every packet that is here a verdict, and stops reading the queues. Remove the firewall rules that send packets
    /// here first: what they still send is treated like packets of a full queue, and then like those of a queue that nobody
    /// reads. Returns the last counts, with the verdicts given meanwhile.
    pub fn stop(mut self) -> QueueState {
        self.end()
    }

    fn end(&mut self) -> QueueState {
        let before = self.state();
        self.join();
        // The kernel forgets what it has counted once a queue is closed.
        let mut last = self.state();
        for (queue, before) in last.queues.iter_mut().zip(&before.queues) {
            queue.dropped_full = queue.dropped_full.max(before.dropped_full);
            queue.dropped_user = queue.dropped_user.max(before.dropped_user);
        }
        self.totals.add(&last);
        self.has_ended = true;
        last
    }

    fn join(&mut self) {
        // The fast paths first: they may give packets to the slow one until they have ended.
        self.shared.stop_fast.store(true, Ordering::Release);
        self.fast.iter().for_each(Worker::wake);
        self.fast.iter_mut().for_each(Worker::join);
        self.shared.stop_slow.store(true, Ordering::Release);
        self.wake.ring();
        self.slow.join();
    }

    fn workers(&self) -> impl Iterator<Item = &Worker> {
        self.fast.iter().chain([&self.slow])
    }
}

/// Reads a queue and closes it at once, as [`Workers::start`] would: what there is on this host that is in the way.
///
/// # Errors
///
/// The queue cannot be read.
pub fn try_queue(number: u16) -> Result<(), WorkersError> {
    let failed = |source| WorkersError::Bind { number, source };
    let mut socket = Socket::open(number, &Settings::default())?;
    Table::open().map_err(WorkersError::Table)?;
    // What is left to read (the answers to the settings) would be taken for the answer to the closing.
    socket.shut();
    while !matches!(socket.receive().map_err(failed)?, Received::Empty) {}
    socket.close().map_err(failed)
}

impl Drop for Workers {
    fn drop(&mut self) {
        if !self.has_ended {
            let _ = self.end();
        }
    }
}

/// Invalidates cached verdicts when there are answers.
fn watcher(shared: &Arc<Shared>, wake: &Arc<Wake>) -> Arc<Watcher> {
    let (shared, wake) = (Arc::clone(shared), Arc::clone(wake));
    Arc::new(move |change| {
        if change == Change::Answered {
            shared.advance();
            wake.ring();
        }
    })
}

impl Worker {
    fn new<L>(
        number: u16,
        make: impl FnOnce(Socket, Arc<Counts>) -> Result<L, WorkersError>,
        settings: &Settings,
    ) -> Result<(Self, L), WorkersError> {
        let socket = Socket::open(number, settings)?;
        let (control, counts) = (socket.control(), Arc::new(Counts::default()));
        let worker = make(socket, Arc::clone(&counts))?;
        Ok((Self { number, control, counts, failed: Arc::default(), thread: None }, worker))
    }

    fn spawn(
        &mut self,
        name: String,
        body: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<(), WorkersError> {
        let failed = Arc::clone(&self.failed);
        let body = move || {
            // Its packets wait in the kernel until the controller starts the workers again, or drops them.
            let failure = match catch_unwind(AssertUnwindSafe(body)) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => WorkerFailure::Queue(error.to_string()),
                Err(payload) => WorkerFailure::Panic(panics::message(&*payload)),
            };
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        };
        self.thread = Some(thread::Builder::new().name(name).spawn(body).map_err(WorkersError::Thread)?);
        Ok(())
    }

    fn failure(&self) -> Option<WorkerFailure> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a fast path look whether it is to stop. To wait for packets with a timeout would do too, and cost every packet
    /// a timer.
    fn wake(&self) {
        while self.control.wake().is_err() && !self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            // The kernel was short of memory for a moment.
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Why a thread ended early is in [`Self::failure`].
    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
