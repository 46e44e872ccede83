//! Finding the process of a socket that no hook could name: it is preexisting, or was accepted from a preexisting
//! listener.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egret_model::{Attribution, Endpoint, Process, Transport};

use super::processes::Processes;
use crate::diag::{Diag, find_owners};

/// Look-ups in one interval. Each costs a pass over the descriptors of every process, some milliseconds, for which
/// the reader of the rings waits. Beyond the limit owners stay unknown.
const LOOKUPS: u32 = 5;
const INTERVAL: Duration = Duration::from_secs(1);

/// Looks a socket up by `sock_diag`, and its owner in `/proc`.
pub(super) struct Resolver {
    diag: Option<Diag>,
    left: u32,
    since: Instant,
}

impl Resolver {
    pub(super) fn new() -> Self {
        Self { diag: Diag::open().ok(), left: LOOKUPS, since: Instant::now() }
    }

    /// The owner of the socket with these endpoints and this cookie, and how it was found; in this network
    /// namespace only.
    pub(super) fn resolve(
        &mut self,
        cookie: u64,
        transport: Transport,
        local: Endpoint,
        peer: Endpoint,
        processes: &mut Processes,
    ) -> Option<(Arc<Process>, Attribution)> {
        if !self.take_look_up() {
            return None;
        }
        let (local, peer) = (address(local)?, address(peer)?);
        let found = self.diag.as_mut()?.lookup(transport, local, peer).ok()??;
        // Another namespace may have a socket with the same endpoints, but not with the same cookie.
        if found.cookie != Some(cookie) || found.inode == 0 {
            return None;
        }
        let pid = find_owners(|inode| inode == found.inode).ok()?.get(found.inode)?;
        processes.read_running(pid).map(|process| (process, Attribution::Diag))
    }

    /// Whether there is a look-up left in this interval.
    pub(super) fn has_look_ups(&self) -> bool {
        self.diag.is_some() && (self.left > 0 || self.since.elapsed() >= INTERVAL)
    }

    /// Whether there is a look-up left in this interval; takes it.
    fn take_look_up(&mut self) -> bool {
        if self.since.elapsed() >= INTERVAL {
            self.since = Instant::now();
            self.left = LOOKUPS;
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

fn address(endpoint: Endpoint) -> Option<SocketAddr> {
    Some(SocketAddr::new(endpoint.address?, endpoint.port?))
}
