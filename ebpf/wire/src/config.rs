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
/// Serve enforcement, whenever [`crate::Policy`] says so.
pub const CONFIG_ENFORCE: u32 = 1 << 6;

/// Settings and the kernel's structure offsets.
///
/// Offsets are bytes, read from `/sys/kernel/btf/vmlinux` when egret starts; an offset that the kernel does
/// not have is `u32::MAX`, and what depends on it is left out.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// `CONFIG_*` bits.
    pub flags: u32,
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
    /// `net.ns.inum`.
    pub net_inum: u32,
    /// `sock.sk_protocol`.
    pub sk_protocol: u32,
    /// `sock.sk_type`.
    pub sk_type: u32,
    /// `sock.sk_err`.
    pub sk_err: u32,
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
    /// `mount.mnt`: where `struct vfsmount` sits in `struct mount`.
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
    /// `tcp_sock.bytes_sent`: payload bytes sent, those sent again included.
    pub tcp_bytes_sent: u32,
    /// `tcp_sock.bytes_retrans`.
    pub tcp_bytes_retrans: u32,
    /// `tcp_sock.bytes_received`.
    pub tcp_bytes_received: u32,
    /// `tcp_sock.snd_nxt`.
    pub tcp_snd_nxt: u32,
    /// `tcp_sock.write_seq`.
    pub tcp_write_seq: u32,
    /// `tcp_sock.rcv_nxt`.
    pub tcp_rcv_nxt: u32,
    /// `tcp_sock.copied_seq`.
    pub tcp_copied_seq: u32,
    /// `cgroup.kn`.
    pub cgroup_kn: u32,
    /// `kernfs_node.id`.
    pub kernfs_id: u32,
}

impl Config {
    /// Nothing switched on and no offset known.
    pub const UNKNOWN: Self = {
        // Written field by field so that a new field cannot be forgotten.
        const NONE: u32 = u32::MAX;
        Self {
            flags: 0,
            wake_bytes: 0,
            skc_family: NONE,
            skc_num: NONE,
            skc_dport: NONE,
            skc_rcv_saddr: NONE,
            skc_daddr: NONE,
            skc_v6_rcv_saddr: NONE,
            skc_v6_daddr: NONE,
            skc_net: NONE,
            net_inum: NONE,
            sk_protocol: NONE,
            sk_type: NONE,
            sk_err: NONE,
            task_tgid: NONE,
            task_pid: NONE,
            task_real_parent: NONE,
            task_group_leader: NONE,
            task_start_boottime: NONE,
            task_mm: NONE,
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
            sb_dev: NONE,
            files_fdt: NONE,
            fdt_fd: NONE,
            fdt_max_fds: NONE,
            socket_sk: NONE,
            skc_cookie: NONE,
            tcp_bytes_sent: NONE,
            tcp_bytes_retrans: NONE,
            tcp_bytes_received: NONE,
            tcp_snd_nxt: NONE,
            tcp_write_seq: NONE,
            tcp_rcv_nxt: NONE,
            tcp_copied_seq: NONE,
            cgroup_kn: NONE,
            kernfs_id: NONE,
        }
    };
}

const _: () = assert!(size_of::<Config>() == 59 * 4);

#[cfg(feature = "user")]
mod pod {
    // SAFETY: `repr(C)` and `u32`s only, no padding (size asserted above).
    #[expect(unsafe_code, reason = "aya writes global data as plain bytes")]
    unsafe impl aya::Pod for super::Config {}
}
