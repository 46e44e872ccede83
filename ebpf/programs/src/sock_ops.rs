//! `sock_ops`: the life of a TCP connection.
//!
//! Source: `tcp_call_bpf` and its callers in net/ipv4/tcp_output.c (connect), tcp_input.c (established), tcp.c (state),
//! af_inet.c (listen); Linux 4.16 for the state changes, 4.19 for listen. Connect and listen run in process
//! context, the others in any. Unlike a tracepoint program, one that is interrupted by another run of itself
//! is not skipped, so that no connection's end is missed on a busy CPU.

use aya_ebpf::bindings::{
    BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB, BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB, BPF_SOCK_OPS_RTO_CB,
    BPF_SOCK_OPS_RTO_CB_FLAG, BPF_SOCK_OPS_STATE_CB, BPF_SOCK_OPS_STATE_CB_FLAG, BPF_SOCK_OPS_TCP_CONNECT_CB,
    BPF_SOCK_OPS_TCP_LISTEN_CB, bpf_sock_ops,
};
use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_skc_to_tcp_sock, bpf_sock_ops_cb_flags_set};
use aya_ebpf::macros::sock_ops;
use aya_ebpf::programs::SockOpsContext;
use egret_wire::{BY_TUPLE, CONFIG_LENGTHS, CONFIG_TYPED, INBOUND, Kind, LISTENER, PREEXISTING, UNOWNED};

use crate::config::{has, setting};
use crate::kernel::{load, words};
use crate::record::{self, Detail};
use crate::socket::{
    self, HELLO_OVER, PHASE_CLOSED, PHASE_CONNECTING, PHASE_ESTABLISHED, PHASE_LISTEN, Socket, TOLD, mapped,
};
use crate::{owners, process};

const AF_INET6: u32 = 10;
const SOCK_STREAM: u16 = 1;
const IPPROTO_TCP: u16 = 6;
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

/// The SYN is about to leave: the local port is known, and the process is the one that called connect. Nothing is told
/// yet: most connects are answered soon, and that record says it all.
#[inline(always)]
fn connecting(ops: *mut bpf_sock_ops) -> Option<()> {
    let socket = of(ops)?;
    fill_ends(socket, ops);
    if socket.process.pid == 0 {
        // No connect hook ran: a subflow of multipath TCP.
        socket.process = process::current();
        socket.opened_ns = record::now();
        socket.flags = BY_TUPLE;
    }
    socket.phase = PHASE_CONNECTING;
    owners::connecting(ops, socket);
    watch(ops, BPF_SOCK_OPS_STATE_CB_FLAG | BPF_SOCK_OPS_RTO_CB_FLAG);
    Some(())
}

/// The SYN was not answered within a second (the first retransmission time-out, RFC 6298): tell of the connect, once.
#[inline(always)]
fn timed_out(ops: *mut bpf_sock_ops) -> Option<()> {
    let socket = of(ops)?;
    if socket.phase == PHASE_CONNECTING && socket.flags & TOLD == 0 {
        socket.flags |= TOLD;
        record::write(Kind::Connecting, socket.opened_ns, socket, Detail::default());
    }
    Some(())
}

#[inline(always)]
fn active(ops: *mut bpf_sock_ops) -> Option<()> {
    let socket = of(ops)?;
    let now = record::now();
    socket.established_ns = now;
    socket.phase = PHASE_ESTABLISHED;
    record::write(Kind::Established, now, socket, Detail::default());
    Some(())
}

/// The socket begins with a copy of its listener's state, where there is one: the process is the listener's.
#[inline(always)]
fn passive(ops: *mut bpf_sock_ops) -> Option<()> {
    let socket = of(ops)?;
    let now = record::now();
    fill_ends(socket, ops);
    socket.opened_ns = now;
    socket.established_ns = now;
    socket.reset_totals();
    (socket.sent_before, socket.received_before) = (0, 0);
    socket.flags = INBOUND | UNOWNED;
    // The server's side of TLS names nobody.
    socket.hello = HELLO_OVER;
    socket.phase = PHASE_ESTABLISHED;
    watch(ops, BPF_SOCK_OPS_STATE_CB_FLAG);
    record::write(Kind::Accepted, now, socket, Detail::default());
    Some(())
}

#[inline(always)]
fn listening(ops: *mut bpf_sock_ops) -> Option<()> {
    let socket = of(ops)?;
    fill_ends(socket, ops);
    socket.process = process::current();
    socket.flags = LISTENER;
    socket.phase = PHASE_LISTEN;
    socket.opened_ns = record::now();
    record::write(Kind::Listening, socket.opened_ns, socket, Detail::default());
    Some(())
}

/// Only the last state matters: the connection is over, or never came to be.
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
    let kind = match socket.phase {
        PHASE_CONNECTING => Kind::Failed,
        PHASE_ESTABLISHED => Kind::Closed,
        _ => return None,
    };
    socket.phase = PHASE_CLOSED;
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

/// Completes the totals from TCP's own: what it delivered but no receive call counted (data left unread, or taken by
/// `splice`), and everything where the calls are not counted.
#[inline(always)]
fn count_delivered(socket: &mut Socket, ops: *mut bpf_sock_ops, state: u32) {
    // SAFETY: fields of the context, checked by the verifier.
    let (delivered, acknowledged) = unsafe { ((*ops).bytes_received, (*ops).bytes_acked) };
    // TCP counts a FIN as one byte more, and the SYN of an active open too.
    let fin = u64::from(matches!(state, TCP_CLOSE_WAIT | TCP_LAST_ACK | TCP_FIN_WAIT2 | TCP_CLOSING));
    if !has(CONFIG_LENGTHS) {
        let fin_acknowledged = u64::from(matches!(state, TCP_LAST_ACK | TCP_FIN_WAIT2 | TCP_CLOSING));
        let syn = u64::from(socket.flags & INBOUND == 0);
        socket.sent = acknowledged.saturating_sub(fin_acknowledged + syn);
        socket.received = delivered.saturating_sub(fin);
    } else if socket.flags & PREEXISTING == 0 && delivered > socket.received + 1 {
        socket.received = delivered - fin;
    }
}

/// The errno noted on the socket; zero where the kernel's types are not known.
#[inline(always)]
fn error_of(ops: *mut bpf_sock_ops) -> i32 {
    if !has(CONFIG_TYPED) {
        return 0;
    }
    // SAFETY: the helper turns the context's socket into a typed pointer or null.
    unsafe {
        let sk = (*ops).__bindgen_anon_2.sk;
        if sk.is_null() {
            return 0;
        }
        let typed = bpf_skc_to_tcp_sock(sk.cast()).cast::<u8>();
        if typed.is_null() {
            return 0;
        }
        load(typed, setting!(sk_err))
    }
}

/// The socket's state, made if there is none.
#[inline(always)]
fn of(ops: *mut bpf_sock_ops) -> Option<&'static mut Socket> {
    // SAFETY: field of the context, checked by the verifier.
    let sk = unsafe { (*ops).__bindgen_anon_2.sk };
    if sk.is_null() {
        return None;
    }
    socket::find_or_make(sk.cast())
}

#[inline(always)]
fn fill_ends(socket: &mut Socket, ops: *mut bpf_sock_ops) {
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
        } else {
            socket.local = mapped((*ops).local_ip4);
            socket.peer = mapped((*ops).remote_ip4);
        }
    }
    socket.protocol = IPPROTO_TCP;
    socket.socket_type = SOCK_STREAM;
}

/// Asks for further callbacks about this connection, beside what other programs have asked for.
#[inline(always)]
fn watch(ops: *mut bpf_sock_ops, callbacks: u32) {
    // SAFETY: field of the context, checked by the verifier; the helper takes the context.
    unsafe {
        let flags = (*ops).bpf_sock_ops_cb_flags | callbacks;
        bpf_sock_ops_cb_flags_set(ops, flags as i32);
    }
}
