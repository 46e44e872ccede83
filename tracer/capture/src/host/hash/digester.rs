//! The background thread that schedules digests.
//!
//! A request never blocks, and users have equal shares of time and queues: a user who runs one large file after
//! another delays only the digests of those files. A second thread opens and reads the files; if a file system
//! does not answer, the thread is abandoned, and only digests are lost.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use egret_model::{Event, Process};

use super::fair::{Inbox, Next, OfUser, User, add, next_of};
use super::known::{Digests, Known};
use super::reading::{Reading, Step};
use crate::host::guard::{Guard, GuardError};

/// Requests that may wait. A request is two pointers, and keeps a process in memory (about 1 KB, with its image).
/// Beyond that a request of the user with most of them is counted as lost, and the next event of its process makes
/// another.
const MAX_REQUESTS: usize = 1024;
/// Files in progress that are longer than a piece, and requests for the same files. Beyond that a SHA-256 of the
/// user with most of them is counted as lost.
const MAX_LONG: usize = 64;
const MAX_FOLLOWERS: usize = 1024;
/// Bytes read of a file before other files are read.
const PIECE: u64 = 1 << 20;
/// How long reading a piece may take before the file system counts as stuck.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of the budget may be used at once after an idle time.
const BURST: Duration = Duration::from_secs(1);
/// The shortest interval between log messages about lost digests.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// How digests are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest file whose SHA-256 is computed, bytes; `None` for no SHA-256 at all. Build ids are computed of
    /// all.
    pub largest: Option<u64>,
    /// Bytes read in a second; `None` for no limit.
    pub rate: Option<u64>,
    /// Whether to yield to threads of the usual priority.
    pub is_background: bool,
}

impl Default for Limits {
    /// Files of 1 GiB, 64 MiB a second, in the background.
    fn default() -> Self {
        Self { largest: Some(1 << 30), rate: Some(64 << 20), is_background: true }
    }
}

/// Counters of requests.
#[derive(Debug, Default)]
pub struct DigestCounts {
    lost: AtomicU64,
}

impl DigestCounts {
    /// Executables whose digests were not computed: too many requests waited, or the file system did not answer.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }
}

/// Called once the digests of a process are known, or cannot be computed.
type Done = Box<dyn FnOnce() + Send>;

struct Request {
    process: Arc<Process>,
    done: Option<Done>,
    reading: Option<Box<Reading>>,
    is_long: bool,
}

impl OfUser for Request {
    fn user(&self) -> User {
        self.process.uid
    }
}

/// Requests digests. Its threads end on their own after it is dropped, once they are done with their present file.
pub struct Digester {
    requests: Arc<Inbox<Request>>,
    known: Known,
    counts: Arc<DigestCounts>,
    with_sha256: bool,
}

impl Digester {
    /// Starts the thread. `prepare` is called on it first, to drop privileges: it needs those for opening the
    /// executables of other users.
    ///
    /// # Errors
    ///
    /// No thread can be started.
    pub fn start(limits: Limits, known: Known, prepare: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let requests = Arc::new(Inbox::new(MAX_REQUESTS));
        let inbox = Arc::clone(&requests);
        let counts = Arc::<DigestCounts>::default();
        let scheduler = Scheduler::new(limits, known.clone(), Arc::clone(&counts));
        let body = move || {
            prepare();
            if limits.is_background {
                lower_priority();
            }
            scheduler.run(&inbox);
        };
        thread::Builder::new().name("egret-digest".into()).spawn(body)?;
        Ok(Self { requests, known, counts, with_sha256: limits.largest.is_some() })
    }

    /// Sets the digests of the executables of events if they are known, and requests the others, each once.
    pub fn attend(&self, events: &[Event]) {
        events.iter().filter_map(|event| event.process.as_ref()).for_each(|process| self.attend_one(process));
    }

    /// As [`Self::attend`], for one process.
    pub fn attend_one(&self, process: &Arc<Process>) {
        let executable = &process.executable;
        if executable.file.is_none() || executable.ordered.has_begun() || !executable.ordered.begin() {
            return;
        }
        if !self.known.recall(executable, self.with_sha256) && !self.request(process, None) {
            executable.ordered.cancel();
        }
    }

    /// Requests the digests of a process's executable, and calls `done` once they are known. Returns whether there
    /// was room; if the request is lost later, `done` is never called.
    pub fn request(&self, process: &Arc<Process>, done: Option<Done>) -> bool {
        let request = Request { process: Arc::clone(process), done, reading: None, is_long: false };
        let Some(displaced) = self.requests.send(request) else { return true };
        self.counts.lose();
        if Arc::ptr_eq(&displaced.process, process) {
            return false;
        }
        if displaced.done.is_none() {
            displaced.process.executable.ordered.cancel();
        }
        true
    }

    /// Counters of requests.
    #[must_use]
    pub fn counts(&self) -> Arc<DigestCounts> {
        Arc::clone(&self.counts)
    }
}

impl Drop for Digester {
    fn drop(&mut self) {
        self.requests.close();
    }
}

/// Receives requests and passes files to the thread that reads.
struct Scheduler {
    limits: Limits,
    counts: Arc<DigestCounts>,
    reader: Guard<Request, (Request, u64)>,
    long: VecDeque<Request>,
    /// Users in the order in which their files were read, the last at the end.
    turns: VecDeque<User>,
    /// Users whose last file was the one with the least left to read.
    had_shortest: HashSet<User>,
    /// Requests for files that another request is reading.
    followers: VecDeque<Request>,
    /// How many of them are checked again, because a file was read to its end and its followers need not wait any
    /// more. Those of other files keep waiting.
    retries: usize,
    budget: Budget,
    /// Bytes read of short files since a long one was read.
    short_bytes: u64,
    /// Devices of file systems that do not answer, while a thread waits for them.
    stuck: Vec<(u64, Weak<()>)>,
    /// Losses at the last log message, and its time.
    logged: (u64, Option<Instant>),
}

impl Scheduler {
    fn new(limits: Limits, known: Known, counts: Arc<DigestCounts>) -> Self {
        let reader = Guard::new("egret-digest-io", move || {
            let known = known.clone();
            Box::new(move |request| read(request, limits, &known))
        });
        let budget = Budget { rate: limits.rate, spent_until: Instant::now() };
        Self {
            limits,
            counts,
            reader,
            long: VecDeque::new(),
            turns: VecDeque::new(),
            had_shortest: HashSet::new(),
            followers: VecDeque::new(),
            retries: 0,
            budget,
            short_bytes: 0,
            stuck: Vec::new(),
            logged: (0, None),
        }
    }

    fn run(mut self, inbox: &Inbox<Request>) {
        while let Some(request) = self.next(inbox) {
            let is_long = request.is_long;
            if let Some(bytes) = self.serve(request) {
                self.short_bytes = if is_long { 0 } else { self.short_bytes.saturating_add(bytes) };
                self.budget.spend(bytes);
            }
            self.log_losses();
        }
    }

    /// New requests come first: most files are short, and done after one piece. But after a piece's worth of bytes
    /// of short files a long one is next, however many requests arrive.
    fn next(&mut self, inbox: &Inbox<Request>) -> Option<Request> {
        if self.short_bytes >= PIECE
            && let Some(request) = self.next_long()
        {
            return Some(request);
        }
        match inbox.try_next() {
            Next::Item(request) => Some(request),
            Next::Closed => None,
            Next::Nothing => self.follow_up().or_else(|| self.next_long()).or_else(|| inbox.next()),
        }
    }

    /// Of the next user, in turns the file with the least left to read, which is done soonest, and the one that
    /// has waited longest.
    fn next_long(&mut self) -> Option<Request> {
        let oldest = next_of(&self.long, &mut self.turns)?;
        let user = self.long.get(oldest)?.user();
        self.had_shortest.retain(|user| self.turns.contains(user));
        let remaining = |request: &Request| request.reading.as_ref().map_or(0, |reading| reading.remaining());
        let of_user = || self.long.iter().enumerate().filter(|(_, request)| request.user() == user);
        let shortest = || of_user().min_by_key(|(_, request)| remaining(request)).map(|(at, _)| at);
        let at = if self.had_shortest.remove(&user) {
            oldest
        } else {
            let at = shortest()?;
            self.had_shortest.insert(user);
            at
        };
        self.long.remove(at)
    }

    /// A request that may be done without reading.
    fn follow_up(&mut self) -> Option<Request> {
        if self.long.is_empty() {
            self.retries = self.followers.len();
        }
        self.retries = self.retries.checked_sub(1)?;
        self.followers.pop_front()
    }

    /// Reads a piece; returns how many bytes were read.
    fn serve(&mut self, request: Request) -> Option<u64> {
        let device = request.process.executable.file.map(|file| file.device);
        self.stuck.retain(|(_, thread)| thread.strong_count() > 0);
        if self.stuck.iter().any(|(stuck, _)| Some(*stuck) == device) {
            self.counts.lose();
            return None;
        }
        let path = request.process.executable.path.clone();
        match self.reader.run(request, PATIENCE) {
            Ok((request, bytes)) => {
                self.proceed(request);
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

    fn proceed(&mut self, mut request: Request) {
        let Some(reading) = &request.reading else {
            if request.is_long {
                self.retries = self.followers.len();
            }
            if let Some(done) = request.done {
                done();
            }
            return;
        };
        let is_in_progress =
            self.long.iter().filter_map(|other| other.reading.as_ref()).any(|other| other.is_same_file(reading));
        let displaced = if is_in_progress {
            request.reading = None;
            add(&mut self.followers, MAX_FOLLOWERS, request)
        } else {
            request.is_long = true;
            add(&mut self.long, MAX_LONG, request)
        };
        if displaced.is_some() {
            self.counts.lose();
            // Its followers need not wait any more.
            self.retries = self.followers.len();
        }
    }

    fn log_losses(&mut self) {
        let lost = self.counts.lost();
        let (logged, when) = self.logged;
        if lost != logged && when.is_none_or(|when| when.elapsed() >= LOG_INTERVAL) {
            let background = self.limits.is_background;
            tracing::warn!(lost = lost - logged, background, "executables whose digests are not computed");
            self.logged = (lost, Some(Instant::now()));
        }
    }
}

/// Reads one piece of a file.
fn read(mut request: Request, limits: Limits, known: &Known) -> (Request, u64) {
    let with_sha256 = limits.largest.is_some();
    let executable = &request.process.executable;
    let (step, bytes) = match request.reading.take() {
        Some(reading) => reading.read_piece(PIECE, known),
        None => match Reading::begin(&request.process, limits.largest, known) {
            (Step::More(reading), before) => {
                let _ = executable.build_id.set(reading.build_id());
                if reading.is_longer_than(PIECE) {
                    // Another request may be reading it.
                    (Step::More(reading), before)
                } else {
                    let (step, bytes) = reading.read_piece(PIECE, known);
                    (step, before.saturating_add(bytes))
                }
            }
            done => done,
        },
    };
    match step {
        Step::More(reading) => request.reading = Some(reading),
        Step::Done(Digests { build_id, sha256 }) => Digests { build_id, sha256 }.set(executable, with_sha256),
    }
    (request, bytes)
}

/// Bytes that may be read.
struct Budget {
    rate: Option<u64>,
    /// All of it up to this time is spent.
    spent_until: Instant,
}

impl Budget {
    /// Spends bytes; waits until the budget allows more.
    fn spend(&mut self, bytes: u64) {
        let Some(rate) = self.rate.filter(|rate| *rate > 0) else { return };
        let now = Instant::now();
        let takes = Duration::from_nanos(bytes.saturating_mul(1_000_000_000).checked_div(rate).unwrap_or(0));
        let oldest = now.checked_sub(BURST).unwrap_or(now);
        self.spent_until = self.spent_until.max(oldest) + takes;
        thread::sleep(self.spent_until.saturating_duration_since(now));
    }
}

/// Lowers the priority of this thread, and of those that it starts. On a busy CPU it still gets a tenth of the
/// share of another thread.
fn lower_priority() {
    const NICE: i32 = 10;
    // SAFETY: takes numbers alone; zero is the calling thread.
    #[expect(unsafe_code, reason = "neither the standard library nor nix can set a priority")]
    let failed = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) } != 0;
    if failed {
        tracing::debug!(error = %io::Error::last_os_error(), "digests are computed with the usual priority");
    }
}
