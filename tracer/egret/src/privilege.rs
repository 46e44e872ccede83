//! Privileges are given up once what needs them is done.
//!
//! Capabilities belong to threads. Those that read about other users' processes keep what that takes; all others keep
//! none. Nothing gets one back: not by itself, and not by running a program, for there is no new privilege
//! (`PR_SET_NO_NEW_PRIVS`), and the bounding set is empty where egret may make it so.

use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use caps::{CapSet, Capability, CapsHashSet};
use egret_model::Layer;
use nix::sys::prctl;
use nix::sys::utsname::uname;

/// What it takes to read `/proc/PID` of processes of other users: their executables, arguments and descriptors.
const OTHER_PROCESSES: [Capability; 2] = [Capability::CAP_SYS_PTRACE, Capability::CAP_DAC_READ_SEARCH];
/// What it takes to ask for the sockets of other network namespaces: to enter them, and to be told everything.
const OTHER_NAMESPACES: [Capability; 2] = [Capability::CAP_SYS_ADMIN, Capability::CAP_NET_ADMIN];
/// Since this version whoever has a BPF map open may use it; before, only who could have made it.
const OPEN_MAPS_NEED_NOTHING: (u32, u32) = (5, 19);

/// What the capture thread keeps while a layer is at work. The kernel layers ask for the sockets of other namespaces at the
/// start, before this; at the end, when those that wait for an answer are listed, they ask in their own alone.
pub(crate) fn capture(layer: Layer) -> Vec<Capability> {
    let mut keep = OTHER_PROCESSES.to_vec();
    match layer {
        Layer::Procfs => keep.extend(OTHER_NAMESPACES),
        Layer::Sockets | Layer::Syscalls if !open_maps_need_nothing() => keep.push(Capability::CAP_BPF),
        Layer::Sockets | Layer::Syscalls => {}
    }
    keep
}

/// What the threads keep that compute digests: they open the files that processes run.
pub(crate) fn reduce_to_files() {
    if let Err(error) = reduce(OTHER_PROCESSES.to_vec()) {
        tracing::warn!("{error:#}");
    }
}

/// What the threads keep that find out the names of containers: they read files in the homes of others.
pub(crate) fn reduce_to_state() {
    if let Err(error) = reduce(vec![Capability::CAP_DAC_READ_SEARCH]) {
        tracing::warn!("{error:#}");
    }
}

/// What the thread keeps that installs firewall rules and starts those that judge packets: these look processes up in `/proc`
/// where the kernel's tables do not tell, and open what processes run.
pub(crate) const ENFORCE: [Capability; 4] =
    [Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW, Capability::CAP_SYS_PTRACE, Capability::CAP_DAC_READ_SEARCH];
/// What the tools need that install firewall rules: netlink for those of nftables, a raw socket for the older ones.
pub(crate) const FIREWALL: [Capability; 2] = [Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW];

/// Makes sure that no program egret might run has more privilege than egret. For this thread and those that it starts.
pub(crate) fn renounce() -> Result<()> {
    prctl::set_no_new_privs().context("cannot give up new privileges")
}

/// Takes every capability but these from this thread; those that it starts from now on have no more.
pub(crate) fn reduce(keep: Vec<Capability>) -> Result<()> {
    let held = caps::read(None, CapSet::Permitted)?;
    let keep: CapsHashSet = keep.into_iter().filter(|capability| held.contains(capability)).collect();
    // Ambient ones are left behind by the kernel when the others go.
    bound(&keep).and_then(|()| set(&keep)).context("cannot give up capabilities")
}

/// Starts what has threads of its own on one without any capability, so that they have none from their first instruction.
pub(crate) fn without<T: Send>(start: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let start = || reduce(Vec::new()).and_then(|()| start());
    thread::scope(|scope| scope.spawn(start).join()).map_err(|_| anyhow!("a thread broke down while it started"))?
}

/// Takes every capability but `keep` from this thread, and has programs that it starts get those of `children`, also for
/// another user than root.
pub(crate) fn pass_on(keep: &[Capability], children: &[Capability]) -> Result<()> {
    reduce(keep.to_vec())?;
    let held = caps::read(None, CapSet::Permitted)?;
    let children: CapsHashSet = children.iter().copied().filter(|capability| held.contains(capability)).collect();
    let passed_on = || -> Result<(), caps::errors::CapsError> {
        caps::set(None, CapSet::Inheritable, &children)?;
        children.iter().try_for_each(|capability| caps::raise(None, CapSet::Ambient, *capability))
    };
    passed_on().context("cannot pass capabilities on")
}

fn set(keep: &CapsHashSet) -> Result<()> {
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new())?;
    caps::set(None, CapSet::Effective, keep)?;
    caps::set(None, CapSet::Permitted, keep)?;
    Ok(())
}

/// Only `CAP_SETPCAP` lets a thread lower its bound. Without it the bound stays; no program is run that it would matter to.
fn bound(keep: &CapsHashSet) -> Result<()> {
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

/// The first two numbers of a kernel's release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|other: char| !other.is_ascii_digit()).map(|digits| digits.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// The capabilities of egret's threads, by the threads' names.
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
    fn releases_of_distributions_have_a_version() {
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
