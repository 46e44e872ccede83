//! cgroup `sock_create`: a program created an Internet socket.
//!
//! Source: `inet_create` in net/ipv4/af_inet.c, `inet6_create` in net/ipv6/af_inet6.c; Linux 4.10. Process context.
//!
//! TCP and UDP sockets announce themselves later and are ignored. Raw and ICMP sockets have no hook that names a
//! peer. Attached only where no tracepoint reports their sends: then only their creation can be reported.

use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use aya_ebpf::macros::cgroup_sock;
use aya_ebpf::programs::SockContext;
use egret_wire::{CONFIG_LENGTHS, CONFIG_PACKETS, Kind};

use crate::config::has;
use crate::process;
use crate::record::{self, Detail};
use crate::socket;

const SOCK_DGRAM: u32 = 2;
const SOCK_RAW: u32 = 3;
const IPPROTO_ICMP: u32 = 1;
const IPPROTO_ICMPV6: u32 = 58;

#[cgroup_sock(sock_create)]
pub(crate) fn sock_create(ctx: SockContext) -> i32 {
    try_create(&ctx);
    1
}

#[inline(always)]
fn try_create(ctx: &SockContext) -> Option<()> {
    // SAFETY: fields of the context, checked by the verifier.
    let (family, kind, protocol) = unsafe { ((*ctx.sock).family, (*ctx.sock).type_, (*ctx.sock).protocol) };
    let icmp = protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
    if kind != SOCK_RAW && !(kind == SOCK_DGRAM && icmp) {
        return None;
    }
    let socket = socket::get_or_create(ctx.sock.cast())?;
    // SAFETY: the helper takes the context.
    socket.cookie = unsafe { bpf_get_socket_cookie(ctx.sock.cast()) };
    socket.family = family as u16;
    socket.socket_type = kind as u16;
    socket.protocol = protocol as u16;
    socket.created(process::current(), record::now());
    if !has(CONFIG_LENGTHS) && !has(CONFIG_PACKETS) {
        socket.set_reported();
        // Its sends are not seen: its creation is reported.
        record::write(Kind::Bound, socket.opened_ns, socket, Detail::default());
    }
    Some(())
}
