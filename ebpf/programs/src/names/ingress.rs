//! cgroup `ingress`: a packet has arrived for a local socket.
//!
//! Source: `sk_filter_trim_cap` in net/core/filter.c; Linux 4.10. Any context. After fragments were reassembled,
//! before the socket gets the packet: an answer is recorded before its program can use it.

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::macros::cgroup_skb;
use aya_ebpf::programs::SkBuffContext;
use egret_state::Direction;
use egret_wire::{CONFIG_DNS, Kind};

use super::packet::Packet;
use super::{copy, dns};
use crate::config::has;
use crate::packets;

#[cgroup_skb(ingress)]
pub(crate) fn names_ingress(ctx: SkBuffContext) -> i32 {
    packets::moved(ctx.skb.skb, Direction::Received);
    try_ingress(ctx.skb.skb);
    1
}

#[inline(always)]
fn try_ingress(skb: *mut __sk_buff) -> Option<()> {
    if !has(CONFIG_DNS) {
        return None;
    }
    let packet = Packet::find(skb)?;
    if packet.source_port != dns::PORT {
        return None;
    }
    let message = dns::message(&packet, Kind::Answer)?;
    copy::write(&packet, &message)
}
