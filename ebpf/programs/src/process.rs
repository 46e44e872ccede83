//! Who runs right now.

use aya_ebpf::helpers::generated::{bpf_get_current_cgroup_id, bpf_get_current_task};
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_get_current_uid_gid};
use egret_wire::ProcessRef;

use crate::config::setting;
use crate::kernel::{follow, read};
use crate::maps::PROCESSES;

/// The current process. Call it in process context only.
#[inline(always)]
pub(crate) fn current() -> ProcessRef {
    let pid = (bpf_get_current_pid_tgid() >> 32) as u32;
    // SAFETY: helpers without arguments.
    let (cgroup_id, task) = unsafe { (bpf_get_current_cgroup_id(), bpf_get_current_task() as *const u8) };
    let mut process = ProcessRef {
        pid,
        uid: effective_uid(task),
        cgroup_id,
        ..ProcessRef { pid: 0, parent_pid: 0, uid: 0, flags: 0, start_ns: 0, exec_id: 0, cgroup_id: 0 }
    };
    // SAFETY: the entry may change under us; each word of it is then old or new, and both are of this pid.
    if let Some(key) = unsafe { PROCESSES.get(pid) } {
        process.exec_id = key.exec_id;
        process.start_ns = key.start_ns;
        process.parent_pid = key.parent_pid;
        process.flags = key.flags;
    } else {
        process.start_ns = start_of(task);
    }
    process
}

/// Effective user id; the real one where the kernel's types are not known.
#[inline(always)]
pub(crate) fn effective_uid(task: *const u8) -> u32 {
    follow(task, setting!(task_cred))
        .and_then(|cred| read(cred, setting!(cred_euid)))
        .unwrap_or(bpf_get_current_uid_gid() as u32)
}

/// Start of a task's process on the boot clock; zero where the kernel's types are not known.
#[inline(always)]
pub(crate) fn start_of(task: *const u8) -> u64 {
    follow(task, setting!(task_group_leader))
        .and_then(|leader| read(leader, setting!(task_start_boottime)))
        .unwrap_or(0)
}

/// Process id of a task's parent; zero where the kernel's types are not known.
#[inline(always)]
pub(crate) fn parent_of(task: *const u8) -> u32 {
    follow(task, setting!(task_real_parent)).and_then(|parent| read(parent, setting!(task_tgid))).unwrap_or(0)
}
