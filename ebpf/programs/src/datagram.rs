//! Hooks that name the peer of a datagram: `sendmsg*` and `recvmsg*`. The transitions are in `egret-state`.

use aya_ebpf::bindings::bpf_sock_addr;
use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use aya_ebpf::programs::SockAddrContext;
use egret_state::{Flags, Peer, Socket};
use egret_wire::{Address, CONFIG_LENGTHS, CONFIG_PACKETS, Kind};

use crate::config::has;
use crate::kernel::{address_of, namespace_of};
use crate::platform::Kernel;
use crate::record::{self, Detail};
use crate::{packets, policy, sock, socket, start};

/// A hook names the peer of the datagram that this thread sends or receives. `first` is [`Flags::FIRST_INBOUND`]
/// for receives.
#[inline(always)]
pub(crate) fn name_peer(ctx: &SockAddrContext, address: Address, interface: u32, first: Flags) -> Option<()> {
    let addr = ctx.sock_addr;
    // SAFETY: fields of the context, checked by the verifier.
    let (sk, port) = unsafe { ((*addr).__bindgen_anon_1.sk, u16::from_be((*addr).user_port as u16)) };
    let socket = socket::get_or_create(sk.cast())?;
    if socket.cookie == 0 {
        // SAFETY: as above; the helper takes the context.
        unsafe {
            socket.cookie = bpf_get_socket_cookie(addr.cast());
            socket.family = (*addr).family as u16;
            socket.protocol = (*addr).protocol as u16;
            socket.socket_type = (*addr).type_ as u16;
        }
        socket.netns = namespace_of(address_of(sk.cast()));
        socket.begin_datagram(start::direction(address_of(sk.cast()), first.has(Flags::FIRST_INBOUND)));
    }
    let peer = Peer { address, port, interface };
    if has(CONFIG_LENGTHS) {
        socket.name_peer(&Kernel { sk: sk.cast() }, peer, first);
        Some(())
    } else {
        without_lengths(socket, addr, peer, first)
    }
}

/// Without length tracepoints a peer is reported when a receive names it, or when a packet to it leaves. Where
/// packets are not counted, or a policy may block them, it is also reported when a send names it.
#[inline(always)]
fn without_lengths(socket: &mut Socket, addr: *mut bpf_sock_addr, peer: Peer, first: Flags) -> Option<()> {
    // SAFETY: field of the context, checked by the verifier.
    let sk = unsafe { (*addr).__bindgen_anon_1.sk };
    let is_new = socket.set_callers_peer(&Kernel { sk: sk.cast() }, peer, first);
    if is_new && has(CONFIG_PACKETS) {
        packets::claim_arrived(socket);
    }
    let is_received = first.has(Flags::FIRST_INBOUND);
    let is_reported_later = !is_received && has(CONFIG_PACKETS) && policy::active(addr).is_none();
    if socket.is_unreported() && !is_reported_later {
        socket.set_reported();
        sock::fill_local(socket, address_of(sk.cast()).cast_mut().cast());
        record::write(Kind::Datagram, socket.opened_ns, socket, Detail::default());
    }
    Some(())
}
