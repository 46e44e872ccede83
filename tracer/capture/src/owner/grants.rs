//! What passes without being asked about.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use egret_model::{ProcessId, Transport};
use egret_wire::{Grant, Policy};

use super::convert::grant_key;
use crate::host::boot_now;
use crate::kernel::{LoadError, Permits};

/// Tells the kernel side what is enforced, and which processes may connect to which peers without being asked about: it then
/// gives their sockets a mark, which firewall rules let pass.
///
/// 16,384 grants are kept; those not used for the longest time make room.
#[derive(Clone)]
pub struct Grants {
    permits: Arc<Mutex<Permits>>,
    netns: u64,
}

impl Grants {
    pub(super) const fn new(permits: Arc<Mutex<Permits>>, netns: u64) -> Self {
        Self { permits, netns }
    }

    /// Says whether owners are noted and grants honoured from now on. The bits of `mark_mask` in a socket's mark are egret's,
    /// and `mark_allowed` is what they are on a socket that was granted its peer: a grant that was made for another value
    /// does not count any more. Other bits of the mark are never changed.
    ///
    /// # Errors
    ///
    /// The kernel refuses the write; what was enforced before goes on.
    pub fn set_policy(&self, active: bool, mark_mask: u32, mark_allowed: u32) -> Result<(), LoadError> {
        let mut permits = self.lock();
        let epoch = permits.policy.epoch;
        permits.write(Policy { netns: self.netns, active: active.into(), mark_mask, mark_allowed, epoch })
    }

    /// Lets a process connect to a peer while `mark` is the policy's, for `lasts` at most. Every process that runs the same
    /// image for the same user in the same control group may.
    ///
    /// Does nothing for what cannot pass in the kernel: another transport than TCP, or a process of which the kernel side does
    /// not know what it runs.
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

    /// Takes every grant back, at once. Connections that stand keep their mark.
    ///
    /// # Errors
    ///
    /// The kernel refuses the write: they still count.
    pub fn revoke_all(&self) -> Result<(), LoadError> {
        let mut permits = self.lock();
        let policy = permits.policy;
        permits.write(Policy { epoch: policy.epoch.wrapping_add(1), ..policy })
    }

    /// Nobody leaves it half changed.
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
