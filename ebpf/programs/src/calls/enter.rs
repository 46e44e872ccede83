//! Entries of system calls.
//!
//! The fields of the tracepoints: the number of the call at 8, its arguments from 16, eight bytes each.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use egret_wire::{CALL_ACCEPT, CALL_CONNECT, CALL_SENDMMSG, CALL_SENDMSG, CALL_SENDTO, Counter};

use crate::maps::{CALLS, count};
use crate::record;
use crate::values::Pending;

const MSG_FASTOPEN: u64 = 0x2000_0000;

#[tracepoint]
pub(crate) fn enter_connect(ctx: TracePointContext) -> u32 {
    let _ = keep(&ctx, CALL_CONNECT, 1);
    0
}

#[tracepoint]
pub(crate) fn enter_sendto(ctx: TracePointContext) -> u32 {
    // A send that opens a TCP connection is a connect.
    let opens = argument(&ctx, 3).is_ok_and(|flags| flags & MSG_FASTOPEN != 0);
    let _ = keep(&ctx, if opens { CALL_CONNECT } else { CALL_SENDTO }, 4);
    0
}

#[tracepoint]
pub(crate) fn enter_sendmsg(ctx: TracePointContext) -> u32 {
    let _ = keep(&ctx, CALL_SENDMSG, 1);
    0
}

#[tracepoint]
pub(crate) fn enter_sendmmsg(ctx: TracePointContext) -> u32 {
    let _ = keep(&ctx, CALL_SENDMMSG, 1);
    0
}

/// Attached to `accept` and `accept4`.
#[tracepoint]
pub(crate) fn enter_accept(ctx: TracePointContext) -> u32 {
    let _ = keep(&ctx, CALL_ACCEPT, 1);
    0
}

/// Keeps the descriptor and the pointer in argument `pointer` until the exit.
#[inline(always)]
fn keep(ctx: &TracePointContext, call: u16, pointer: usize) -> Result<(), i32> {
    let pending = Pending {
        time_ns: record::now(),
        pointer: argument(ctx, pointer)?,
        fd: argument(ctx, 0)? as i32,
        call,
        reserved: 0,
    };
    let kept = CALLS.insert(bpf_get_current_pid_tgid(), pending, 0);
    if kept.is_err() {
        count(Counter::CallTable, 1);
    }
    kept
}

#[inline(always)]
fn argument(ctx: &TracePointContext, index: usize) -> Result<u64, i32> {
    // SAFETY: offset from the tracepoint's format, which is stable.
    unsafe { ctx.read_at(16 + index * 8) }
}
