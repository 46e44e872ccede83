//! `sock_ops`: the states of a TCP connection.
//!
//! Source: `tcp_call_bpf` and its callers in net/ipv4/tcp_output.c (connect), tcp_input.c (established), tcp.c
//! (state), af_inet.c (listen); Linux 4.16 for the state changes, 4.19 for listen. Connect and listen run in
//! process context, the others in any. Unlike a tracepoint program, one that is interrupted by another run of
//! itself is not skipped, so that no connection's end is missed on a busy CPU.

use aya_ebpf::bindings::{
    BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB, BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB, BPF_SOCK_OPS_RTO_CB,
    BPF_SOCK_OPS_RTO_CB_FLAG, BPF_SOCK_OPS_STATE_CB, BPF_SOCK_OPS_STATE_CB_FLAG, BPF_SOCK_OPS_TCP_CONNECT_CB,
    BPF_SOCK_OPS_TCP_LISTEN_CB, bpf_sock_ops,
};
use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_skc_to_tcp_sock, bpf_sock_ops_cb_flags_set};
use aya_ebpf::macros::sock_ops;
use aya_ebpf::programs::SockOpsContext;
use egret_state::{Flags, Phase, Socket};
use egret_wire::{CONFIG_LENGTHS, CONFIG_TYPED, Kind};

use crate::config::{has, setting};
use crate::kernel::{load, mapped, namespace_of, read_or_zero, words};
use crate::record::{self, Detail};
use crate::{interface, multipath, owners, process, socket, start, totals};

const AF_INET6: u32 = 10;
const SOCK_STREAM: u16 = 1;
const IPPROTO_TCP: u16 = 6;
/// Bit of `enum sock_flags` in include/net/sock.h.
const SOCK_DONE: u64 = 1 << 1;
const TCP_CLOSE: u32 = 7;
const TCP_FIN_WAIT2: u32 = 5;
const TCP_CLOSE_WAIT: u32 = 8;
const TCP_LAST_ACK: u32 = 9;
const TCP_CLOSING: u32 = 11;

#[sock_ops]
pub(crate) fn sock_ops(ctx: SockOpsContext) -> u32 {
    // SAFETY: field of the context, checked by the verifier.
    let operation = unsafe { (*ctx.ops).op };
    match operation {
        BPF_SOCK_OPS_STATE_CB => state(ctx.ops),
        BPF_SOCK_OPS_TCP_CONNECT_CB => connecting(ctx.ops),
        BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB => active(ctx.ops),
        BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB => passive(ctx.ops),
        BPF_SOCK_OPS_TCP_LISTEN_CB => listening(ctx.ops),
        BPF_SOCK_OPS_RTO_CB => timed_out(ctx.ops),
        _ => None,
    };
    1
}

/// The SYN is about to leave: the local port is known, and the process is the one that called connect. It is not
/// reported yet: most connects are answered soon, and that record has everything.
#[inline(always)]
fn connecting(ops: *mut bpf_sock_ops) -> Option<()> {
    let socket = state_of(ops)?;
    fill_endpoints(socket, ops);
    if socket.process.pid == 0 {
        // No connect hook ran, which would have read it: a subflow of multipath TCP, or a call that began before the start.
        fill_namespace(socket, ops);
        socket.adopt_connect(process::current_in_sock_ops(), record::now());
        start::begun(socket, socket.opened_ns);
    }
    multipath::attribute(ops, socket);
    socket.syn_sent();
    owners::connecting(ops, socket);
    request_callbacks(ops, BPF_SOCK_OPS_STATE_CB_FLAG | BPF_SOCK_OPS_RTO_CB_FLAG);
    Some(())
}

/// The SYN was not answered within a second (the first retransmission time-out, RFC 6298): the connect is
/// reported, once.
#[inline(always)]
fn timed_out(ops: *mut bpf_sock_ops) -> Option<()> {
    // SAFETY: field of the context, checked by the verifier.
    let sk = unsafe { (*ops).__bindgen_anon_2.sk };
    if sk.is_null() {
        return None;
    }
    // Without a state, the connect is preexisting, and another program requested this callback: all programs get it.
    let socket = socket::find(sk.cast())?;
    if socket.report_connect() {
        record::write(Kind::Connecting, socket.opened_ns, socket, Detail::default());
    }
    Some(())
}

#[inline(always)]
fn active(ops: *mut bpf_sock_ops) -> Option<()> {
    let socket = state_of(ops)?;
    let now = record::now();
    if socket.phase() == Phase::New {
        fill_endpoints(socket, ops);
        fill_namespace(socket, ops);
        socket.adopt_established(now);
        request_callbacks(ops, BPF_SOCK_OPS_STATE_CB_FLAG);
    }
    socket.established(now);
    record::write(Kind::Established, now, socket, Detail::default());
    Some(())
}

/// The socket begins with a copy of its listener's state, if it has one: the process is the listener's. The
/// process of a preexisting listener is known in user space.
#[inline(always)]
fn passive(ops: *mut bpf_sock_ops) -> Option<()> {
    let socket = state_of(ops)?;
    let now = record::now();
    fill_endpoints(socket, ops);
    fill_namespace(socket, ops);
    socket.accepted(now);
    request_callbacks(ops, BPF_SOCK_OPS_STATE_CB_FLAG);
    record::write(Kind::Accepted, now, socket, Detail::default());
    Some(())
}

#[inline(always)]
fn listening(ops: *mut bpf_sock_ops) -> Option<()> {
    let socket = state_of(ops)?;
    fill_endpoints(socket, ops);
    fill_namespace(socket, ops);
    socket.listening(process::current_in_sock_ops(), record::now());
    record::write(Kind::Listening, socket.opened_ns, socket, Detail::default());
    Some(())
}

/// Only the last state matters: the connection has ended, or failed.
#[inline(always)]
fn state(ops: *mut bpf_sock_ops) -> Option<()> {
    // SAFETY: fields of the context, checked by the verifier.
    let (old, new, sk) = unsafe {
        let arguments = (*ops).__bindgen_anon_1.args;
        (arguments[0], arguments[1], (*ops).__bindgen_anon_2.sk)
    };
    if new != TCP_CLOSE || sk.is_null() {
        return None;
    }
    let socket = socket::find(sk.cast())?;
    let kind = socket.end_stream()?;
    totals::withdraw(socket);
    count_delivered(socket, ops, old);
    // SAFETY: fields of the context, checked by the verifier.
    let detail = unsafe {
        Detail {
            error: error_of(ops),
            retransmits: (*ops).total_retrans,
            // The kernel keeps eighths of a microsecond.
            srtt_us: (*ops).srtt_us >> 3,
            old_state: old as u16,
        }
    };
    record::write(kind, record::now(), socket, detail);
    Some(())
}

/// Completes the totals with TCP's own counters: received data that no receive call counted (unread, or taken by
/// `splice`), and all data where calls are not counted.
#[inline(always)]
fn count_delivered(socket: &mut Socket, ops: *mut bpf_sock_ops, state: u32) {
    // SAFETY: fields of the context, checked by the verifier.
    let (delivered, acknowledged) = unsafe { ((*ops).bytes_received, (*ops).bytes_acked) };
    // TCP counts a FIN as one byte more, and the SYN of an active open too.
    let fin = u64::from(has_received_fin(ops, state));
    if !has(CONFIG_LENGTHS) {
        let fin_acknowledged = u64::from(matches!(state, TCP_LAST_ACK | TCP_FIN_WAIT2 | TCP_CLOSING));
        let syn = u64::from(!socket.flags().has(Flags::INBOUND));
        socket.sent = acknowledged.saturating_sub(fin_acknowledged + syn);
        socket.received = delivered.saturating_sub(fin);
    } else if !socket.flags().has(Flags::PREEXISTING) && delivered > socket.received + 1 {
        socket.received = delivered - fin;
    }
}

/// Whether the peer's FIN was received (`tcp_fin` in net/ipv4/tcp_input.c). The state does not show it: a socket
/// that is closed before the FIN arrives ends in the same state.
#[inline(always)]
fn has_received_fin(ops: *mut bpf_sock_ops, state: u32) -> bool {
    match typed(ops) {
        Some(typed) if setting!(sk_flags) != u32::MAX => {
            read_or_zero::<u64>(typed, setting!(sk_flags)) & SOCK_DONE != 0
        }
        _ => matches!(state, TCP_CLOSE_WAIT | TCP_LAST_ACK | TCP_FIN_WAIT2 | TCP_CLOSING),
    }
}

/// The errno of the socket; zero without the kernel's types.
#[inline(always)]
fn error_of(ops: *mut bpf_sock_ops) -> i32 {
    if !has(CONFIG_TYPED) {
        return 0;
    }
    let Some(typed) = typed(ops) else { return 0 };
    // SAFETY: a typed pointer, and the offset of a field in it.
    unsafe { load(typed, setting!(sk_err)) }
}

/// The context's socket as a pointer whose fields can be read.
#[inline(always)]
fn typed(ops: *mut bpf_sock_ops) -> Option<*const u8> {
    // SAFETY: the helper turns the context's socket into a typed pointer or null.
    unsafe {
        let sk = (*ops).__bindgen_anon_2.sk;
        if sk.is_null() {
            return None;
        }
        let typed = bpf_skc_to_tcp_sock(sk.cast()).cast::<u8>();
        (!typed.is_null()).then_some(typed.cast_const())
    }
}

/// Reads the network namespace of the socket; unknown without the kernel's types.
#[inline(always)]
fn fill_namespace(socket: &mut Socket, ops: *mut bpf_sock_ops) {
    if has(CONFIG_TYPED)
        && let Some(typed) = typed(ops)
    {
        socket.netns = namespace_of(typed);
    }
}

/// The socket's state, created if there is none.
#[inline(always)]
fn state_of(ops: *mut bpf_sock_ops) -> Option<&'static mut Socket> {
    // SAFETY: field of the context, checked by the verifier.
    let sk = unsafe { (*ops).__bindgen_anon_2.sk };
    if sk.is_null() {
        return None;
    }
    socket::get_or_create(sk.cast())
}

#[inline(always)]
fn fill_endpoints(socket: &mut Socket, ops: *mut bpf_sock_ops) {
    // SAFETY: fields of the context, checked by the verifier; the helper takes the context.
    unsafe {
        // Not that of the listener whose state was copied.
        socket.cookie = bpf_get_socket_cookie(ops.cast());
        socket.family = (*ops).family as u16;
        socket.local_port = (*ops).local_port as u16;
        socket.peer_port = u32::from_be((*ops).remote_port) as u16;
        if (*ops).family == AF_INET6 {
            socket.local = words!(ops, bpf_sock_ops, local_ip6);
            socket.peer = words!(ops, bpf_sock_ops, remote_ip6);
            socket.interface = interface::bound((*ops).__bindgen_anon_2.sk, socket.peer);
        } else {
            socket.local = mapped((*ops).local_ip4);
            socket.peer = mapped((*ops).remote_ip4);
            socket.interface = 0;
        }
    }
    socket.protocol = IPPROTO_TCP;
    socket.socket_type = SOCK_STREAM;
}

/// Requests further callbacks for this connection, in addition to those of other programs.
#[inline(always)]
fn request_callbacks(ops: *mut bpf_sock_ops, callbacks: u32) {
    // SAFETY: field of the context, checked by the verifier; the helper takes the context.
    unsafe {
        let flags = (*ops).bpf_sock_ops_cb_flags | callbacks;
        bpf_sock_ops_cb_flags_set(ops, flags as i32);
    }
}
