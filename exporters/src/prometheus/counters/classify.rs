//! Classifies events: what an event adds to the counters.

use std::sync::Arc;

use egret_model::{Event, EventName, Layer, Resolution, Transport, Verdict};

use super::blocked::Blocked;

/// Whether the event opens a connection, or is the first datagram with a peer.
///
/// Each connection is opened once: a TCP connect reported before its answer is reported again with the answer, and a connected
/// datagram socket counts from its first datagram. The `syscalls` layer reports a connect once, answered or not; the `procfs` layer
/// sees established connections only.
pub(super) fn opens(event: &Event) -> bool {
    if event.preexisting {
        return false;
    }
    match event.name {
        EventName::Accept | EventName::DatagramSend => true,
        EventName::ConnectionOpen => match event.layer {
            Layer::Sockets if event.transport == Some(Transport::Tcp) => event.connect_duration_ns.is_some(),
            Layer::Sockets | Layer::Syscalls => event.transport.is_none_or(Transport::has_handshake),
            Layer::Procfs => true,
        },
        EventName::ConnectionClose | EventName::ConnectionFailed | EventName::Listen | EventName::ConnectionUpdate => {
            false
        }
    }
}

/// Whether the event is a failed connect or a failed datagram.
pub(super) fn fails(event: &Event) -> bool {
    let failed_datagram = event.name == EventName::DatagramSend && event.error.is_some_and(|errno| errno != 0);
    failed_datagram || event.name == EventName::ConnectionFailed
}

/// Whether the event is the last one of its connection.
pub(super) fn ends(event: &Event) -> bool {
    let never_opened =
        event.name == EventName::ConnectionFailed && event.transport.is_none_or(Transport::has_handshake);
    never_opened || event.name == EventName::ConnectionClose
}

/// Whether the event counts as blocked, or as one that would have been blocked: once for a connection, with its opening if that is
/// reported, else with its end. A connection with a handshake that ends with the verdict `block` was blocked before it was
/// established or after it was allowed, and is not counted as blocked yet.
pub(super) fn blocked(event: &Event, opens: bool) -> Option<Blocked> {
    let blocked = Blocked::from_verdict(event.verdict?)?;
    let handshake = event.transport.is_none_or(Transport::has_handshake);
    let counts = match event.name {
        EventName::ConnectionFailed => handshake,
        EventName::ConnectionClose => handshake && event.verdict == Some(Verdict::Block),
        _ => opens,
    };
    counts.then_some(blocked)
}

/// Whether the peer opened the connection.
pub(super) fn inbound(event: &Event) -> bool {
    event.inbound || event.name == EventName::Accept
}

/// Whether the peer, or the local endpoint where the peer is unknown, has a loopback address.
pub(super) fn loopback(event: &Event) -> bool {
    let address = event.peer.address.or(event.local.address);
    address.is_some_and(|address| address.to_canonical().is_loopback())
}

/// The bytes sent and received that no earlier event reported. The `syscalls` layer does not see the end of a connection, but
/// reports each send.
pub(super) fn bytes(event: &Event) -> (Option<u64>, Option<u64>) {
    let has_bytes = match event.layer {
        Layer::Syscalls => event.name == EventName::DatagramSend,
        Layer::Sockets | Layer::Procfs => {
            matches!(event.name, EventName::ConnectionClose | EventName::ConnectionUpdate)
        }
    };
    if has_bytes { (event.unreported_sent(), event.unreported_received()) } else { (None, None) }
}

/// The path of the executable. A path as passed to `execve` names a file only if it is absolute.
pub(super) fn path(event: &Event) -> Option<&Arc<str>> {
    let executable = &event.process.as_ref()?.executable;
    executable.path.as_ref().filter(|path| !executable.path_as_typed || path.starts_with('/'))
}

/// The DNS look-up for the connection.
pub(super) fn resolution(event: &Event) -> Option<&Arc<Resolution>> {
    event.server.as_ref()?.resolution.as_ref()
}
