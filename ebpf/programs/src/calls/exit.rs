//! Exits of system calls.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_probe_read_user};
use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use egret_wire::{
    CALL_ACCEPT, CALL_CONNECT, CALL_SENDMMSG, CALL_SENDTO, CONFIG_EVERY_SEND, CallRecord, Counter, Header, Kind,
    PeerKey, VERSION,
};

use super::address::{self, Named};
use super::{Pending, descriptor};
use crate::config::{has, setting};
use crate::kernel::read_or_zero;
use crate::maps::{CALL_PEERS, CALLS, FLOWS, count};
use crate::process;
use crate::record;
use crate::socket::mapped;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const AF_PACKET: u16 = 17;
const SOCK_DGRAM: u16 = 2;
const IPPROTO_TCP: u16 = 6;
const IPPROTO_UDP: u16 = 17;
/// The value of `protocol` where it cannot be told.
const UNKNOWN: u16 = 0xffff;

const EBADF: i64 = -9;
const EAGAIN: i64 = -11;
const EFAULT: i64 = -14;
const ENOTSOCK: i64 = -88;

/// Messages of one `sendmmsg` that are told, the others are counted: the kernel's own limit is 1,024, but each is a record,
/// and a turn of the verifier through everything that makes one.
const MESSAGES: u64 = 16;
/// `sizeof(struct mmsghdr)`.
const MESSAGE: u64 = 64;
/// Where the kernel writes how much of a message it sent (`msg_len`).
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
        CALL_ACCEPT => tell(&pending, Named::NONE, result as i32, result),
        CALL_CONNECT | CALL_SENDTO => tell(&pending, address::read(pending.pointer), pending.fd, result),
        CALL_SENDMMSG => messages(&pending, result),
        _ => tell(&pending, address::of_message(pending.pointer), pending.fd, result),
    }
}

/// The messages that one `sendmmsg` sent.
#[inline(always)]
fn messages(pending: &Pending, result: i64) -> Result<(), i32> {
    if result < 0 {
        return tell(pending, address::of_message(pending.pointer), pending.fd, result);
    }
    if result > MESSAGES as i64 {
        count(Counter::MessagesUntold, result as u64 - MESSAGES);
    }
    for index in 0..MESSAGES {
        if index as i64 >= result {
            break;
        }
        let header = pending.pointer + index * MESSAGE;
        // SAFETY: the helper checks the address and fails rather than faults.
        let length: u32 = unsafe { bpf_probe_read_user((header + MESSAGE_LENGTH) as *const u32)? };
        tell(pending, address::of_message(header), pending.fd, i64::from(length))?;
    }
    Ok(())
}

/// Writes one call, unless it says nothing new: that is found out before anything is read for the record alone. What the
/// socket knows of itself is read without branches: see [`read_or_zero`].
#[inline(always)]
fn tell(pending: &Pending, named: Named, fd: i32, result: i64) -> Result<(), i32> {
    let sk = descriptor::socket_or_null(fd);
    let family = if sk.is_null() { named.family } else { read_or_zero(sk, setting!(skc_family)) };
    if !matches!(family, AF_INET | AF_INET6 | AF_PACKET) {
        return Ok(());
    }
    let protocol = if sk.is_null() { UNKNOWN } else { read_or_zero(sk, setting!(sk_protocol)) };
    let cookie = read_or_zero(sk, setting!(skc_cookie));
    let peer = peer_of(sk, family, named);
    if !matches!(pending.call, CALL_CONNECT | CALL_ACCEPT) && !is_news(cookie, fd, protocol, &peer) {
        return Ok(());
    }
    let socket_type: u16 = read_or_zero(sk, setting!(sk_type));
    if pending.call == CALL_CONNECT && socket_type == SOCK_DGRAM && peer.port == 0 && protocol == IPPROTO_UDP {
        // Nothing can be sent there: it is asked from which address.
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
    };
    write(&call);
    Ok(())
}

/// The peer that a call named, else the one that the socket is connected to.
#[inline(always)]
fn peer_of(sk: *const u8, family: u16, named: Named) -> Named {
    if named.family != 0 {
        return named;
    }
    let port = u16::from_be(read_or_zero(sk, setting!(skc_dport)));
    match family {
        AF_INET6 => Named { family, port, address: read_or_zero(sk, setting!(skc_v6_daddr)) },
        AF_INET => Named { family, port, address: mapped(read_or_zero(sk, setting!(skc_daddr))) },
        _ => Named::NONE,
    }
}

#[inline(always)]
fn local_of(sk: *const u8, family: u16) -> Named {
    let port = read_or_zero(sk, setting!(skc_num));
    match family {
        AF_INET6 => Named { family, port, address: read_or_zero(sk, setting!(skc_v6_rcv_saddr)) },
        AF_INET => Named { family, port, address: mapped(read_or_zero(sk, setting!(skc_rcv_saddr))) },
        _ => Named::NONE,
    }
}

/// Whether a send is told: the first to each peer (every one on request), and none on a TCP connection, which its
/// connect has told.
#[inline(always)]
fn is_news(cookie: u64, fd: i32, protocol: u16, peer: &Named) -> bool {
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
        port: u64::from(peer.port),
    };
    // A look-up keeps the entry young, and is cheaper than an insertion that fails.
    CALL_PEERS.get_ptr(key).is_none() && CALL_PEERS.insert(key, 1, 0).is_ok()
}

#[inline(always)]
fn write(call: &CallRecord) {
    count(Counter::FlowProduced, 1);
    if FLOWS.output::<CallRecord>(call, record::wake_flags(&FLOWS, size_of::<CallRecord>() as u64)).is_err() {
        count(Counter::FlowRingFull, 1);
    }
}
