//! Puts together what the messages say.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use egret_model::{NameSource, Resolution, Server, Timestamp};

use crate::Segment;
use crate::dns::{self, Answer, Reading};
use crate::hello::Hello;
use crate::hosts::Hosts;
use crate::messages::Messages;
use crate::questions::{Origin, Questions};
use crate::sockets::{Given, Sockets};
use crate::table::{Choice, Lookup, Table, Told};

/// How names are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Addresses remembered at most; zero counts as one.
    pub addresses: usize,
    /// A name is remembered at least this long, however short its TTL: programs keep addresses for longer.
    pub floor: Duration,
    /// The file that names addresses that nobody asked for, usually `/etc/hosts`; `None` reads none.
    pub hosts: Option<PathBuf>,
}

/// What is known at one moment. Counts only ever grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Addresses that have a name from an answer now.
    pub addresses: usize,
    /// DNS answers understood.
    pub answers: u64,
    /// DNS answers to nothing that their socket asked; they are not believed.
    pub unasked: u64,
    /// TLS server names seen.
    pub server_names: u64,
    /// Messages that could not be understood.
    pub malformed: u64,
    /// Entries that made room for newer ones before their time.
    pub evicted: u64,
}

impl State {
    /// What a message says, if it says something; malformed ones are counted.
    fn understood<T>(&mut self, reading: Reading<T>) -> Option<T> {
        match reading {
            Reading::Of(said) => Some(said),
            Reading::Nothing => None,
            Reading::Malformed => {
                self.malformed += 1;
                None
            }
        }
    }
}

/// Names of addresses, and of the servers that sockets talk to.
pub struct Names {
    floor: Duration,
    hosts: Option<Hosts>,
    table: Table,
    questions: Questions,
    to_servers: Messages,
    from_servers: Messages,
    sockets: Sockets,
    counts: State,
}

impl Names {
    /// Knows nothing yet but the hosts file.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            floor: settings.floor,
            hosts: settings.hosts.map(Hosts::new),
            table: Table::new(settings.addresses),
            questions: Questions::new(),
            to_servers: Messages::new(),
            from_servers: Messages::new(),
            sockets: Sockets::new(),
            counts: State::default(),
        }
    }

    /// A packet to a name server.
    pub fn question(&mut self, segment: &Segment<'_>) {
        if !segment.is_unicast_dns() {
            return;
        }
        for reading in self.to_servers.read(segment, |bytes, _| dns::question(bytes)) {
            if let Some(asked) = self.counts.understood(reading) {
                self.questions.add(segment.cookie, &asked, segment.process, segment.time);
            }
        }
    }

    /// A packet from a name server.
    pub fn answer(&mut self, segment: &Segment<'_>) {
        if !segment.is_unicast_dns() {
            return;
        }
        for reading in self.from_servers.read(segment, dns::answer) {
            if let Some(answer) = self.counts.understood(reading) {
                self.learn(segment, &answer);
            }
        }
    }

    fn learn(&mut self, segment: &Segment<'_>, answer: &Answer) {
        let (process, asked) = match self.questions.origin(segment.cookie, &answer.asked, segment.time) {
            Origin::Seen { asked, process } => (process.or(segment.process), Some(asked)),
            Origin::Unseen => (segment.process, None),
            Origin::Unasked => {
                self.counts.unasked += 1;
                return;
            }
        };
        self.counts.answers += 1;
        self.table.sweep(segment.time);
        let resolution = |asked| Resolution { asked, answered: segment.time, resolver: segment.remote };
        let lookup = asked.map(resolution).map(Lookup::new);
        for (address, ttl) in &answer.addresses {
            let until = later(segment.time, self.floor.max(*ttl));
            let (since, name, lookup) = (segment.time, Arc::clone(&answer.asked.name), lookup.clone());
            self.table.learn(*address, Told { name, process, since, last: since, until, lookup });
        }
    }

    /// A packet with the first bytes that a TCP client sends.
    pub fn hello(&mut self, segment: &Segment<'_>) {
        match self.sockets.greet(segment) {
            Hello::To(name) => self.greeted(segment, &name),
            Hello::Malformed => self.counts.malformed += 1,
            Hello::Nameless | Hello::Unfinished | Hello::Foreign => {}
        }
    }

    /// The server name says which of the names of its address was meant; the connection may have been given another.
    fn greeted(&mut self, segment: &Segment<'_>, name: &str) {
        self.counts.server_names += 1;
        let peer = segment.remote.ip().to_canonical();
        let socket = self.sockets.get(segment.cookie);
        if let Some(given) = socket.given.take_if(|given| *given.choice.name != *name)
            && let Some(lookup) = given.choice.lookup
        {
            lookup.give_back();
        }
        let choice = match socket.given.take() {
            Some(given) => given.choice,
            None => self
                .table
                .named(peer, segment.process, segment.time, name)
                .unwrap_or_else(|| Choice { name: name.into(), lookup: None }),
        };
        socket.given = Some(Given { peer, source: NameSource::Sni, choice });
    }

    /// The name that was asked for to reach `peer` over the socket `cookie` of `process`, as it was known at `time`.
    ///
    /// For connections that this host opens; an accepted connection's other end was not asked for. Once found, the name
    /// stays the same for the socket and peer until [`Self::forget`], except that a server name seen later replaces it.
    ///
    /// The look-up is given to the first connection that its process opens with it, while it is fresh; that connection
    /// keeps it, as it keeps its name.
    pub fn find(&mut self, cookie: u64, process: Option<u32>, peer: IpAddr, time: Timestamp) -> Option<Server> {
        let peer = peer.to_canonical();
        if let Some(given) = self.sockets.known(cookie).and_then(|socket| socket.given.as_ref())
            && given.peer == peer
        {
            return Some(given.server());
        }
        let given = self.choose(process, peer, time)?;
        let server = given.server();
        self.sockets.get(cookie).given = Some(given);
        Some(server)
    }

    fn choose(&mut self, process: Option<u32>, peer: IpAddr, time: Timestamp) -> Option<Given> {
        if let Some(choice) = self.table.latest(peer, process, time) {
            return Some(Given { peer, source: NameSource::Dns, choice });
        }
        let name = self.hosts.as_mut()?.find(peer, time)?;
        Some(Given { peer, source: NameSource::Hosts, choice: Choice { name, lookup: None } })
    }

    /// The wall clock was set by so many nanoseconds: what is known moves with it, and holds for as long as before.
    pub fn shift(&mut self, step: i64) {
        self.table.shift(step);
        self.questions.shift(step);
    }

    /// The socket was closed, or is about to be connected anew: after the last [`Self::find`] for it.
    pub fn forget(&mut self, cookie: u64) {
        self.questions.forget(cookie);
        self.sockets.forget(cookie);
        self.counts.malformed +=
            u64::from(self.to_servers.forget(cookie)) + u64::from(self.from_servers.forget(cookie));
    }

    /// What is known now.
    #[must_use]
    pub fn state(&self) -> State {
        State { addresses: self.table.len(), evicted: self.table.evicted(), ..self.counts }
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.shifted(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX))
}
