//! Features that the kernel, a mount or a privilege does not offer, with the consequences.

use serde::Serialize;

/// A missing feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Degradation {
    /// No capability to load BPF programs.
    NoBpfPrivilege,
    /// No cgroup v2 hierarchy is mounted.
    NoCgroup2,
    /// The kernel does not describe its types (`/sys/kernel/btf/vmlinux`).
    NoBtf,
    /// tracefs is not mounted or not readable.
    NoTracefs,
    /// The kernel has no `sock:sock_send_length` and `sock:sock_recv_length` tracepoints.
    NoLengthTracepoints,
    /// The kernel has no `sock:inet_sk_error_report` tracepoint.
    NoErrorReports,
    /// A cgroup hook was refused by the kernel.
    NoCgroupHook,
    /// Packets cannot be inspected for DNS answers and TLS server names.
    NoNames,
    /// `sock_diag` does not answer.
    NoSockDiag,
    /// The peers of unconnected raw, ICMP and packet sockets cannot be seen by this layer.
    NoRawPeers,
    /// The descriptors of other users' processes cannot be read.
    OwnProcessesOnly,
    /// The kernel refused a layer although its requirements seem to be met.
    LayerRefused,
    /// An operation of the self-test was not captured, or not correctly.
    SelfTestUnseen,
    /// Capture is a `/proc` scan.
    ScanOnly,
}

// Every value has its place in the list.
const _: () = assert!(Degradation::ALL.len() == Degradation::ScanOnly as usize + 1);

impl Degradation {
    pub const ALL: [Self; 14] = [
        Self::NoBpfPrivilege,
        Self::NoCgroup2,
        Self::NoBtf,
        Self::NoTracefs,
        Self::NoLengthTracepoints,
        Self::NoErrorReports,
        Self::NoCgroupHook,
        Self::NoNames,
        Self::NoSockDiag,
        Self::NoRawPeers,
        Self::OwnProcessesOnly,
        Self::LayerRefused,
        Self::SelfTestUnseen,
        Self::ScanOnly,
    ];

    /// The name in messages, JSON and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoBpfPrivilege => "no_bpf_privilege",
            Self::NoCgroup2 => "no_cgroup2",
            Self::NoBtf => "no_btf",
            Self::NoTracefs => "no_tracefs",
            Self::NoLengthTracepoints => "no_length_tracepoints",
            Self::NoErrorReports => "no_error_reports",
            Self::NoCgroupHook => "no_cgroup_hook",
            Self::NoNames => "no_names",
            Self::NoSockDiag => "no_sock_diag",
            Self::NoRawPeers => "no_raw_peers",
            Self::OwnProcessesOnly => "own_processes_only",
            Self::LayerRefused => "layer_refused",
            Self::SelfTestUnseen => "self_test_unseen",
            Self::ScanOnly => "scan_only",
        }
    }

    /// What is lost without the feature.
    #[must_use]
    pub const fn consequence(self) -> &'static str {
        match self {
            Self::NoBpfPrivilege => "nothing can be captured in the kernel; only /proc scans remain",
            Self::NoCgroup2 => "the sockets layer cannot attach; io_uring, sendfile and splice stay unseen",
            Self::NoBtf => {
                "datagram byte counts, the accepting process, executables' true paths and connect errors are missing; names are evidence \
                 only for the process that asked for them"
            }
            Self::NoTracefs => "the syscalls layer cannot attach, nor process tracking without kernel types",
            Self::NoLengthTracepoints => {
                "packet sockets, and the process that accepts where another one listens, are missing; bytes of datagrams are counted as \
                 they leave and arrive, and a send that fails is not reported"
            }
            Self::NoErrorReports => "errors that the network answers to datagrams are missing",
            Self::NoCgroupHook => "some operations on sockets stay unseen",
            Self::NoNames => "names that processes look up stay unseen; peers have at most the names of /etc/hosts",
            Self::NoSockDiag => "preexisting connections are not listed",
            Self::NoRawPeers => "raw, ICMP and packet sends are seen with process and bytes but without their peer",
            Self::OwnProcessesOnly => {
                "preexisting sockets, and all sockets in a scan, are attributed to our own processes only"
            }
            Self::LayerRefused => "the layer cannot be used; the next best one is",
            Self::SelfTestUnseen => "connections made in this way are missed, or lack the values named here",
            Self::ScanOnly => "connections shorter than the scan interval are missed",
        }
    }

    /// How to get the feature.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::NoBpfPrivilege => "run as root, or with CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_PTRACE",
            Self::NoCgroup2 => "mount -t cgroup2 none /sys/fs/cgroup/unified",
            Self::NoBtf => "use a kernel built with CONFIG_DEBUG_INFO_BTF, and do not hide /sys/kernel/btf",
            Self::NoTracefs => "mount -t tracefs tracefs /sys/kernel/tracing",
            Self::NoLengthTracepoints => "use Linux 6.3 or later",
            Self::NoErrorReports => "use Linux 5.15 or later",
            Self::NoCgroupHook => "see the log for the hook; use Linux 5.10 or later",
            Self::NoNames => "use the sockets layer; see the log for why its hooks on packets cannot be attached",
            Self::NoSockDiag => "use a kernel with CONFIG_INET_DIAG and CONFIG_PACKET_DIAG, and CAP_NET_ADMIN",
            Self::NoRawPeers => "add --capture syscalls where the peer matters",
            Self::OwnProcessesOnly => "run as root, or with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
            Self::LayerRefused => {
                "act on the kernel's answer; seccomp, lockdown and a kernel before 5.10 are usual reasons"
            }
            Self::SelfTestUnseen => "report it with the output of `egret doctor --json`",
            Self::ScanOnly => "see the other entries for what keeps the kernel layers from working",
        }
    }
}
