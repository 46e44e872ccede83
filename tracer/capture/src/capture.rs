//! Capture as one object: start it, wait, drain, stop it, and read the sum.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use egret_model::{Degradation, Event, Layer, Loss, LossReason, LossStage, Tally};
use egret_wire::{PeerKey, PeerTotals};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use thiserror::Error;

use crate::host;
use crate::kernel::{LoadError, Probe, Programs, Rings, Setup};
use crate::record::{Record, decode};
use crate::track::{PeerTable, Tracker};

/// The reader looks at the rings at least this often while there is traffic: the bound on an event's latency.
const BUSY_WAIT: Duration = Duration::from_millis(50);
/// After this long without a record the reader sleeps until it is woken by the next.
const QUIET_AFTER: Duration = Duration::from_millis(500);
/// And comes back by itself after this long, to look after what waits for time to pass.
const QUIET_WAIT: Duration = Duration::from_secs(5);
/// Records read before events are handed on, so that a storm is seen while it lasts.
const BATCH: usize = 4096;

/// Which layer, and how.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The layer asked for; `None` for the best that works.
    pub layer: Option<Layer>,
    /// Bytes of the flow ring: a power of two, at least a page.
    pub ring_bytes: u32,
    /// A record for every send.
    pub every_send: bool,
    /// List the sockets that stand already, first of all.
    pub standing: bool,
}

/// Why capture could not start.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The kernel refused.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// The kernel layers at work.
pub struct Capture {
    programs: Programs,
    rings: Rings,
    tracker: Tracker,
    /// What stood at the start and was not handed on yet.
    standing: Vec<Event>,
    delivered: u64,
    malformed: u64,
    last_record: Instant,
}

impl Capture {
    /// Loads and attaches the layer asked for, or the best that works.
    ///
    /// # Errors
    ///
    /// When the kernel refuses a program, or has no cgroup v2 hierarchy.
    pub fn start(probe: &Probe, options: Options) -> Result<Self, CaptureError> {
        let setup = Setup { ring_bytes: options.ring_bytes, every_send: options.every_send };
        let layer = Layer::Sockets;
        let mut tracker = Tracker::new(layer);
        // Listed before the programs are attached: a socket that is made in between is announced by its first use, and
        // none is told twice.
        let standing = if options.standing { tracker.list_standing() } else { Vec::new() };
        let (programs, rings) = Programs::sockets(probe, setup)?;
        Ok(Self::with(tracker, programs, rings, standing))
    }

    fn with(mut tracker: Tracker, mut programs: Programs, rings: Rings, standing: Vec<Event>) -> Self {
        // Twice: what was forked by a process that had not been entered yet is found by the second look.
        for _ in 0..2 {
            for (pid, key) in tracker.processes.enter_standing() {
                programs.enter_process(pid, key);
            }
        }
        Self { programs, rings, tracker, standing, delivered: 0, malformed: 0, last_record: Instant::now() }
    }

    /// The layer at work.
    #[must_use]
    pub const fn layer(&self) -> Layer {
        self.tracker.layer()
    }

    /// What the kernel did not offer.
    #[must_use]
    pub fn degradations(&self) -> &[Degradation] {
        self.programs.degradations()
    }

    /// Marks a process, and all that it will start from now on, as followed (`Event::followed`), or takes the mark
    /// away from it again; what it has started keeps it.
    ///
    /// # Errors
    ///
    /// When the kernel's table refuses the entry.
    pub fn follow(&mut self, pid: u32, followed: bool) -> Result<(), CaptureError> {
        Ok(self.programs.follow(pid, followed)?)
    }

    /// Waits for records, for one of the `others` to be readable, or for `limit` to pass. Says which of the others
    /// are readable, as bits in their order.
    pub fn wait(&mut self, others: &[BorrowedFd<'_>], limit: Option<Duration>) -> u32 {
        let quiet = self.last_record.elapsed() >= QUIET_AFTER;
        self.programs.set_asleep(quiet);
        let longest = if quiet { QUIET_WAIT } else { BUSY_WAIT };
        let wait = limit.map_or(longest, |limit| limit.min(longest));
        let mut fds: Vec<PollFd<'_>> = others.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
        for ring in [&self.rings.flows, &self.rings.execs] {
            fds.push(PollFd::new(ring.as_fd(), PollFlags::POLLIN));
        }
        // A record may have come between the last look and the word that the reader sleeps: look again, at once, the
        // first time.
        let timeout = PollTimeout::try_from(wait).unwrap_or(PollTimeout::ZERO);
        let _ = poll(&mut fds, timeout);
        let readable = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        fds.iter()
            .take(others.len().min(32))
            .enumerate()
            .filter(|(_, fd)| readable(fd))
            .fold(0, |bits, (index, _)| bits | 1 << index)
    }

    /// Reads what is in the rings, up to a batch, and appends what it means to `out`. Says whether there may be more.
    pub fn drain(&mut self, out: &mut Vec<Event>) -> bool {
        self.tracker.processes.refresh_clock();
        out.append(&mut self.standing);
        let before = self.delivered;
        self.drain_execs();
        let more = self.drain_flows(out);
        self.tracker.flush(Some(host::boot_now()), out);
        if self.delivered != before {
            self.last_record = Instant::now();
        }
        more
    }

    fn drain_execs(&mut self) {
        while let Some(item) = self.rings.execs.next() {
            match decode(&item) {
                Ok(record) => {
                    self.delivered += 1;
                    self.tracker.process_record(record);
                }
                Err(error) => {
                    self.malformed += 1;
                    tracing::warn!(%error, ring = "execs", "record cannot be read");
                }
            }
        }
    }

    fn drain_flows(&mut self, out: &mut Vec<Event>) -> bool {
        for _ in 0..BATCH {
            let Some(item) = self.rings.flows.next() else { return false };
            let record = decode(&item);
            drop(item);
            match record {
                Ok(record) => {
                    self.delivered += 1;
                    self.flow(record, out);
                }
                Err(error) => {
                    self.malformed += 1;
                    tracing::warn!(%error, ring = "flows", "record cannot be read");
                }
            }
        }
        true
    }

    fn flow(&mut self, record: Record, out: &mut Vec<Event>) {
        let Record::Flow(kind, flow) = record else { return };
        // The exec that explains this flow was written before it, to the other ring.
        if !self.tracker.processes.knows(&flow.process) {
            self.drain_execs();
        }
        self.tracker.flow(kind, flow, &mut self.programs, out);
    }

    /// Takes the programs out of the kernel and reads what is left.
    pub fn stop(&mut self, out: &mut Vec<Event>) {
        // Totals of datagram sockets that are still open are not asked for: their records say what was seen.
        self.programs.detach();
        while self.drain(out) {}
        self.tracker.flush(None, out);
    }

    /// The sum so far. After [`Self::stop`], `captured` is exactly `delivered` and what was lost.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let counters = self.programs.counters();
        let mut lost = counters.lost();
        if self.malformed != 0 {
            lost.push(Loss { stage: LossStage::Decode, reason: LossReason::Malformed, count: self.malformed });
        }
        let mut incomplete = counters.incomplete();
        incomplete.extend(self.tracker.incomplete());
        Tally { captured: counters.produced(), delivered: self.delivered, lost, incomplete }
    }
}

impl PeerTable for Programs {
    fn take(&mut self, key: &PeerKey) -> Option<PeerTotals> {
        self.take_peer(key)
    }
}
