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
const IPPROTO_TCP: u16 = 6;
/// The value of `protocol` where it cannot be told.
const UNKNOWN: u16 = 0xffff;

const EBADF: i64 = -9;
const EAGAIN: i64 = -11;
const EFAULT: i64 = -14;
const ENOTSOCK: i64 = -88;

/// Messages of one `sendmmsg` that are told: the kernel's own limit is 1,024, but each is a record.
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

/// Writes one call. What the socket knows of itself is read without branches: see [`read_or_zero`].
#[inline(always)]
fn tell(pending: &Pending, named: Named, fd: i32, result: i64) -> Result<(), i32> {
    let sk = descriptor::socket_or_null(fd);
    let family = if sk.is_null() { named.family } else { read_or_zero(sk, setting!(skc_family)) };
    if !matches!(family, AF_INET | AF_INET6 | AF_PACKET) {
        return Ok(());
    }
    let (local, peer) = ends(sk, family, named);
    let call = CallRecord {
        header: Header {
            version: VERSION,
            kind: Kind::Call as u8,
            length: size_of::<CallRecord>() as u16,
            flags: 0,
            time_ns: pending.time_ns,
        },
        process: process::current(),
        cookie: read_or_zero(sk, setting!(skc_cookie)),
        peer: peer.address,
        local: local.address,
        result,
        duration_ns: record::now() - pending.time_ns,
        fd,
        call: pending.call,
        peer_port: peer.port,
        local_port: local.port,
        family,
        protocol: if sk.is_null() { UNKNOWN } else { read_or_zero(sk, setting!(sk_protocol)) },
        socket_type: read_or_zero(sk, setting!(sk_type)),
    };
    if is_news(&call) {
        write(&call);
    }
    Ok(())
}

/// Local end and peer. A call that named no peer goes to the one that the socket is connected to.
#[inline(always)]
fn ends(sk: *const u8, family: u16, named: Named) -> (Named, Named) {
    let port = read_or_zero(sk, setting!(skc_num));
    let peer_port = u16::from_be(read_or_zero(sk, setting!(skc_dport)));
    let (local, peer) = if family == AF_INET6 {
        (read_or_zero(sk, setting!(skc_v6_rcv_saddr)), read_or_zero(sk, setting!(skc_v6_daddr)))
    } else if family == AF_INET {
        (mapped(read_or_zero(sk, setting!(skc_rcv_saddr))), mapped(read_or_zero(sk, setting!(skc_daddr))))
    } else {
        return (Named::NONE, Named::NONE);
    };
    let local = Named { family, port, address: local };
    (local, if named.family == 0 { Named { family, port: peer_port, address: peer } } else { named })
}

/// Whether a call is told: every connect and accept, the first send to each peer (every one on request), and no
/// sends on TCP connections, which their connect has told.
#[inline(always)]
fn is_news(call: &CallRecord) -> bool {
    if matches!(call.call, CALL_CONNECT | CALL_ACCEPT) {
        return true;
    }
    if call.protocol == IPPROTO_TCP {
        return false;
    }
    if has(CONFIG_EVERY_SEND) {
        return true;
    }
    let pid = bpf_get_current_pid_tgid() & !0xffff_ffff;
    let key = PeerKey {
        cookie: if call.cookie != 0 { call.cookie } else { pid | call.fd as u64 },
        peer: call.peer,
        port: u64::from(call.peer_port),
    };
    const BPF_NOEXIST: u64 = 1;
    CALL_PEERS.insert(key, 1, BPF_NOEXIST).is_ok()
}

#[inline(always)]
fn write(call: &CallRecord) {
    count(Counter::FlowProduced, 1);
    if FLOWS.output::<CallRecord>(call, record::wake_flags(&FLOWS)).is_err() {
        count(Counter::FlowRingFull, 1);
    }
}
