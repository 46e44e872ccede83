//! Flows that pass without evaluation.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use egret_model::{ProcessId, Transport};
use egret_wire::{Grant, Policy};

use super::convert::grant_key;
use crate::host::boot_now;
use crate::kernel::{LoadError, Permits};

/// Writes for the kernel side what is enforced, and which processes may connect to which peers without evaluation:
/// it sets a mark on their sockets, which firewall rules let pass.
///
/// 16,384 grants are kept; the least recently used is evicted.
#[derive(Clone)]
pub struct Grants {
    permits: Arc<Mutex<Permits>>,
    netns: u64,
}

impl Grants {
    pub(super) const fn new(permits: Arc<Mutex<Permits>>, netns: u64) -> Self {
        Self { permits, netns }
    }

    /// Sets whether owners are recorded and grants honoured from now on. The bits of `mark_mask` in a socket's
    /// mark are egret's, and have the value `mark_allowed` on a socket that was granted its peer: grants that were
    /// made for another value end. Other bits of the mark are never changed.
    ///
    /// # Errors
    ///
    /// The kernel refuses the write; the policy before stays in force.
    pub fn set_policy(&self, active: bool, mark_mask: u32, mark_allowed: u32) -> Result<(), LoadError> {
        let mut permits = self.lock();
        let epoch = permits.policy.epoch;
        permits.write(Policy { netns: self.netns, active: active.into(), mark_mask, mark_allowed, epoch })
    }

    /// Lets a process connect to a peer while `mark` is the policy's, for `lasts` at most. The grant covers every
    /// process with the same image, user and control group.
    ///
    /// Does nothing for flows that cannot be granted: another transport than TCP, or a process whose image the
    /// kernel side does not know.
    ///
    /// # Errors
    ///
    /// The kernel refuses the entry.
    pub fn grant(
        &self,
        process: &ProcessId,
        transport: Transport,
        peer: SocketAddr,
        mark: u32,
        lasts: Duration,
    ) -> Result<(), LoadError> {
        let Some(key) = grant_key(process, transport, peer) else { return Ok(()) };
        let lasts = u64::try_from(lasts.as_nanos()).unwrap_or(u64::MAX);
        let mut permits = self.lock();
        let grant = Grant { expires_ns: boot_now().saturating_add(lasts), mark, epoch: permits.policy.epoch };
        permits.grants.insert(key, grant, 0).map_err(|source| LoadError::Map { name: "GRANTS", source })
    }

    /// Revokes every grant at once. Open connections keep their mark.
    ///
    /// # Errors
    ///
    /// The kernel refuses the write; the grants stay in force.
    pub fn revoke_all(&self) -> Result<(), LoadError> {
        let mut permits = self.lock();
        let policy = permits.policy;
        permits.write(Policy { epoch: policy.epoch.wrapping_add(1), ..policy })
    }

    /// No thread panics between two writes that belong together, so that a poisoned lock is consistent.
    fn lock(&self) -> MutexGuard<'_, Permits> {
        self.permits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permits {
    fn write(&mut self, policy: Policy) -> Result<(), LoadError> {
        self.policies.set(0, policy, 0).map_err(|source| LoadError::Map { name: "POLICY", source })?;
        self.policy = policy;
        Ok(())
    }
}
