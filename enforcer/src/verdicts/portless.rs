//! Verdicts on packets without ports of which no owner was found, as where the socket was closed at once. Where one process
//! alone can have sent such a packet, it did.

use std::collections::VecDeque;

use egret_model::Transport;

use super::nearby::{Key, LATER_NS, Packet, Sent, find};

/// Packets that are remembered, and sends: 120 bytes each, 60 KB.
const PACKETS: usize = 256;
pub(super) const SENDS: usize = 256;

/// Packets without ports and without owner, and who sent such packets.
#[derive(Default)]
pub(super) struct Portless {
    packets: VecDeque<(Transport, Packet)>,
    /// In the order in which they were reported.
    pub(super) sends: VecDeque<(Key, u64)>,
    /// When the latest send was that is not remembered any more.
    forgotten_ns: u64,
}

impl Portless {
    pub(super) fn note(&mut self, transport: Transport, packet: Packet) {
        if self.packets.len() >= PACKETS {
            self.packets.pop_front();
        }
        self.packets.push_back((transport, packet));
    }

    pub(super) fn note_send(&mut self, key: Key, sent_ns: u64) {
        if self.sends.len() >= SENDS
            && let Some((_, oldest_ns)) = self.sends.pop_front()
        {
            self.forgotten_ns = self.forgotten_ns.max(oldest_ns);
        }
        self.sends.push_back((key, sent_ns));
    }

    /// The packet of an event of a process, if no other process can have sent it.
    pub(super) fn find(&self, (pid, transport): Key, sent: &Sent) -> Option<&Packet> {
        let of_transport = self.packets.iter().filter(|(of, _)| *of == transport).map(|(_, packet)| packet);
        let found = find(of_transport, sent)?;
        let is_others = |((other, of), sent_ns): &(Key, u64)| {
            *of == transport && *other != pid && found.is_near(*sent_ns, LATER_NS)
        };
        let is_forgotten = self.forgotten_ns.saturating_add(LATER_NS) >= found.came_ns;
        (!is_forgotten && !self.sends.iter().any(is_others)).then_some(found)
    }
}
