//! What the enforcer needs of the process that it runs in.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use crate::evaluate::{Digest, FindOwner, Grant, Identify};

/// What the enforcer needs of the process that it runs in.
pub trait Host: Send + Sync {
    /// Drops the privileges that enforcing does not need. It is called first on the controller's thread, which starts all others.
    fn reduce_privileges(&self);

    /// Makes the owner finder of one worker.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    fn owners(&self) -> io::Result<Box<dyn FindOwner>>;

    /// Starts something that computes digests.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    fn digests(&self) -> io::Result<Box<dyn Digest>>;

    /// Identifies processes.
    fn identify(&self) -> Arc<dyn Identify>;

    /// Lets the kernel allow flows on its own.
    fn grant(&self) -> Arc<dyn Grant>;

    /// The name servers of the host.
    fn resolvers(&self) -> Vec<IpAddr>;
}
