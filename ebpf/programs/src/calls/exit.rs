//! Exits of system calls.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_probe_read_user};
use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use egret_wire::{
    CALL_ACCEPT, CALL_CONNECT, CALL_SENDMMSG, CALL_SENDTO, CONFIG_EVERY_SEND, CallRecord, Counter, Header, Kind,
    PeerKey, VERSION,
};

use super::address::{self, Named};
use super::descriptor;
use crate::config::{has, setting};
use crate::interface;
use crate::kernel::{mapped, namespace_of, read_or_zero};
use crate::maps::{CALL_PEERS, CALLS, FLOWS, count};
use crate::process;
use crate::record;
use crate::values::Pending;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const AF_PACKET: u16 = 17;
const SOCK_DGRAM: u16 = 2;
const IPPROTO_TCP: u16 = 6;
const IPPROTO_UDP: u16 = 17;
/// The value of `protocol` if it cannot be read.
const UNKNOWN: u16 = 0xffff;

const EBADF: i64 = -9;
const EAGAIN: i64 = -11;
const EFAULT: i64 = -14;
const ENOTSOCK: i64 = -88;

/// Messages of one `sendmmsg` that are reported; the others are counted. The kernel's own limit is 1,024, but each
/// is a record, and the verifier walks the code that writes it once for each.
const MESSAGES: u64 = 16;
/// `sizeof(struct mmsghdr)`.
const MESSAGE: u64 = 64;
/// Offset of the sent length of a message (`msg_len`).
const MESSAGE_LENGTH: u64 = 56;

/// Attached to the exit of every call of the layer.
#[tracepoint]
pub(crate) fn exit_call(ctx: TracePointContext) -> u32 {
    let _ = try_exit(&ctx);
    0
}

#[inline(always)]
fn try_exit(ctx: &TracePointContext) -> Result<(), i32> {
    let thread = bpf_get_current_pid_tgid();
    // SAFETY: the entry is this thread's own.
    let pending = *unsafe { CALLS.get(thread) }.ok_or(-1)?;
    let _ = CALLS.remove(thread);
    // SAFETY: offset from the tracepoint's format, which is stable.
    let result: i64 = unsafe { ctx.read_at(16)? };
    if matches!(result, EBADF | EAGAIN | EFAULT | ENOTSOCK) {
        return Ok(());
    }
    match pending.call {
        CALL_ACCEPT if result < 0 => Ok(()),
        CALL_ACCEPT => report(&pending, Named::NONE, result as i32, result),
        CALL_CONNECT | CALL_SENDTO => report(&pending, address::read(pending.pointer), pending.fd, result),
        CALL_SENDMMSG => messages(&pending, result),
        _ => report(&pending, address::read_message(pending.pointer), pending.fd, result),
    }
}

/// The messages that one `sendmmsg` sent.
#[inline(always)]
fn messages(pending: &Pending, result: i64) -> Result<(), i32> {
    if result < 0 {
        return report(pending, address::read_message(pending.pointer), pending.fd, result);
    }
    if result > MESSAGES as i64 {
        count(Counter::MessagesUnreported, result as u64 - MESSAGES);
    }
    for index in 0..MESSAGES {
        if index as i64 >= result {
            break;
        }
        let header = pending.pointer + index * MESSAGE;
        // SAFETY: the helper checks the address and fails rather than faults.
        let length: u32 = unsafe { bpf_probe_read_user((header + MESSAGE_LENGTH) as *const u32)? };
        report(pending, address::read_message(header), pending.fd, i64::from(length))?;
    }
    Ok(())
}

/// Writes one call, unless its peer was reported already, which is checked before the other fields are read. The
/// fields of the socket are read without branches: see [`read_or_zero`].
#[inline(always)]
fn report(pending: &Pending, named: Named, fd: i32, result: i64) -> Result<(), i32> {
    let sk = descriptor::socket_or_null(fd);
    let family = if sk.is_null() { named.family } else { read_or_zero(sk, setting!(skc_family)) };
    if !matches!(family, AF_INET | AF_INET6 | AF_PACKET) {
        return Ok(());
    }
    let protocol = if sk.is_null() { UNKNOWN } else { read_or_zero(sk, setting!(sk_protocol)) };
    let cookie = read_or_zero(sk, setting!(skc_cookie));
    let peer = peer_of(sk, family, named);
    if !matches!(pending.call, CALL_CONNECT | CALL_ACCEPT) && !is_new_peer(cookie, fd, protocol, &peer) {
        return Ok(());
    }
    let socket_type: u16 = read_or_zero(sk, setting!(sk_type));
    if pending.call == CALL_CONNECT && socket_type == SOCK_DGRAM && peer.port == 0 && protocol == IPPROTO_UDP {
        // Nothing can be sent to this port: the program wants to know which local address is used.
        return Ok(());
    }
    let local = local_of(sk, family);
    let call = CallRecord {
        header: Header {
            version: VERSION,
            kind: Kind::Call as u8,
            length: size_of::<CallRecord>() as u16,
            flags: 0,
            time_ns: pending.time_ns,
        },
        process: process::current(),
        cookie,
        peer: peer.address,
        local: local.address,
        result,
        duration_ns: record::now() - pending.time_ns,
        fd,
        call: pending.call,
        peer_port: peer.port,
        local_port: local.port,
        family,
        protocol,
        socket_type,
        interface: peer.interface,
        netns: namespace_of(sk),
    };
    write(&call);
    Ok(())
}

/// The peer of the call, or the one that the socket is connected to.
#[inline(always)]
fn peer_of(sk: *const u8, family: u16, named: Named) -> Named {
    if named.family != 0 {
        return named;
    }
    let port = u16::from_be(read_or_zero(sk, setting!(skc_dport)));
    match family {
        AF_INET6 => {
            let address = read_or_zero(sk, setting!(skc_v6_daddr));
            Named { family, port, address, interface: interface::read(sk.cast(), address) }
        }
        AF_INET => Named { family, port, address: mapped(read_or_zero(sk, setting!(skc_daddr))), interface: 0 },
        _ => Named::NONE,
    }
}

#[inline(always)]
fn local_of(sk: *const u8, family: u16) -> Named {
    let port = read_or_zero(sk, setting!(skc_num));
    match family {
        AF_INET6 => Named { family, port, address: read_or_zero(sk, setting!(skc_v6_rcv_saddr)), interface: 0 },
        AF_INET => Named { family, port, address: mapped(read_or_zero(sk, setting!(skc_rcv_saddr))), interface: 0 },
        _ => Named::NONE,
    }
}

/// Whether a send is reported: the first one to each peer (every one on request), and none on a TCP connection,
/// whose connect was reported.
#[inline(always)]
fn is_new_peer(cookie: u64, fd: i32, protocol: u16, peer: &Named) -> bool {
    if protocol == IPPROTO_TCP {
        return false;
    }
    if has(CONFIG_EVERY_SEND) {
        return true;
    }
    let pid = bpf_get_current_pid_tgid() & !0xffff_ffff;
    let key = PeerKey {
        cookie: if cookie != 0 { cookie } else { pid | fd as u64 },
        peer: peer.address,
        port: u32::from(peer.port),
        interface: peer.interface,
    };
    // A look-up marks the entry as recently used, and is cheaper than an insertion that fails.
    CALL_PEERS.get_ptr(key).is_none() && CALL_PEERS.insert(key, 1, 0).is_ok()
}

#[inline(always)]
fn write(call: &CallRecord) {
    count(Counter::FlowProduced, 1);
    if FLOWS.output::<CallRecord>(call, record::wake_flags(&FLOWS, size_of::<CallRecord>() as u64)).is_err() {
        count(Counter::FlowRingFull, 1);
    }
}
