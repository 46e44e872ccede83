//! What the running kernel offers beyond its type information.

use std::fs;

use aya::Btf;
use aya::programs::ProgramType;
use aya::sys::{BpfHelper, is_helper_supported};

/// Typed tracepoints that count the bytes of calls.
pub(super) const LENGTH_TRACEPOINTS: [&str; 2] = ["sock_send_length", "sock_recv_length"];

/// Whether the running kernel is older than this version. A kernel that does not report its version counts as new.
pub(super) fn is_before(major: u32, minor: u32) -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    version(&release).is_some_and(|version| version < (major, minor))
}

/// The first two numbers of `uname -r`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Whether atomic operations cannot return a value.
pub(super) fn lacks_atomics() -> bool {
    is_before(5, 12)
}

/// Whether a `sock_ops` program may call the helpers that name the current process (Linux 6.10). Where it may not,
/// the process is read from the task.
pub(super) fn can_name_processes() -> bool {
    [BpfHelper::BPF_FUNC_get_current_pid_tgid, BpfHelper::BPF_FUNC_get_current_cgroup_id]
        .into_iter()
        .all(|helper| is_helper_supported(ProgramType::SockOps, helper).unwrap_or(false))
}

/// Whether every hook can distinguish network namespaces (`bpf_get_netns_cookie` in `sock_ops`, Linux 5.15).
pub(super) fn can_enforce() -> bool {
    let can = is_helper_supported(ProgramType::SockOps, BpfHelper::BPF_FUNC_get_netns_cookie).unwrap_or(false);
    if !can {
        tracing::warn!(
            "the owners of packets are searched for in /proc: the kernel side needs Linux 5.15 to record them"
        );
    }
    can
}

/// Whether the kernel has all of these typed tracepoints.
pub(super) fn has_tracepoints(types: &Btf, names: &[&str]) -> bool {
    names
        .iter()
        .all(|name| types.id_by_type_name_kind(&format!("btf_trace_{name}"), aya_obj::btf::BtfKind::Typedef).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_distributions_are_parsed() {
        for (release, expected) in [
            ("5.10.0-46-amd64", Some((5, 10))),
            ("6.12.117+deb13-amd64", Some((6, 12))),
            ("4.18.0-553.el8_10.x86_64\n", Some((4, 18))),
            ("7.0-rc1", Some((7, 0))),
            ("6", None),
            ("", None),
        ] {
            assert_eq!(version(release), expected, "{release}");
        }
        assert!((5, 9) < (5, 10) && (5, 15) < (6, 1));
    }
}
