//! What this kernel, its mounts and egret's privileges offer, probed without changing anything.

use std::fs;
use std::path::{Path, PathBuf};

use egret_model::Degradation;
use procfs::process::Process;

use crate::host;

/// Capabilities by number (include/uapi/linux/capability.h).
const CAP_DAC_OVERRIDE: u32 = 1;
const CAP_DAC_READ_SEARCH: u32 = 2;
const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_PTRACE: u32 = 19;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Whether a feature is available, with detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Support {
    /// Available, with what was found.
    Yes(String),
    /// Missing, with what was looked for.
    No(String),
}

impl Support {
    #[must_use]
    pub const fn is_yes(&self) -> bool {
        matches!(self, Self::Yes(_))
    }
}

/// The result of a probe.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Kernel release (`uname -r`).
    pub release: String,
    /// Privilege to load BPF programs.
    pub privilege: Support,
    /// Mount point of cgroup v2.
    pub cgroup: Option<PathBuf>,
    /// The kernel's type information.
    pub btf: Support,
    /// Mount point of tracefs.
    pub tracefs: Option<PathBuf>,
    /// The tracepoints `sock_send_length` and `sock_recv_length`; unknown without tracefs.
    pub lengths: Support,
    /// Privilege to read other users' descriptors, which show the owners of preexisting sockets.
    pub processes: Support,
}

impl Probe {
    /// Probes this host.
    #[must_use]
    pub fn new() -> Self {
        let tracefs = find_tracefs();
        let lengths = match &tracefs {
            Some(root) => exists(&root.join("events/sock/sock_send_length")),
            None => Support::No("tracefs is not mounted, so tracepoints cannot be listed".into()),
        };
        Self {
            release: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            privilege: privilege(),
            cgroup: host::cgroup::find_cgroup2(),
            btf: exists(Path::new("/sys/kernel/btf/vmlinux")),
            tracefs,
            lengths,
            processes: processes(),
        }
    }

    #[must_use]
    pub fn degradations(&self) -> Vec<Degradation> {
        let missing = [
            (!self.privilege.is_yes(), Degradation::NoBpfPrivilege),
            (self.cgroup.is_none(), Degradation::NoCgroup2),
            (!self.btf.is_yes(), Degradation::NoBtf),
            (self.tracefs.is_none(), Degradation::NoTracefs),
            (self.tracefs.is_some() && !self.lengths.is_yes(), Degradation::NoLengthTracepoints),
            (!self.processes.is_yes(), Degradation::OwnProcessesOnly),
        ];
        missing.into_iter().filter_map(|(is, degradation)| is.then_some(degradation)).collect()
    }

    /// Whether the `sockets` layer can work at all.
    #[must_use]
    pub fn can_sockets(&self) -> bool {
        self.privilege.is_yes() && self.cgroup.is_some()
    }

    /// Whether the `syscalls` layer can work.
    #[must_use]
    pub fn can_syscalls(&self) -> bool {
        self.privilege.is_yes() && self.tracefs.is_some()
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self::new()
    }
}

/// The mount point of tracefs, if it can be read.
#[must_use]
pub fn find_tracefs() -> Option<PathBuf> {
    ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"]
        .into_iter()
        .map(PathBuf::from)
        .find(|root| root.join("events/sched/sched_process_exec/id").exists())
}

fn exists(path: &Path) -> Support {
    match fs::File::open(path) {
        Ok(_) => Support::Yes(path.display().to_string()),
        Err(error) => Support::No(format!("{}: {error}", path.display())),
    }
}

/// Listing the descriptors of another user's process takes CAP_DAC_READ_SEARCH, and reading the link of one of
/// them CAP_SYS_PTRACE (`proc_pid_readlink` in fs/proc/base.c).
fn processes() -> Support {
    let effective = effective_capabilities();
    let lists = effective & (1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH) != 0;
    let reads = effective & (1 << CAP_SYS_PTRACE) != 0;
    let missing: Vec<&str> = [(lists, "CAP_DAC_READ_SEARCH"), (reads, "CAP_SYS_PTRACE")]
        .into_iter()
        .filter_map(|(has, name)| (!has).then_some(name))
        .collect();
    if missing.is_empty() {
        Support::Yes("CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE".into())
    } else {
        Support::No(format!("missing {}", missing.join(", ")))
    }
}

fn effective_capabilities() -> u64 {
    Process::myself().and_then(|me| me.status()).map_or(0, |status| status.capeff)
}

/// CAP_SYS_ADMIN, or since Linux 5.8 CAP_BPF and CAP_PERFMON with CAP_NET_ADMIN for the cgroup hooks.
fn privilege() -> Support {
    let effective = effective_capabilities();
    let has = |capability: u32| effective & (1 << capability) != 0;
    let wanted = [(CAP_BPF, "CAP_BPF"), (CAP_PERFMON, "CAP_PERFMON"), (CAP_NET_ADMIN, "CAP_NET_ADMIN")];
    let missing: Vec<&str> = wanted.iter().filter(|(capability, _)| !has(*capability)).map(|(_, name)| *name).collect();
    if has(CAP_SYS_ADMIN) && has(CAP_NET_ADMIN) {
        Support::Yes("CAP_SYS_ADMIN".into())
    } else if missing.is_empty() {
        Support::Yes("CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN".into())
    } else {
        Support::No(format!("missing {}", missing.join(", ")))
    }
}
