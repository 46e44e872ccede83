//! The table of names by address, with the process that asked and the expiry of the answer.

use std::mem;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use egret_model::{Resolution, Timestamp};
use lru::LruCache;

use crate::users::Users;
use crate::{Client, ProcessImage};

/// Average number of names of an address: addresses of large providers have many.
const NAMES: usize = 4;
/// Maximum number of names of an address. At the limit the oldest name of the process with the most names is replaced.
const MAX_NAMES: usize = 32;
/// A connection that is opened later than this did not wait for the look-up.
const FRESH: Duration = Duration::from_secs(5);
/// Interval at which expired names are removed.
const SWEEP: Duration = Duration::from_secs(60);

/// A look-up, which is attributed to one connection.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub(crate) resolution: Arc<Resolution>,
    taken: AtomicBool,
}

impl Lookup {
    pub(crate) fn new(resolution: Resolution) -> Arc<Self> {
        Arc::new(Self { resolution: Arc::new(resolution), taken: AtomicBool::new(false) })
    }

    /// Attributes the look-up to the first connection that asks for it.
    fn take(&self, time: Timestamp) -> bool {
        self.is_fresh(time) && !self.taken.swap(true, Ordering::Relaxed)
    }

    fn is_fresh(&self, time: Timestamp) -> bool {
        u128::from(time.since(self.resolution.answered)) <= FRESH.as_nanos()
    }

    /// The look-up with shifted times, after the wall clock was set.
    fn shifted(&self, step: i64) -> Self {
        let Resolution { asked, answered, resolver } = *self.resolution;
        let resolution = Resolution { asked: asked.shifted(step), answered: answered.shifted(step), resolver };
        Self { resolution: Arc::new(resolution), taken: AtomicBool::new(self.taken.load(Ordering::Relaxed)) }
    }

    /// Releases the look-up, because it was for another connection.
    pub(crate) fn release(&self) {
        self.taken.store(false, Ordering::Relaxed);
    }
}

/// The processes for which a name is evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    None,
    /// The image that received the answer.
    Process(ProcessImage),
    All,
}

impl Evidence {
    pub(crate) fn counts_for(self, client: &Client) -> bool {
        match self {
            Self::None => false,
            Self::Process(process) => client.runs_image_of(process),
            Self::All => true,
        }
    }
}

/// A name of an address, from answers to one process.
#[derive(Clone, Debug)]
pub(crate) struct NameRecord {
    pub(crate) name: Arc<str>,
    pub(crate) process: Option<ProcessImage>,
    /// The user of that process.
    pub(crate) user: Option<u32>,
    /// The network namespace of the socket; zero if unknown.
    pub(crate) namespace: u32,
    /// The answers are from a configured name server.
    pub(crate) configured: bool,
    /// Time of the first answer since which the name was valid without a gap.
    pub(crate) since: Timestamp,
    /// Time of the last answer.
    pub(crate) last: Timestamp,
    pub(crate) until: Timestamp,
    /// The last look-up, if its question was seen.
    pub(crate) lookup: Option<Arc<Lookup>>,
}

impl NameRecord {
    fn is_valid(&self, time: Timestamp) -> bool {
        self.since <= time && time <= self.until
    }

    fn is_same(&self, other: &Self) -> bool {
        self.process_key() == other.process_key()
            && self.user == other.user
            && self.name == other.name
            && self.namespace == other.namespace
            && self.configured == other.configured
    }

    /// The process; its image matters only for a name server that is not configured.
    fn process_key(&self) -> Option<ProcessImage> {
        let exec_id = |process: ProcessImage| if self.configured { 0 } else { process.exec_id };
        self.process.map(|process| ProcessImage { exec_id: exec_id(process), ..process })
    }

    /// The image of the process, which forks share: its exec, or its pid if that is unknown.
    fn image(&self) -> Option<(u64, u32)> {
        self.process.map(|process| (process.exec_id, if process.exec_id == 0 { process.pid } else { 0 }))
    }

    /// The processes in the client's network namespace for which it is evidence.
    fn evidence(&self, client: &Client, host: u32) -> Evidence {
        let is_here = self.namespace == client.namespace;
        if self.configured && self.namespace != 0 && (is_here || self.namespace == host) {
            return Evidence::All;
        }
        // If namespaces are unknown, a name is evidence for the process that asked.
        let process = self.process.filter(|process| (is_here || self.namespace == 0) && client.runs_image_of(*process));
        process.map_or(Evidence::None, Evidence::Process)
    }

    fn renew(&mut self, other: Self) {
        let since = if other.since <= self.until { self.since.min(other.since) } else { other.since };
        *self = Self { since, until: self.until.max(other.until), last: self.last.max(other.last), ..other };
    }
}

/// The name selected for a connection.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) name: Arc<str>,
    pub(crate) lookup: Option<Arc<Lookup>>,
    pub(crate) evidence: Evidence,
}

/// The table of addresses in two parts, so that forged names in another namespace do not evict names of the host.
///
/// 20,000 addresses with one name each take 8 MB, of which 2 MB are fresh look-ups. The maximum, 4 names of 253 bytes with a fresh
/// look-up each, takes 46 MB. An address may have more names if others have fewer. The other part takes a quarter of that.
pub(crate) struct Table {
    /// Names from configured name servers in the host's network namespace.
    host: Addresses,
    others: Addresses,
    namespace: u32,
    swept: Timestamp,
}

/// Names by address.
struct Addresses {
    names: LruCache<IpAddr, Vec<NameRecord>>,
    users: Users,
    /// Number of names of all addresses.
    count: usize,
    evicted: u64,
}

impl Addresses {
    fn new(addresses: usize) -> Self {
        let capacity = NonZeroUsize::new(addresses).unwrap_or(NonZeroUsize::MIN);
        Self { names: LruCache::sparse(capacity), users: Users::default(), count: 0, evicted: 0 }
    }

    fn insert(&mut self, address: IpAddr, record: NameRecord) {
        let now = record.last;
        let is_new = !self.names.contains(&address);
        if self.names.len() >= self.names.cap().get() && is_new {
            self.evict(record.user, now);
        }
        let user = record.user;
        let names = self.names.get_or_insert_mut(address, Vec::new);
        match names.iter_mut().find(|known| known.is_same(&record)) {
            Some(known) => known.renew(record),
            None => match insert(names, record) {
                None => self.count += 1,
                Some(replaced) => self.users.remove(address, replaced, names),
            },
        }
        self.users.insert(address, user);
        while self.count > NAMES.saturating_mul(self.names.cap().get()) && self.names.len() > 1 {
            self.evict(user, now);
        }
    }

    /// Evicts an address on behalf of `user`: the least recently used one of the user with the most addresses. Names of the address
    /// from answers to other users stay.
    fn evict(&mut self, user: Option<u32>, now: Timestamp) {
        let before = self.names.len();
        while self.names.len() == before {
            // No address is counted for any user: these were counted together with others before.
            let Some((user, address)) = self.users.evict(user) else {
                self.count -= self.names.pop_lru().map_or(0, |(_, names)| names.len());
                return;
            };
            let Some(names) = self.names.peek_mut(&address) else { continue };
            let count = names.len();
            let is_valid = names.iter().any(|record| record.until >= now);
            names.retain(|record| self.users.account(record.user) != user);
            self.count -= count - names.len();
            if names.is_empty() {
                self.names.pop(&address);
                self.evicted += u64::from(is_valid);
            }
        }
    }

    /// The names of an address, which becomes the most recently used one.
    fn get(&mut self, address: &IpAddr) -> Option<&Vec<NameRecord>> {
        let names = self.names.get(address)?;
        names.iter().for_each(|record| self.users.promote(address, record.user));
        Some(names)
    }

    fn sweep(&mut self, now: Timestamp) {
        self.names.retain(|_, names| {
            names.retain(|record| record.until >= now);
            names.iter_mut().for_each(|record| drop(record.lookup.take_if(|lookup| !lookup.is_fresh(now))));
            !names.is_empty()
        });
        self.count = self.names.iter().map(|(_, names)| names.len()).sum();
        self.users.retain(&self.names);
    }

    fn shift(&mut self, step: i64) {
        for record in self.names.iter_mut().flat_map(|(_, names)| names) {
            for time in [&mut record.since, &mut record.last, &mut record.until] {
                *time = time.shifted(step);
            }
            record.lookup = record.lookup.take().map(|lookup| Arc::new(lookup.shifted(step)));
        }
    }
}

impl Table {
    /// `namespace` is the host's network namespace, zero if unknown.
    pub(crate) fn new(addresses: usize, namespace: u32) -> Self {
        let (host, others) = (Addresses::new(addresses), Addresses::new(addresses / 4));
        Self { host, others, namespace, swept: Timestamp(i64::MIN) }
    }

    /// Adds a name of an address.
    pub(crate) fn insert(&mut self, address: IpAddr, record: NameRecord) {
        let is_host = record.configured && record.namespace != 0 && record.namespace == self.namespace;
        let part = if is_host { &mut self.host } else { &mut self.others };
        part.insert(address, record);
    }

    /// The name of an address for a client: evidence first, then answers to its process, then answers to others; the latest of
    /// several.
    pub(crate) fn latest(&mut self, address: IpAddr, client: &Client, time: Timestamp) -> Option<Choice> {
        self.choose(address, client, time, |_| true)
    }

    /// [`Self::latest`], restricted to one name.
    pub(crate) fn named(&mut self, address: IpAddr, client: &Client, time: Timestamp, name: &str) -> Option<Choice> {
        self.choose(address, client, time, |record| *record.name == *name)
    }

    fn choose(
        &mut self,
        address: IpAddr,
        client: &Client,
        time: Timestamp,
        matches: impl Fn(&NameRecord) -> bool,
    ) -> Option<Choice> {
        let host = self.namespace;
        let (known, others) = (self.host.get(&address), self.others.get(&address));
        let names = known.into_iter().chain(others).flatten().filter(|record| record.is_valid(time) && matches(record));
        let rank = |record: &&NameRecord| {
            let counts = record.evidence(client, host) != Evidence::None;
            // A fork inherits the answers to its parent, which take precedence over later answers to other processes.
            let image = record.process.is_some_and(|process| client.runs_image_of(process));
            (counts, client.is_process(record.process), image, record.last.min(time))
        };
        let best = names.max_by_key(rank)?;
        let own = client.is_process(best.process);
        let lookup = best.lookup.as_ref().filter(|lookup| own && lookup.take(time));
        Some(Choice { name: Arc::clone(&best.name), lookup: lookup.cloned(), evidence: best.evidence(client, host) })
    }

    /// The names from configured name servers in the host's network namespace, the most recently used last.
    pub(crate) fn host_names(&self) -> impl Iterator<Item = (IpAddr, &NameRecord)> {
        self.host.names.iter().rev().flat_map(|(address, names)| names.iter().map(|record| (*address, record)))
    }

    /// Restores a name of [`Self::host_names`], if the host's network namespace is known.
    pub(crate) fn restore(&mut self, address: IpAddr, record: NameRecord) {
        if self.namespace != 0 {
            self.host.insert(address, NameRecord { namespace: self.namespace, configured: true, ..record });
        }
    }

    /// Removes expired names, at intervals.
    pub(crate) fn sweep(&mut self, now: Timestamp) {
        if u128::from(now.since(self.swept)) < SWEEP.as_nanos() {
            return;
        }
        self.swept = now;
        self.host.sweep(now);
        self.others.sweep(now);
    }

    /// Shifts all times after the wall clock was set.
    pub(crate) fn shift(&mut self, step: i64) {
        self.swept = self.swept.shifted(step);
        self.host.shift(step);
        self.others.shift(step);
    }

    pub(crate) fn len(&self) -> usize {
        self.host.names.len() + self.others.names.len()
    }

    /// Addresses evicted before their names expired.
    pub(crate) const fn evicted(&self) -> u64 {
        self.host.evicted + self.others.evicted
    }
}

/// Adds a name. Returns the user of the name that it replaces, if any. Most addresses have one name, so no spare capacity is reserved.
///
/// At the limit it replaces the oldest name of the process with the most names: a process that queries many names replaces its own
/// and not those of others.
fn insert(names: &mut Vec<NameRecord>, record: NameRecord) -> Option<Option<u32>> {
    if names.len() < MAX_NAMES {
        names.reserve_exact(1);
        names.push(record);
        return None;
    }
    let images: Vec<Option<(u64, u32)>> = names.iter().map(NameRecord::image).collect();
    let share = |image| images.iter().filter(|other| **other == image).count() + usize::from(image == record.image());
    let replaced = (0..names.len()).max_by_key(|index| {
        let known = names.get(*index).map(|known| std::cmp::Reverse(known.last));
        (images.get(*index).map(|image| share(*image)), known)
    });
    let known = replaced.and_then(|index| names.get_mut(index));
    Some(known.map_or(record.user, |known| mem::replace(known, record).user))
}
