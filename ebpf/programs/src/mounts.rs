//! Whether a path names the same file for a process as on the host.

use egret_wire::{EXEC_HOST_FILE, EXEC_HOST_VIEW};

use crate::config::setting;
use crate::kernel::{follow, follow_or_null, read, read_or_zero};

/// Inode number of the initial user namespace (`PROC_USER_INIT_INO` in include/linux/proc_ns.h; Linux 3.8).
const INITIAL_USER_NAMESPACE: u32 = 0xefff_fffd;
/// Mounts on top of each other at the root of a namespace: usually two, with that of the kernel's start.
const MAX_ROOTS: usize = 4;

/// The flags of a file and of the task that executed it.
#[inline(always)]
pub(crate) fn view(task: *const u8, file: *const u8) -> u32 {
    let namespace = follow_or_null(follow_or_null(task, setting!(task_nsproxy)), setting!(nsproxy_mnt_ns));
    let inode: u32 = read_or_zero(namespace, setting!(mnt_ns_inum));
    let mut flags = 0;
    if lies_on_host(file) == Ok(true) {
        flags |= EXEC_HOST_FILE;
    }
    if is_privileged(namespace, inode) && has_whole_root(task) == Ok(true) {
        flags |= EXEC_HOST_VIEW;
    }
    flags
}

#[inline(always)]
fn is_host(inode: u32) -> bool {
    const AT: usize = core::mem::offset_of!(egret_wire::Config, host_mounts);
    inode != 0 && (inode == crate::config::read(AT) || inode == crate::config::read(AT + 4))
}

/// Whether the mount that a file was opened on is in a mount namespace of the host. Mounts of the kernel itself,
/// and those that were detached from their namespace, are in none.
#[inline(always)]
fn lies_on_host(file: *const u8) -> Result<bool, i32> {
    if setting!(file_path) == u32::MAX || setting!(mount_mnt) == u32::MAX {
        return Err(-1);
    }
    let path = file.wrapping_add(setting!(file_path) as usize);
    let vfsmount = follow(path, setting!(path_mnt))?;
    let mount = vfsmount.wrapping_sub(setting!(mount_mnt) as usize);
    let namespace = follow(mount, setting!(mount_ns))?;
    Ok(is_host(read(namespace, setting!(mnt_ns_inum))?))
}

/// Whether a mount namespace is that of the host, or belongs to the initial user namespace.
#[inline(always)]
fn is_privileged(namespace: *const u8, inode: u32) -> bool {
    let owner: u32 = read_or_zero(follow_or_null(namespace, setting!(mnt_ns_user)), setting!(user_ns_inum));
    is_host(inode) || owner == INITIAL_USER_NAMESPACE
}

/// Whether a task's root directory is that of its mount namespace.
#[inline(always)]
fn has_whole_root(task: *const u8) -> Result<bool, i32> {
    if setting!(fs_root) == u32::MAX || setting!(mount_mnt) == u32::MAX {
        return Err(-1);
    }
    let path = follow(task, setting!(task_fs))?.wrapping_add(setting!(fs_root) as usize);
    let mut dentry = follow(path, setting!(path_dentry))?;
    let mut vfsmount = follow(path, setting!(path_mnt))?;
    for _ in 0..MAX_ROOTS {
        if dentry != follow(vfsmount, setting!(vfsmount_root))? {
            return Ok(false);
        }
        let mount = vfsmount.wrapping_sub(setting!(mount_mnt) as usize);
        let above = follow(mount, setting!(mount_parent))?;
        if above == mount {
            return Ok(true);
        }
        dentry = follow(mount, setting!(mount_mountpoint))?;
        vfsmount = above.wrapping_add(setting!(mount_mnt) as usize);
    }
    Ok(false)
}
