//! What an event adds to the metrics: pure functions of the event.

use std::sync::Arc;

use egret_model::{Event, EventName, Layer, Resolution, Transport, Verdict};

use super::blocked::Blocked;

/// Whether a connection, or the use of a datagram socket with a peer, begins with it.
///
/// Each begins once: a TCP connect that is told before its answer came is told again when the answer comes, and a
/// connected datagram socket has exchanged nothing before its first datagram. The `syscalls` layer tells a connect
/// once, answered or not; the `procfs` layer only sees what is connected.
pub(super) fn opens(event: &Event) -> bool {
    if event.standing {
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

/// Whether it is a failure: of a connect, or of a datagram.
pub(super) fn fails(event: &Event) -> bool {
    let refused = event.name == EventName::DatagramSend && event.error.is_some_and(|errno| errno != 0);
    refused || event.name == EventName::ConnectionFailed
}

/// Whether it is the last that is told of a connection.
pub(super) fn ends(event: &Event) -> bool {
    let never_began = event.name == EventName::ConnectionFailed && event.transport.is_none_or(Transport::has_handshake);
    never_began || event.name == EventName::ConnectionClose
}

/// Whether it tells that something was blocked or would have been, once for a connection: with its beginning if there is
/// one, else with its end. What has a handshake and ends blocked was blocked either before it began or after it was let
/// through, and was not counted as blocked yet.
pub(super) fn blocked(event: &Event, opens: bool) -> Option<Blocked> {
    let blocked = Blocked::of(event.verdict?)?;
    let handshake = event.transport.is_none_or(Transport::has_handshake);
    let told = match event.name {
        EventName::ConnectionFailed => handshake,
        EventName::ConnectionClose => handshake && event.verdict == Some(Verdict::Block),
        _ => opens,
    };
    told.then_some(blocked)
}

/// Whether the other end began it.
pub(super) fn inbound(event: &Event) -> bool {
    event.inbound || event.name == EventName::Accept
}

/// Bytes sent and received that no earlier event reports: what the totals of a connection have grown by. The `syscalls`
/// layer has no ends, but reports each send.
pub(super) fn bytes(event: &Event) -> (Option<u64>, Option<u64>) {
    let told = match event.layer {
        Layer::Syscalls => event.name == EventName::DatagramSend,
        Layer::Sockets | Layer::Procfs => {
            matches!(event.name, EventName::ConnectionClose | EventName::ConnectionUpdate)
        }
    };
    if told { (event.unreported_sent(), event.unreported_received()) } else { (None, None) }
}

/// The path of the executable. What the caller of `execve` passed names a file only if it is absolute.
pub(super) fn path(event: &Event) -> Option<&Arc<str>> {
    let executable = &event.process.as_ref()?.executable;
    executable.path.as_ref().filter(|path| !executable.path_as_typed || path.starts_with('/'))
}

/// The look-up behind the connection.
pub(super) fn resolution(event: &Event) -> Option<&Arc<Resolution>> {
    event.server.as_ref()?.resolution.as_ref()
}
