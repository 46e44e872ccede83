//! cgroup `sock_release`: a program let go of an internet socket.
//!
//! Source: `inet_release` in net/ipv4/af_inet.c; Linux 5.9. Process context. This is the end of a datagram socket;
//! a TCP connection usually lives on and ends in `sock_ops.rs`.

use aya_ebpf::bindings::bpf_sock;
use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use aya_ebpf::macros::cgroup_sock;
use aya_ebpf::programs::SockContext;
use egret_wire::{CONNECTED, Kind, PEER_SPILLED, PREEXISTING};

use crate::kernel::words;
use crate::record::{self, Detail};
use crate::socket::{self, PHASE_ATTEMPT, PHASE_CLOSED, PHASE_DATAGRAM, PHASE_ESTABLISHED, Socket, mapped};
use crate::{attempt, lengths, owners, peers};

const AF_INET6: u32 = 10;
const TCP_ESTABLISHED: u32 = 1;

#[cgroup_sock(sock_release)]
pub(crate) fn sock_release(ctx: SockContext) -> i32 {
    try_release(ctx.sock);
    1
}

#[inline(always)]
fn try_release(sk: *mut bpf_sock) -> Option<()> {
    let Some(socket) = socket::find(sk.cast()) else { return never_used(sk) };
    match socket.phase {
        PHASE_ATTEMPT => attempt::end(socket, record::now()),
        PHASE_DATAGRAM => end_datagram(socket, sk),
        PHASE_ESTABLISHED if socket.flags & PREEXISTING != 0 => {
            record::write(Kind::Closed, record::now(), socket, Detail::default());
            socket.phase = PHASE_CLOSED;
        }
        _ => {}
    }
    Some(())
}

#[inline(always)]
fn end_datagram(socket: &mut Socket, sk: *mut bpf_sock) {
    if socket.local_port == 0 {
        // The context is the socket itself.
        lengths::fill_local(socket, sk.cast());
    }
    owners::released(socket);
    if socket.flags & PEER_SPILLED != 0 {
        peers::take(socket);
    }
    // A socket that was opened and never used has nothing to tell.
    if socket.sends | socket.receives != 0 || socket.flags & (CONNECTED | PEER_SPILLED) != 0 {
        record::write(Kind::Closed, record::now(), socket, Detail::default());
    }
    socket.phase = PHASE_CLOSED;
}

/// A connected socket that was not used since egret started: user space may have listed it.
#[inline(always)]
fn never_used(sk: *mut bpf_sock) -> Option<()> {
    // SAFETY: fields of the context, checked by the verifier.
    let (state, protocol, kind) = unsafe { ((*sk).state, (*sk).protocol, (*sk).type_) };
    if state != TCP_ESTABLISHED {
        return None;
    }
    let socket = socket::find_or_make(sk.cast())?;
    // SAFETY: as above; the helper takes the context.
    unsafe {
        socket.cookie = bpf_get_socket_cookie(sk.cast());
        socket.family = (*sk).family as u16;
        socket.peer_port = u16::from_be((*sk).dst_port);
        socket.peer = if (*sk).family == AF_INET6 { words!(sk, bpf_sock, dst_ip6) } else { mapped((*sk).dst_ip4) };
    }
    socket.protocol = protocol as u16;
    socket.socket_type = kind as u16;
    socket.flags = PREEXISTING;
    lengths::fill_local(socket, sk.cast());
    record::write(Kind::Closed, record::now(), socket, Detail::default());
    socket.phase = PHASE_CLOSED;
    Some(())
}
