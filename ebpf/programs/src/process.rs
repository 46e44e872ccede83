//! The current process.

use aya_ebpf::helpers::generated::{bpf_get_current_cgroup_id, bpf_get_current_task};
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_get_current_uid_gid};
use egret_wire::{CONFIG_CURRENT, ProcessKey, ProcessRef};

use crate::config::{has, setting};
use crate::kernel::{follow_or_null, read_or_zero};
use crate::maps::PROCESSES;

/// The current process. Call it in process context only.
#[inline(always)]
pub(crate) fn current() -> ProcessRef {
    let pid = (bpf_get_current_pid_tgid() >> 32) as u32;
    // SAFETY: helpers without arguments.
    let (cgroup_id, task) = unsafe { (bpf_get_current_cgroup_id(), bpf_get_current_task() as *const u8) };
    describe(pid, cgroup_id, task)
}

/// The same in `sock_ops`, where kernels before 6.10 refuse the helpers that name a process: it is read from the
/// task. Without the kernel's types it is unknown there.
#[inline(always)]
pub(crate) fn current_in_sock_ops() -> ProcessRef {
    if has(CONFIG_CURRENT) {
        return current();
    }
    // SAFETY: a helper without arguments, which every program may call (Linux 5.8).
    let task = unsafe { bpf_get_current_task() as *const u8 };
    let group = follow_or_null(follow_or_null(task, setting!(task_cgroups)), setting!(css_set_dfl_cgrp));
    let cgroup_id = read_or_zero(follow_or_null(group, setting!(cgroup_kn)), setting!(kernfs_id));
    match read_or_zero(task, setting!(task_tgid)) {
        0 => ProcessRef::UNKNOWN,
        pid => describe(pid, cgroup_id, task),
    }
}

#[inline(always)]
fn describe(pid: u32, cgroup_id: u64, task: *const u8) -> ProcessRef {
    // SAFETY: the entry may change meanwhile; each word is then old or new, and both are of this pid.
    let key = match unsafe { PROCESSES.get(pid) } {
        Some(key) => *key,
        None => ProcessKey { exec_id: 0, start_ns: start_of(task), parent_pid: parent_of(task), flags: 0 },
    };
    ProcessRef {
        pid,
        parent_pid: key.parent_pid,
        uid: effective_uid(task),
        flags: key.flags,
        start_ns: key.start_ns,
        exec_id: key.exec_id,
        cgroup_id,
    }
}

/// Effective user id; the real one without the kernel's types.
#[inline(always)]
pub(crate) fn effective_uid(task: *const u8) -> u32 {
    if setting!(task_cred) == u32::MAX || setting!(cred_euid) == u32::MAX {
        return bpf_get_current_uid_gid() as u32;
    }
    read_or_zero(follow_or_null(task, setting!(task_cred)), setting!(cred_euid))
}

/// Start of a task's process on the boot clock; zero without the kernel's types.
#[inline(always)]
pub(crate) fn start_of(task: *const u8) -> u64 {
    read_or_zero(follow_or_null(task, setting!(task_group_leader)), setting!(task_start_boottime))
}

/// Process id of a task's parent; zero without the kernel's types.
#[inline(always)]
pub(crate) fn parent_of(task: *const u8) -> u32 {
    read_or_zero(follow_or_null(task, setting!(task_real_parent)), setting!(task_tgid))
}
