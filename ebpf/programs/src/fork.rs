//! Tracepoint `sched:sched_process_fork`: a task was created.
//!
//! Source: `kernel_clone` in kernel/fork.c; Linux 2.6.30. Context of the parent, before the child runs.

use aya_ebpf::macros::{btf_tracepoint, tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, TracePointContext};
use egret_wire::{Counter, ProcessKey};

use crate::config::setting;
use crate::kernel::read;
use crate::maps::{PROCESSES, count};
use crate::process::parent_of;
use crate::record;

#[btf_tracepoint(function = "sched_process_fork")]
pub(crate) fn sched_process_fork(ctx: BtfTracePointContext) -> i32 {
    let _ = try_fork(ctx.arg(0), ctx.arg(1));
    0
}

fn try_fork(parent: *const u8, child: *const u8) -> Result<(), i32> {
    let pid: u32 = read(child, setting!(task_pid))?;
    let process: u32 = read(child, setting!(task_tgid))?;
    if pid != process {
        // A thread: its process is in the table already.
        return Ok(());
    }
    let start_ns = read(child, setting!(task_start_boottime))?;
    inherit(read(parent, setting!(task_tgid))?, process, parent_of(child), start_ns);
    Ok(())
}

/// Without the kernel's types. Threads get entries too, which are never looked up, because no process has their
/// id, and are removed when they exit.
///
/// The fields of the tracepoint: `parent_pid` at 12, `child_pid` at 20.
#[tracepoint]
pub(crate) fn fork_untyped(ctx: TracePointContext) -> u32 {
    let _ = try_fork_untyped(&ctx);
    0
}

fn try_fork_untyped(ctx: &TracePointContext) -> Result<(), i32> {
    // SAFETY: offset from the tracepoint's format, which is stable.
    let child: u32 = unsafe { ctx.read_at(20)? };
    let parent = (aya_ebpf::helpers::bpf_get_current_pid_tgid() >> 32) as u32;
    inherit(parent, child, parent, record::now());
    Ok(())
}

/// The child runs its parent's image until it execs.
#[inline(always)]
fn inherit(from: u32, child: u32, parent_pid: u32, start_ns: u64) {
    // SAFETY: the entry is of the forking process and cannot be removed while it forks.
    let Some(key) = (unsafe { PROCESSES.get(from) }) else { return };
    let key = ProcessKey { exec_id: key.exec_id, start_ns, parent_pid, flags: key.flags };
    if PROCESSES.insert(child, key, 0).is_err() {
        count(Counter::ProcessTable, 1);
    }
}
