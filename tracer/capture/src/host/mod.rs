//! The processes of the host: users, control groups, containers, executables.
//!
//! Everything here reads `/proc`, `/sys/fs/cgroup` or `/etc` on demand and keeps bounded caches. Nothing here
//! waits for the network, but files can be slow: do not call it where the rings of the kernel side are drained.

pub mod cgroup;
mod clock;
mod containers;
mod file;
pub(crate) mod guard;
pub mod hash;
mod interfaces;
mod mounts;
mod peer;
pub mod process;
pub mod users;

pub use cgroup::{Cgroups, describe, find_cgroup2};
pub use clock::{boot_now, boot_time};
pub use containers::ContainerNames;
pub use file::kernel_device_to_stat;
pub use hash::{DigestCounts, Digester, Known, Limits};
pub(crate) use interfaces::Interfaces;
pub(crate) use mounts::HostMounts;
pub use peer::peer_groups;
pub use process::{HostProcess, ProcessError};
pub use users::Users;

#[cfg(test)]
pub(crate) mod test_support;
