//! cgroup `connect4` and `connect6`: a program connects a socket.
//!
//! Source: `__inet_stream_connect` and `inet_dgram_connect` in net/ipv4/af_inet.c, through `pre_connect`; Linux 4.17.
//! Runs in the context of the process that connects, also for `io_uring` and TCP Fast Open, before a local port is
//! chosen. Programs that rewrite the address may run before or after this one, which sees the address of its turn.

use aya_ebpf::bindings::bpf_sock_addr;
use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use egret_state::{Peer, Socket};
use egret_wire::{Address, CONFIG_LENGTHS, CONFIG_PACKETS, Kind};

use crate::config::has;
use crate::kernel::{address_of, mapped, namespace_of, words};
use crate::platform::Kernel;
use crate::record::{self, Detail};
use crate::{grants, interface, owners, policy, process, socket, start};

const SOCK_STREAM: u32 = 1;

#[cgroup_sock_addr(connect4)]
pub(crate) fn connect4(ctx: SockAddrContext) -> i32 {
    // SAFETY: field of the context, checked by the verifier.
    let address = unsafe { mapped((*ctx.sock_addr).user_ip4) };
    try_connect(&ctx, address, 0);
    1
}

#[cgroup_sock_addr(connect6)]
pub(crate) fn connect6(ctx: SockAddrContext) -> i32 {
    // SAFETY: as above.
    let address = unsafe { words!(ctx.sock_addr, bpf_sock_addr, user_ip6) };
    try_connect(&ctx, address, interface::named(ctx.sock_addr, address));
    1
}

#[inline(always)]
fn try_connect(ctx: &SockAddrContext, address: Address, interface: u32) -> Option<()> {
    let addr = ctx.sock_addr;
    // SAFETY: fields of the context, checked by the verifier.
    let (sk, socket_type, port) =
        unsafe { ((*addr).__bindgen_anon_1.sk, (*addr).type_, u16::from_be((*addr).user_port as u16)) };
    let socket = socket::get_or_create(sk.cast())?;
    let now = record::now();
    let peer = Peer { address, port, interface };
    if socket.end_attempt() {
        record::write(Kind::Failed, now, socket, Detail::default());
    }
    identify(socket, addr);
    if socket_type == SOCK_STREAM {
        socket.begin_connect(peer, process::current(), now);
        grants::apply(addr, socket);
    } else {
        // Nothing has been exchanged with a new peer, and may never be: resolvers connect sockets to find out the
        // local address. Where sends are not seen, the connect is all that can be reported.
        if socket.connect(&Kernel { sk: sk.cast() }, peer, now) && !is_reported_later(addr) {
            socket.set_reported();
            record::write(Kind::Bound, now, socket, Detail::default());
        }
        owners::connected(addr, socket);
    }
    start::begun(socket, now);
    Some(())
}

/// Whether the first datagram is certain to be reported later, so that the connect need not be. Where packets are
/// counted, a policy may block it.
#[inline(always)]
fn is_reported_later(addr: *mut bpf_sock_addr) -> bool {
    has(CONFIG_LENGTHS) || has(CONFIG_PACKETS) && policy::active(addr).is_none()
}

/// Sets the kind of the socket.
#[inline(always)]
fn identify(socket: &mut Socket, addr: *mut bpf_sock_addr) {
    // SAFETY: fields of the context, checked by the verifier.
    unsafe {
        socket.cookie = bpf_get_socket_cookie(addr.cast());
        socket.family = (*addr).family as u16;
        socket.protocol = (*addr).protocol as u16;
        socket.socket_type = (*addr).type_ as u16;
    }
    // A connect or a datagram may fail before a hook reads more of the socket.
    // SAFETY: field of the context, checked by the verifier.
    socket.netns = namespace_of(address_of(unsafe { (*addr).__bindgen_anon_1.sk }.cast()));
}
