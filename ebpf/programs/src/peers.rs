//! The peers of datagram sockets that have several.

use core::ffi::c_void;

use egret_wire::{CONNECTED, Counter, INBOUND, Kind, PEER_PARTIAL, PEER_SPILLED, PeerKey, PeerTotals};

use crate::datagram::{self, Direction, EAGAIN};
use crate::maps::{PEERS, count};
use crate::record::{self, Detail};
use crate::socket::{RESUMED, Socket, add};
use crate::{lengths, process};

/// Key of the socket's current peer.
#[inline(always)]
pub(crate) fn key(socket: &Socket) -> PeerKey {
    PeerKey { cookie: socket.cookie, peer: socket.peer, port: u64::from(socket.peer_port) }
}

#[inline(always)]
fn find_key(key: &PeerKey) -> Option<&'static mut PeerTotals> {
    // SAFETY: a pointer from the map, valid for this run.
    PEERS.get_ptr_mut(key).map(|totals| unsafe { &mut *totals })
}

/// What is known of the socket's current peer from before.
#[inline(always)]
pub(crate) fn find(socket: &Socket) -> Option<&'static mut PeerTotals> {
    find_key(&key(socket))
}

#[inline(always)]
fn insert(socket: &mut Socket, key: &PeerKey, totals: &PeerTotals) {
    if PEERS.insert(key, totals, 0).is_ok() {
        add(&mut socket.spilled, 1);
    } else {
        count(Counter::PeerTable, 1);
    }
}

/// Adds the socket's totals to those of its current peer.
#[inline(always)]
pub(crate) fn put(socket: &mut Socket) {
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
    let partial = if socket.flags & RESUMED != 0 { PEER_PARTIAL } else { 0 };
    let totals = PeerTotals {
        opened_ns: socket.opened_ns,
        sent: socket.sent,
        received: socket.received,
        sends: socket.sends,
        receives: socket.receives,
        flags: u64::from(socket.flags & INBOUND | partial),
    };
    let key = key(socket);
    insert(socket, &key, &totals);
}

/// Adds what the table has of the current peer back to the socket's totals, and removes it there.
#[inline(always)]
pub(crate) fn take(socket: &mut Socket) {
    if let Some(totals) = find(socket) {
        socket.sent += totals.sent;
        socket.received += totals.received;
        socket.sends += totals.sends;
        socket.receives += totals.receives;
        socket.flags |= totals.flags as u32;
        let _ = PEERS.remove(key(socket));
        socket.spilled -= 1;
    } else if socket.flags & RESUMED != 0 {
        socket.flags |= PEER_PARTIAL;
    }
}

/// A datagram moved, or failed to, with a peer that another thread's call on the same socket keeps from being the current one.
#[inline(always)]
pub(crate) fn moved(socket: &mut Socket, sk: *mut c_void, key: &PeerKey, result: i32, direction: Direction) {
    let sent = direction == Direction::Sent;
    let is_current = socket.peer == key.peer && u64::from(socket.peer_port) == key.port;
    let now = record::now();
    let mut view = *socket;
    view.flags = (view.flags & !(INBOUND | CONNECTED)) | if sent { 0 } else { INBOUND };
    view.opened_ns = if is_current { socket.opened_ns } else { now };
    let mut error = 0;
    let known = find_key(key);
    if result < 0 {
        error = -result;
        if known.is_some() || is_current || !sent || error == EAGAIN {
            return;
        }
        view.reset_totals();
    } else {
        socket.flags |= PEER_SPILLED;
        let amount = result as u64;
        let is_known = known.is_some();
        if let Some(totals) = known {
            add(if sent { &mut totals.sent } else { &mut totals.received }, amount);
            add(if sent { &mut totals.sends } else { &mut totals.receives }, 1);
        } else {
            let totals = PeerTotals {
                opened_ns: view.opened_ns,
                sent: if sent { amount } else { 0 },
                received: if sent { 0 } else { amount },
                sends: u64::from(sent),
                receives: u64::from(!sent),
                flags: u64::from(view.flags & INBOUND),
            };
            insert(socket, key, &totals);
        }
        // The current peer is reported once, whichever thread comes first.
        let is_first = if is_current { datagram::claim_first(socket) } else { !is_known };
        if !is_first {
            return;
        }
        view.sent = if sent { amount } else { 0 };
        view.received = if sent { 0 } else { amount };
        view.sends = u64::from(sent);
        view.receives = u64::from(!sent);
    }
    view.peer = key.peer;
    view.peer_port = key.port as u16;
    view.process = process::current();
    if view.local_port == 0 {
        lengths::fill_local(&mut view, sk);
    }
    record::write(Kind::Datagram, now, &view, Detail { error, ..Detail::default() });
}
