//! A bounded table of sockets that users share: a full one evicts the least recently used socket of the user with most of them.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use lru::LruCache;

/// A user; `None` for unknown ones, which are counted together.
type User = Option<u32>;

/// Values by socket cookie.
pub(crate) struct FairTable<V> {
    capacity: NonZeroUsize,
    owners: HashMap<u64, User>,
    /// No user without sockets.
    sockets: HashMap<User, LruCache<u64, V>>,
}

impl<V> FairTable<V> {
    pub(crate) fn new(capacity: NonZeroUsize) -> Self {
        Self { capacity, owners: HashMap::new(), sockets: HashMap::new() }
    }

    pub(crate) fn contains(&self, cookie: u64) -> bool {
        self.owners.contains_key(&cookie)
    }

    /// The value of a socket, which is the most recently used one of its user then.
    pub(crate) fn get_mut(&mut self, cookie: u64) -> Option<&mut V> {
        let user = self.owners.get(&cookie)?;
        self.sockets.get_mut(user)?.get_mut(&cookie)
    }

    /// Adds a socket of a user that has no value yet. Returns the value that was evicted for it.
    pub(crate) fn insert(&mut self, cookie: u64, user: User, value: V) -> Option<V> {
        let evicted = if self.owners.len() < self.capacity.get() { None } else { self.evict(user) };
        self.owners.insert(cookie, user);
        self.sockets.entry(user).or_insert_with(LruCache::unbounded).put(cookie, value);
        evicted
    }

    /// Evicts the least recently used socket of the user with most of them: of `user` if several have as many.
    fn evict(&mut self, user: User) -> Option<V> {
        let (most, _) = self.sockets.iter().max_by_key(|(other, sockets)| (sockets.len(), **other == user))?;
        let (cookie, _) = self.sockets.get(most)?.peek_lru()?;
        self.remove(*cookie)
    }

    pub(crate) fn remove(&mut self, cookie: u64) -> Option<V> {
        let user = self.owners.remove(&cookie)?;
        let sockets = self.sockets.get_mut(&user)?;
        let value = sockets.pop(&cookie);
        if sockets.is_empty() {
            self.sockets.remove(&user);
        }
        value
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.sockets.values_mut().flat_map(|sockets| sockets.iter_mut().map(|(_, value)| value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(capacity: usize) -> FairTable<u64> {
        FairTable::new(NonZeroUsize::new(capacity).unwrap())
    }

    #[test]
    fn user_with_most_sockets_gives_way() {
        let mut table = table(4);
        assert_eq!(table.insert(1, Some(7), 1), None);
        for cookie in 10..13 {
            assert_eq!(table.insert(cookie, Some(1000), cookie), None);
        }
        assert_eq!(table.get_mut(10), Some(&mut 10));
        let evicted: Vec<_> = (13..16).map(|cookie| table.insert(cookie, Some(1000), cookie)).collect();
        assert_eq!(evicted, [Some(11), Some(12), Some(10)]);
        assert_eq!(table.insert(2, Some(7), 2), Some(13), "the other has more");
        assert_eq!(table.insert(3, Some(7), 3), Some(1), "the other has as many");
        assert_eq!(table.insert(4, None, 4).map(|_| table.contains(4)), Some(true));
    }

    #[test]
    fn nothing_is_left_of_what_was_removed() {
        let mut table = table(2);
        table.insert(1, None, 1);
        table.insert(2, Some(0), 2);
        assert_eq!((table.remove(1), table.remove(1), table.contains(1)), (Some(1), None, false));
        assert_eq!(table.values_mut().map(|value| *value).collect::<Vec<_>>(), [2]);
        assert_eq!((table.owners.len(), table.sockets.len()), (1, 1));
        assert_eq!(table.insert(3, None, 3), None);
    }
}
