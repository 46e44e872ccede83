//! Processes for the events of one scan.

use std::collections::HashMap;
use std::sync::Arc;

use egret_model::{Process, Timestamp};

use crate::host::process::Reader;
use crate::host::{Cgroups, ContainerNames, Users, boot_time};

/// Reads each process once a scan: it may have executed another image since the last one.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    users: Users,
    cgroups: Cgroups,
    reader: Reader,
    boot: Timestamp,
    known: HashMap<u32, Option<Arc<Process>>>,
}

impl Resolver {
    /// Resolves the names of containers from now on.
    pub(super) fn name_containers(&mut self, names: Option<ContainerNames>) {
        self.cgroups = Cgroups::with_names(names);
    }

    /// Discards the processes of the last scan.
    pub(super) fn begin(&mut self) {
        self.known.clear();
        self.boot = boot_time();
    }

    /// `None` if it ended before it could be read.
    pub(super) fn process(&mut self, pid: u32) -> Option<Arc<Process>> {
        let Self { users, cgroups, reader, boot, known } = self;
        let read = || reader.read(pid, cgroups).ok().map(|process| Arc::new(process.to_model(*boot, users)));
        known.entry(pid).or_insert_with(read).clone()
    }
}
