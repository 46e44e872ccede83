//! Caches of verdicts and of the identities of processes.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use egret_model::{Flow, Owner, Transport};
use lru::LruCache;

/// Verdicts, about 250 bytes each: 4 MiB. The least recently used one is evicted.
pub(super) const MAX_VERDICTS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
/// Processes in all, about 150 bytes each and what is known of them, a kilobyte or two: some 8 MiB if all are different.
pub(super) const PROCESSES: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// Parts with a lock each, so that workers seldom meet.
const PARTS: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// What processes have to have in common to be the same to a baseline. One that was forked since the exec runs the same with
/// the same arguments, but its parent is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Who {
    program: Program,
    uid: u32,
    cgroup_id: u64,
    parent_pid: u32,
}

/// What packets have to have in common to be treated the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) who: Who,
    transport: Transport,
    peer: SocketAddr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Program {
    Exec(u64),
    Process { pid: u32, start_ns: u64 },
}

impl Key {
    pub(super) fn new(owner: &Owner, flow: &Flow) -> Self {
        Self { who: Who::of(owner), transport: flow.transport, peer: flow.peer }
    }
}

impl Who {
    fn of(owner: &Owner) -> Self {
        let process = owner.process;
        let program = match process.exec_id {
            0 => Program::Process { pid: process.pid, start_ns: process.start_ns },
            exec_id => Program::Exec(exec_id),
        };
        Self { program, uid: process.uid, cgroup_id: process.cgroup_id, parent_pid: process.parent_pid }
    }
}

#[derive(Debug)]
struct Remembered<V> {
    value: V,
    /// Under which policy and answers it was found.
    epoch: u64,
    until: Instant,
}

/// What is remembered for a while, shared by the workers.
pub(super) struct Cache<K, V> {
    parts: Vec<Mutex<LruCache<K, Remembered<V>>>>,
    hasher: RandomState,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    pub(super) fn new(most: NonZeroUsize) -> Self {
        let size = NonZeroUsize::new(most.get().div_ceil(PARTS.get())).unwrap_or(NonZeroUsize::MIN);
        let parts = (0..PARTS.get()).map(|_| Mutex::new(LruCache::new(size))).collect();
        Self { parts, hasher: RandomState::new() }
    }

    /// What was found, if it still holds.
    pub(super) fn get(&self, key: &K, epoch: u64, now: Instant) -> Option<V> {
        let mut part = self.part(key)?.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = part.get(key)?;
        (remembered.epoch == epoch && now < remembered.until).then(|| remembered.value.clone())
    }

    /// Remembers what was found when the epoch was this one.
    pub(super) fn put(&self, key: K, value: V, epoch: u64, until: Instant) {
        let Some(part) = self.part(&key) else { return };
        part.lock().unwrap_or_else(PoisonError::into_inner).put(key, Remembered { value, epoch, until });
    }

    fn part(&self, key: &K) -> Option<&Mutex<LruCache<K, Remembered<V>>>> {
        let hash = usize::try_from(self.hasher.hash_one(key) % 1024).unwrap_or_default();
        self.parts.get(hash % PARTS)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use egret_model::{Attribution, ProcessId, Reason, Verdict};

    use super::super::packet_verdict::{Effect, PacketVerdict};
    use super::*;

    fn owner(exec_id: u64, pid: u32) -> Owner {
        let process = ProcessId { pid, uid: 1000, start_ns: 5, exec_id, cgroup_id: 7, parent_pid: 1 };
        Owner { process, cookie: 0, attribution: Attribution::Tuple, inbound: false }
    }

    fn flow(local: u16, peer: u16) -> Flow {
        let end = |port| SocketAddr::from(([192, 0, 2, 1], port));
        Flow { transport: Transport::Tcp, local: end(local), peer: end(peer), interface: None }
    }

    fn outcome() -> PacketVerdict {
        PacketVerdict { verdict: Verdict::Allow, reason: Reason::Rule, rule: None, effect: Effect::Passed(2) }
    }

    #[test]
    fn flows_that_differ_have_separate_entries() {
        let key = Key::new(&owner(3, 10), &flow(1, 443));
        assert_eq!(key, Key::new(&owner(3, 11), &flow(2, 443)), "the same program, from another port");
        assert_ne!(key, Key::new(&owner(4, 10), &flow(1, 443)));
        assert_ne!(key, Key::new(&owner(3, 10), &flow(1, 444)));
        assert_ne!(Key::new(&owner(0, 10), &flow(1, 443)), Key::new(&owner(0, 11), &flow(1, 443)));
        let mut reused = owner(0, 10);
        reused.process.start_ns += 1;
        assert_ne!(Key::new(&owner(0, 10), &flow(1, 443)), Key::new(&reused, &flow(1, 443)));
        for change in [
            |owner: &mut Owner| owner.process.uid += 1,
            |owner: &mut Owner| owner.process.cgroup_id += 1,
            |owner: &mut Owner| owner.process.parent_pid += 1,
        ] {
            let mut other = owner(3, 10);
            change(&mut other);
            assert_ne!(key, Key::new(&other, &flow(1, 443)));
        }
    }

    #[test]
    fn entry_is_valid_for_its_epoch_and_lifetime() {
        let (cache, now) = (Cache::new(MAX_VERDICTS), Instant::now());
        let (key, until) = (Key::new(&owner(3, 10), &flow(1, 443)), now + Duration::from_secs(60));
        cache.put(key, outcome(), 5, until);
        assert!(cache.get(&key, 5, now).is_some());
        assert!(cache.get(&key, 6, now).is_none(), "another policy");
        assert!(cache.get(&key, 5, until).is_none(), "too long ago");
    }

    #[test]
    fn cache_is_bounded() {
        let (cache, now) = (Cache::new(MAX_VERDICTS), Instant::now());
        for exec_id in 1..100_000 {
            cache.put(Key::new(&owner(exec_id, 1), &flow(1, 1)), outcome(), 1, now);
        }
        let held: usize = cache.parts.iter().map(|part| part.lock().unwrap().len()).sum();
        assert!(held <= MAX_VERDICTS.get() && held > MAX_VERDICTS.get() / 2, "{held}");
    }
}
