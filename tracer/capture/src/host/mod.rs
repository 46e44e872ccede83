//! What the host says about processes: users, control groups, executables.
//!
//! Everything here reads `/proc`, `/sys/fs/cgroup` or `/etc` when asked and keeps bounded caches. Nothing
//! here waits for the network, but files can be slow: keep it off the path that drains the kernel's rings.

pub mod cgroup;
mod clock;
mod file;
pub(crate) mod guard;
pub mod hash;
mod peer;
pub mod process;
pub mod users;

pub use cgroup::{Cgroups, describe, find_cgroup2};
pub use clock::{boot_now, boot_time};
pub use file::kernel_device_to_stat;
pub use hash::{DigestCounts, Digester, Known, Limits};
pub use peer::peer_groups;
pub use process::{HostProcess, ProcessError};
pub use users::Users;

#[cfg(test)]
pub(crate) mod test_support;
