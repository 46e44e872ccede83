//! cgroup `sock_release`: an Internet socket was released.
//!
//! Source: `inet_release` in net/ipv4/af_inet.c; Linux 5.9. Process context. This is the end of a datagram socket;
//! a TCP connection usually stays open and ends in `sock_ops.rs`.

use aya_ebpf::bindings::bpf_sock;
use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use aya_ebpf::macros::cgroup_sock;
use aya_ebpf::programs::SockContext;
use egret_state::{Phase, Socket};
use egret_wire::Kind;

use crate::kernel::{mapped, words};
use crate::platform::Kernel;
use crate::record::{self, Detail};
use crate::{interface, owners, sock, socket, start, totals, unreleased};

const AF_INET6: u32 = 10;
const SOCK_STREAM: u32 = 1;
const SOCK_RAW: u32 = 3;
const IPPROTO_ICMP: u32 = 1;
const IPPROTO_ICMPV6: u32 = 58;
const TCP_CLOSE: u32 = 7;
const TCP_LISTEN: u32 = 10;

#[cgroup_sock(sock_release)]
pub(crate) fn sock_release(ctx: SockContext) -> i32 {
    try_release(ctx.sock);
    1
}

#[inline(always)]
fn try_release(sk: *mut bpf_sock) -> Option<()> {
    unreleased::check();
    let Some(socket) = socket::find(sk.cast()).filter(|socket| socket.phase() != Phase::New) else {
        return never_used(sk);
    };
    match socket.phase() {
        Phase::Attempt if socket.end_attempt() => end(Kind::Failed, socket),
        Phase::Datagram => end_datagram(socket, sk),
        Phase::Established if socket.release_stream() => {
            totals::withdraw(socket);
            end(Kind::Closed, socket);
        }
        _ => {}
    }
    Some(())
}

#[inline(always)]
fn end_datagram(socket: &mut Socket, sk: *mut bpf_sock) {
    if socket.local_port == 0 {
        // The context is the socket itself.
        sock::fill_local(socket, sk.cast());
    }
    owners::released(socket);
    if socket.release_datagram(&Kernel { sk: sk.cast() }) {
        end(Kind::Closed, socket);
    }
}

#[inline(always)]
fn end(kind: Kind, socket: &Socket) {
    record::write(kind, record::now(), socket, Detail::default());
}

/// A socket that was not used since the start: user space may have listed it.
#[inline(always)]
fn never_used(sk: *mut bpf_sock) -> Option<()> {
    // SAFETY: fields of the context, checked by the verifier.
    let (state, protocol, kind) = unsafe { ((*sk).state, (*sk).protocol, (*sk).type_) };
    let is_raw = kind == SOCK_RAW || protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
    if state == TCP_LISTEN || !is_raw && state == TCP_CLOSE && !was_connected(sk, kind) {
        return None;
    }
    let socket = socket::get_or_create(sk.cast())?;
    // SAFETY: as above; the helper takes the context.
    unsafe {
        socket.cookie = bpf_get_socket_cookie(sk.cast());
        socket.family = (*sk).family as u16;
        socket.peer_port = u16::from_be((*sk).dst_port);
        socket.peer = match (*sk).family {
            AF_INET6 => words!(sk, bpf_sock, dst_ip6),
            _ if (*sk).dst_ip4 == 0 => [0; 2],
            _ => mapped((*sk).dst_ip4),
        };
    }
    socket.interface = interface::bound(sk, socket.peer);
    socket.protocol = protocol as u16;
    socket.socket_type = kind as u16;
    // The context is the socket itself.
    socket.release_unused(kind == SOCK_STREAM && start::is_accepted(sk.cast()));
    sock::fill_local(socket, sk.cast());
    end(Kind::Closed, socket);
    Some(())
}

/// Whether a stream socket that is closed now had a peer: a reset leaves its address.
#[inline(always)]
fn was_connected(sk: *mut bpf_sock, kind: u32) -> bool {
    // SAFETY: field of the context, checked by the verifier.
    kind == SOCK_STREAM && unsafe { (*sk).dst_port } != 0
}
