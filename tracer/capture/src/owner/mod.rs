//! The owners of packets that wait for a verdict, and the flows that pass without one.
//!
//! The kernel side records the owner of endpoints before a packet leaves. The threads that evaluate packets read
//! those maps through handles of their own, without the thread that drains the rings.

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

/// Creates the handles of other threads. They serve the network namespace of the thread that creates them, and
/// stay usable after capture has stopped, when no more owners are recorded.
///
/// Using the maps takes no privilege since Linux 5.19. Nor does looking up one socket by `sock_diag`; searching
/// `/proc` for other users' descriptors takes CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE.
pub struct Enforcement {
    processes: Option<Arc<ProcessTable>>,
    owners: Option<OwnerTables>,
    grants: Option<Grants>,
}

impl Enforcement {
    /// With the maps of the kernel side, or for the layer that has none.
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

    /// A handle for one more thread that evaluates packets. Without recorded owners it can only
    /// [search](Owners::search).
    #[must_use]
    pub fn owners(&self) -> Owners {
        Owners::new(self.owners.clone(), self.processes.clone())
    }

    /// The handle that grants flows; `None` if hooks cannot let them pass (another layer than `sockets`, or Linux
    /// before 5.15).
    #[must_use]
    pub fn grants(&self) -> Option<Grants> {
        self.grants.clone()
    }
}
