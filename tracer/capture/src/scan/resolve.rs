//! Processes for the events of one scan.

use std::collections::HashMap;
use std::sync::Arc;

use egret_model::{Process, Timestamp};

use crate::host::{Cgroups, Users, boot_time, process};

/// Reads each process once a scan: between scans it may have replaced its image.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    users: Users,
    cgroups: Cgroups,
    boot: Timestamp,
    known: HashMap<u32, Option<Arc<Process>>>,
}

impl Resolver {
    /// Forgets the last scan's processes.
    pub(super) fn begin(&mut self) {
        self.known.clear();
        self.boot = boot_time();
    }

    /// `None` if it ended before it could be read.
    pub(super) fn process(&mut self, pid: u32) -> Option<Arc<Process>> {
        let Self { users, cgroups, boot, known } = self;
        let read = || process::read(pid, cgroups).ok().map(|process| Arc::new(process.to_model(*boot, users)));
        known.entry(pid).or_insert_with(read).clone()
    }
}
