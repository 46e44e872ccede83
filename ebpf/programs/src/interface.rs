//! The interface of a link-local peer: its address means another host on every link (RFC 4007).
//!
//! A program sets it in `sin6_scope_id`, which no hook's context has. It is read by the pointer to the kernel's
//! copy of the address in the structure behind the context. Without the kernel's type information only the device
//! that the socket is bound to is known.

use core::ffi::c_void;

use aya_ebpf::bindings::{bpf_sock, bpf_sock_addr};
use egret_wire::Address;

use crate::config::setting;
use crate::kernel::{address_of, follow_or_null, read_or_zero, word};

/// `sin6_scope_id` in `struct sockaddr_in6` (include/uapi/linux/in6.h).
const SCOPE_ID: u32 = 24;
/// Bytes of that structure. Shorter addresses, as in RFC 2133, end before it.
const SOCKADDR_IN6: u32 = 28;

/// Whether an address is in fe80::/10. Multicast groups of a link are no hosts: their interface is ignored.
#[inline(always)]
pub(crate) const fn is_link_local(address: Address) -> bool {
    address[0] & 0xc0ff == 0x80fe
}

/// Interface of the peer in a call, zero if it has none or it is unknown.
#[inline(always)]
pub(crate) fn named(addr: *mut bpf_sock_addr, peer: Address) -> u32 {
    if !is_link_local(peer) {
        return 0;
    }
    let context = address_of(addr.cast());
    // Unknown before Linux 6.7.
    let length: u32 = read_or_zero(context, setting!(sock_addr_length));
    let named: u32 = match length {
        1..SOCKADDR_IN6 => 0,
        _ => read_or_zero(follow_or_null(context, setting!(sock_addr_address)), SCOPE_ID),
    };
    if named != 0 {
        return named;
    }
    // SAFETY: field of the context, checked by the verifier.
    bound(unsafe { (*addr).__bindgen_anon_1.sk }, peer)
}

/// Interface that a hook's socket is bound to, if the peer is link-local: a connect to such an address binds the
/// socket.
#[inline(always)]
pub(crate) fn bound(sk: *const bpf_sock, peer: Address) -> u32 {
    const BOUND: i32 = core::mem::offset_of!(bpf_sock, bound_dev_if) as i32;
    if sk.is_null() || !is_link_local(peer) {
        return 0;
    }
    // SAFETY: `sk` comes from a hook's context and is a socket to the verifier.
    unsafe { word::<BOUND, bpf_sock>(sk) }
}

/// The same for a tracepoint's socket, by the kernel's type information.
#[inline(always)]
pub(crate) fn read(sk: *const c_void, peer: Address) -> u32 {
    if is_link_local(peer) { read_or_zero(sk.cast(), setting!(skc_bound_dev_if)) } else { 0 }
}
