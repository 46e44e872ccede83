//! The state of a socket (`egret-state`), which the kernel stores with the socket.

use core::ffi::c_void;
use core::ptr;

use aya_ebpf::bindings::BPF_SK_STORAGE_GET_F_CREATE;
use aya_ebpf::helpers::generated::bpf_sk_storage_get;
use egret_state::Socket;
use egret_wire::Counter;

use crate::maps::{SOCKETS, count};
use crate::start;

/// The state of a socket, if it has one.
#[inline(always)]
pub(crate) fn find(sk: *mut c_void) -> Option<&'static mut Socket> {
    get(sk, 0)
}

/// The state of a socket, zeroed if it is new. `None` before every hook is attached, and (counted) if the kernel
/// has no memory for it.
#[inline(always)]
pub(crate) fn get_or_create(sk: *mut c_void) -> Option<&'static mut Socket> {
    if !start::is_attached() {
        return None;
    }
    let socket = get(sk, u64::from(BPF_SK_STORAGE_GET_F_CREATE));
    if socket.is_none() {
        count(Counter::SocketState, 1);
    }
    socket
}

#[inline(always)]
fn get(sk: *mut c_void, flags: u64) -> Option<&'static mut Socket> {
    // SAFETY: `sk` comes from a hook's context and is a socket to the verifier; the helper returns a pointer
    // to a whole value or null. It stays valid for the run of the program. Another CPU may write it at the
    // same time; every field that matters across CPUs is changed atomically.
    unsafe {
        let map = ptr::addr_of!(SOCKETS).cast_mut().cast::<c_void>();
        bpf_sk_storage_get(map, sk, ptr::null_mut(), flags).cast::<Socket>().as_mut()
    }
}
