//! cgroup `egress`: a packet of a local socket is about to leave.
//!
//! Source: `ip_finish_output` in net/ipv4/ip_output.c, `ip6_finish_output` in net/ipv6/ip6_output.c; Linux 4.10. Any
//! context. Before the packet is divided into fragments or segments.

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::macros::cgroup_skb;
use aya_ebpf::programs::SkBuffContext;
use egret_state::Direction;
use egret_wire::{CONFIG_DNS, CONFIG_SNI, Kind};

use super::packet::{IPPROTO_TCP, Packet};
use super::{copy, dns, hello};
use crate::config::has;
use crate::packets;

#[cgroup_skb(egress)]
pub(crate) fn names_egress(ctx: SkBuffContext) -> i32 {
    packets::moved(ctx.skb.skb, Direction::Sent);
    try_egress(ctx.skb.skb);
    1
}

#[inline(always)]
fn try_egress(skb: *mut __sk_buff) -> Option<()> {
    let packet = Packet::find(skb)?;
    let message = if has(CONFIG_DNS) && packet.destination_port == dns::PORT {
        dns::message(&packet, Kind::Question)?
    } else if has(CONFIG_SNI) && packet.protocol == IPPROTO_TCP {
        hello::message(&packet)?
    } else {
        return None;
    };
    copy::write(&packet, &message)
}
