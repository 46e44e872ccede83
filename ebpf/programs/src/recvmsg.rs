//! cgroup `recvmsg4` and `recvmsg6`: a receive call on a UDP socket is about to return the sender.
//!
//! Source: `udp_recvmsg` in net/ipv4/udp.c, `udpv6_recvmsg` in net/ipv6/udp.c; Linux 5.2. Process context. Does
//! not run for calls that do not ask for the address.

use aya_ebpf::bindings::bpf_sock_addr;
use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use egret_state::Flags;

use crate::kernel::{mapped, words};
use crate::{datagram, interface};

#[cgroup_sock_addr(recvmsg4)]
pub(crate) fn recvmsg4(ctx: SockAddrContext) -> i32 {
    // SAFETY: field of the context, checked by the verifier.
    let address = unsafe { mapped((*ctx.sock_addr).user_ip4) };
    datagram::name_peer(&ctx, address, 0, Flags::FIRST_INBOUND);
    1
}

#[cgroup_sock_addr(recvmsg6)]
pub(crate) fn recvmsg6(ctx: SockAddrContext) -> i32 {
    // SAFETY: as above.
    let address = unsafe { words!(ctx.sock_addr, bpf_sock_addr, user_ip6) };
    datagram::name_peer(&ctx, address, interface::named(ctx.sock_addr, address), Flags::FIRST_INBOUND);
    1
}
