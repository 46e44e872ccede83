//! Tracepoint `sched:sched_process_exit`: a task is about to end.
//!
//! Source: `do_exit` in kernel/exit.c; Linux 2.6.30. Context of the task.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::{btf_tracepoint, tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, TracePointContext};

use crate::config::setting;
use crate::kernel::{follow, read};
use crate::maps::PROCESSES;

#[btf_tracepoint(function = "sched_process_exit")]
pub(crate) fn sched_process_exit(ctx: BtfTracePointContext) -> i32 {
    let _ = try_exit(ctx.arg(0));
    0
}

/// The process ends with its last thread, which may not be the first one.
fn try_exit(task: *const u8) -> Result<(), i32> {
    let signal = follow(task, setting!(task_signal))?;
    let live: u32 = read(signal, setting!(signal_live))?;
    if live == 0 {
        let _ = PROCESSES.remove((bpf_get_current_pid_tgid() >> 32) as u32);
    }
    Ok(())
}

/// Without the kernel's types a process counts as ended when its first thread has ended.
#[tracepoint]
pub(crate) fn exit_untyped(_ctx: TracePointContext) -> u32 {
    let thread = bpf_get_current_pid_tgid() as u32;
    let _ = PROCESSES.remove(thread);
    0
}
