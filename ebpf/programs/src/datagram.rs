//! Datagram sockets: which peer a datagram belongs to, and what moved.
//!
//! A hook names the peer before the datagram moves (`sendmsg*`, `recvmsg*`), a tracepoint tells its length
//! afterwards, in the same thread. Between the two the thread holds `Socket::busy`, so that another thread's datagram
//! on the same socket cannot be counted for the wrong peer; a thread that finds it held keeps its peer in
//! [`CONTENDED`] for that one call.

use core::ffi::c_void;

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use aya_ebpf::programs::SockAddrContext;
use egret_wire::{Address, CONFIG_EVERY_SEND, CONFIG_LENGTHS, Counter, INBOUND, Kind, PEER_SPILLED, PeerKey};

use crate::config::has;
use crate::maps::{CONTENDED, count};
use crate::record::{self, Detail};
use crate::socket::{self, CONNECTED, ERRED, FIRST, FIRST_INBOUND, PHASE_DATAGRAM, SHARED, Socket, add};
use crate::{atomic, lengths, peers, process};

const AF_PACKET: u16 = 17;
const EAGAIN: i32 = 11;

/// What a length tracepoint says moved.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Sent,
    Received,
}

/// A hook names the peer of the datagram that this thread sends or receives. `first` is [`FIRST_INBOUND`] for
/// receives.
#[inline(always)]
pub(crate) fn name_peer(ctx: &SockAddrContext, peer: Address, first: u32) -> Option<()> {
    let addr = ctx.sock_addr;
    // SAFETY: fields of the context, checked by the verifier.
    let (sk, port) = unsafe { ((*addr).__bindgen_anon_1.sk, u16::from_be((*addr).user_port as u16)) };
    let socket = socket::find_or_make(sk.cast())?;
    if socket.cookie == 0 {
        // SAFETY: as above; the helper takes the context.
        unsafe {
            socket.cookie = bpf_get_socket_cookie(addr.cast());
            socket.family = (*addr).family as u16;
            socket.protocol = (*addr).protocol as u16;
            socket.socket_type = (*addr).type_ as u16;
        }
        socket.phase = PHASE_DATAGRAM;
    }
    if !has(CONFIG_LENGTHS) {
        return without_lengths(socket, peer, port, first);
    }
    let thread = bpf_get_current_pid_tgid();
    let holder = atomic::exchange(&mut socket.busy, 0, thread);
    if holder == 0 || holder == thread {
        turn_to(socket, peer, port, first);
        return Some(());
    }
    socket.flags |= SHARED;
    let key = PeerKey { cookie: socket.cookie, peer, port: u64::from(port) };
    if CONTENDED.insert(thread, key, 0).is_err() {
        count(Counter::PeerTable, 1);
    }
    Some(())
}

/// Without length tracepoints a peer is told when it is named, and nothing is counted.
#[inline(always)]
fn without_lengths(socket: &mut Socket, peer: Address, port: u16, first: u32) -> Option<()> {
    turn_to(socket, peer, port, first);
    if socket.flags & FIRST != 0 {
        socket.flags &= !FIRST;
        // Marks the peer as used, so that turning away from it remembers it.
        socket.sends += 1;
        record::write(Kind::Datagram, socket.opened_ns, socket, Detail::default());
    }
    Some(())
}

/// Makes `peer` the socket's current peer.
#[inline(always)]
fn turn_to(socket: &mut Socket, peer: Address, port: u16, first: u32) {
    if socket.peer == peer && socket.peer_port == port && socket.opened_ns != 0 {
        return;
    }
    leave_peer(socket);
    socket.peer = peer;
    socket.peer_port = port;
    socket.flags &= !(FIRST | FIRST_INBOUND | INBOUND | CONNECTED | ERRED);
    if socket.flags & PEER_SPILLED != 0
        && let Some(known) = peers::find(socket)
    {
        socket.opened_ns = known.opened_ns;
        return;
    }
    socket.opened_ns = record::now();
    socket.flags |= FIRST | first | if first == FIRST_INBOUND { INBOUND } else { 0 };
    socket.process = process::current();
}

/// Puts the totals of the current peer aside, if anything moved.
#[inline(always)]
pub(crate) fn leave_peer(socket: &mut Socket) {
    if socket.sends | socket.receives == 0 {
        return;
    }
    peers::put_aside(socket);
    socket.flags |= PEER_SPILLED;
    socket.reset_totals();
}

/// A length tracepoint: `result` bytes moved, or the call failed.
#[inline(always)]
pub(crate) fn moved(socket: &mut Socket, sk: *mut c_void, result: i32, direction: Direction) {
    let thread = bpf_get_current_pid_tgid();
    let held = socket.busy == thread;
    if !held && socket.flags & SHARED != 0 {
        // SAFETY: the entry is this thread's own.
        if let Some(key) = unsafe { CONTENDED.get(thread) } {
            let key = *key;
            let _ = CONTENDED.remove(thread);
            peers::moved(socket, &key, result, direction);
            return;
        }
    }
    count_moved(socket, result, direction, held);
    if socket.flags & FIRST != 0 && result != -EAGAIN {
        tell_first(socket, sk, result, direction);
    } else if direction == Direction::Sent && has(CONFIG_EVERY_SEND) {
        let detail = Detail { error: if result < 0 { -result } else { 0 }, ..Detail::default() };
        record::write(Kind::Send, record::now(), socket, detail);
    }
    if held {
        // SAFETY: a valid word; volatile, so that it is written last.
        unsafe { core::ptr::write_volatile(&raw mut socket.busy, 0) };
    }
}

#[inline(always)]
fn count_moved(socket: &mut Socket, result: i32, direction: Direction, held: bool) {
    // An empty datagram is a datagram.
    if result < 0 {
        return;
    }
    let amount = result as u64;
    if !held && socket.flags & (PEER_SPILLED | CONNECTED) == PEER_SPILLED {
        count(Counter::PeerUntold, amount);
        return;
    }
    if direction == Direction::Sent {
        add(&mut socket.sent, amount);
        add(&mut socket.sends, 1);
    } else {
        add(&mut socket.received, amount);
        add(&mut socket.receives, 1);
    }
}

/// The first datagram with the current peer has moved, or failed to.
#[inline(always)]
fn tell_first(socket: &mut Socket, sk: *mut c_void, result: i32, direction: Direction) {
    if direction == Direction::Received {
        if result < 0 {
            return;
        }
        if socket.flags & (CONNECTED | FIRST_INBOUND) == 0 && socket.sends == 0 {
            socket.flags |= INBOUND;
        }
    }
    lengths::fill_local(socket, sk);
    if socket.peer == [0; 2] && socket.family != AF_PACKET {
        lengths::fill_peer(socket, sk);
    }
    socket.flags &= !(FIRST | FIRST_INBOUND);
    if socket.process.pid == 0 {
        socket.process = process::current();
    }
    let detail = Detail { error: if result < 0 { -result } else { 0 }, ..Detail::default() };
    record::write(Kind::Datagram, record::now(), socket, detail);
}
