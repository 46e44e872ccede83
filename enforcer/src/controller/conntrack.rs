//! The conntrack table: while it is full, the kernel drops packets that begin a flow, as soon as there are rules that need it.

use egret_model::snapshot::ConnectionTable;

use super::handle::Refused;
use crate::firewall::Tracking;

/// Watches the conntrack table.
#[derive(Debug, Default)]
pub(super) struct ConntrackMonitor {
    last: Option<Tracking>,
    has_warned: bool,
}

impl ConntrackMonitor {
    /// Checks the table before rules are installed that need it.
    ///
    /// # Errors
    ///
    /// It is full.
    pub(super) fn check_room(&mut self) -> Result<(), Refused> {
        self.update(Tracking::read());
        match self.last.filter(Tracking::is_full) {
            Some(full) => Err(Refused(format!("{}: new connections would be dropped; {REMEDY}", describe(full)))),
            None => Ok(()),
        }
    }

    /// Whether it had no room for a packet since the last call.
    pub(super) fn has_overflowed(&mut self) -> bool {
        let before = self.last;
        self.update(Tracking::read());
        // Where nothing was tracked at the last call, all drops are from before.
        self.last.is_some_and(|now| now.has_overflowed(&before.unwrap_or(now)))
    }

    pub(super) fn state(&self) -> Option<ConnectionTable> {
        self.last.map(|Tracking { entries, limit, .. }| ConnectionTable { entries, limit })
    }

    /// Warns once each time that it becomes nearly full.
    fn update(&mut self, now: Option<Tracking>) {
        self.last = now;
        let nearly_full = now.filter(Tracking::is_nearly_full);
        if let Some(table) = nearly_full.filter(|_| !self.has_warned) {
            tracing::warn!("{}: when it is full, new connections are dropped; {REMEDY}", describe(table));
        }
        self.has_warned = nearly_full.is_some();
    }
}

const REMEDY: &str = "raise net.netfilter.nf_conntrack_max";

fn describe(Tracking { entries, limit, .. }: Tracking) -> String {
    format!("the kernel's table of connections has {entries} of {limit} entries")
}
