//! The lanes as a whole: started, watched, told another policy, stopped.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::breaker::Breaker;
use super::counts::{Counts, get};
use super::digests::Digests;
use super::fast::Fast;
use super::netlink::Control;
use super::parked::Parked;
use super::settings::{LanesError, Settings};
use super::shared::Shared;
use super::slow::Slow;
use super::socket::Socket;
use super::state::{QueueLength, QueueState, Table};
use super::wake::Wake;
use crate::ask::{Change, Questions, Watcher};
use crate::judge::{Audit, Current, Digest, FindOwner, Grant, Identify, Policy};

/// Makes something that finds owners, for one lane.
pub type Finders<'a> = &'a mut dyn FnMut() -> io::Result<Box<dyn FindOwner>>;

/// What the packet path asks of the rest of the program.
pub struct Sources {
    /// Tells processes.
    pub identify: Arc<dyn Identify>,
    /// Lets the kernel allow by itself.
    pub grant: Arc<dyn Grant>,
    /// Is told of verdicts.
    pub audit: Arc<dyn Audit>,
    /// Computes digests.
    pub digest: Box<dyn Digest>,
    /// Flows that a person is asked about.
    pub questions: Arc<Questions>,
}

/// The packet path. It is stopped when this is dropped.
pub struct Lanes {
    shared: Arc<Shared>,
    fast: Vec<Lane>,
    slow: Lane,
    wake: Arc<Wake>,
    table: Table,
    /// Told of answers, while it is here.
    _watcher: Arc<Watcher>,
}

/// A lane, from outside.
struct Lane {
    number: u16,
    control: Arc<Control>,
    counts: Arc<Counts>,
    failed: Arc<Mutex<Option<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Lanes {
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
    ) -> Result<Self, LanesError> {
        let Settings { first_queue: first, count, .. } = settings;
        let slow = first.checked_add(count).filter(|_| count > 0).ok_or(LanesError::Numbers { first, count })?;
        let Sources { identify, grant, audit, digest, questions } = sources;
        let shared = Shared::new(settings, Current::new(policy), grant, audit);
        let shared = Arc::new(shared);
        let wake = Arc::new(Wake::new().map_err(LanesError::Thread)?);
        let watcher = watcher(&shared, &wake);
        questions.watch(&watcher);
        let table = Table::open().map_err(LanesError::Table)?;
        // The slow lane's queue is there before anybody can put a packet into it.
        let (slow, lane) = Lane::new(
            slow,
            |socket, counts| {
                let (shared, wake) = (Arc::clone(&shared), Arc::clone(&wake));
                let finder = finders().map_err(LanesError::Finder)?;
                let digests = Digests::new(digest, Arc::clone(&wake));
                let (breaker, parked) = (Breaker::default(), Parked::default());
                Ok(Slow { socket, finder, shared, counts, wake, identify, questions, digests, breaker, parked })
            },
            &shared.settings,
        )?;
        let mut lanes = Self { shared, fast: Vec::new(), slow, wake, table, _watcher: watcher };
        lanes.slow.spawn("egret-slow".into(), || lane.run())?;
        let slow = lanes.slow.number;
        for number in first..slow {
            let (mut fast, lane) = Lane::new(
                number,
                |socket, counts| {
                    let finder = finders().map_err(LanesError::Finder)?;
                    Ok(Fast { socket, finder, shared: Arc::clone(&lanes.shared), counts, slow })
                },
                &lanes.shared.settings,
            )?;
            fast.spawn(format!("egret-queue-{}", number - first), || lane.run())?;
            lanes.fast.push(fast);
        }
        Ok(lanes)
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

    /// How it is doing. It reads one table of the kernel's, and stops nobody.
    #[must_use]
    pub fn state(&self) -> QueueState {
        let capacity = self.shared.settings.queue_length;
        let mut state = QueueState { parked_now: self.shared.parked.load(Ordering::Relaxed), ..QueueState::default() };
        for lane in self.lanes() {
            state.add(&lane.counts);
            let (number, missing, failed) = (lane.number, get(&lane.counts.missing), lane.failure());
            state.queues.push(QueueLength { number, capacity, missing, failed, ..QueueLength::default() });
        }
        // A table that cannot be read says nothing; the lanes' own counts stand.
        let _ = self.table.read(&mut state.queues);
        state
    }

    /// Gives every packet that is here a verdict, and reads the queues no more. Firewall rules that send packets here go
    /// before it: what they still send is treated as packets of a full queue are, and then as those of one that nobody
    /// reads.
    pub fn stop(self) {
        drop(self);
    }

    fn lanes(&self) -> impl Iterator<Item = &Lane> {
        self.fast.iter().chain([&self.slow])
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        // The fast lanes first: they may give packets to the slow one until they have ended.
        self.shared.stop_fast.store(true, Ordering::Release);
        self.fast.iter().for_each(Lane::wake);
        self.fast.iter_mut().for_each(Lane::join);
        self.shared.stop_slow.store(true, Ordering::Release);
        self.wake.ring();
        self.slow.join();
    }
}

/// Makes decisions void when there are answers.
fn watcher(shared: &Arc<Shared>, wake: &Arc<Wake>) -> Arc<Watcher> {
    let (shared, wake) = (Arc::clone(shared), Arc::clone(wake));
    Arc::new(move |change| {
        if change == Change::Answered {
            shared.advance();
            wake.ring();
        }
    })
}

impl Lane {
    fn new<L>(
        number: u16,
        make: impl FnOnce(Socket, Arc<Counts>) -> Result<L, LanesError>,
        settings: &Settings,
    ) -> Result<(Self, L), LanesError> {
        let socket = Socket::open(number, settings)?;
        let (control, counts) = (socket.control(), Arc::new(Counts::default()));
        let lane = make(socket, Arc::clone(&counts))?;
        Ok((Self { number, control, counts, failed: Arc::default(), thread: None }, lane))
    }

    fn spawn(
        &mut self,
        name: String,
        body: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<(), LanesError> {
        let failed = Arc::clone(&self.failed);
        let body = move || {
            if let Err(error) = body() {
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
            }
        };
        self.thread = Some(thread::Builder::new().name(name).spawn(body).map_err(LanesError::Thread)?);
        Ok(())
    }

    fn failure(&self) -> Option<String> {
        let told = self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let has_ended = self.thread.as_ref().is_some_and(JoinHandle::is_finished);
        told.or_else(|| has_ended.then(|| "its thread ended".to_owned()))
    }

    /// Makes a fast lane look whether it is to stop. To wait for packets with a timeout would do too, and cost every packet
    /// a timer.
    fn wake(&self) {
        while self.control.wake().is_err() && !self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            // The kernel was short of memory for a moment.
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// What a thread that ended by itself did is told by [`Self::failure`].
    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
