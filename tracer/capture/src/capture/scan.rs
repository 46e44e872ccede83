//! Capture by `/proc` scans.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use egret_model::{Event, Identity, Owner, Tally, Timestamp};
use procfs::process::Process;

use super::Options;
use crate::host;
use crate::scan::Scanner;
use crate::track::{Naming, Processes, identify};

/// Time between scans. A scan costs some milliseconds a namespace; what lives shorter than this is missed.
const INTERVAL: Duration = Duration::from_secs(1);
/// Ancestors looked at to see whether a process is followed. Real chains are a dozen long.
const MAX_DEPTH: usize = 64;

/// Scans now and then.
pub(super) struct ScanCapture {
    scanner: Scanner,
    /// This layer sees no packets: all names are from the hosts file.
    naming: Naming,
    standing: bool,
    /// What the first scan found, until it is handed on.
    first: Vec<Event>,
    next: Instant,
    /// Processes whose descendants are followed, and those found to descend from them.
    followed: HashSet<u32>,
    captured: u64,
    /// Of use where packets are judged.
    processes: Option<Processes>,
    trace_context: bool,
}

impl ScanCapture {
    /// Scans at once, so that whatever happens from now on is news.
    pub(super) fn new(options: &Options) -> Self {
        let mut capture = Self {
            scanner: Scanner::new(INTERVAL),
            naming: Naming::new(options.names.as_ref()),
            standing: options.standing,
            first: Vec::new(),
            next: Instant::now() + INTERVAL,
            followed: HashSet::new(),
            captured: 0,
            processes: None,
            trace_context: options.trace_context,
        };
        let mut first = Vec::new();
        capture.scan(&mut first);
        capture.first = first;
        capture
    }

    /// Descendants of this process count as followed. It does not count itself.
    pub(super) fn follow(&mut self, pid: u32) {
        self.followed.insert(pid);
    }

    pub(super) fn until_next(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    /// Scans if it is time to; there is never more at once.
    pub(super) fn scan_if_due(&mut self, out: &mut Vec<Event>) -> bool {
        out.append(&mut self.first);
        if Instant::now() >= self.next {
            self.scan(out);
            self.next = Instant::now() + self.scanner.interval();
        }
        false
    }

    pub(super) fn scan(&mut self, out: &mut Vec<Event>) {
        out.append(&mut self.first);
        let now = Timestamp(host::boot_time().0.saturating_add(i64::try_from(host::boot_now()).unwrap_or(0)));
        let mut events = self.scanner.scan(now);
        events.retain(|event| self.standing || !event.standing);
        for event in &mut events {
            self.naming.name(event);
            event.followed = event.process.as_ref().is_some_and(|process| self.descends(process.pid));
        }
        self.captured += u64::try_from(events.len()).unwrap_or(0);
        out.append(&mut events);
    }

    pub(super) fn identify(&mut self, owner: &Owner, peer: IpAddr) -> Identity {
        let processes = self.processes.get_or_insert_with(|| Processes::new(self.trace_context));
        processes.refresh_clock();
        identify(processes, &mut self.naming, owner, peer, &|_| None)
    }

    pub(super) fn names(&self) -> Option<egret_names::State> {
        self.naming.state()
    }

    fn descends(&mut self, pid: u32) -> bool {
        if self.followed.is_empty() {
            return false;
        }
        let parent = |pid: u32| {
            let stat = Process::new(i32::try_from(pid).ok()?).ok()?.stat().ok()?;
            u32::try_from(stat.ppid).ok().filter(|parent| *parent != 0)
        };
        std::iter::successors(parent(pid), |pid| parent(*pid)).take(MAX_DEPTH).any(|pid| self.followed.contains(&pid))
    }

    pub(super) fn tally(&self) -> Tally {
        let lost = self.scanner.losses();
        let missed: u64 = lost.iter().map(|loss| loss.count).sum();
        Tally { captured: self.captured + missed, delivered: self.captured, lost, ..Tally::default() }
    }
}
