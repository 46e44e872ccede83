//! Socket addresses in user memory.

use aya_ebpf::helpers::bpf_probe_read_user;
use egret_wire::Address;

use crate::interface::is_link_local;
use crate::kernel::{from_words, mapped};

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// Offset of `sin6_scope_id` in `struct sockaddr_in6` (include/uapi/linux/in6.h).
const SCOPE_ID: u64 = 24;

/// `struct sockaddr_in6`, of which `struct sockaddr_in` is nearly a prefix.
#[repr(C)]
#[derive(Clone, Copy)]
struct Raw {
    family: u16,
    port: u16,
    /// Flow information, or the IPv4 address.
    first: u32,
    rest: [u32; 4],
}

/// The address in a call.
#[derive(Clone, Copy)]
pub(super) struct Named {
    pub(super) family: u16,
    pub(super) port: u16,
    pub(super) address: Address,
    /// Index of the interface of a link-local one.
    pub(super) interface: u32,
}

impl Named {
    pub(super) const NONE: Self = Self { family: 0, port: 0, address: [0; 2], interface: 0 };
}

/// Reads a socket address; [`Named::NONE`] if there is none or it cannot be read.
#[inline(always)]
pub(super) fn read(pointer: u64) -> Named {
    if pointer == 0 {
        return Named::NONE;
    }
    // SAFETY: the helper checks the address and fails rather than faults. The memory after an IPv4 address may not be
    // mapped: then only its own eight bytes are read.
    let raw = unsafe { bpf_probe_read_user(pointer as *const Raw) }.or_else(|_| short(pointer));
    let Ok(raw) = raw else { return Named::NONE };
    let address = match raw.family {
        AF_INET => mapped(raw.first),
        AF_INET6 => from_words(raw.rest),
        _ => return Named { family: raw.family, ..Named::NONE },
    };
    let interface = if is_link_local(address) { scope(pointer) } else { 0 };
    Named { family: raw.family, port: u16::from_be(raw.port), address, interface }
}

/// `sin6_scope_id`, zero if it cannot be read.
#[inline(always)]
fn scope(pointer: u64) -> u32 {
    // SAFETY: the helper checks the address and fails rather than faults.
    unsafe { bpf_probe_read_user((pointer + SCOPE_ID) as *const u32) }.unwrap_or(0)
}

#[inline(always)]
fn short(pointer: u64) -> Result<Raw, i32> {
    // SAFETY: as above.
    let [head, first]: [u32; 2] = unsafe { bpf_probe_read_user(pointer as *const [u32; 2]) }?;
    Ok(Raw { family: head as u16, port: (head >> 16) as u16, first, rest: [0; 4] })
}

/// The address in the message header at `pointer` (`struct msghdr`: `msg_name` comes first).
#[inline(always)]
pub(super) fn read_message(pointer: u64) -> Named {
    // SAFETY: the helper checks the address and fails rather than faults.
    let name: Result<u64, i32> = unsafe { bpf_probe_read_user(pointer as *const u64) };
    name.map_or(Named::NONE, read)
}
