//! Host names of peers.

use std::net::{IpAddr, SocketAddr};

use egret_model::{Event, EventName, Server, Timestamp};
use egret_names::{Carrier, Client, Names, ProcessImage, SavedName, Segment, Settings, State};
use egret_wire::{Kind, NAME_TCP, NO_USER, NameRecord, address_bytes};

use crate::NamesOptions;
use crate::diag;
use crate::record::NamePacket;

/// Names, if any are gathered.
pub(crate) struct Naming {
    names: Option<Names>,
    /// Inode number of the network namespace that egret runs in, zero if unknown.
    namespace: u32,
}

impl Naming {
    pub(crate) fn new(options: Option<&NamesOptions>) -> Self {
        let namespace = diag::own_namespace().unwrap_or(0);
        let settings = |options: &NamesOptions| Settings { namespace, ..options.settings.clone() };
        Self { names: options.map(|options| Names::new(settings(options))), namespace }
    }

    /// Takes a packet that was seen at `time`.
    pub(super) fn packet(&mut self, kind: Kind, packet: &NamePacket, time: Timestamp) {
        let Some(names) = &mut self.names else { return };
        let segment = segment(&packet.record, &packet.payload, time);
        match kind {
            Kind::Question => names.question(&segment),
            Kind::Answer => names.answer(&segment),
            _ => names.hello(&segment),
        }
    }

    /// Names the peer of a connection that this host opened. The peer of an accepted connection was not looked up by name.
    /// `exec_id` is the image of the process, zero if unknown.
    pub(crate) fn name(&mut self, event: &mut Event, exec_id: u64) {
        let accepted = event.inbound || matches!(event.name, EventName::Accept | EventName::Listen);
        let Some((names, peer)) = self.names.as_mut().zip(event.peer.address) else { return };
        if !accepted && !peer.is_unspecified() {
            let process = event.process.as_ref().map(|process| ProcessImage { pid: process.pid, exec_id });
            // An unknown namespace counts as the host's, as it does for rules.
            let namespace = event.namespace.map_or(self.namespace, |namespace| namespace.inode);
            let client = Client { cookie: event.id.socket, process, namespace };
            event.server = names.find(client, peer, event.time);
        }
    }

    /// The name by which a process of this network namespace looked `peer` up, for a packet that has no event yet. Its event gets
    /// the same name, if it has the same cookie. Zero stands for an unknown socket.
    pub(crate) fn server(
        &mut self,
        cookie: u64,
        process: ProcessImage,
        peer: IpAddr,
        time: Timestamp,
    ) -> Option<Server> {
        let names = self.names.as_mut().filter(|_| !peer.is_unspecified())?;
        let client = Client { cookie, process: Some(process), namespace: self.namespace };
        let found = names.find(client, peer, time);
        if cookie == 0 {
            names.remove(cookie);
        }
        found
    }

    /// Shifts calendar times by a step of the wall clock, nanoseconds.
    pub(super) fn shift(&mut self, step: i64) {
        if let Some(names) = &mut self.names {
            names.shift(step);
        }
    }

    /// Removes a socket whose connection has ended.
    pub(super) fn forget(&mut self, cookie: u64) {
        if let Some(names) = &mut self.names {
            names.remove(cookie);
        }
    }

    /// Restores names whose times are on a boot clock that began at `boot`.
    pub(super) fn restore(&mut self, kept: &[SavedName], boot: Timestamp, now: Timestamp) {
        if let Some(names) = &mut self.names {
            names.restore(kept, boot, now);
        }
    }

    /// Names to keep, on that clock; `None` if none are gathered.
    pub(super) fn keep(&self, boot: Timestamp) -> Option<Vec<SavedName>> {
        self.names.as_ref().map(|names| names.save(boot))
    }

    /// A snapshot; `None` if no names are gathered.
    pub(crate) fn state(&self) -> Option<State> {
        self.names.as_ref().map(Names::state)
    }
}

fn segment<'a>(record: &NameRecord, payload: &'a [u8], time: Timestamp) -> Segment<'a> {
    let tcp = record.header.flags & NAME_TCP != 0;
    Segment {
        time,
        cookie: record.cookie,
        process: (record.pid != 0).then_some(ProcessImage { pid: record.pid, exec_id: record.exec_id }),
        user: (record.uid != NO_USER).then_some(record.uid),
        namespace: record.netns,
        carrier: if tcp { Carrier::Tcp { sequence: record.sequence } } else { Carrier::Udp },
        remote: SocketAddr::new(IpAddr::from(address_bytes(record.remote)).to_canonical(), record.remote_port),
        payload,
        length: usize::try_from(record.length).unwrap_or(usize::MAX),
    }
}
