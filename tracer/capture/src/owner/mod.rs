//! Who sends a packet that waits for its verdict, and what passes without one.
//!
//! The kernel side notes who sends between which ends before the packet leaves. The threads that judge packets look there,
//! through handles of their own, without asking the thread that drains the rings.

mod convert;
mod find;
mod grants;
mod netns;
mod search;

use std::sync::Arc;

pub(crate) use convert::process_ref;
pub use find::Owners;
pub use grants::Grants;

use crate::kernel::{LoadError, OwnerTables, ProcessTable, Shared};

/// Makes the handles that other threads own. They serve the network namespace of the thread that asks for them, and stay
/// usable after capture has stopped; then nothing more is noted.
///
/// Using the maps takes no privilege since Linux 5.19. Nor does asking `sock_diag` for one socket; searching `/proc` for
/// other users' descriptors takes CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE.
pub struct Enforcement {
    processes: Option<Arc<ProcessTable>>,
    owners: Option<OwnerTables>,
    grants: Option<Grants>,
}

impl Enforcement {
    /// With what the kernel side shares, or for the layer that has none.
    pub(crate) fn new(shared: Option<&Shared>) -> Result<Self, LoadError> {
        let Some(shared) = shared else { return Ok(Self { processes: None, owners: None, grants: None }) };
        let processes = Some(Arc::clone(&shared.processes));
        let Some((owners, permits)) = &shared.enforcing else {
            return Ok(Self { processes, owners: None, grants: None });
        };
        let netns = netns::own_cookie().map_err(LoadError::Namespace)?;
        let grants = Grants::new(Arc::clone(permits), netns);
        Ok(Self { processes, owners: Some(owners.clone()), grants: Some(grants) })
    }

    /// For one more thread that judges packets. Where the hooks note nothing it can only [search](Owners::search).
    #[must_use]
    pub fn owners(&self) -> Owners {
        Owners::new(self.owners.clone(), self.processes.clone())
    }

    /// What lets flows pass; `None` where the hooks cannot (another layer than `sockets`, or Linux before 5.15).
    #[must_use]
    pub fn grants(&self) -> Option<Grants> {
        self.grants.clone()
    }
}
