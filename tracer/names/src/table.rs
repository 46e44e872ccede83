//! Which names were asked for to reach an address, who asked, and until when the answer holds.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use egret_model::{Resolution, Timestamp};
use lru::LruCache;

/// Names kept of one address: addresses of large providers stand for many.
const NAMES: usize = 4;
/// A connection that begins later than this did not wait for the look-up.
const FRESH: Duration = Duration::from_secs(5);
/// How often what does not hold any more is removed.
const SWEEP: Duration = Duration::from_secs(60);

/// A look-up that one connection can be said to have waited for.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub(crate) resolution: Arc<Resolution>,
    taken: AtomicBool,
}

impl Lookup {
    pub(crate) fn new(resolution: Resolution) -> Arc<Self> {
        Arc::new(Self { resolution: Arc::new(resolution), taken: AtomicBool::new(false) })
    }

    /// Gives the look-up to the first who wants it.
    fn take(&self, time: Timestamp) -> bool {
        self.is_fresh(time) && !self.taken.swap(true, Ordering::Relaxed)
    }

    fn is_fresh(&self, time: Timestamp) -> bool {
        u128::from(time.since(self.resolution.answered)) <= FRESH.as_nanos()
    }

    /// The same, by a wall clock that was set by so many nanoseconds.
    fn shifted(&self, step: i64) -> Self {
        let Resolution { asked, answered, resolver } = *self.resolution;
        let resolution = Resolution { asked: asked.shifted(step), answered: answered.shifted(step), resolver };
        Self { resolution: Arc::new(resolution), taken: AtomicBool::new(self.taken.load(Ordering::Relaxed)) }
    }

    /// It turned out to have been for something else.
    pub(crate) fn give_back(&self) {
        self.taken.store(false, Ordering::Relaxed);
    }
}

/// One name of an address, as one process was told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) name: Arc<str>,
    pub(crate) process: Option<u32>,
    /// When it was told first, without a gap since.
    pub(crate) since: Timestamp,
    /// When it was told last.
    pub(crate) last: Timestamp,
    pub(crate) until: Timestamp,
    /// The last look-up, if its question was seen.
    pub(crate) lookup: Option<Arc<Lookup>>,
}

impl Told {
    fn holds(&self, time: Timestamp) -> bool {
        self.since <= time && time <= self.until
    }

    fn is_same(&self, other: &Self) -> bool {
        self.process == other.process && self.name == other.name
    }

    fn renew(&mut self, again: Self) {
        let since = if again.since <= self.until { self.since.min(again.since) } else { again.since };
        *self = Self { since, until: self.until.max(again.until), last: self.last.max(again.last), ..again };
    }
}

/// A name for a connection.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) name: Arc<str>,
    pub(crate) lookup: Option<Arc<Lookup>>,
}

/// The table of addresses.
///
/// 20,000 addresses with one name each take 7 MB, of which 2 MB are look-ups that are fresh. The most that can be made
/// of them, 4 names of 253 bytes with a fresh look-up at each, takes 45 MB.
pub(crate) struct Table {
    addresses: LruCache<IpAddr, Vec<Told>>,
    swept: Timestamp,
    evicted: u64,
}

impl Table {
    pub(crate) fn new(addresses: usize) -> Self {
        let most = NonZeroUsize::new(addresses).unwrap_or(NonZeroUsize::MIN);
        Self { addresses: LruCache::sparse(most), swept: Timestamp(i64::MIN), evicted: 0 }
    }

    /// Remembers a name of an address.
    pub(crate) fn learn(&mut self, address: IpAddr, told: Told) {
        let now = told.last;
        if self.addresses.len() >= self.addresses.cap().get() && !self.addresses.contains(&address) {
            let held = |(_, names): (IpAddr, Vec<Told>)| names.iter().any(|told| told.until >= now);
            self.evicted += u64::from(self.addresses.pop_lru().is_some_and(held));
        }
        let names = self.addresses.get_or_insert_mut(address, Vec::new);
        match names.iter_mut().find(|known| known.is_same(&told)) {
            Some(known) => known.renew(told),
            None => insert(names, told),
        }
    }

    /// The name of an address for a process: what it was told itself, else what anybody was told; the latest.
    pub(crate) fn latest(&mut self, address: IpAddr, process: Option<u32>, time: Timestamp) -> Option<Choice> {
        self.choose(address, process, time, |_| true)
    }

    /// The same, but only this name.
    pub(crate) fn named(
        &mut self,
        address: IpAddr,
        process: Option<u32>,
        time: Timestamp,
        name: &str,
    ) -> Option<Choice> {
        self.choose(address, process, time, |told| *told.name == *name)
    }

    fn choose(
        &mut self,
        address: IpAddr,
        process: Option<u32>,
        time: Timestamp,
        wanted: impl Fn(&Told) -> bool,
    ) -> Option<Choice> {
        let own = |told: &Told| process.is_some() && told.process == process;
        let names = self.addresses.get(&address)?.iter().filter(|told| told.holds(time) && wanted(told));
        let best = names.max_by_key(|told| (own(told), told.last.min(time)))?;
        let lookup = best.lookup.as_ref().filter(|lookup| own(best) && lookup.take(time));
        Some(Choice { name: Arc::clone(&best.name), lookup: lookup.cloned() })
    }

    /// Now and then, removes what does not hold any more.
    pub(crate) fn sweep(&mut self, now: Timestamp) {
        if u128::from(now.since(self.swept)) < SWEEP.as_nanos() {
            return;
        }
        self.swept = now;
        self.addresses.retain(|_, names| {
            names.retain(|told| told.until >= now);
            names.iter_mut().for_each(|told| drop(told.lookup.take_if(|lookup| !lookup.is_fresh(now))));
            !names.is_empty()
        });
    }

    /// The wall clock was set by so many nanoseconds.
    pub(crate) fn shift(&mut self, step: i64) {
        self.swept = self.swept.shifted(step);
        for told in self.addresses.iter_mut().flat_map(|(_, names)| names) {
            for time in [&mut told.since, &mut told.last, &mut told.until] {
                *time = time.shifted(step);
            }
            told.lookup = told.lookup.take().map(|lookup| Arc::new(lookup.shifted(step)));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Addresses that made room for newer ones while their names held.
    pub(crate) const fn evicted(&self) -> u64 {
        self.evicted
    }
}

/// Adds a name, in the place of the one told longest ago if there are many. Most addresses have one: no room is kept
/// for more.
fn insert(names: &mut Vec<Told>, told: Told) {
    if names.len() < NAMES {
        names.reserve_exact(1);
        names.push(told);
    } else if let Some(oldest) = names.iter_mut().min_by_key(|known| known.last) {
        *oldest = told;
    }
}
