//! Tracepoint `sock:inet_sk_error_report`: an error was set on a socket (an ICMP answer to a datagram, say).
//!
//! Source: `sk_error_report` in net/core/sock.c; Linux 5.15. Any context: it never names a process. Errors of TCP
//! connections are read when the connection ends, in `sock_ops.rs`.

use core::ffi::c_void;

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use egret_wire::Kind;

use crate::config::setting;
use crate::kernel::{load, namespace_of};
use crate::record::{self, Detail};
use crate::socket;

#[btf_tracepoint(function = "inet_sk_error_report")]
pub(crate) fn inet_sk_error_report(ctx: BtfTracePointContext) -> i32 {
    try_report(ctx.arg(0));
    0
}

#[inline(always)]
fn try_report(sk: *mut c_void) -> Option<()> {
    let socket = socket::find(sk)?;
    if !socket.report_error() {
        return None;
    }
    if socket.netns == 0 {
        // The answer to a datagram may come before the call that sends it has returned.
        socket.netns = namespace_of(sk.cast());
    }
    // SAFETY: `sk` is the tracepoint's typed argument.
    let error: i32 = unsafe { load(sk.cast(), setting!(sk_err)) };
    record::write(Kind::SocketError, record::now(), socket, Detail { error, ..Detail::default() });
    Some(())
}
