//! Builds messages in wire format, and packets with them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::{Carrier, Client, Names, ProcessImage, Segment, Settings};
use egret_model::Timestamp;
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{Name, RData, Record, RecordType};

pub(super) const FLOOR: Duration = Duration::from_secs(60);
pub(super) const RESOLVER: &str = "192.0.2.53:53";
/// The network namespace of the host.
pub(super) const HOST: u32 = 1;

pub(super) fn names() -> Names {
    Names::new(settings(1000))
}

/// Settings of a host with one name server.
pub(super) fn settings(addresses: usize) -> Settings {
    let resolvers = vec![RESOLVER.parse::<SocketAddr>().unwrap().ip()];
    Settings { addresses, floor: FLOOR, resolvers, namespace: HOST, ..Settings::default() }
}

/// A socket of a process of the host.
pub(super) fn by(cookie: u64, process: Option<u32>) -> Client {
    Client { cookie, process: process.map(image_of), namespace: HOST }
}

/// A process whose exec was seen.
pub(super) fn image_of(pid: u32) -> ProcessImage {
    ProcessImage { pid, exec_id: u64::from(pid) + 1_000_000 }
}

/// The time so many seconds after the beginning.
pub(super) fn at(seconds: f64) -> Timestamp {
    #[allow(clippy::cast_possible_truncation)]
    Timestamp(1_800_000_000_000_000_000 + (seconds * 1e9) as i64)
}

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(super) fn name(text: &str) -> Name {
    Name::from_ascii(text)
        .map(|mut name| {
            name.set_fqdn(true);
            name
        })
        .unwrap()
}

pub(super) fn address(owner: &str, ttl: u32, to: &str) -> Record {
    let data = match ip(to) {
        IpAddr::V4(to) => RData::A(A(to)),
        IpAddr::V6(to) => RData::AAAA(AAAA(to)),
    };
    Record::from_rdata(name(owner), ttl, data)
}

pub(super) fn alias(owner: &str, ttl: u32, to: &str) -> Record {
    Record::from_rdata(name(owner), ttl, RData::CNAME(CNAME(name(to))))
}

pub(super) fn asks(id: u16, asked: &str) -> Message {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(name(asked), RecordType::A));
    message
}

pub(super) fn answers(id: u16, asked: &str, records: impl IntoIterator<Item = Record>) -> Message {
    let mut message = asks(id, asked);
    message.metadata.message_type = MessageType::Response;
    message.add_answers(records);
    message
}

/// A socket of a process that talks to a server.
#[derive(Clone, Copy)]
pub(super) struct Socket {
    pub(super) cookie: u64,
    pub(super) process: Option<u32>,
    pub(super) user: u32,
    pub(super) namespace: u32,
    pub(super) remote: SocketAddr,
}

impl Socket {
    pub(super) fn new(cookie: u64, process: u32) -> Self {
        Self { cookie, process: Some(process), user: 0, namespace: HOST, remote: RESOLVER.parse().unwrap() }
    }

    pub(super) fn of_user(self, user: u32) -> Self {
        Self { user, ..self }
    }

    pub(super) fn to(self, remote: &str) -> Self {
        Self { remote: remote.parse().unwrap(), ..self }
    }

    pub(super) fn inside(self, namespace: u32) -> Self {
        Self { namespace, ..self }
    }

    pub(super) fn udp(self, time: f64, payload: &[u8]) -> Segment<'_> {
        self.segment(time, Carrier::Udp, payload)
    }

    pub(super) fn tcp(self, time: f64, sequence: u32, payload: &[u8]) -> Segment<'_> {
        self.segment(time, Carrier::Tcp { sequence }, payload)
    }

    fn segment(self, time: f64, carrier: Carrier, payload: &[u8]) -> Segment<'_> {
        let Self { cookie, process, user, namespace, remote } = self;
        let (process, user) = (process.map(image_of), Some(user));
        Segment { time: at(time), cookie, process, user, namespace, carrier, remote, payload, length: payload.len() }
    }

    pub(super) fn asks(self, names: &mut Names, time: f64, message: &Message) {
        names.question(&self.udp(time, &message.to_vec().unwrap()));
    }

    pub(super) fn hears(self, names: &mut Names, time: f64, message: &Message) {
        names.answer(&self.udp(time, &message.to_vec().unwrap()));
    }
}

/// A message as it stands in a stream.
pub(super) fn framed(message: &Message) -> Vec<u8> {
    let message = message.to_vec().unwrap();
    let mut bytes = u16::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(message);
    bytes
}

fn counted16(content: &[u8]) -> Vec<u8> {
    [&u16::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
}

pub(super) fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &counted16(content)].concat()
}

pub(super) fn sni(server: &str) -> Vec<u8> {
    extension(0, &counted16(&[&[0][..], &counted16(server.as_bytes())].concat()))
}

/// A ClientHello with these extensions, in records of at most so many bytes.
pub(super) fn client_hello(extensions: &[u8], record: usize) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(32);
    body.extend([9; 32]);
    body.extend(counted16(&[0x13, 0x01, 0x13, 0x02]));
    body.extend([1, 0]);
    body.extend(counted16(extensions));
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let handshake = [&[1], &length[1..], &body].concat();
    handshake.chunks(record).flat_map(|part| [&[22, 3, 1][..], &counted16(part)].concat()).collect()
}
