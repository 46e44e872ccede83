//! Capture by `/proc` scans.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use egret_model::{Event, Identity, Owner, Tally, Timestamp};
use procfs::process::Process;

use super::Options;
use crate::host::process::stat;
use crate::host::{self, ContainerNames};
use crate::scan::Scanner;
use crate::track::{Naming, Processes, identify};

/// Time between scans. A scan costs some milliseconds a namespace; shorter connections are missed.
const INTERVAL: Duration = Duration::from_secs(1);
/// Ancestors that are checked to find out whether a process is followed. Real chains are a dozen long.
const MAX_DEPTH: usize = 64;

/// The `procfs` layer.
pub(super) struct ScanCapture {
    scanner: Scanner,
    /// This layer sees no packets: all names are from the hosts file.
    naming: Naming,
    /// Preexisting sockets are reported.
    preexisting: bool,
    /// Events of the first scan that are not passed on yet.
    first: Vec<Event>,
    next: Instant,
    /// Processes whose descendants are followed, and those found to descend from them.
    followed: HashSet<u32>,
    captured: u64,
    /// Created by the first packet that is evaluated.
    processes: Option<Processes>,
    trace_context: bool,
    containers: Option<ContainerNames>,
}

impl ScanCapture {
    /// Scans at once, so that everything that happens from now on is new.
    pub(super) fn new(options: &Options) -> Self {
        let mut capture = Self {
            scanner: Scanner::new(INTERVAL).with_container_names(options.containers.clone()),
            naming: Naming::new(options.names.as_ref()),
            preexisting: options.preexisting,
            first: Vec::new(),
            next: Instant::now() + INTERVAL,
            followed: HashSet::new(),
            captured: 0,
            processes: None,
            trace_context: options.trace_context,
            containers: options.containers.clone(),
        };
        let mut first = Vec::new();
        capture.scan(&mut first);
        capture.first = first;
        capture
    }

    /// Follows the descendants of this process, but not the process itself.
    pub(super) fn follow(&mut self, pid: u32) {
        self.followed.insert(pid);
    }

    pub(super) fn until_next(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    /// Scans if a scan is due. Returns `false`: there is never more at once.
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
        let (booted, now) = (host::boot_time(), host::boot_now());
        // On the boot clock, so that steps of the wall clock do not change durations.
        let mut events = self.scanner.scan(Timestamp(i64::try_from(now).unwrap_or(0)));
        events.retain(|event| self.preexisting || !event.preexisting);
        for event in &mut events {
            event.boot_ns = now;
            event.time = Timestamp(booted.0.saturating_add(event.time.0));
            self.naming.name(event, 0);
            event.followed = event.process.as_ref().is_some_and(|process| self.descends(process.pid));
        }
        self.captured += u64::try_from(events.len()).unwrap_or(0);
        out.append(&mut events);
    }

    pub(super) fn identify(&mut self, owner: &Owner, peer: IpAddr) -> Identity {
        let (trace_context, containers) = (self.trace_context, &self.containers);
        let processes = self.processes.get_or_insert_with(|| Processes::new(trace_context, containers.clone()));
        // This layer sees no DNS answers: its names have no times.
        let _ = processes.refresh_clock();
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
            let stat = stat(&Process::new(i32::try_from(pid).ok()?).ok()?).ok()?;
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
