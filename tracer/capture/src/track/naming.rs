//! Host names of peers.

use std::net::{IpAddr, SocketAddr};

use egret_model::{Event, EventName, Server, Timestamp};
use egret_names::{Carrier, Names, Segment, State};
use egret_wire::{Kind, NAME_TCP, NameRecord, address_bytes};

use crate::NamesOptions;
use crate::record::NamePacket;

/// Names, if any are wanted.
pub(crate) struct Naming(Option<Names>);

impl Naming {
    pub(crate) fn new(options: Option<&NamesOptions>) -> Self {
        Self(options.map(|options| Names::new(options.settings.clone())))
    }

    /// Takes a packet that was seen at `time`.
    pub(super) fn packet(&mut self, kind: Kind, packet: &NamePacket, time: Timestamp) {
        let Some(names) = &mut self.0 else { return };
        let segment = segment(&packet.record, &packet.payload, time);
        match kind {
            Kind::Question => names.question(&segment),
            Kind::Answer => names.answer(&segment),
            _ => names.hello(&segment),
        }
    }

    /// Names the peer of a connection that this host opened; nobody asked for a name to be called from.
    pub(crate) fn name(&mut self, event: &mut Event) {
        let accepted = event.inbound || matches!(event.name, EventName::Accept | EventName::Listen);
        let Some((names, peer)) = self.0.as_mut().zip(event.peer.address) else { return };
        if !accepted && !peer.is_unspecified() {
            let pid = event.process.as_ref().map(|process| process.pid);
            event.server = names.find(event.id.socket, pid, peer, event.time);
        }
    }

    /// The name that `pid` asked for to reach `peer`, for a packet that is not an event yet. That event gets the same name,
    /// if the cookie is its socket's; without one (zero) the name is that of no socket.
    pub(crate) fn server(&mut self, cookie: u64, pid: u32, peer: IpAddr, time: Timestamp) -> Option<Server> {
        let names = self.0.as_mut().filter(|_| !peer.is_unspecified())?;
        let found = names.find(cookie, Some(pid), peer, time);
        if cookie == 0 {
            names.forget(cookie);
        }
        found
    }

    /// The wall clock was set by so many nanoseconds.
    pub(super) fn shift(&mut self, step: i64) {
        if let Some(names) = &mut self.0 {
            names.shift(step);
        }
    }

    /// The connection of a socket is over.
    pub(super) fn forget(&mut self, cookie: u64) {
        if let Some(names) = &mut self.0 {
            names.forget(cookie);
        }
    }

    /// What is known; `None` where no names are wanted.
    pub(crate) fn state(&self) -> Option<State> {
        self.0.as_ref().map(Names::state)
    }
}

fn segment<'a>(record: &NameRecord, payload: &'a [u8], time: Timestamp) -> Segment<'a> {
    let tcp = record.header.flags & NAME_TCP != 0;
    Segment {
        time,
        cookie: record.cookie,
        process: (record.pid != 0).then_some(record.pid),
        carrier: if tcp { Carrier::Tcp { sequence: record.sequence } } else { Carrier::Udp },
        remote: SocketAddr::new(IpAddr::from(address_bytes(record.remote)).to_canonical(), record.remote_port),
        payload,
        length: usize::try_from(record.length).unwrap_or(usize::MAX),
    }
}
