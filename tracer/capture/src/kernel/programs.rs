//! The programs in the object, and where each attaches.

/// cgroup hooks on socket addresses; the attach point is part of the program's section in the object.
pub(super) const ADDRESS_HOOKS: [&str; 6] = ["connect4", "connect6", "sendmsg4", "sendmsg6", "recvmsg4", "recvmsg6"];

/// The cgroup hook on a socket's release.
pub(super) const RELEASE_HOOK: &str = "sock_release";

/// The cgroup hook on a socket's creation. Only where the length tracepoints are missing: with them, a raw or ICMP socket
/// announces itself by its first use, and nobody pays for the creation of all others.
pub(super) const CREATE_HOOK: &str = "sock_create";

/// The `sock_ops` program.
pub(super) const SOCK_OPS: &str = "sock_ops";

/// The iterator over the state of sockets, and what the kernel calls it.
pub(super) const TOTALS: &str = "socket_totals";
pub(super) const TOTALS_ITERATOR: &str = "bpf_sk_storage_map";

/// cgroup hooks on packets, for names; the attach point is part of the program's section in the object. What comes in is
/// of interest for DNS alone.
pub(super) const EGRESS_HOOK: &str = "names_egress";
pub(super) const INGRESS_HOOK: &str = "names_ingress";

/// Typed tracepoints that follow processes; the program is named after the tracepoint.
pub(super) const PROCESS_TRACEPOINTS: [&str; 4] =
    ["sched_process_exec", "sched_process_fork", "sched_process_exit", "cgroup_mkdir"];

/// The same without the kernel's types: program, category, tracepoint.
pub(super) const UNTYPED_TRACEPOINTS: [(&str, &str, &str); 3] = [
    ("exec_untyped", "sched", "sched_process_exec"),
    ("fork_untyped", "sched", "sched_process_fork"),
    ("exit_untyped", "sched", "sched_process_exit"),
];

/// Typed tracepoints that count bytes.
pub(super) const LENGTH_TRACEPOINTS: [&str; 2] = ["sock_send_length", "sock_recv_length"];

/// The typed tracepoint that tells errors of datagram sockets.
pub(super) const ERROR_TRACEPOINT: &str = "inet_sk_error_report";

/// Tracepoints of the `syscalls` layer: program and call. One program serves several.
pub(super) const CALL_TRACEPOINTS: [(&str, &[&str]); 6] = [
    // Exits first: an entry whose exit is not seen would keep its place in the table of calls.
    (
        "exit_call",
        &[
            "sys_exit_connect",
            "sys_exit_sendto",
            "sys_exit_sendmsg",
            "sys_exit_sendmmsg",
            "sys_exit_accept",
            "sys_exit_accept4",
        ],
    ),
    ("enter_connect", &["sys_enter_connect"]),
    ("enter_sendto", &["sys_enter_sendto"]),
    ("enter_sendmsg", &["sys_enter_sendmsg"]),
    ("enter_sendmmsg", &["sys_enter_sendmmsg"]),
    ("enter_accept", &["sys_enter_accept", "sys_enter_accept4"]),
];
