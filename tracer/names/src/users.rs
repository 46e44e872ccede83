//! The addresses with names, by the user who received the answers: a user who queries many names evicts its own addresses and
//! not those of others.

use std::collections::HashMap;
use std::net::IpAddr;

use lru::LruCache;

use crate::table::NameRecord;

/// Users that are counted separately. Further users are counted together, with unknown ones.
const USERS: usize = 256;

/// Addresses by account. An account is a user, or `None` for those that are counted together.
#[derive(Default)]
pub(crate) struct Users {
    addresses: HashMap<Option<u32>, LruCache<IpAddr, ()>>,
}

impl Users {
    /// The account of a user.
    pub(crate) fn account(&self, user: Option<u32>) -> Option<u32> {
        user.filter(|_| self.addresses.contains_key(&user))
    }

    pub(crate) fn insert(&mut self, address: IpAddr, user: Option<u32>) {
        let account = if self.addresses.len() < USERS { user } else { self.account(user) };
        self.addresses.entry(account).or_insert_with(LruCache::unbounded).put(address, ());
    }

    pub(crate) fn promote(&mut self, address: &IpAddr, user: Option<u32>) {
        let account = self.account(user);
        if let Some(addresses) = self.addresses.get_mut(&account) {
            addresses.promote(address);
        }
    }

    /// Removes an address of a user, unless one of its remaining names belongs to the same account.
    pub(crate) fn remove(&mut self, address: IpAddr, user: Option<u32>, names: &[NameRecord]) {
        let account = self.account(user);
        if names.iter().all(|record| self.account(record.user) != account)
            && let Some(addresses) = self.addresses.get_mut(&account)
        {
            addresses.pop(&address);
        }
    }

    /// Removes the least recently used address of the account with the most addresses, which is that of `user` if several have as
    /// many.
    pub(crate) fn evict(&mut self, user: Option<u32>) -> Option<(Option<u32>, IpAddr)> {
        let own = self.account(user);
        let (most, _) = self.addresses.iter().max_by_key(|(account, addresses)| (addresses.len(), **account == own))?;
        let most = *most;
        let addresses = self.addresses.get_mut(&most)?;
        // An account without addresses stays until the next sweep: the caller looks it up.
        addresses.pop_lru().map(|(address, ())| (most, address))
    }

    /// Removes addresses that have no name of their account any more.
    pub(crate) fn retain(&mut self, names: &LruCache<IpAddr, Vec<NameRecord>>) {
        let accounts: Vec<Option<u32>> = self.addresses.keys().copied().collect();
        let account = |user: Option<u32>| user.filter(|_| accounts.contains(&user));
        self.addresses.retain(|key, addresses| {
            let is_of = |record: &NameRecord| account(record.user) == *key;
            addresses.retain(|address, ()| names.peek(address).is_some_and(|names| names.iter().any(is_of)));
            !addresses.is_empty()
        });
    }
}
