//! Combines questions, answers and server names to the names of addresses.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use egret_model::{NameSource, Resolution, Server, Timestamp};

use crate::chain::LONGEST_TTL;
use crate::dns::{self, Answer, Parsed};
use crate::hello::Hello;
use crate::hosts::Hosts;
use crate::messages::Messages;
use crate::questions::{Origin, Questions};
use crate::resolvers::Resolvers;
use crate::sockets::{ConnectionName, Sockets};
use crate::table::{Choice, Evidence, Lookup, NameRecord, Table};
use crate::{Client, ProcessImage, SavedName, Segment};

/// The configuration of the table of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Maximum number of addresses; zero counts as one.
    pub addresses: usize,
    /// Minimum lifetime of a name, whatever its TTL is: programs keep addresses for longer.
    pub floor: Duration,
    /// The file with names of other addresses, usually `/etc/hosts`; `None` for no file.
    pub hosts: Option<PathBuf>,
    /// Name servers whose answers are evidence for every process, in addition to those in the files.
    pub resolvers: Vec<IpAddr>,
    /// Files with further name servers, in the format of resolv.conf(5), which are read again when they change; usually
    /// [`crate::RESOLVER_FILES`].
    pub resolver_files: Vec<PathBuf>,
    /// Inode number of the host's network namespace; zero if unknown, in which case an answer is evidence for its process only.
    pub namespace: u32,
}

/// The state of the table at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Addresses with a name from an answer now.
    pub addresses: usize,
    /// DNS answers parsed; a counter.
    pub answers: u64,
    /// DNS answers to none of their socket's questions, which are ignored; a counter.
    pub unsolicited: u64,
    /// TLS server names seen; a counter.
    pub server_names: u64,
    /// Messages that could not be parsed; a counter.
    pub malformed: u64,
    /// Entries evicted before they expired; a counter.
    pub evicted: u64,
}

impl State {
    /// Counts malformed messages and returns valid ones.
    fn accept<T>(&mut self, parsed: Parsed<T>) -> Option<T> {
        match parsed {
            Parsed::Message(message) => Some(message),
            Parsed::Irrelevant => None,
            Parsed::Malformed => {
                self.malformed += 1;
                None
            }
        }
    }
}

/// The names of addresses and of the servers of sockets.
pub struct Names {
    floor: Duration,
    hosts: Option<Hosts>,
    resolvers: Resolvers,
    table: Table,
    questions: Questions,
    to_servers: Messages,
    from_servers: Messages,
    sockets: Sockets,
    counts: State,
}

impl Names {
    /// A table with the hosts file only.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            floor: settings.floor,
            hosts: settings.hosts.map(Hosts::new),
            resolvers: Resolvers::new(&settings.resolvers, settings.resolver_files),
            table: Table::new(settings.addresses, settings.namespace),
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
        for parsed in self.to_servers.add(segment, |bytes, _| dns::question(bytes)) {
            if let Some(question) = self.counts.accept(parsed) {
                self.questions.add(segment, &question);
            }
        }
    }

    /// A packet from a name server.
    pub fn answer(&mut self, segment: &Segment<'_>) {
        if !segment.is_unicast_dns() {
            return;
        }
        for parsed in self.from_servers.add(segment, dns::answer) {
            if let Some(answer) = self.counts.accept(parsed) {
                self.learn(segment, &answer);
            }
        }
    }

    fn learn(&mut self, segment: &Segment<'_>, answer: &Answer) {
        let (process, asked) = match self.questions.origin(segment.cookie, &answer.question, segment.time) {
            Origin::Question { asked, process } => (process.or(segment.process), Some(asked)),
            Origin::Unknown => (segment.process, None),
            Origin::Unsolicited => {
                self.counts.unsolicited += 1;
                return;
            }
        };
        self.counts.answers += 1;
        self.table.sweep(segment.time);
        let configured = self.resolvers.contains(segment.remote.ip(), segment.time);
        let resolution = |asked| Resolution { asked, answered: segment.time, resolver: segment.remote };
        let lookup = asked.map(resolution).map(Lookup::new);
        for (address, ttl) in &answer.addresses {
            let until = later(segment.time, self.floor.max(*ttl));
            let (since, name, lookup) = (segment.time, Arc::clone(&answer.question.name), lookup.clone());
            let (user, namespace) = (segment.user, segment.namespace);
            let record = NameRecord { name, process, user, namespace, configured, since, last: since, until, lookup };
            self.table.insert(*address, record);
        }
    }

    /// A packet with the first bytes that a TCP client sends.
    pub fn hello(&mut self, segment: &Segment<'_>) {
        match self.sockets.add(segment) {
            Hello::ServerName(name) => self.add_server_name(segment, &name),
            Hello::Malformed => self.counts.malformed += 1,
            Hello::NoName | Hello::Incomplete | Hello::NotTls => {}
        }
    }

    /// Replaces the name of a connection by its server name, which selects one of the names of the address.
    fn add_server_name(&mut self, segment: &Segment<'_>, name: &str) {
        self.counts.server_names += 1;
        let peer = segment.remote.ip().to_canonical();
        let socket = self.sockets.get_or_create(segment.cookie);
        if let Some(other) = socket.name.take_if(|known| *known.choice.name != *name)
            && let Some(lookup) = other.choice.lookup
        {
            lookup.release();
        }
        let choice = match socket.name.take() {
            Some(same) => same.choice,
            None => self
                .table
                .named(peer, &segment.client(), segment.time, name)
                // A name that only the client claims is no evidence.
                .unwrap_or_else(|| Choice { name: name.into(), lookup: None, evidence: Evidence::None }),
        };
        socket.name = Some(ConnectionName { peer, source: NameSource::Sni, choice });
    }

    /// The name of `peer` for a client's socket, as of `time`.
    ///
    /// For connections that this host opens; the peer of an accepted connection was not looked up. Once found, the name stays the
    /// same for the socket and peer until [`Self::remove`], except that a later server name replaces it.
    ///
    /// A look-up is attributed to the first connection that its process opens with it while it is fresh; that connection keeps it
    /// together with its name.
    pub fn find(&mut self, client: Client, peer: IpAddr, time: Timestamp) -> Option<Server> {
        let peer = peer.to_canonical();
        if let Some(name) = self.sockets.get(client.cookie).and_then(|socket| socket.name.as_ref())
            && name.peer == peer
        {
            return Some(name.server(&client));
        }
        let name = self.choose(&client, peer, time)?;
        let server = name.server(&client);
        self.sockets.get_or_create(client.cookie).name = Some(name);
        Some(server)
    }

    fn choose(&mut self, client: &Client, peer: IpAddr, time: Timestamp) -> Option<ConnectionName> {
        if let Some(choice) = self.table.latest(peer, client, time) {
            return Some(ConnectionName { peer, source: NameSource::Dns, choice });
        }
        let name = self.hosts.as_mut()?.find(peer, time)?;
        let choice = Choice { name, lookup: None, evidence: Evidence::All };
        Some(ConnectionName { peer, source: NameSource::Hosts, choice })
    }

    /// The names from configured name servers in the host's network namespace, for a restart. `boot` is the time of boot.
    #[must_use]
    pub fn save(&self, boot: Timestamp) -> Vec<SavedName> {
        let on_boot_clock = |time: Timestamp| u64::try_from(time.0.saturating_sub(boot.0)).unwrap_or(0);
        let save = |(address, record): (IpAddr, &NameRecord)| SavedName {
            address,
            name: Arc::clone(&record.name),
            process: record.process.map(|process| process.pid),
            user: record.user,
            since_ns: on_boot_clock(record.since),
            last_ns: on_boot_clock(record.last),
            until_ns: on_boot_clock(record.until),
        };
        self.table.host_names().map(save).collect()
    }

    /// Restores the names of [`Self::save`], without expired ones, ones from the future and ones that expire later than any answer.
    pub fn restore(&mut self, saved: &[SavedName], boot: Timestamp, now: Timestamp) {
        let at = |time_ns: u64| boot.shifted(i64::try_from(time_ns).unwrap_or(i64::MAX));
        let longest = self.floor.max(Duration::from_secs(LONGEST_TTL.into()));
        for SavedName { address, name, process, user, since_ns, last_ns, until_ns } in saved {
            let (since, last, until) = (at(*since_ns), at(*last_ns), at(*until_ns));
            if last > now || until < now || until > later(last, longest) {
                continue;
            }
            let process = process.map(|pid| ProcessImage { pid, exec_id: 0 });
            let (name, namespace, configured, lookup) = (Arc::clone(name), 0, true, None);
            let user = *user;
            let record = NameRecord { name, process, user, namespace, configured, since, last, until, lookup };
            self.table.restore(address.to_canonical(), record);
        }
    }

    /// Shifts all times after the wall clock was set by `step` nanoseconds, so that lifetimes stay the same.
    pub fn shift(&mut self, step: i64) {
        self.table.shift(step);
        self.questions.shift(step);
    }

    /// Removes a socket that was closed or is about to be reconnected, after the last [`Self::find`] for it.
    pub fn remove(&mut self, cookie: u64) {
        self.questions.remove(cookie);
        self.sockets.remove(cookie);
        self.counts.malformed +=
            u64::from(self.to_servers.remove(cookie)) + u64::from(self.from_servers.remove(cookie));
    }

    #[must_use]
    pub fn state(&self) -> State {
        State { addresses: self.table.len(), evicted: self.table.evicted(), ..self.counts }
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.shifted(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX))
}
