//! Naming the process of a socket that no hook could name: it is older than egret, or was accepted from a listener that is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egret_model::{Attribution, Endpoint, Process, Transport};

use super::processes::Processes;
use crate::diag::{Diag, inodes_to_pids};

/// Look-ups in one interval. Each costs a pass over the descriptors of every process, some milliseconds, and the reader of
/// the rings waits for it: what comes beyond that stays unknown.
const LOOKUPS: u32 = 5;
const INTERVAL: Duration = Duration::from_secs(1);

/// Asks the kernel for exactly one socket, and `/proc` for its holder.
pub(super) struct Resolver {
    diag: Option<Diag>,
    left: u32,
    since: Instant,
}

impl Resolver {
    pub(super) fn new() -> Self {
        Self { diag: Diag::open().ok(), left: LOOKUPS, since: Instant::now() }
    }

    /// The holder of the socket with these two ends and this cookie, and how it was found; in this network namespace only.
    pub(super) fn resolve(
        &mut self,
        cookie: u64,
        transport: Transport,
        local: Endpoint,
        peer: Endpoint,
        processes: &mut Processes,
    ) -> Option<(Arc<Process>, Attribution)> {
        if !self.may_look() {
            return None;
        }
        let (local, peer) = (address(local)?, address(peer)?);
        let found = self.diag.as_mut()?.lookup(transport, local, peer).ok()??;
        // Another namespace may have a socket with the same ends: the cookie tells them apart.
        if found.cookie != Some(cookie) || found.inode == 0 {
            return None;
        }
        let pid = inodes_to_pids(|inode| inode == found.inode).ok()?.of(found.inode)?;
        processes.standing(pid).map(|process| (process, Attribution::Diag))
    }

    /// Whether there is a look-up left in this interval; takes it.
    fn may_look(&mut self) -> bool {
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
