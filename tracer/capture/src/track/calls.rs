//! The events of system calls (`syscalls` layer).

use egret_model::{Attribution, ConnectionId, Endpoint, Event, EventName, Layer, Transport};
use egret_wire::{CALL_ACCEPT, CALL_CONNECT, CallRecord, TRACED, address_bytes};

use super::processes::Processes;

const EINPROGRESS: i32 = 115;
/// A protocol that the kernel side could not read.
const UNKNOWN: u16 = 0xffff;

/// The event of a call.
pub(super) fn event(call: &CallRecord, processes: &mut Processes) -> Event {
    let process = processes.find(&call.process);
    let transport =
        (call.protocol != UNKNOWN).then(|| Transport::from_socket(call.family, call.socket_type, call.protocol));
    let ports = transport.is_none_or(Transport::has_ports);
    let port = |port: u16| if ports { port } else { 0 };
    let error = error_of(call);
    let name = name_of(call, error);
    let is_send = name == EventName::DatagramSend;
    let id = ConnectionId { socket: socket_of(call), opened: call.header.time_ns };
    Event {
        attribution: if process.is_some() { Attribution::Cookie } else { Attribution::Unknown },
        process,
        transport,
        local: Endpoint::from_wire(address_bytes(call.local), port(call.local_port)),
        peer: Endpoint::from_wire(address_bytes(call.peer), port(call.peer_port)),
        boot_ns: call.header.time_ns,
        error,
        // A call that only began the handshake did not wait for it.
        connect_duration_ns: (call.call == CALL_CONNECT && call.result >= 0).then_some(call.duration_ns),
        bytes_sent: u64::try_from(call.result).ok().filter(|_| is_send),
        inbound: name == EventName::Accept,
        followed: call.process.flags & TRACED != 0,
        ..Event::new(name, processes.at(call.header.time_ns), id, Layer::Syscalls)
    }
}

fn name_of(call: &CallRecord, error: Option<i32>) -> EventName {
    match call.call {
        CALL_ACCEPT => EventName::Accept,
        CALL_CONNECT if error.is_some() => EventName::ConnectionFailed,
        CALL_CONNECT => EventName::ConnectionOpen,
        _ => EventName::DatagramSend,
    }
}

fn error_of(call: &CallRecord) -> Option<i32> {
    let error = i32::try_from(call.result.checked_neg()?).ok()?;
    (error > 0 && error != EINPROGRESS).then_some(error)
}

/// The socket's cookie; without one, a number of process and descriptor. Cookies count from one, so that the
/// highest bit separates the two.
fn socket_of(call: &CallRecord) -> u64 {
    if call.cookie != 0 {
        return call.cookie;
    }
    1 << 63 | u64::from(call.process.pid) << 32 | u64::from(call.fd.unsigned_abs())
}
