//! The kernel structure offsets that the programs read by.

use egret_wire::Config;

use super::btf::Btf;

/// Fills the offsets of a [`Config`]. One that the kernel does not have stays unknown.
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
        skc_cookie: "sock_common" "skc_cookie";
        net_inum: "net" "ns"."inum";
        sk_protocol: "sock" "sk_protocol";
        sk_type: "sock" "sk_type";
        sk_err: "sock" "sk_err";
        task_tgid: "task_struct" "tgid";
        task_pid: "task_struct" "pid";
        task_real_parent: "task_struct" "real_parent";
        task_group_leader: "task_struct" "group_leader";
        task_start_boottime: "task_struct" "start_boottime";
        task_mm: "task_struct" "mm";
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
        sb_dev: "super_block" "s_dev";
        files_fdt: "files_struct" "fdt";
        fdt_fd: "fdtable" "fd";
        fdt_max_fds: "fdtable" "max_fds";
        socket_sk: "socket" "sk";
        tcp_bytes_sent: "tcp_sock" "bytes_sent";
        tcp_bytes_retrans: "tcp_sock" "bytes_retrans";
        tcp_bytes_received: "tcp_sock" "bytes_received";
        tcp_snd_nxt: "tcp_sock" "snd_nxt";
        tcp_write_seq: "tcp_sock" "write_seq";
        tcp_rcv_nxt: "tcp_sock" "rcv_nxt";
        tcp_copied_seq: "tcp_sock" "copied_seq";
        cgroup_kn: "cgroup" "kn";
        kernfs_id: "kernfs_node" "id";
    }
    config
}

/// Whether the offsets that the typed tracepoint programs load by are all known.
pub(super) fn complete(config: &Config) -> bool {
    [config.skc_family, config.sk_err, config.task_pid, config.task_tgid].iter().all(|offset| *offset != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_kernel_has_every_offset() {
        let Ok(data) = std::fs::read("/sys/kernel/btf/vmlinux") else {
            eprintln!("skipped: this kernel has no type information");
            return;
        };
        let config = read(&Btf::parse(&data).unwrap());
        assert!(complete(&config));
        let text = format!("{config:?}");
        assert!(!text.contains(&u32::MAX.to_string()), "unknown offset in {text}");
    }
}
