//! Drops privileges as soon as they are not needed.
//!
//! Capabilities belong to threads. Threads that read processes of other users keep the capabilities for it; all others keep
//! none. No thread can regain one, also not by running a program: `PR_SET_NO_NEW_PRIVS` is set, and the bounding set is empty
//! if egret is allowed to clear it.

use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use caps::{CapSet, Capability, CapsHashSet};
use egret_model::Layer;
use nix::sys::prctl;
use nix::sys::utsname::uname;

/// For reading `/proc/PID` of other users: executables, arguments and descriptors.
const OTHER_PROCESSES: [Capability; 2] = [Capability::CAP_SYS_PTRACE, Capability::CAP_DAC_READ_SEARCH];
/// For listing the sockets of other network namespaces: entering them, and seeing all attributes.
const OTHER_NAMESPACES: [Capability; 2] = [Capability::CAP_SYS_ADMIN, Capability::CAP_NET_ADMIN];
/// Since this kernel an open BPF map can be used without a capability.
const OPEN_MAPS_NEED_NOTHING: (u32, u32) = (5, 19);

/// The capabilities of the capture thread while a layer runs. The kernel layers list sockets of other namespaces only at the
/// start, before capabilities are dropped.
pub(crate) fn capture(layer: Layer) -> Vec<Capability> {
    let mut keep = OTHER_PROCESSES.to_vec();
    match layer {
        Layer::Procfs => keep.extend(OTHER_NAMESPACES),
        Layer::Sockets | Layer::Syscalls if !open_maps_need_nothing() => keep.push(Capability::CAP_BPF),
        Layer::Sockets | Layer::Syscalls => {}
    }
    keep
}

/// For the threads that compute digests and open executables.
pub(crate) fn reduce_to_files() {
    if let Err(error) = reduce(OTHER_PROCESSES.to_vec()) {
        tracing::warn!("{error:#}");
    }
}

/// For the threads that read names of containers from files of other users.
pub(crate) fn reduce_to_state() {
    if let Err(error) = reduce(vec![Capability::CAP_DAC_READ_SEARCH]) {
        tracing::warn!("{error:#}");
    }
}

/// For the controller and the workers: they change the firewall, search `/proc` for owners, and open executables.
pub(crate) const ENFORCE: [Capability; 4] =
    [Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW, Capability::CAP_SYS_PTRACE, Capability::CAP_DAC_READ_SEARCH];
/// For the firewall tools: nftables uses netlink, iptables a raw socket.
pub(crate) const FIREWALL: [Capability; 2] = [Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW];

/// Prevents new privileges by running a program, for this thread and threads that it starts.
pub(crate) fn forbid_new() -> Result<()> {
    prctl::set_no_new_privs().context("cannot set PR_SET_NO_NEW_PRIVS")
}

/// Drops all capabilities except these from this thread and threads that it starts from now on.
pub(crate) fn reduce(keep: Vec<Capability>) -> Result<()> {
    let held = caps::read(None, CapSet::Permitted)?;
    let keep: CapsHashSet = keep.into_iter().filter(|capability| held.contains(capability)).collect();
    // The kernel removes ambient capabilities with the others.
    reduce_bounding_set(&keep).and_then(|()| set(&keep)).context("cannot drop capabilities")
}

/// Runs `start` on a thread without capabilities, so that threads that it starts never have any.
pub(crate) fn run_without<T: Send>(start: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let start = || reduce(Vec::new()).and_then(|()| start());
    thread::scope(|scope| scope.spawn(start).join()).map_err(|_| anyhow!("a thread panicked while starting"))?
}

/// Drops all capabilities except `keep` from this thread. Programs that it runs get `children`, also as a user other than root.
pub(crate) fn pass_on(keep: &[Capability], children: &[Capability]) -> Result<()> {
    reduce(keep.to_vec())?;
    let held = caps::read(None, CapSet::Permitted)?;
    let children: CapsHashSet = children.iter().copied().filter(|capability| held.contains(capability)).collect();
    let passed_on = || -> Result<(), caps::errors::CapsError> {
        caps::set(None, CapSet::Inheritable, &children)?;
        children.iter().try_for_each(|capability| caps::raise(None, CapSet::Ambient, *capability))
    };
    passed_on().context("cannot set ambient capabilities")
}

fn set(keep: &CapsHashSet) -> Result<()> {
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new())?;
    caps::set(None, CapSet::Effective, keep)?;
    caps::set(None, CapSet::Permitted, keep)?;
    Ok(())
}

/// Needs `CAP_SETPCAP`. Without it the bounding set does not change, which has no effect on the programs that egret runs.
fn reduce_bounding_set(keep: &CapsHashSet) -> Result<()> {
    if !caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        return Ok(());
    }
    for capability in caps::read(None, CapSet::Bounding)?.difference(keep) {
        caps::drop(None, CapSet::Bounding, *capability)?;
    }
    Ok(())
}

fn open_maps_need_nothing() -> bool {
    let release = uname().map(|system| system.release().to_string_lossy().into_owned()).unwrap_or_default();
    version(&release).is_some_and(|version| version >= OPEN_MAPS_NEED_NOTHING)
}

/// The first two numbers of a release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|other: char| !other.is_ascii_digit()).map(|digits| digits.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// The capabilities of egret's threads by thread name.
pub(crate) fn held() -> Vec<(String, Vec<String>)> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let mut threads: Vec<_> = tasks.filter_map(|task| held_by(&task.path())).collect();
    threads.sort_unstable();
    threads.dedup();
    threads
}

fn held_by(task: &Path) -> Option<(String, Vec<String>)> {
    let name = std::fs::read_to_string(task.join("comm")).ok()?;
    let id = task.file_name()?.to_str()?.parse().ok()?;
    let mut held: Vec<String> =
        caps::read(Some(id), CapSet::Permitted).ok()?.iter().map(Capability::to_string).collect();
    held.sort_unstable();
    Some((name.trim_end().to_owned(), held))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_of_releases_are_parsed() {
        for (release, expected) in [
            ("6.18.44-fc-v657", Some((6, 18))),
            ("5.15.0-1-amd64", Some((5, 15))),
            ("6.1-rc3", Some((6, 1))),
            ("linux", None),
            ("", None),
        ] {
            assert_eq!(version(release), expected, "{release}");
        }
    }
}
