//! Datagram sockets: which peer a datagram belongs to, and what moved.
//!
//! A hook names the peer before the datagram moves (`sendmsg*`, `recvmsg*`), a tracepoint tells its length
//! afterwards, in the same thread. Between the two the thread holds `Socket::busy`, so that another thread's datagram
//! on the same socket cannot be counted for the wrong peer; a thread that finds it held keeps its peer in
//! [`CONTENDED`] for that one call. A holder whose tracepoint the kernel skipped loses the socket after a while.
//!
//! | what happens | transition |
//! |---|---|
//! | the socket is connected, for the first time or again | [`connect`]: totals and flags of the peer before stay with that peer |
//! | a hook names the current peer | none |
//! | a hook names another peer | [`set_peer`]: [`flush_totals`], then a new peer, or one that the peer table knows |
//! | a datagram that no hook named moves on a connected socket | [`set_peer`] to the peer it is connected to, if it is not the current one |
//! | the same after a connect to `AF_UNSPEC`, which no hook sees | [`disconnect`]: the current peer is unknown |
//! | the first datagram with the peer moves | it is reported; `INBOUND` if the peer sent it |
//! | the first send to the peer fails | the error is reported once; the first that succeeds is still to be reported |
//! | an error is noted on the socket | it is reported, once a peer (`error_report.rs`) |
//! | a peek, or a receive of the error queue | [`nothing_moved`]: the socket is given back |
//! | the socket is released | close, with the totals of the current peer (`sock_release.rs`); user space takes those of the others |

use core::ffi::c_void;

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_jiffies64};
use aya_ebpf::programs::SockAddrContext;
use egret_wire::{
    Address, CONFIG_EVERY_SEND, CONFIG_LENGTHS, CONNECTED, Counter, INBOUND, Kind, PEER_SPILLED, PeerKey,
};

use crate::config::{has, setting};
use crate::kernel::load;
use crate::maps::{CONTENDED, count};
use crate::record::{self, Detail};
use crate::socket::{self, AWAY, FAILED, FIRST_INBOUND, PEER_FLAGS, PHASE_DATAGRAM, RESUMED, SHARED, Socket, add};
use crate::{atomic, lengths, peers, process, unreleased};

const AF_PACKET: u16 = 17;
const IPPROTO_UDP: u16 = 17;
pub(crate) const EAGAIN: i32 = 11;

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
    if hold(socket, thread) {
        set_peer(socket, peer, port, first);
    } else {
        let key = PeerKey { cookie: socket.cookie, peer, port: u64::from(port) };
        contend(socket, thread, &key);
    }
    Some(())
}

/// Without length tracepoints a peer is told when it is named, and nothing is counted.
#[inline(always)]
fn without_lengths(socket: &mut Socket, peer: Address, port: u16, first: u32) -> Option<()> {
    set_peer(socket, peer, port, first);
    if socket.unreported != 0 {
        socket.unreported = 0;
        // Marks the peer as used, so that turning away from it remembers it.
        socket.sends += 1;
        record::write(Kind::Datagram, socket.opened_ns, socket, Detail::default());
    }
    Some(())
}

/// Whether this thread alone may change the current peer until its length tracepoint runs.
#[inline(always)]
fn hold(socket: &mut Socket, thread: u64) -> bool {
    // SAFETY: a helper without arguments; the verifier replaces it by a load.
    let now = unsafe { bpf_jiffies64() };
    let holder = atomic::exchange(&mut socket.busy, 0, thread);
    if holder != 0 && holder != thread {
        // A second at 1000 Hz, longer at lower rates. No call holds a socket for so long but one that waits for memory to
        // send; the others were skipped by the kernel, or are about to end.
        if now - socket.busy_since < u64::from(setting!(totals_jiffies)) / 8 {
            return false;
        }
        let key = peers::key(socket);
        contend(socket, holder, &key);
        if atomic::exchange(&mut socket.busy, holder, thread) != holder {
            return false;
        }
    }
    socket.busy_since = now;
    true
}

/// Keeps the peer of a thread's call while another thread holds the socket.
#[inline(always)]
fn contend(socket: &mut Socket, thread: u64, key: &PeerKey) {
    socket.flags |= SHARED;
    if CONTENDED.insert(thread, key, 0).is_err() {
        count(Counter::PeerTable, 1);
    }
}

/// The peer that this thread's call kept while another held the socket.
#[inline(always)]
fn contended(socket: &Socket, thread: u64) -> Option<PeerKey> {
    if socket.flags & SHARED == 0 {
        return None;
    }
    // SAFETY: the entry is this thread's own.
    let key = *unsafe { CONTENDED.get(thread) }?;
    let _ = CONTENDED.remove(thread);
    // Of another socket, if the kernel skipped the tracepoint of an earlier call.
    (key.cookie == socket.cookie).then_some(key)
}

#[inline(always)]
fn give_back(socket: &mut Socket) {
    // SAFETY: a valid word; volatile, so that it is written last.
    unsafe { core::ptr::write_volatile(&raw mut socket.busy, 0) };
}

/// Makes `peer` the socket's current peer.
#[inline(always)]
fn set_peer(socket: &mut Socket, peer: Address, port: u16, first: u32) {
    if socket.peer == peer && socket.peer_port == port && socket.opened_ns != 0 {
        return;
    }
    flush_totals(socket);
    let away = if socket.flags & CONNECTED != 0 { AWAY } else { 0 };
    socket.peer = peer;
    socket.peer_port = port;
    socket.flags = socket.flags & !PEER_FLAGS | away;
    socket.unreported = 0;
    if resume(socket) {
        return;
    }
    socket.opened_ns = record::now();
    socket.flags |= first | if first == FIRST_INBOUND { INBOUND } else { 0 };
    socket.unreported = 1;
    socket.process = process::current();
}

/// Goes on with what the peer table knows of the current peer; says whether it does.
#[inline(always)]
fn resume(socket: &mut Socket) -> bool {
    if socket.flags & PEER_SPILLED == 0 {
        return false;
    }
    let Some(known) = peers::find(socket) else { return false };
    socket.opened_ns = known.opened_ns;
    socket.flags |= RESUMED | known.flags as u32 & INBOUND;
    true
}

/// Moves the totals of the current peer to the peer table, if anything moved.
#[inline(always)]
pub(crate) fn flush_totals(socket: &mut Socket) {
    if socket.sends | socket.receives == 0 {
        return;
    }
    peers::put(socket);
    socket.flags |= PEER_SPILLED;
    socket.reset_totals();
}

/// Whether the current peer is this one and datagrams have moved: a connect to it begins nothing.
#[inline(always)]
pub(crate) fn is_used_with(socket: &Socket, peer: Address, port: u16) -> bool {
    socket.peer == peer && socket.peer_port == port && socket.sends | socket.receives != 0
}

/// A connect is about to replace the current peer. Another thread's call that is under way keeps it.
#[inline(always)]
pub(crate) fn leave_peer(socket: &mut Socket) {
    let holder = socket.busy;
    if holder != 0 && holder != bpf_get_current_pid_tgid() {
        let key = peers::key(socket);
        contend(socket, holder, &key);
        let _ = atomic::exchange(&mut socket.busy, holder, 0);
    }
    flush_totals(socket);
    socket.flags &= !PEER_FLAGS;
    socket.unreported = 1;
}

/// The socket is connected to its current peer. Says whether that is a peer it had not been used with.
#[inline(always)]
pub(crate) fn connect(socket: &mut Socket) -> bool {
    socket.flags = socket.flags & !AWAY | CONNECTED;
    if socket.sends | socket.receives != 0 {
        return false;
    }
    if resume(socket) {
        socket.unreported = 0;
        return false;
    }
    true
}

/// The socket is no longer connected: who sends what comes now is known only where a hook names it.
#[inline(always)]
fn disconnect(socket: &mut Socket) {
    flush_totals(socket);
    socket.flags &= !(PEER_FLAGS | CONNECTED);
    socket.peer = [0; 2];
    socket.peer_port = 0;
    socket.opened_ns = record::now();
    socket.unreported = 1;
}

/// Port that a UDP socket with a datagram that no hook named is connected to, if the current peer may be another one.
#[inline(always)]
fn connected_elsewhere(socket: &Socket, sk: *mut c_void) -> Option<u16> {
    if socket.flags & CONNECTED == 0 || socket.protocol != IPPROTO_UDP {
        return None;
    }
    // SAFETY: `sk` is the tracepoint's typed argument.
    let port = u16::from_be(unsafe { load(sk.cast(), setting!(skc_dport)) });
    (port == 0 || socket.flags & AWAY != 0).then_some(port)
}

/// A length tracepoint ran for a call that takes nothing from the socket and adds nothing.
#[inline(always)]
pub(crate) fn nothing_moved(socket: &mut Socket) {
    let thread = bpf_get_current_pid_tgid();
    if socket.busy == thread {
        give_back(socket);
    } else {
        let _ = contended(socket, thread);
    }
}

/// A length tracepoint: `result` bytes moved, or the call failed.
#[inline(always)]
pub(crate) fn moved(socket: &mut Socket, sk: *mut c_void, result: i32, direction: Direction) {
    let thread = bpf_get_current_pid_tgid();
    let mut held = socket.busy == thread;
    if !held {
        if let Some(key) = contended(socket, thread) {
            peers::moved(socket, sk, &key, result, direction);
            return;
        }
        if let Some(port) = connected_elsewhere(socket, sk) {
            if !hold(socket, thread) {
                uncounted(result);
                return;
            }
            return_to(socket, sk, port);
            held = port != 0;
            if !held {
                give_back(socket);
            }
        }
    }
    let counted = count_moved(socket, result, direction, held);
    let error = if result < 0 { -result } else { 0 };
    if counted && is_first(socket, error, direction) {
        report_first(socket, sk, error, direction);
    } else if direction == Direction::Sent && has(CONFIG_EVERY_SEND) {
        record::write(Kind::Send, record::now(), socket, Detail { error, ..Detail::default() });
    }
    if held {
        give_back(socket);
    }
}

/// Makes the peer that the kernel has the socket connected to the current one.
#[inline(always)]
fn return_to(socket: &mut Socket, sk: *mut c_void, port: u16) {
    if port == 0 {
        disconnect(socket);
    } else {
        let peer = lengths::connected_address(socket, sk);
        set_peer(socket, peer, port, 0);
        socket.flags &= !AWAY;
    }
}

#[inline(always)]
fn uncounted(result: i32) {
    if result > 0 {
        count(Counter::PeerUntold, result as u64);
    }
}

/// Adds to the totals of the current peer; says whether the datagram belongs to it.
#[inline(always)]
fn count_moved(socket: &mut Socket, result: i32, direction: Direction, held: bool) -> bool {
    if !held && socket.flags & (PEER_SPILLED | CONNECTED) == PEER_SPILLED {
        uncounted(result);
        return false;
    }
    // An empty datagram is a datagram.
    if result < 0 {
        return true;
    }
    let amount = result as u64;
    if direction == Direction::Sent {
        add(&mut socket.sent, amount);
        add(&mut socket.sends, 1);
    } else {
        add(&mut socket.received, amount);
        add(&mut socket.receives, 1);
    }
    unreleased::moved(socket, amount, direction);
    true
}

/// Whether this is the first datagram with the current peer, or the first failure before it.
#[inline(always)]
fn is_first(socket: &mut Socket, error: i32, direction: Direction) -> bool {
    if socket.unreported == 0 {
        return false;
    }
    if error == 0 {
        return claim_first(socket);
    }
    let is_failure = direction == Direction::Sent && error != EAGAIN && socket.flags & FAILED == 0;
    if is_failure {
        socket.flags |= FAILED;
    }
    is_failure
}

/// Whether it is for this run to report the first datagram with the current peer.
#[inline(always)]
pub(crate) fn claim_first(socket: &mut Socket) -> bool {
    atomic::exchange(&mut socket.unreported, 1, 0) == 1
}

/// The first datagram with the current peer has moved, or failed to.
#[inline(always)]
fn report_first(socket: &mut Socket, sk: *mut c_void, error: i32, direction: Direction) {
    if direction == Direction::Received && socket.flags & (CONNECTED | FIRST_INBOUND) == 0 && socket.sends == 0 {
        socket.flags |= INBOUND;
    }
    lengths::fill_local(socket, sk);
    if socket.peer == [0; 2] && socket.family != AF_PACKET {
        lengths::fill_peer(socket, sk);
    }
    if socket.process.pid == 0 {
        socket.process = process::current();
    }
    record::write(Kind::Datagram, record::now(), socket, Detail { error, ..Detail::default() });
}
