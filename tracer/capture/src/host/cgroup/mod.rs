//! Control groups: which systemd unit and which container a process belongs to.

mod cache;
mod container;
mod handle;
mod membership;
mod mount;
mod unit;

use egret_model::Cgroup;

pub use cache::Cgroups;
pub use mount::find_cgroup2;

/// What a cgroup's path says: the unit that owns it and the container in it.
///
/// Pure; the path is below the root of the hierarchy, as in `/proc/PID/cgroup`. Names are systemd's and the
/// runtimes' conventions: a process that may write below `/sys/fs/cgroup` can make a path that looks like any
/// of them.
#[must_use]
pub fn describe(path: &str) -> Cgroup {
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    let (container, runtime) = container::find(path).unzip();
    Cgroup {
        path: path.into(),
        unit: unit::find(path).map(Into::into),
        container: container.map(Into::into),
        runtime: runtime.flatten(),
    }
}
