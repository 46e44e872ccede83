//! Events of a busy host: synthetic, but with the variety that determines their compression.
//!
//! A few programs make most of the connections, mostly to a few peers; ports, times, durations and byte counts differ
//! between connections. Each connection opens and closes; a third are look-ups over UDP.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, OnceLock};

use egret_model::{
    Attribution, Cgroup, ConnectionId, Endpoint, Event, EventName, Executable, Layer, NameSource, Process, Server,
    Timestamp, Transport,
};

/// Programs that run on the host, each with several processes.
const PROGRAMS: u64 = 40;
/// Processes of each program at the same time.
const PROCESSES: u64 = 8;
/// Number of peers.
const PEERS: u64 = 2000;

/// Generates events, the same ones for the same seed.
pub(crate) struct Population {
    random: Random,
    processes: Vec<Arc<Process>>,
    peers: Vec<Peer>,
    time: i64,
    cookie: u64,
    /// Close time of each open connection.
    ends: BinaryHeap<Reverse<(i64, u64)>>,
    open: HashMap<u64, Event>,
}

struct Peer {
    address: IpAddr,
    port: u16,
    server: Server,
}

impl Population {
    /// A host that begins at a fixed moment.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random(seed | 1);
        let processes = (0..PROGRAMS * PROCESSES).map(|index| process(index, &mut random)).collect();
        let peers = (0..PEERS).map(|index| peer(index, &mut random)).collect();
        Self {
            random,
            processes,
            peers,
            time: 1_790_000_000_000_000_000,
            cookie: 4096,
            ends: BinaryHeap::new(),
            open: HashMap::new(),
        }
    }

    /// The next `count` events, in the order of their times.
    pub(crate) fn take(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::with_capacity(count);
        while events.len() < count {
            // On average a connection every 10 µs.
            self.time += self.random.exponential(10_000);
            self.closes_until(self.time, &mut events);
            let opened = self.connection();
            let closed = self.close(&opened);
            self.ends.push(Reverse((closed.time.0, self.cookie)));
            self.open.insert(self.cookie, closed);
            events.push(opened);
        }
        events.truncate(count);
        events
    }

    fn closes_until(&mut self, time: i64, events: &mut Vec<Event>) {
        while let Some(Reverse((end, cookie))) = self.ends.peek().copied()
            && end <= time
        {
            self.ends.pop();
            events.extend(self.open.remove(&cookie));
        }
    }

    fn connection(&mut self) -> Event {
        let process = self.processes.get(self.random.favourite(self.processes.len())).cloned();
        let lookup = self.random.below(3) == 0;
        self.cookie += 1;
        let id = ConnectionId { socket: self.cookie, opened: u64::try_from(self.time).unwrap_or(0) % (1 << 50) };
        let name = if lookup { EventName::DatagramSend } else { EventName::ConnectionOpen };
        let favourite = self.random.favourite(self.peers.len());
        let local_port = u16::try_from(32_768 + self.random.below(28_000)).ok();
        let mut opened = Event {
            process,
            attribution: Attribution::Cookie,
            transport: Some(if lookup { Transport::Udp } else { Transport::Tcp }),
            local: Endpoint {
                address: Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 5))),
                port: local_port,
                interface: None,
            },
            ..Event::new(name, Timestamp(self.time), id, Layer::Sockets)
        };
        if lookup {
            opened.peer =
                Endpoint { address: Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2))), port: Some(53), interface: None };
            opened.bytes_sent = Some(28 + self.random.below(30));
        } else if let Some(peer) = self.peers.get(favourite) {
            opened.peer = Endpoint { address: Some(peer.address), port: Some(peer.port), interface: None };
            opened.server = Some(peer.server.clone());
            opened.connect_duration_ns = Some(200_000 + self.random.spread(30_000_000));
        }
        opened
    }

    fn close(&mut self, opened: &Event) -> Event {
        let lookup = opened.transport == Some(Transport::Udp);
        let duration = 300_000 + self.random.spread(if lookup { 20_000_000 } else { 400_000_000 });
        let end = self.time + i64::try_from(duration).unwrap_or(0);
        Event {
            time: Timestamp(end),
            name: EventName::ConnectionClose,
            connection_duration_ns: Some(duration),
            bytes_sent: opened.bytes_sent.or_else(|| Some(300 + self.random.spread(4000))),
            bytes_received: Some(if lookup { 60 + self.random.below(200) } else { 500 + self.random.spread(100_000) }),
            retransmits: (!lookup).then_some(u32::from(self.random.below(50) == 0)),
            rtt_ns: (!lookup).then(|| 1000 * (100 + self.random.spread(30_000))),
            ..opened.clone()
        }
    }
}

fn process(index: u64, random: &mut Random) -> Arc<Process> {
    let program = index % PROGRAMS;
    let name = format!("program-{program}");
    let digest: String =
        (0..4).map(|part| format!("{:016x}", program.wrapping_mul(0x9e37_79b9_7f4a_7c15 + part))).collect();
    let executable = Executable {
        path: Some(format!("/usr/lib/service/bin/{name}").into()),
        args: [name.as_str(), "--worker", &index.to_string(), "--config", "/etc/service/service.conf"]
            .map(Arc::from)
            .into(),
        sha256: OnceLock::from(Some(digest.into())),
        ..Executable::default()
    };
    let unit: Arc<str> = format!("{name}.service").into();
    let cgroup = Cgroup { path: format!("/system.slice/{unit}").into(), unit: Some(unit), ..Cgroup::default() };
    Arc::new(Process {
        pid: u32::try_from(1000 + index * 7).unwrap_or(1),
        start_time: Some(Timestamp(1_789_000_000_000_000_000 + i64::try_from(random.below(1 << 40)).unwrap_or(0))),
        parent_pid: Some(1),
        executable: Arc::new(executable),
        uid: Some(u32::try_from(900 + program).unwrap_or(0)),
        user: Some(format!("user{program}").into()),
        cgroup: Some(Arc::new(cgroup)),
    })
}

fn peer(index: u64, random: &mut Random) -> Peer {
    let bits = random.next();
    let address = if bits.is_multiple_of(5) {
        IpAddr::V6(Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(bits)))
    } else {
        IpAddr::V4(Ipv4Addr::from(u32::try_from(bits >> 32).unwrap_or(0) | 0x0100_0000))
    };
    let port = if bits.is_multiple_of(7) { 5432 } else { 443 };
    let name = format!("host-{index}.region-{}.example.net", index % 12).into();
    Peer { address, port, server: Server { name, source: NameSource::Dns, unverified: false, resolution: None } }
}

/// xorshift64* (Vigna 2016, <https://doi.org/10.1145/2845077>): the same events in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }

    /// Between 0 and 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    #[allow(clippy::cast_possible_truncation, reason = "far below the bounds of the type")]
    fn exponential(&mut self, mean: i64) -> i64 {
        (-(1.0 - self.unit()).ln() * mean as f64) as i64
    }

    /// Mostly far below `most`: uniform on a logarithmic scale.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between one and `most`")]
    fn spread(&mut self, most: u64) -> u64 {
        (most as f64).powf(self.unit()) as u64
    }

    /// An index below `count`: the first ones far more often (as one over the rank, nearly).
    fn favourite(&mut self, count: usize) -> usize {
        let rank = self.spread(u64::try_from(count).unwrap_or(1));
        usize::try_from(rank).unwrap_or(0).min(count) - 1
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn close_follows_its_open_and_times_increase() {
        let events = Population::new(7).take(20_000);
        assert_eq!(events.len(), 20_000);
        assert!(events.is_sorted_by_key(|event| event.time));
        let mut open = HashSet::new();
        for event in &events {
            if event.name == EventName::ConnectionClose {
                assert!(open.remove(&event.id), "{} closes what is not open", event.id);
            } else {
                assert!(open.insert(event.id));
            }
        }
    }

    #[test]
    fn equal_seeds_give_equal_events() {
        let text = |seed| format!("{:?}", Population::new(seed).take(500));
        assert_eq!(text(3), text(3));
        assert_ne!(text(3), text(4));
    }
}
