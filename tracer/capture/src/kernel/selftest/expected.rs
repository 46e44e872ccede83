//! The expected event of an operation.

use std::net::SocketAddr;

use egret_model::{Endpoint, Event, EventName, Transport};

use super::Outcome;

/// Identifies the event, and has what it should contain.
pub(super) struct Expected {
    pub(super) name: EventName,
    pub(super) transport: Transport,
    /// An endpoint that only this operation has.
    pub(super) local: Option<SocketAddr>,
    pub(super) peer: Option<SocketAddr>,
    /// Payload bytes that were sent, where the event has them.
    pub(super) sent: Option<u64>,
}

impl Expected {
    /// The first event of a connection.
    pub(super) fn new(name: EventName, transport: Transport, peer: SocketAddr) -> Self {
        Self { name, transport, local: None, peer: Some(peer), sent: None }
    }

    /// How well an event matches; `None` if it is about another flow. `me` is this process's id.
    pub(super) fn compare(&self, event: &Event, me: u32) -> Option<Outcome> {
        if event.name != self.name || event.transport.is_some_and(|transport| transport != self.transport) {
            return None;
        }
        let pid = event.process.as_ref().map(|process| process.pid);
        // Without ports only the process distinguishes these packets from others.
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

    /// The result of an event of this process.
    fn complete(&self, event: &Event) -> Outcome {
        match (self.peer, self.sent) {
            (Some(_), _) if event.peer.address.is_none() => Outcome::WithoutPeer,
            (_, Some(sent)) if event.bytes_sent != Some(sent) => {
                let sent_text = event.bytes_sent.map_or_else(|| "none".into(), |bytes| bytes.to_string());
                Outcome::Partly(format!("with {sent_text} bytes sent instead of {sent}"))
            }
            _ => Outcome::Seen,
        }
    }
}

/// Whether an endpoint is as expected. An unknown address matches any.
fn is(expected: Option<SocketAddr>, endpoint: Endpoint) -> bool {
    let Some(expected) = expected else { return true };
    endpoint.address.is_none_or(|address| address == expected.ip()) && endpoint.port == Some(expected.port())
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
            peer: Endpoint {
                address: Some(peer.ip()),
                port: (peer.port() != 0).then_some(peer.port()),
                interface: None,
            },
            ..Event::new(name, Timestamp(0), id, Layer::Sockets)
        }
    }

    fn open(peer: SocketAddr, pid: Option<u32>) -> Event {
        event(EventName::ConnectionOpen, Transport::Tcp, peer, pid)
    }

    #[test]
    fn only_the_expected_event_matches() {
        let expected = Expected::new(EventName::ConnectionOpen, Transport::Tcp, peer());
        assert_eq!(expected.compare(&open(peer(), Some(ME)), ME), Some(Outcome::Seen));
        assert_eq!(expected.compare(&open("127.0.0.1:8081".parse().unwrap(), Some(ME)), ME), None);
        assert_eq!(expected.compare(&open("127.0.0.2:8080".parse().unwrap(), Some(ME)), ME), None);
        let udp = event(EventName::ConnectionOpen, Transport::Udp, peer(), Some(ME));
        assert_eq!(expected.compare(&udp, ME), None);
        let closed = event(EventName::ConnectionClose, Transport::Tcp, peer(), Some(ME));
        assert_eq!(expected.compare(&closed, ME), None);
    }

    #[test]
    fn wrong_or_missing_process_is_reported() {
        let expected = Expected::new(EventName::ConnectionOpen, Transport::Tcp, peer());
        assert!(matches!(expected.compare(&open(peer(), Some(1)), ME), Some(Outcome::Partly(_))));
        assert!(matches!(expected.compare(&open(peer(), None), ME), Some(Outcome::Partly(_))));
    }

    #[test]
    fn byte_counts_must_be_right() {
        let mut expected = Expected::new(EventName::ConnectionClose, Transport::Tcp, peer());
        expected.sent = Some(5);
        let mut closed = event(EventName::ConnectionClose, Transport::Tcp, peer(), Some(ME));
        assert!(matches!(expected.compare(&closed, ME), Some(Outcome::Partly(_))));
        closed.bytes_sent = Some(5);
        assert_eq!(expected.compare(&closed, ME), Some(Outcome::Seen));
    }

    #[test]
    fn ping_counts_only_under_our_process() {
        let address = "127.0.0.1:0".parse().unwrap();
        let expected = Expected::new(EventName::DatagramSend, Transport::Icmp, address);
        let mut ping = event(EventName::DatagramSend, Transport::Icmp, address, Some(ME));
        assert_eq!(expected.compare(&ping, ME), Some(Outcome::Seen));
        ping.peer = Endpoint::default();
        assert_eq!(expected.compare(&ping, ME), Some(Outcome::WithoutPeer));
        ping.process = Some(process(1));
        assert_eq!(expected.compare(&ping, ME), None);
    }
}
