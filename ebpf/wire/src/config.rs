//! Read-only settings that user space writes before the programs are loaded.

/// The typed tracepoints are attached: they do the accounting and see connections end.
pub const CONFIG_TYPED: u32 = 1 << 0;
/// `sock:sock_send_length` and `sock:sock_recv_length` are attached (Linux 6.3).
pub const CONFIG_LENGTHS: u32 = 1 << 1;
/// Write a record for every send.
pub const CONFIG_EVERY_SEND: u32 = 1 << 2;
/// Copy DNS messages.
pub const CONFIG_DNS: u32 = 1 << 3;
/// Copy the first bytes of TLS connections.
pub const CONFIG_SNI: u32 = 1 << 4;
/// Look for `TRACEPARENT` in the environment of every exec.
pub const CONFIG_TRACE_CONTEXT: u32 = 1 << 5;
/// Record owners and honour grants while a [`crate::Policy`] is active.
pub const CONFIG_ENFORCE: u32 = 1 << 6;
/// Publish the totals of open connections.
pub const CONFIG_TOTALS: u32 = 1 << 7;
/// `sock_ops` may call the helpers that name the current process (Linux 6.10): the process of a listener needs no
/// kernel types then.
pub const CONFIG_CURRENT: u32 = 1 << 8;

/// Bytes are counted by packets, because there are no length tracepoints.
pub const CONFIG_PACKETS: u32 = 1 << 9;
/// Atomic operations may return a value (Linux 5.12).
pub const CONFIG_ATOMICS: u32 = 1 << 10;

/// Stage of the start: hooks are still being attached. Sockets get no state yet, so that none is seen by some
/// hooks only.
pub const STAGE_ATTACHING: u32 = 0;
/// Stage of the start: every hook is attached, and user space lists the preexisting sockets.
pub const STAGE_LISTING: u32 = 1;
/// Stage of the start: the preexisting sockets are listed.
pub const STAGE_WATCHING: u32 = 2;

/// How long after the start the first datagram of a socket may be an answer to one that was not seen: twice the
/// time-out of resolvers (`RES_TIMEOUT` in glibc's resolv.h).
pub const ANSWER_NS: u64 = 10_000_000_000;

/// The stage of the start; the one entry of the map `STAGE`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// `CLOCK_BOOTTIME` when [`STAGE_LISTING`] began, nanoseconds.
    pub since_ns: u64,
    /// A `STAGE_*` number.
    pub stage: u32,
    /// Always zero.
    pub reserved: u32,
}

const _: () = assert!(size_of::<Stage>() == 16);

/// Settings and the kernel's structure offsets.
///
/// Offsets are bytes, read from `/sys/kernel/btf/vmlinux` when egret starts; an offset that the kernel does
/// not have is `u32::MAX`, and its field is not read.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// `CONFIG_*` bits.
    pub flags: u32,
    /// How long a thread may be in a send or receive before another one considers it finished, in jiffies.
    pub busy_jiffies: u32,
    /// Bytes in the flow ring above which the reader is woken.
    pub wake_bytes: u32,
    /// `sock_common.skc_family`.
    pub skc_family: u32,
    /// `sock_common.skc_num`.
    pub skc_num: u32,
    /// `sock_common.skc_dport`.
    pub skc_dport: u32,
    /// `sock_common.skc_rcv_saddr`.
    pub skc_rcv_saddr: u32,
    /// `sock_common.skc_daddr`.
    pub skc_daddr: u32,
    /// `sock_common.skc_v6_rcv_saddr`.
    pub skc_v6_rcv_saddr: u32,
    /// `sock_common.skc_v6_daddr`.
    pub skc_v6_daddr: u32,
    /// `sock_common.skc_net`.
    pub skc_net: u32,
    /// `sock_common.skc_bound_dev_if`.
    pub skc_bound_dev_if: u32,
    /// `bpf_sock_addr_kern.uaddr`: the address that a hook of `bpf_sock_addr` is about.
    pub sock_addr_address: u32,
    /// `bpf_sock_addr_kern.uaddrlen`: its length; Linux 6.7.
    pub sock_addr_length: u32,
    /// `net.ns.inum`.
    pub net_inum: u32,
    /// `sock.sk_protocol`.
    pub sk_protocol: u32,
    /// `sock.sk_type`.
    pub sk_type: u32,
    /// `sock.sk_err`.
    pub sk_err: u32,
    /// `sock.sk_max_ack_backlog`: that of a listener is copied to the sockets that it accepts.
    pub sk_max_ack_backlog: u32,
    /// `sock_common.skc_flags`; one bit is set when the peer's FIN was received.
    pub sk_flags: u32,
    /// `sock.sk_userlocks`: among others, whether a program chose the local port.
    pub sk_userlocks: u32,
    /// Bits of that byte that are set if a program chose the local address or the port. In older kernels the field
    /// is a part of it.
    pub bind_locks: u32,
    /// `inet_connection_sock.icsk_ulp_data`: of a subflow of multipath TCP its `mptcp_subflow_context`.
    pub icsk_ulp_data: u32,
    /// `mptcp_subflow_context.conn`: the connection.
    pub subflow_conn: u32,
    /// `sock.sk_socket`: null once the socket has no file.
    pub sk_socket: u32,
    /// `task_struct.tgid`.
    pub task_tgid: u32,
    /// `task_struct.pid`.
    pub task_pid: u32,
    /// `task_struct.real_parent`.
    pub task_real_parent: u32,
    /// `task_struct.group_leader`.
    pub task_group_leader: u32,
    /// `task_struct.start_boottime`.
    pub task_start_boottime: u32,
    /// `task_struct.mm`.
    pub task_mm: u32,
    /// `task_struct.fs`.
    pub task_fs: u32,
    /// `fs_struct.users`: processes that share it.
    pub fs_users: u32,
    /// `fs_struct.pwd`: the working directory.
    pub fs_pwd: u32,
    /// `task_struct.files`.
    pub task_files: u32,
    /// `task_struct.signal`.
    pub task_signal: u32,
    /// `signal_struct.live`: threads of the process that still run.
    pub signal_live: u32,
    /// `task_struct.cred`.
    pub task_cred: u32,
    /// `cred.euid`.
    pub cred_euid: u32,
    /// `mm_struct.exe_file`.
    pub mm_exe_file: u32,
    /// `mm_struct.arg_start`.
    pub mm_arg_start: u32,
    /// `mm_struct.arg_end`.
    pub mm_arg_end: u32,
    /// `mm_struct.env_start`.
    pub mm_env_start: u32,
    /// `mm_struct.env_end`.
    pub mm_env_end: u32,
    /// `file.f_path`.
    pub file_path: u32,
    /// `file.f_inode`.
    pub file_inode: u32,
    /// `file.private_data`.
    pub file_private_data: u32,
    /// `path.mnt`.
    pub path_mnt: u32,
    /// `path.dentry`.
    pub path_dentry: u32,
    /// `dentry.d_parent`.
    pub dentry_parent: u32,
    /// `dentry.d_name.name`.
    pub dentry_name: u32,
    /// `dentry.d_name.len`.
    pub dentry_length: u32,
    /// `mount.mnt`: the offset of `struct vfsmount` in `struct mount`.
    pub mount_mnt: u32,
    /// `mount.mnt_parent`.
    pub mount_parent: u32,
    /// `mount.mnt_mountpoint`.
    pub mount_mountpoint: u32,
    /// `vfsmount.mnt_root`.
    pub vfsmount_root: u32,
    /// `inode.i_ino`.
    pub inode_ino: u32,
    /// `inode.i_sb`.
    pub inode_sb: u32,
    /// `inode.i_size`.
    pub inode_size: u32,
    /// `inode.i_ctime_sec`; `__i_ctime.tv_sec` before Linux 6.11, `i_ctime.tv_sec` before 6.6.
    pub inode_ctime_sec: u32,
    /// `inode.i_ctime_nsec`; `tv_nsec` of the same before.
    pub inode_ctime_nsec: u32,
    /// `super_block.s_dev`.
    pub sb_dev: u32,
    /// `files_struct.fdt`.
    pub files_fdt: u32,
    /// `fdtable.fd`.
    pub fdt_fd: u32,
    /// `fdtable.max_fds`.
    pub fdt_max_fds: u32,
    /// `socket.sk`.
    pub socket_sk: u32,
    /// `sock_common.skc_cookie`.
    pub skc_cookie: u32,
    /// `cgroup.kn`.
    pub cgroup_kn: u32,
    /// `kernfs_node.id`.
    pub kernfs_id: u32,
    /// `task_struct.nsproxy`.
    pub task_nsproxy: u32,
    /// `fs_struct.root`.
    pub fs_root: u32,
    /// `nsproxy.mnt_ns`.
    pub nsproxy_mnt_ns: u32,
    /// `mnt_namespace.ns.inum`.
    pub mnt_ns_inum: u32,
    /// `mnt_namespace.user_ns`.
    pub mnt_ns_user: u32,
    /// `user_namespace.ns.inum`.
    pub user_ns_inum: u32,
    /// `mount.mnt_ns`.
    pub mount_ns: u32,
    /// `task_struct.cgroups`.
    pub task_cgroups: u32,
    /// `css_set.dfl_cgrp`.
    pub css_set_dfl_cgrp: u32,
    /// Inode numbers of the host's mount namespaces: that of the first process, and egret's own. `u32::MAX` if
    /// unknown.
    pub host_mounts: [u32; 2],
}

impl Config {
    /// Nothing enabled and no offset known.
    pub const UNKNOWN: Self = {
        // Every field is written, so that a new one cannot be missed.
        const NONE: u32 = u32::MAX;
        Self {
            flags: 0,
            busy_jiffies: 0,
            wake_bytes: 0,
            skc_family: NONE,
            skc_num: NONE,
            skc_dport: NONE,
            skc_rcv_saddr: NONE,
            skc_daddr: NONE,
            skc_v6_rcv_saddr: NONE,
            skc_v6_daddr: NONE,
            skc_net: NONE,
            skc_bound_dev_if: NONE,
            sock_addr_address: NONE,
            sock_addr_length: NONE,
            net_inum: NONE,
            sk_protocol: NONE,
            sk_type: NONE,
            sk_err: NONE,
            sk_max_ack_backlog: NONE,
            sk_flags: NONE,
            sk_userlocks: NONE,
            bind_locks: NONE,
            icsk_ulp_data: NONE,
            subflow_conn: NONE,
            sk_socket: NONE,
            task_tgid: NONE,
            task_pid: NONE,
            task_real_parent: NONE,
            task_group_leader: NONE,
            task_start_boottime: NONE,
            task_mm: NONE,
            task_fs: NONE,
            fs_users: NONE,
            fs_pwd: NONE,
            task_files: NONE,
            task_signal: NONE,
            signal_live: NONE,
            task_cred: NONE,
            cred_euid: NONE,
            mm_exe_file: NONE,
            mm_arg_start: NONE,
            mm_arg_end: NONE,
            mm_env_start: NONE,
            mm_env_end: NONE,
            file_path: NONE,
            file_inode: NONE,
            file_private_data: NONE,
            path_mnt: NONE,
            path_dentry: NONE,
            dentry_parent: NONE,
            dentry_name: NONE,
            dentry_length: NONE,
            mount_mnt: NONE,
            mount_parent: NONE,
            mount_mountpoint: NONE,
            vfsmount_root: NONE,
            inode_ino: NONE,
            inode_sb: NONE,
            inode_size: NONE,
            inode_ctime_sec: NONE,
            inode_ctime_nsec: NONE,
            sb_dev: NONE,
            files_fdt: NONE,
            fdt_fd: NONE,
            fdt_max_fds: NONE,
            socket_sk: NONE,
            skc_cookie: NONE,
            cgroup_kn: NONE,
            kernfs_id: NONE,
            task_nsproxy: NONE,
            fs_root: NONE,
            nsproxy_mnt_ns: NONE,
            mnt_ns_inum: NONE,
            mnt_ns_user: NONE,
            user_ns_inum: NONE,
            mount_ns: NONE,
            task_cgroups: NONE,
            css_set_dfl_cgrp: NONE,
            host_mounts: [NONE; 2],
        }
    };
}

const _: () = assert!(size_of::<Config>() == 80 * 4);

#[cfg(feature = "user")]
mod pod {
    // SAFETY: `repr(C)` and `u32`s only, no padding (size asserted above).
    #[expect(unsafe_code, reason = "aya writes global data as plain bytes")]
    unsafe impl aya::Pod for super::Config {}
    // SAFETY: as above, with a `u64`.
    #[expect(unsafe_code, reason = "aya writes map values as plain bytes")]
    unsafe impl aya::Pod for super::Stage {}
}
