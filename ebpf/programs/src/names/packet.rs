//! The headers of a packet in a cgroup hook. It begins with the IP header.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::generated::bpf_skb_load_bytes;
use egret_wire::Address;

use crate::config::setting;
use crate::kernel::mapped;
use crate::kernel::{address_of, follow_or_null, read_or_zero};

pub(crate) const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;

const ETH_P_IP: u32 = (0x0800_u16).to_be() as u32;
const ETH_P_IPV6: u32 = (0x86dd_u16).to_be() as u32;

const IPV4_HEADER: u32 = 20;
const IPV6_HEADER: u32 = 40;
const UDP_HEADER: u32 = 8;
/// Source and destination port, with which both transport headers begin.
const PORTS: usize = 4;

/// Extension headers of IPv6 that are skipped (RFC 8200, 4): hop-by-hop, routing, fragment, destination options.
const EXTENSIONS: [u8; 4] = [0, 43, 44, 60];
/// How many are skipped at most. Real packets have one or two.
const MAX_EXTENSIONS: usize = 4;

const TCP_SYN: u32 = 0x02;

/// A TCP or UDP packet.
pub(crate) struct Packet {
    skb: *mut __sk_buff,
    is_ipv4: bool,
    pub(crate) protocol: u8,
    /// Offset of the transport header.
    transport: u32,
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
}

/// The bytes after the transport header.
pub(crate) struct Payload {
    pub(crate) offset: u32,
    pub(crate) length: u32,
    /// TCP sequence number of its first byte.
    pub(crate) sequence: u32,
}

impl Packet {
    /// `None` for any other protocol. Without options or extension headers this takes no call of a helper.
    #[inline(always)]
    pub(crate) fn find(skb: *mut __sk_buff) -> Option<Self> {
        // SAFETY: fields of the context, checked by the verifier.
        let (protocol, data, end) = unsafe { ((*skb).protocol, (*skb).data as usize, (*skb).data_end as usize) };
        match protocol {
            ETH_P_IP => Self::ipv4(skb, data, end),
            ETH_P_IPV6 => Self::ipv6(skb, data, end),
            _ => None,
        }
    }

    #[inline(always)]
    fn ipv4(skb: *mut __sk_buff, data: usize, end: usize) -> Option<Self> {
        if data + IPV4_HEADER as usize + PORTS > end {
            return None;
        }
        let protocol: u8 = at(data + 9);
        if protocol != IPPROTO_TCP && protocol != IPPROTO_UDP {
            return None;
        }
        let first: u8 = at(data);
        let transport = u32::from(first & 0xf) * 4;
        let ports: u32 = if transport == IPV4_HEADER { at(data + IPV4_HEADER as usize) } else { load(skb, transport)? };
        Some(Self::new(skb, true, protocol, transport, ports))
    }

    #[inline(always)]
    fn ipv6(skb: *mut __sk_buff, data: usize, end: usize) -> Option<Self> {
        if data + IPV6_HEADER as usize + PORTS > end {
            return None;
        }
        let protocol: u8 = at(data + 6);
        if protocol == IPPROTO_TCP || protocol == IPPROTO_UDP {
            return Some(Self::new(skb, false, protocol, IPV6_HEADER, at(data + IPV6_HEADER as usize)));
        }
        let (protocol, transport) = skip_extensions(skb, protocol)?;
        Some(Self::new(skb, false, protocol, transport, load(skb, transport)?))
    }

    #[inline(always)]
    fn new(skb: *mut __sk_buff, is_ipv4: bool, protocol: u8, transport: u32, ports: u32) -> Self {
        Self {
            skb,
            is_ipv4,
            protocol,
            transport,
            source_port: u16::from_be(ports as u16),
            destination_port: u16::from_be((ports >> 16) as u16),
        }
    }

    /// The payload, if the transport header is complete.
    #[inline(always)]
    pub(crate) fn payload(&self) -> Option<Payload> {
        let (header, sequence) = if self.protocol == IPPROTO_TCP {
            let words: [u32; 4] = load(self.skb, self.transport)?;
            // Byte 12 begins with the header's length in words, byte 13 has the flags. A SYN counts as one byte.
            let syn = u32::from(words[3] >> 8 & TCP_SYN != 0);
            ((words[3] >> 4 & 0xf) * 4, u32::from_be(words[1]).wrapping_add(syn))
        } else {
            (UDP_HEADER, 0)
        };
        let offset = self.transport + header;
        // SAFETY: field of the context, checked by the verifier.
        let length = unsafe { (*self.skb).len };
        if length < offset {
            return None;
        }
        Some(Payload { offset, length: length - offset, sequence })
    }

    /// The socket that sends or receives it.
    #[inline(always)]
    pub(crate) fn sk(&self) -> Option<*mut c_void> {
        // SAFETY: field of the context, checked by the verifier.
        let sk = unsafe { (*self.skb).__bindgen_anon_2.sk };
        if sk.is_null() { None } else { Some(sk.cast()) }
    }

    /// Inode number of the socket's network namespace; zero without the kernel's types.
    #[inline(always)]
    pub(crate) fn netns(&self) -> u32 {
        let Some(sk) = self.sk() else { return 0 };
        read_or_zero(follow_or_null(address_of(sk), setting!(skc_net)), setting!(net_inum))
    }

    /// The hook's context, for helpers that take it.
    #[inline(always)]
    pub(crate) fn context(&self) -> *mut c_void {
        self.skb.cast()
    }

    #[inline(always)]
    pub(crate) fn source(&self) -> Option<Address> {
        if self.is_ipv4 { load(self.skb, 12).map(mapped) } else { load(self.skb, 8) }
    }

    #[inline(always)]
    pub(crate) fn destination(&self) -> Option<Address> {
        if self.is_ipv4 { load(self.skb, 16).map(mapped) } else { load(self.skb, 24) }
    }

    /// Bytes of the packet, also outside its linear part.
    #[inline(always)]
    pub(crate) fn load<T>(&self, offset: u32) -> Option<T> {
        load(self.skb, offset)
    }
}

/// Bytes of the IP header of any packet, without the extensions that IPv6 may have.
#[inline(always)]
pub(crate) fn header(skb: *mut __sk_buff) -> Option<u32> {
    // SAFETY: field of the context, checked by the verifier.
    match unsafe { (*skb).protocol } {
        ETH_P_IP => load::<u8>(skb, 0).map(|first| u32::from(first & 0xf) * 4),
        ETH_P_IPV6 => Some(IPV6_HEADER),
        _ => None,
    }
}

/// The transport protocol after extension headers, and the offset of its header.
#[inline(always)]
fn skip_extensions(skb: *mut __sk_buff, first: u8) -> Option<(u8, u32)> {
    let (mut next, mut offset) = (first, IPV6_HEADER);
    for _ in 0..MAX_EXTENSIONS {
        if !EXTENSIONS.contains(&next) {
            return None;
        }
        // Each begins with the number of the next and its own length in units of eight bytes beyond the first
        // eight; that of fragments has a reserved byte, which is zero, instead.
        let [after, length]: [u8; 2] = load(skb, offset)?;
        next = after;
        offset += (u32::from(length) + 1) * 8;
        if next == IPPROTO_TCP || next == IPPROTO_UDP {
            return Some((next, offset));
        }
    }
    None
}

/// A field of the packet at an address that was compared with the packet's end.
#[inline(always)]
fn at<T>(address: usize) -> T {
    // SAFETY: the verifier refuses the program unless the comparison covers the field. Volatile, so that it stays one
    // load.
    unsafe { ptr::read_volatile(address as *const T) }
}

/// A field of the packet by the helper, which fails if the packet is too short.
#[inline(always)]
fn load<T>(skb: *mut __sk_buff, offset: u32) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the helper fills the whole value, or with zeroes if it fails. `T` is an integer or an array of them.
    unsafe {
        if bpf_skb_load_bytes(skb.cast(), offset, value.as_mut_ptr().cast(), size_of::<T>() as u32) != 0 {
            return None;
        }
        Some(value.assume_init())
    }
}
