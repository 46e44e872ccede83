//! Listing the preexisting sockets while the hooks run.

use std::os::fd::AsFd;
use std::time::Duration;

use egret_wire::{Kind, PREEXISTING};

use super::super::rings::wait_for;
use super::KernelCapture;
use crate::kernel::LoadError;
use crate::preexisting::Listing;
use crate::record::Record;

/// Records held back while preexisting sockets are listed: 30 MB at most. More stay in the ring.
const MAX_HELD: usize = 1 << 17;
/// The interval at which the rings are read meanwhile.
const INTERVAL: Duration = Duration::from_millis(5);

impl KernelCapture {
    /// Lists the preexisting sockets with the hooks attached, so that none is missed in between. The records of
    /// the hooks are held back meanwhile: they show which sockets are new, and their events come after the
    /// listing.
    pub(super) fn list_preexisting(&mut self, reported: bool) -> Result<(), LoadError> {
        self.programs.begin_listing()?;
        let listing = std::thread::scope(|scope| {
            let listing = scope.spawn(Listing::of_preexisting);
            while !listing.is_finished() {
                wait_for(&[], &[self.flows.as_fd(), self.execs.as_fd()], INTERVAL);
                self.hold();
            }
            listing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        self.programs.finish_listing()?;
        self.hold();
        let begun = self.held.iter().filter_map(|record| match record {
            Record::Flow(_, flow) if is_beginning(record) => Some(flow.cookie),
            _ => None,
        });
        let begun = begun.collect();
        self.preexisting = self.tracker.list_preexisting(listing, &begun, reported);
        self.tracker.processes.end_reader();
        Ok(())
    }

    /// Takes the records from the rings, and keeps the flows for later.
    fn hold(&mut self) {
        self.drain_execs();
        while self.held.len() < MAX_HELD
            && let Some(record) = self.flows.hold()
        {
            self.held.push(record);
        }
    }
}

/// Whether a record shows that its socket's connection is new.
fn is_beginning(record: &Record) -> bool {
    let Record::Flow(kind, flow) = record else { return false };
    let is_new = flow.header.flags & PREEXISTING == 0;
    match kind {
        Kind::Begun | Kind::Bound | Kind::Listening | Kind::Accepted => true,
        Kind::Connecting | Kind::Established | Kind::Failed => is_new,
        _ => false,
    }
}
