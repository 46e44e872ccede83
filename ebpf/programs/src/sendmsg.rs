//! cgroup `sendmsg4` and `sendmsg6`: a send on an unconnected UDP socket, or with a peer of its own.
//!
//! Source: `udp_sendmsg` in net/ipv4/udp.c, `udpv6_sendmsg` in net/ipv6/udp.c; Linux 4.18. Process context.

use aya_ebpf::bindings::bpf_sock_addr;
use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use egret_state::Flags;

use crate::kernel::{mapped, words};
use crate::{datagram, interface, owners};

#[cgroup_sock_addr(sendmsg4)]
pub(crate) fn sendmsg4(ctx: SockAddrContext) -> i32 {
    // SAFETY: field of the context, checked by the verifier.
    let address = unsafe { mapped((*ctx.sock_addr).user_ip4) };
    datagram::name_peer(&ctx, address, 0, Flags::NONE);
    owners::sending(ctx.sock_addr, address, 0);
    1
}

#[cgroup_sock_addr(sendmsg6)]
pub(crate) fn sendmsg6(ctx: SockAddrContext) -> i32 {
    // SAFETY: as above.
    let address = unsafe { words!(ctx.sock_addr, bpf_sock_addr, user_ip6) };
    let interface = interface::named(ctx.sock_addr, address);
    datagram::name_peer(&ctx, address, interface, Flags::NONE);
    owners::sending(ctx.sock_addr, address, interface);
    1
}
