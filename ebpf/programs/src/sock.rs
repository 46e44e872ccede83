//! Fields of the kernel's `struct sock`, at offsets that user space found (`config.rs`).

use core::ffi::c_void;

use egret_state::Socket;
use egret_wire::Address;

use crate::config::setting;
use crate::interface;
use crate::kernel::{mapped, namespace_of, read_or_zero};

const AF_INET6: u16 = 10;

/// Reads the local endpoint and the network namespace of the socket.
#[inline(always)]
pub(crate) fn fill_local(socket: &mut Socket, sk: *mut c_void) {
    let sk: *const u8 = sk.cast();
    // An unbound raw or packet socket has no ports; fields that cannot be read stay unknown.
    socket.local_port = read_or_zero(sk, setting!(skc_num));
    socket.local = if socket.family == AF_INET6 {
        read_or_zero(sk, setting!(skc_v6_rcv_saddr))
    } else {
        mapped(read_or_zero(sk, setting!(skc_rcv_saddr)))
    };
    socket.netns = namespace_of(sk);
}

/// Reads the peer of the socket, if it is connected and no hook has named the peer: raw and ICMP sockets.
#[inline(always)]
pub(crate) fn fill_peer(socket: &mut Socket, sk: *mut c_void) {
    let address = connected_address(sk, socket.family);
    if address != [0; 2] {
        socket.peer = address;
        socket.peer_port = u16::from_be(read_or_zero(sk.cast(), setting!(skc_dport)));
        socket.interface = interface::read(sk, address);
    }
}

/// Address that the socket is connected to; zeroes if it is not.
#[inline(always)]
pub(crate) fn connected_address(sk: *mut c_void, family: u16) -> Address {
    let sk: *const u8 = sk.cast();
    if family == AF_INET6 {
        return read_or_zero(sk, setting!(skc_v6_daddr));
    }
    match read_or_zero(sk, setting!(skc_daddr)) {
        0_u32 => [0; 2],
        address => mapped(address),
    }
}
