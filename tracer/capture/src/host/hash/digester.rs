//! The thread that has digests computed, beside everything else.
//!
//! An order never waits. A second thread opens and reads the files; where a file system does not answer it is abandoned, and
//! only digests are lost.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use egret_model::{Event, Process};

use super::known::{Digests, Known};
use super::reading::{Reading, Step};
use crate::host::guard::{Guard, GuardError};

/// Orders that may wait: an order is two pointers, and keeps a process alive (about 1 KB, with its image). Beyond, an order
/// is counted as lost, and the next event of the process orders again.
const ORDERS: usize = 1024;
/// Files under way that are longer than a piece, and orders that wait for one of them. Beyond, the SHA-256 of another one
/// is counted as lost.
const LONG: usize = 64;
const FOLLOWERS: usize = 1024;
/// Bytes read of a file before others have their turn.
const PIECE: u64 = 1 << 20;
/// How long reading a piece may take before the file system counts as stuck.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of the budget may be used at once after a quiet time.
const BURST: Duration = Duration::from_secs(1);
/// Lost digests are logged this often at most.
const COMPLAIN: Duration = Duration::from_secs(60);

/// How digests are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest file whose SHA-256 is computed, bytes; `None` for no SHA-256 at all. Build ids are computed of all.
    pub largest: Option<u64>,
    /// Bytes read in a second; `None` for as many as the disk gives.
    pub rate: Option<u64>,
    /// Whether this yields to threads of the usual priority.
    pub is_background: bool,
}

impl Default for Limits {
    /// Files of 1 GiB, 64 MiB a second, in the background.
    fn default() -> Self {
        Self { largest: Some(1 << 30), rate: Some(64 << 20), is_background: true }
    }
}

/// What became of orders so far.
#[derive(Debug, Default)]
pub struct DigestCounts {
    lost: AtomicU64,
}

impl DigestCounts {
    /// Executables whose digests were not computed: too many waited, or the file system did not answer.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }
}

/// Called once the digests of a process are known, or it is known that they cannot be had.
type Done = Box<dyn FnOnce() + Send>;

struct Order {
    process: Arc<Process>,
    done: Option<Done>,
    reading: Option<Box<Reading>>,
    is_long: bool,
}

/// Orders digests. Its threads end when it is dropped and they are done with the file that they read: nobody waits for that.
pub struct Digester {
    orders: SyncSender<Order>,
    known: Known,
    counts: Arc<DigestCounts>,
    with_sha256: bool,
}

impl Digester {
    /// Starts the thread. `prepare` is called on it first, to give up privileges: it needs those that it takes to open the
    /// executables of other users.
    ///
    /// # Errors
    ///
    /// No thread can be started.
    pub fn start(limits: Limits, known: Known, prepare: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (orders, inbox) = sync_channel(ORDERS);
        let counts = Arc::<DigestCounts>::default();
        let desk = Desk::new(limits, known.clone(), Arc::clone(&counts));
        let body = move || {
            prepare();
            if limits.is_background {
                lower_priority();
            }
            desk.run(&inbox);
        };
        thread::Builder::new().name("egret-digest".into()).spawn(body)?;
        Ok(Self { orders, known, counts, with_sha256: limits.largest.is_some() })
    }

    /// Sets the digests of the executables of events where they are known, and orders the others, each once.
    pub fn attend(&self, events: &[Event]) {
        events.iter().filter_map(|event| event.process.as_ref()).for_each(|process| self.attend_one(process));
    }

    /// As [`Self::attend`], of one process.
    pub fn attend_one(&self, process: &Arc<Process>) {
        let executable = &process.executable;
        if executable.file.is_none() || executable.ordered.has_begun() || !executable.ordered.begin() {
            return;
        }
        if !self.known.recall(executable, self.with_sha256) && !self.order(process, None) {
            executable.ordered.cancel();
        }
    }

    /// Orders the digests of what a process runs, and has `done` called once they are known. Says whether there was room;
    /// where an order is lost later, `done` is never called.
    pub fn order(&self, process: &Arc<Process>, done: Option<Done>) -> bool {
        let order = Order { process: Arc::clone(process), done, reading: None, is_long: false };
        let has_room = self.orders.try_send(order).is_ok();
        if !has_room {
            self.counts.lose();
        }
        has_room
    }

    /// What became of orders so far.
    #[must_use]
    pub fn counts(&self) -> Arc<DigestCounts> {
        Arc::clone(&self.counts)
    }
}

/// Where orders come in and files are handed to the thread that reads.
struct Desk {
    limits: Limits,
    counts: Arc<DigestCounts>,
    reader: Guard<Order, (Order, u64)>,
    long: VecDeque<Order>,
    /// Orders for files of which another order is under way.
    followers: VecDeque<Order>,
    /// A file under way was read to its end: its followers need not wait any more.
    is_known: bool,
    budget: Budget,
    /// Devices of file systems that do not answer, each as long as the thread that asked it waits.
    stuck: Vec<(u64, Weak<()>)>,
    complaint: (u64, Option<Instant>),
}

impl Desk {
    fn new(limits: Limits, known: Known, counts: Arc<DigestCounts>) -> Self {
        let reader = Guard::new("egret-digest-io", move || {
            let known = known.clone();
            Box::new(move |order| read(order, limits, &known))
        });
        let budget = Budget { rate: limits.rate, spent_until: Instant::now() };
        Self {
            limits,
            counts,
            reader,
            long: VecDeque::new(),
            followers: VecDeque::new(),
            is_known: false,
            budget,
            stuck: Vec::new(),
            complaint: (0, None),
        }
    }

    fn run(mut self, inbox: &Receiver<Order>) {
        while let Some(order) = self.next(inbox) {
            if let Some(bytes) = self.serve(order) {
                self.budget.spend(bytes);
            }
            self.complain();
        }
    }

    /// What was not looked at yet goes first: most files are small, and known after one piece.
    fn next(&mut self, inbox: &Receiver<Order>) -> Option<Order> {
        match inbox.try_recv() {
            Ok(order) => Some(order),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                self.follow_up().or_else(|| self.long.pop_front()).or_else(|| inbox.recv().ok())
            }
        }
    }

    /// An order that may be done without reading.
    fn follow_up(&mut self) -> Option<Order> {
        if self.long.is_empty() {
            self.is_known = true;
        }
        let follower = self.is_known.then(|| self.followers.pop_front()).flatten();
        self.is_known = follower.is_some();
        follower
    }

    /// How many bytes were read.
    fn serve(&mut self, order: Order) -> Option<u64> {
        let device = order.process.executable.file.map(|file| file.device);
        self.stuck.retain(|(_, thread)| thread.strong_count() > 0);
        if self.stuck.iter().any(|(stuck, _)| Some(*stuck) == device) {
            self.counts.lose();
            return None;
        }
        let path = order.process.executable.path.clone();
        match self.reader.run(order, PATIENCE) {
            Ok((order, bytes)) => {
                self.go_on(order);
                return Some(bytes);
            }
            Err(GuardError::Late(within, thread)) => {
                let path = path.as_deref();
                tracing::warn!(path, ?within, "reading an executable does not end; no digests from its file system");
                self.stuck.extend(device.map(|device| (device, thread)));
            }
            Err(error) => tracing::debug!(%error, ?path, "no digest"),
        }
        self.counts.lose();
        None
    }

    fn go_on(&mut self, mut order: Order) {
        let Some(reading) = &order.reading else {
            self.is_known |= order.is_long;
            if let Some(done) = order.done {
                done();
            }
            return;
        };
        let is_under_way =
            self.long.iter().filter_map(|other| other.reading.as_ref()).any(|other| other.is_of(reading));
        if is_under_way && self.followers.len() < FOLLOWERS {
            order.reading = None;
            self.followers.push_back(order);
        } else if !is_under_way && self.long.len() < LONG {
            order.is_long = true;
            self.long.push_back(order);
        } else {
            self.counts.lose();
        }
    }

    fn complain(&mut self) {
        let lost = self.counts.lost();
        let (said, when) = self.complaint;
        if lost != said && when.is_none_or(|when| when.elapsed() >= COMPLAIN) {
            let background = self.limits.is_background;
            tracing::warn!(lost = lost - said, background, "executables whose digests are not computed");
            self.complaint = (lost, Some(Instant::now()));
        }
    }
}

/// One piece of work on a file.
fn read(mut order: Order, limits: Limits, known: &Known) -> (Order, u64) {
    let with_sha256 = limits.largest.is_some();
    let executable = &order.process.executable;
    let (step, bytes) = match order.reading.take() {
        Some(reading) => reading.go_on(PIECE, known),
        None => match Reading::begin(&order.process, limits.largest, known) {
            (Step::More(reading), before) => {
                let _ = executable.build_id.set(reading.build_id());
                if reading.is_longer_than(PIECE) {
                    // Another order may have it under way.
                    (Step::More(reading), before)
                } else {
                    let (step, bytes) = reading.go_on(PIECE, known);
                    (step, before.saturating_add(bytes))
                }
            }
            done => done,
        },
    };
    match step {
        Step::More(reading) => order.reading = Some(reading),
        Step::Done(Digests { build_id, sha256 }) => Digests { build_id, sha256 }.set(executable, with_sha256),
    }
    (order, bytes)
}

/// Bytes that may be read.
struct Budget {
    rate: Option<u64>,
    /// All of it up to this moment is spent.
    spent_until: Instant,
}

impl Budget {
    /// Waits until as much may be spent.
    fn spend(&mut self, bytes: u64) {
        let Some(rate) = self.rate.filter(|rate| *rate > 0) else { return };
        let now = Instant::now();
        let takes = Duration::from_nanos(bytes.saturating_mul(1_000_000_000).checked_div(rate).unwrap_or(0));
        let oldest = now.checked_sub(BURST).unwrap_or(now);
        self.spent_until = self.spent_until.max(oldest) + takes;
        thread::sleep(self.spent_until.saturating_duration_since(now));
    }
}

/// A priority that yields to all usual ones, and gets a share of a busy CPU all the same, a tenth of that of another thread.
/// Threads that this one starts have it as well.
fn lower_priority() {
    const NICE: i32 = 10;
    // SAFETY: takes numbers alone; zero is the calling thread.
    #[expect(unsafe_code, reason = "neither the standard library nor nix can set a priority")]
    let failed = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) } != 0;
    if failed {
        tracing::debug!(error = %io::Error::last_os_error(), "digests are computed with the usual priority");
    }
}
