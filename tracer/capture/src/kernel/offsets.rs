//! The offsets of kernel structures that the programs need.

use egret_wire::Config;

use super::btf::Btf;

/// Fills the offsets of a [`Config`]. An offset that the kernel does not have stays unknown.
macro_rules! offsets {
    ($btf:ident, $config:ident, $($field:ident: $structure:literal $($member:literal).+;)*) => {
        $($config.$field = $btf.offset($structure, &[$($member),+]).unwrap_or(u32::MAX);)*
    };
}

/// Offsets of the running kernel.
pub(super) fn read(btf: &Btf<'_>) -> Config {
    let mut config = Config::UNKNOWN;
    offsets! { btf, config,
        skc_family: "sock_common" "skc_family";
        skc_num: "sock_common" "skc_num";
        skc_dport: "sock_common" "skc_dport";
        skc_rcv_saddr: "sock_common" "skc_rcv_saddr";
        skc_daddr: "sock_common" "skc_daddr";
        skc_v6_rcv_saddr: "sock_common" "skc_v6_rcv_saddr";
        skc_v6_daddr: "sock_common" "skc_v6_daddr";
        skc_net: "sock_common" "skc_net";
        skc_bound_dev_if: "sock_common" "skc_bound_dev_if";
        sock_addr_address: "bpf_sock_addr_kern" "uaddr";
        sock_addr_length: "bpf_sock_addr_kern" "uaddrlen";
        skc_cookie: "sock_common" "skc_cookie";
        net_inum: "net" "ns"."inum";
        sk_protocol: "sock" "sk_protocol";
        sk_type: "sock" "sk_type";
        sk_err: "sock" "sk_err";
        sk_max_ack_backlog: "sock" "sk_max_ack_backlog";
        sk_flags: "sock_common" "skc_flags";
        icsk_ulp_data: "inet_connection_sock" "icsk_ulp_data";
        subflow_conn: "mptcp_subflow_context" "conn";
        sk_socket: "sock" "sk_socket";
        task_tgid: "task_struct" "tgid";
        task_pid: "task_struct" "pid";
        task_real_parent: "task_struct" "real_parent";
        task_group_leader: "task_struct" "group_leader";
        task_start_boottime: "task_struct" "start_boottime";
        task_mm: "task_struct" "mm";
        task_fs: "task_struct" "fs";
        fs_users: "fs_struct" "users";
        fs_pwd: "fs_struct" "pwd";
        task_files: "task_struct" "files";
        task_signal: "task_struct" "signal";
        signal_live: "signal_struct" "live";
        task_cred: "task_struct" "cred";
        cred_euid: "cred" "euid";
        mm_exe_file: "mm_struct" "exe_file";
        mm_arg_start: "mm_struct" "arg_start";
        mm_arg_end: "mm_struct" "arg_end";
        mm_env_start: "mm_struct" "env_start";
        mm_env_end: "mm_struct" "env_end";
        file_path: "file" "f_path";
        file_inode: "file" "f_inode";
        file_private_data: "file" "private_data";
        path_mnt: "path" "mnt";
        path_dentry: "path" "dentry";
        dentry_parent: "dentry" "d_parent";
        dentry_name: "dentry" "d_name"."name";
        dentry_length: "dentry" "d_name"."len";
        mount_mnt: "mount" "mnt";
        mount_parent: "mount" "mnt_parent";
        mount_mountpoint: "mount" "mnt_mountpoint";
        vfsmount_root: "vfsmount" "mnt_root";
        inode_ino: "inode" "i_ino";
        inode_sb: "inode" "i_sb";
        inode_size: "inode" "i_size";
        sb_dev: "super_block" "s_dev";
        files_fdt: "files_struct" "fdt";
        fdt_fd: "fdtable" "fd";
        fdt_max_fds: "fdtable" "max_fds";
        socket_sk: "socket" "sk";
        cgroup_kn: "cgroup" "kn";
        kernfs_id: "kernfs_node" "id";
        task_nsproxy: "task_struct" "nsproxy";
        fs_root: "fs_struct" "root";
        nsproxy_mnt_ns: "nsproxy" "mnt_ns";
        mnt_ns_inum: "mnt_namespace" "ns"."inum";
        mnt_ns_user: "mnt_namespace" "user_ns";
        user_ns_inum: "user_namespace" "ns"."inum";
        mount_ns: "mount" "mnt_ns";
        task_cgroups: "task_struct" "cgroups";
        css_set_dfl_cgrp: "css_set" "dfl_cgrp";
    }
    (config.inode_ctime_sec, config.inode_ctime_nsec) = change_time(btf).unwrap_or((u32::MAX, u32::MAX));
    if let Some((byte, locks)) = bind_locks(btf) {
        (config.sk_userlocks, config.bind_locks) = (byte, locks);
    }
    config
}

/// `SOCK_BINDADDR_LOCK` and `SOCK_BINDPORT_LOCK` in include/net/sock.h: a program chose the address, or the port.
const BIND_LOCKS: u32 = 4 | 8;

/// Offset of the byte with a socket's locks, and the two bits in it. In older kernels it is a field of four bits.
fn bind_locks(btf: &Btf<'_>) -> Option<(u32, u32)> {
    let bits = btf.bit_offset("sock", &["sk_userlocks"])?;
    let locks = BIND_LOCKS << (bits % 8);
    (locks <= u8::MAX.into()).then_some((bits / 8, locks))
}

/// Offsets of the time of an inode's last change, seconds and nanoseconds, by the names in all kernels.
fn change_time(btf: &Btf<'_>) -> Option<(u32, u32)> {
    let in_structure = |name| {
        let part = |part| btf.offset("inode", &[name, part]);
        part("tv_sec").zip(part("tv_nsec"))
    };
    let separate = btf.offset("inode", &["i_ctime_sec"]).zip(btf.offset("inode", &["i_ctime_nsec"]));
    separate.or_else(|| in_structure("__i_ctime")).or_else(|| in_structure("i_ctime"))
}

/// Whether all offsets that the typed tracepoint programs load by are known.
pub(super) fn complete(config: &Config) -> bool {
    [config.skc_family, config.sk_err, config.task_pid, config.task_tgid].iter().all(|offset| *offset != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_kernel_has_every_offset() {
        let Ok(data) = std::fs::read("/sys/kernel/btf/vmlinux") else {
            eprintln!("skipped: this kernel has no type information");
            return;
        };
        let config = Config { host_mounts: [0; 2], ..read(&Btf::parse(&data).unwrap()) };
        assert!(complete(&config));
        let text = format!("{config:?}");
        assert!(!text.contains(&u32::MAX.to_string()), "unknown offset in {text}");
    }
}
