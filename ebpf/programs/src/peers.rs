//! The peers of datagram sockets that have several.

use egret_wire::{Counter, INBOUND, Kind, PeerKey, PeerTotals};

use crate::datagram::Direction;
use crate::maps::{PEERS, count};
use crate::process;
use crate::record::{self, Detail};
use crate::socket::{Socket, add};

#[inline(always)]
fn key(socket: &Socket) -> PeerKey {
    PeerKey { cookie: socket.cookie, peer: socket.peer, port: u64::from(socket.peer_port) }
}

/// What is known of the socket's current peer from before.
#[inline(always)]
pub(crate) fn find(socket: &Socket) -> Option<&'static mut PeerTotals> {
    // SAFETY: a pointer from the map, valid for this run.
    PEERS.get_ptr_mut(key(socket)).map(|totals| unsafe { &mut *totals })
}

/// Adds the socket's totals to those of its current peer.
#[inline(always)]
pub(crate) fn put_aside(socket: &Socket) {
    if let Some(totals) = find(socket) {
        // Nearly always one direction only.
        if socket.sends != 0 {
            add(&mut totals.sent, socket.sent);
            add(&mut totals.sends, socket.sends);
        }
        if socket.receives != 0 {
            add(&mut totals.received, socket.received);
            add(&mut totals.receives, socket.receives);
        }
        return;
    }
    let totals = PeerTotals {
        opened_ns: socket.opened_ns,
        sent: socket.sent,
        received: socket.received,
        sends: socket.sends,
        receives: socket.receives,
    };
    if PEERS.insert(key(socket), totals, 0).is_err() {
        count(Counter::PeerTable, 1);
    }
}

/// Adds what was put aside for the current peer back to the socket's totals, and forgets it.
#[inline(always)]
pub(crate) fn take_back(socket: &mut Socket) {
    if let Some(totals) = find(socket) {
        socket.sent += totals.sent;
        socket.received += totals.received;
        socket.sends += totals.sends;
        socket.receives += totals.receives;
        let _ = PEERS.remove(key(socket));
    }
}

/// A datagram moved with a peer that is not the socket's current one, because another thread holds that.
#[inline(always)]
pub(crate) fn moved(socket: &mut Socket, key: &PeerKey, result: i32, direction: Direction) {
    socket.flags |= egret_wire::PEER_SPILLED;
    let amount = if result > 0 { result as u64 } else { 0 };
    let sent = direction == Direction::Sent;
    let calls = u64::from(result >= 0);
    // SAFETY: a pointer from the map, valid for this run.
    if let Some(totals) = PEERS.get_ptr_mut(key).map(|totals| unsafe { &mut *totals }) {
        add(if sent { &mut totals.sent } else { &mut totals.received }, amount);
        add(if sent { &mut totals.sends } else { &mut totals.receives }, calls);
        return;
    }
    let now = record::now();
    let totals = PeerTotals {
        opened_ns: now,
        sent: if sent { amount } else { 0 },
        received: if sent { 0 } else { amount },
        sends: if sent { calls } else { 0 },
        receives: if sent { 0 } else { calls },
    };
    if PEERS.insert(key, totals, 0).is_err() {
        count(Counter::PeerTable, 1);
    }
    // The socket's own peer may be this one under another thread: then it was told already.
    if socket.peer == key.peer && u64::from(socket.peer_port) == key.port {
        return;
    }
    let mut view = *socket;
    view.peer = key.peer;
    view.peer_port = key.port as u16;
    view.opened_ns = now;
    view.process = process::current();
    view.flags = (view.flags & !INBOUND) | if sent { 0 } else { INBOUND };
    view.sent = totals.sent;
    view.received = totals.received;
    view.sends = totals.sends;
    view.receives = totals.receives;
    let detail = Detail { error: if result < 0 { -result } else { 0 }, ..Detail::default() };
    record::write(Kind::Datagram, now, &view, detail);
}
