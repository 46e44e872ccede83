//! Socket addresses in user memory.

use aya_ebpf::helpers::bpf_probe_read_user;
use egret_wire::Address;

use crate::socket::{mapped, words};

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

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

/// An address as a call named it.
#[derive(Clone, Copy)]
pub(super) struct Named {
    pub(super) family: u16,
    pub(super) port: u16,
    pub(super) address: Address,
}

impl Named {
    pub(super) const NONE: Self = Self { family: 0, port: 0, address: [0; 2] };
}

/// Reads a socket address; [`Named::NONE`] if there is none or it cannot be read.
#[inline(always)]
pub(super) fn read(pointer: u64) -> Named {
    if pointer == 0 {
        return Named::NONE;
    }
    // SAFETY: the helper checks the address and fails rather than faults. An IPv4 address may be followed by memory
    // that is not there: then only its own eight bytes are read.
    let raw = unsafe { bpf_probe_read_user(pointer as *const Raw) }.or_else(|_| short(pointer));
    let Ok(raw) = raw else { return Named::NONE };
    let address = match raw.family {
        AF_INET => mapped(raw.first),
        AF_INET6 => words(raw.rest),
        _ => return Named { family: raw.family, ..Named::NONE },
    };
    Named { family: raw.family, port: u16::from_be(raw.port), address }
}

#[inline(always)]
fn short(pointer: u64) -> Result<Raw, i32> {
    // SAFETY: as above.
    let [head, first]: [u32; 2] = unsafe { bpf_probe_read_user(pointer as *const [u32; 2]) }?;
    Ok(Raw { family: head as u16, port: (head >> 16) as u16, first, rest: [0; 4] })
}

/// The address in the message header at `pointer` (`struct msghdr`: `msg_name` comes first).
#[inline(always)]
pub(super) fn of_message(pointer: u64) -> Named {
    // SAFETY: the helper checks the address and fails rather than faults.
    let name: Result<u64, i32> = unsafe { bpf_probe_read_user(pointer as *const u64) };
    name.map_or(Named::NONE, read)
}
