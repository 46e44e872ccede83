//! The event that an operation should lead to.

use std::net::SocketAddr;

use egret_model::{Endpoint, Event, EventName, Transport};

use super::Outcome;

/// What tells the event from all others, and what it should say.
pub(super) struct Expected {
    pub(super) name: EventName,
    pub(super) transport: Transport,
    /// Either end that the operation alone has.
    pub(super) local: Option<SocketAddr>,
    pub(super) peer: Option<SocketAddr>,
    /// Payload bytes that were sent, where the event has them.
    pub(super) sent: Option<u64>,
}

impl Expected {
    /// What is expected of a first event.
    pub(super) fn new(name: EventName, transport: Transport, peer: SocketAddr) -> Self {
        Self { name, transport, local: None, peer: Some(peer), sent: None }
    }

    /// How well `event` answers; `None` if it is about something else. `me` is this process's id.
    pub(super) fn judge(&self, event: &Event, me: u32) -> Option<Outcome> {
        if event.name != self.name || event.transport.is_some_and(|transport| transport != self.transport) {
            return None;
        }
        let pid = event.process.as_ref().map(|process| process.pid);
        // Without ports anybody's packets look like ours, so that only the process can tell them apart.
        if !self.transport.has_ports() {
            return (pid == Some(me)).then(|| self.complete(event));
        }
        if !is(self.local, event.local) || !is(self.peer, event.peer) {
            return None;
        }
        Some(match pid {
            Some(pid) if pid == me => self.complete(event),
            Some(pid) => Outcome::Partly(format!("under process {pid} instead of {me}")),
            None => Outcome::Partly("without its process".into()),
        })
    }

    /// The event is ours: does it say everything?
    fn complete(&self, event: &Event) -> Outcome {
        match (self.peer, self.sent) {
            (Some(_), _) if event.peer.address.is_none() => Outcome::WithoutPeer,
            (_, Some(sent)) if event.bytes_sent != Some(sent) => {
                let said = event.bytes_sent.map_or_else(|| "none".into(), |bytes| bytes.to_string());
                Outcome::Partly(format!("with {said} bytes sent instead of {sent}"))
            }
            _ => Outcome::Seen,
        }
    }
}

/// Whether an end is the one expected; a layer that cannot tell an end does not contradict.
fn is(expected: Option<SocketAddr>, end: Endpoint) -> bool {
    let Some(expected) = expected else { return true };
    end.address.is_none_or(|address| address == expected.ip()) && end.port == Some(expected.port())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use egret_model::{Attribution, ConnectionId, Executable, Layer, Process, Timestamp};

    use super::*;

    const ME: u32 = 77;

    fn peer() -> SocketAddr {
        "127.0.0.1:8080".parse().unwrap()
    }

    fn process(pid: u32) -> Arc<Process> {
        let executable = Arc::new(Executable::default());
        Arc::new(Process { pid, start_time: None, parent_pid: None, executable, uid: None, user: None, cgroup: None })
    }

    fn event(name: EventName, transport: Transport, peer: SocketAddr, pid: Option<u32>) -> Event {
        let id = ConnectionId { socket: 1, opened: 1 };
        Event {
            process: pid.map(process),
            attribution: Attribution::Cookie,
            transport: Some(transport),
            peer: Endpoint { address: Some(peer.ip()), port: (peer.port() != 0).then_some(peer.port()) },
            ..Event::new(name, Timestamp(0), id, Layer::Sockets)
        }
    }

    fn open(peer: SocketAddr, pid: Option<u32>) -> Event {
        event(EventName::ConnectionOpen, Transport::Tcp, peer, pid)
    }

    #[test]
    fn our_connection_is_seen_and_others_are_not_taken_for_it() {
        let expected = Expected::new(EventName::ConnectionOpen, Transport::Tcp, peer());
        assert_eq!(expected.judge(&open(peer(), Some(ME)), ME), Some(Outcome::Seen));
        assert_eq!(expected.judge(&open("127.0.0.1:8081".parse().unwrap(), Some(ME)), ME), None);
        assert_eq!(expected.judge(&open("127.0.0.2:8080".parse().unwrap(), Some(ME)), ME), None);
        let udp = event(EventName::ConnectionOpen, Transport::Udp, peer(), Some(ME));
        assert_eq!(expected.judge(&udp, ME), None);
        let closed = event(EventName::ConnectionClose, Transport::Tcp, peer(), Some(ME));
        assert_eq!(expected.judge(&closed, ME), None);
    }

    #[test]
    fn another_process_or_none_is_told() {
        let expected = Expected::new(EventName::ConnectionOpen, Transport::Tcp, peer());
        assert!(matches!(expected.judge(&open(peer(), Some(1)), ME), Some(Outcome::Partly(_))));
        assert!(matches!(expected.judge(&open(peer(), None), ME), Some(Outcome::Partly(_))));
    }

    #[test]
    fn byte_counts_must_be_right() {
        let mut expected = Expected::new(EventName::ConnectionClose, Transport::Tcp, peer());
        expected.sent = Some(5);
        let mut closed = event(EventName::ConnectionClose, Transport::Tcp, peer(), Some(ME));
        assert!(matches!(expected.judge(&closed, ME), Some(Outcome::Partly(_))));
        closed.bytes_sent = Some(5);
        assert_eq!(expected.judge(&closed, ME), Some(Outcome::Seen));
    }

    #[test]
    fn a_ping_counts_only_under_our_process() {
        let address = "127.0.0.1:0".parse().unwrap();
        let expected = Expected::new(EventName::DatagramSend, Transport::Icmp, address);
        let mut ping = event(EventName::DatagramSend, Transport::Icmp, address, Some(ME));
        assert_eq!(expected.judge(&ping, ME), Some(Outcome::Seen));
        ping.peer = Endpoint::default();
        assert_eq!(expected.judge(&ping, ME), Some(Outcome::WithoutPeer));
        ping.process = Some(process(1));
        assert_eq!(expected.judge(&ping, ME), None);
    }
}
