//! The bytes of sockets where the kernel has no length tracepoints (before Linux 6.3), counted by the packets that
//! the cgroup hooks see.
//!
//! A datagram is one packet at these hooks: it is fragmented later, or has been reassembled. Arriving packets are
//! counted whether the program receives them or not. A failed send has no packet. TCP has its own counters, which
//! are copied whenever a packet leaves.
//!
//! Hooks on packets may not ask for the current process: the process is the one that the hooks on calls have
//! recorded.

use core::ffi::c_void;

use aya_ebpf::bindings::{__sk_buff, bpf_sock, bpf_tcp_sock};
use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_sk_fullsock, bpf_tcp_sock};
use egret_state::{Direction, Flags, Peer, Phase, Platform as _, Socket, add_moved};
use egret_wire::{Arrived, CONFIG_PACKETS, CONFIG_TOTALS, Counter, PeerKey};

use crate::config::has;
use crate::kernel::address_of;
use crate::maps::{ARRIVED, count};
use crate::names::packet::{self, Packet};
use crate::platform::Kernel;
use crate::{atomic, interface, record, sock, socket, totals};

const AF_INET: u32 = 2;
const SOCK_RAW: u16 = 3;
const IPPROTO_UDP: u32 = 17;
const IPPROTO_RAW: u16 = 255;
/// The only state in which TCP's counters do not include a FIN.
const TCP_ESTABLISHED: u32 = 1;

/// A packet of a local socket.
struct Moved {
    key: PeerKey,
    amount: u64,
}

/// Counts a packet.
#[inline(always)]
pub(crate) fn moved(skb: *mut __sk_buff, direction: Direction) -> Option<()> {
    if !has(CONFIG_PACKETS) {
        return None;
    }
    // SAFETY: field of the context, checked by the verifier.
    let sk = unsafe { (*skb).__bindgen_anon_2.sk };
    if sk.is_null() {
        return None;
    }
    let socket = match socket::find(sk.cast()) {
        Some(socket) => socket,
        None => adopt(skb, sk, direction)?,
    };
    match socket.phase() {
        Phase::Datagram => datagram(skb, socket, sk.cast(), direction),
        Phase::Established if direction == Direction::Sent => stream(skb, socket, sk),
        _ => None,
    }
}

/// Follows a preexisting connected UDP socket. The peer of an unconnected one is named by the next call. Raw
/// sockets are ignored: the kernel has its own, by which it answers.
#[inline(always)]
fn adopt(skb: *mut __sk_buff, sk: *mut bpf_sock, direction: Direction) -> Option<&'static mut Socket> {
    // SAFETY: the helper takes the context's socket.
    let full = unsafe { bpf_sk_fullsock(sk) };
    if full.is_null() {
        return None;
    }
    // SAFETY: fields of a whole socket, checked by the verifier.
    let (kind, protocol, family, port) = unsafe { ((*full).type_, (*full).protocol, (*full).family, (*full).dst_port) };
    if protocol != IPPROTO_UDP {
        return None;
    }
    // SAFETY: the helper takes the context.
    let cookie = unsafe { bpf_get_socket_cookie(skb.cast()) };
    if port == 0 {
        if direction == Direction::Received {
            wait_for_name(&of_udp(skb, cookie, direction)?);
        }
        return None;
    }
    let socket = socket::get_or_create(sk.cast())?;
    socket.cookie = cookie;
    socket.family = family as u16;
    socket.protocol = protocol as u16;
    socket.socket_type = kind as u16;
    socket.opened_ns = record::now();
    sock::fill_local(socket, address_of(sk.cast()).cast_mut().cast());
    sock::fill_peer(socket, address_of(sk.cast()).cast_mut().cast());
    socket.adopt_datagram(Flags::CONNECTED.when(socket.peer != [0; 2]));
    Some(socket)
}

#[inline(always)]
fn datagram(skb: *mut __sk_buff, socket: &mut Socket, sk: *mut c_void, direction: Direction) -> Option<()> {
    let moved = if u32::from(socket.protocol) == IPPROTO_UDP {
        of_udp(skb, socket.cookie, direction)?
    } else {
        of_other(skb, socket, direction)?
    };
    let kernel = Kernel { sk: address_of(sk).cast_mut().cast() };
    let peer = Peer::from_key(&moved.key);
    if !socket.is_current(peer) {
        if let Some(totals) = kernel.find_peer(&moved.key) {
            add_moved::<Kernel>(totals, moved.amount, direction);
            return Some(());
        }
        if direction == Direction::Received && !socket.flags().has(Flags::CONNECTED) {
            return wait_for_name(&moved);
        }
        socket.set_peer(&kernel, peer, Flags::NONE);
    }
    socket.moved_packet(&kernel, moved.amount as i32, direction);
    Some(())
}

/// Keeps the bytes of a packet until a call names the peer, which shows that the program receives it.
#[inline(always)]
fn wait_for_name(moved: &Moved) -> Option<()> {
    // SAFETY: a pointer from the map, valid for this run.
    if let Some(arrived) = ARRIVED.get_ptr_mut(moved.key).map(|arrived| unsafe { &mut *arrived }) {
        atomic::add(&mut arrived.bytes, moved.amount);
        atomic::add(&mut arrived.datagrams, 1);
    } else if ARRIVED.insert(moved.key, Arrived { bytes: moved.amount, datagrams: 1 }, 0).is_err() {
        count(Counter::PeerTable, 1);
    }
    Some(())
}

/// Adds the bytes that have arrived from the current peer before a call named it.
#[inline(always)]
pub(crate) fn claim_arrived(socket: &mut Socket) {
    let key = socket.key();
    // SAFETY: a value of the map, copied at once.
    let Some(arrived) = unsafe { ARRIVED.get(key) }.copied() else { return };
    let _ = ARRIVED.remove(key);
    atomic::add(&mut socket.received, arrived.bytes);
    atomic::add(&mut socket.receives, arrived.datagrams);
}

#[inline(always)]
fn of_udp(skb: *mut __sk_buff, cookie: u64, direction: Direction) -> Option<Moved> {
    let packet = Packet::find(skb)?;
    let amount = u64::from(packet.payload()?.length);
    let (peer, port) = match direction {
        Direction::Sent => (packet.destination()?, packet.destination_port),
        Direction::Received => (packet.source()?, packet.source_port),
    };
    // SAFETY: field of the context, checked by the verifier.
    let device = unsafe { (*skb).ifindex };
    let interface = if interface::is_link_local(peer) { device } else { 0 };
    let key = PeerKey { cookie, peer, port: u32::from(port), interface };
    Some(Moved { key, amount })
}

/// No hook names the peer of a raw or ICMP socket: bytes are counted for the peer that it is connected to, or for
/// none. A raw socket receives IPv4 packets with their header, and sends them with it if its protocol is
/// `IPPROTO_RAW`.
#[inline(always)]
fn of_other(skb: *mut __sk_buff, socket: &Socket, direction: Direction) -> Option<Moved> {
    // SAFETY: field of the context, checked by the verifier.
    let length = unsafe { (*skb).len };
    let receives_header =
        direction == Direction::Received && socket.socket_type == SOCK_RAW && u32::from(socket.family) == AF_INET;
    let is_whole = receives_header || socket.protocol == IPPROTO_RAW;
    let header = if is_whole { 0 } else { packet::header(skb)? };
    let amount = u64::from(length.checked_sub(header)?);
    Some(Moved { key: socket.key(), amount })
}

/// Publishes the totals of an open connection: acknowledged bytes, unacknowledged ones, and those that leave now.
#[inline(always)]
fn stream(skb: *mut __sk_buff, socket: &mut Socket, sk: *mut bpf_sock) -> Option<()> {
    if !has(CONFIG_TOTALS) {
        return None;
    }
    let (tcp, state) = tcp(sk)?;
    let payload = Packet::find(skb)?.payload()?;
    if state != TCP_ESTABLISHED {
        return None;
    }
    // SAFETY: fields of a TCP socket, checked by the verifier.
    let (unacknowledged, acknowledged, received) =
        unsafe { ((*tcp).snd_una, (*tcp).bytes_acked, (*tcp).bytes_received) };
    let in_flight = payload.sequence.wrapping_add(payload.length).wrapping_sub(unacknowledged) as i32;
    let syn = u64::from(!socket.flags().has(Flags::INBOUND));
    let sent = acknowledged + if in_flight > 0 { in_flight as u64 } else { 0 };
    let sent = sent.saturating_sub(syn);
    if sent > socket.sent {
        socket.sent = sent;
    }
    socket.received = received;
    totals::publish(socket);
    Some(())
}

#[inline(always)]
fn tcp(sk: *mut bpf_sock) -> Option<(*mut bpf_tcp_sock, u32)> {
    // SAFETY: the helpers take the context's socket and a full one, and return null or a pointer that the verifier
    // knows.
    unsafe {
        let full = bpf_sk_fullsock(sk);
        if full.is_null() {
            return None;
        }
        let state = (*full).state;
        let tcp = bpf_tcp_sock(full);
        (!tcp.is_null()).then_some((tcp, state))
    }
}
