//! Assigns a limited number of slots to the most frequent of many keys.
//!
//! The first keys get the slots. When all slots are assigned, a key goes through [`Candidates`] and replaces the least frequent key
//! with a slot once it has certainly occurred twice as often. So many keys that occur once each replace no other, a frequent key
//! gets a slot even if such keys got them all first, and the number of replacements grows with the logarithm of the counts only. A
//! key that lost its slot does not get one again before the next scrape, which could not distinguish the new counts from a
//! continuation of the old ones, and there are at most as many replacements between two scrapes as slots.
//! [`Frequent::halve`] halves all counts, so that keys that are no longer frequent are replaced.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::candidates::Candidates;

/// Candidates for each slot: a key is found if its share of the keys without a slot is at least `1 / (8 * limit)`.
const CANDIDATES_PER_SLOT: usize = 8;

/// At most ten keys for each slot: about 4 KiB a slot with labels of 256 bytes.
#[derive(Debug)]
pub(super) struct Frequent<K> {
    slots: Vec<TopKey<K>>,
    limit: usize,
    candidates: Candidates<K>,
    positions: HashMap<K, Position>,
    /// Keys that lost their slot since the last scrape, at most as many as slots.
    replaced: HashSet<K>,
    /// A lower bound of the scores of all slots.
    lowest_score: u64,
}

#[derive(Debug)]
struct TopKey<K> {
    key: K,
    score: u64,
}

#[derive(Clone, Copy, Debug)]
enum Position {
    Top(usize),
    Candidate(usize),
}

/// The slot of a key after it was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assignment {
    /// The key had this slot before.
    Kept(usize),
    /// The key got this unassigned slot.
    New(usize),
    /// The key got this slot from another key.
    Replaced(usize),
    /// The key has no slot.
    None,
}

impl<K: Clone + Eq + Hash> Frequent<K> {
    pub(super) fn new(limit: usize) -> Self {
        let candidates = Candidates::new(limit.saturating_mul(CANDIDATES_PER_SLOT));
        Self {
            slots: Vec::new(),
            limit,
            candidates,
            positions: HashMap::new(),
            replaced: HashSet::new(),
            lowest_score: 0,
        }
    }

    /// Number of slots.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    /// The keys with a slot, in the order of slots.
    pub(super) fn keys(&self) -> impl ExactSizeIterator<Item = &K> {
        self.slots.iter().map(|slot| &slot.key)
    }

    pub(super) fn count(&mut self, key: &K) -> Assignment {
        match self.positions.get(key).copied() {
            Some(Position::Top(index)) => {
                if let Some(slot) = self.slots.get_mut(index) {
                    slot.score += 1;
                }
                Assignment::Kept(index)
            }
            Some(Position::Candidate(entry)) => {
                let at_least = self.candidates.count(entry);
                self.promote(key, entry, at_least)
            }
            None if self.slots.len() < self.limit => self.assign(key),
            None => self.add_candidate(key),
        }
    }

    /// Must be called after a scrape.
    pub(super) fn scraped(&mut self) {
        self.replaced.clear();
    }

    /// Halves all counts.
    pub(super) fn halve(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.score /= 2);
        self.lowest_score /= 2;
        self.candidates.halve();
    }

    fn assign(&mut self, key: &K) -> Assignment {
        let index = self.slots.len();
        self.slots.push(TopKey { key: key.clone(), score: 1 });
        self.positions.insert(key.clone(), Position::Top(index));
        Assignment::New(index)
    }

    fn add_candidate(&mut self, key: &K) -> Assignment {
        let Some((entry, replaced)) = self.candidates.insert(key.clone()) else { return Assignment::None };
        if let Some(replaced) = replaced {
            self.positions.remove(&replaced);
        }
        self.positions.insert(key.clone(), Position::Candidate(entry));
        Assignment::None
    }

    /// Assigns the slot with the lowest score to a candidate that occurred at least twice as often.
    fn promote(&mut self, key: &K, entry: usize, at_least: u64) -> Assignment {
        let suffices = |score: u64| at_least >= score.max(1).saturating_mul(2);
        let barred = self.replaced.len() >= self.limit || self.replaced.contains(key);
        if barred || !suffices(self.lowest_score) {
            return Assignment::None;
        }
        let Some((index, slot)) = self.slots.iter_mut().enumerate().min_by_key(|(_, slot)| slot.score) else {
            return Assignment::None;
        };
        self.lowest_score = slot.score;
        if !suffices(slot.score) {
            return Assignment::None;
        }
        let replaced = std::mem::replace(slot, TopKey { key: key.clone(), score: at_least });
        self.candidates.replace(entry, replaced.key.clone(), replaced.score);
        self.positions.insert(replaced.key.clone(), Position::Candidate(entry));
        self.replaced.insert(replaced.key);
        self.positions.insert(key.clone(), Position::Top(index));
        Assignment::Replaced(index)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn assigned(frequent: &Frequent<u32>) -> HashSet<u32> {
        frequent.keys().copied().collect()
    }

    fn count(frequent: &mut Frequent<u32>, keys: impl IntoIterator<Item = u32>) {
        for key in keys {
            frequent.count(&key);
        }
    }

    #[test]
    fn keys_that_occur_once_replace_no_other() {
        let mut frequent = Frequent::new(4);
        count(&mut frequent, 0..4);
        (4..100_000).for_each(|key| assert_eq!(frequent.count(&key), Assignment::None));
        assert_eq!(assigned(&frequent), HashSet::from([0, 1, 2, 3]));
        assert_eq!(frequent.positions.len(), 4 * (1 + CANDIDATES_PER_SLOT));
    }

    #[test]
    fn frequent_key_gets_a_slot_among_many_keys() {
        let mut frequent = Frequent::new(4);
        count(&mut frequent, 1..10_000);
        for key in 10_000..20_000 {
            frequent.count(&key);
            if key % 10 == 0 {
                frequent.count(&0);
            }
        }
        assert!(assigned(&frequent).contains(&0));
    }

    #[test]
    fn formerly_frequent_key_is_replaced() {
        let mut frequent = Frequent::new(1);
        count(&mut frequent, [1; 1000]);
        (0..20).for_each(|_| frequent.halve());
        frequent.count(&2);
        assert_eq!(frequent.count(&2), Assignment::Replaced(0));
        assert_eq!(frequent.count(&2), Assignment::Kept(0));
    }

    #[test]
    fn replaced_key_gets_no_slot_before_the_next_scrape() {
        let mut frequent = Frequent::new(2);
        count(&mut frequent, [1, 2, 2, 3, 3]);
        assert_eq!(assigned(&frequent), HashSet::from([2, 3]));
        count(&mut frequent, [1; 100]);
        assert_eq!(assigned(&frequent), HashSet::from([2, 3]));
        frequent.scraped();
        count(&mut frequent, [1]);
        assert!(assigned(&frequent).contains(&1));
    }

    #[test]
    fn limit_of_zero_assigns_no_slot() {
        let mut frequent = Frequent::new(0);
        assert_eq!((frequent.count(&1), frequent.count(&1)), (Assignment::None, Assignment::None));
        assert!(frequent.positions.is_empty());
    }

    proptest! {
        /// For any input the tables are consistent and within their limits, and no score exceeds the count.
        #[test]
        fn tables_agree(limit in 1_usize..5, keys in prop::collection::vec(0_u32..60, 0..2000), halve in 1_usize..500) {
            let mut frequent = Frequent::new(limit);
            let mut counts: HashMap<u32, u64> = HashMap::new();
            for (index, key) in keys.iter().enumerate() {
                *counts.entry(*key).or_default() += 1;
                let before = assigned(&frequent);
                let assignment = frequent.count(key);
                prop_assert_eq!(before.contains(key), matches!(assignment, Assignment::Kept(_)));
                prop_assert_eq!(assigned(&frequent).contains(key), assignment != Assignment::None);
                if index % halve == 0 {
                    frequent.halve();
                    frequent.scraped();
                }
            }
            prop_assert!(frequent.slots.len() <= limit && frequent.replaced.len() <= limit);
            prop_assert!(frequent.positions.len() <= limit * (1 + CANDIDATES_PER_SLOT));
            prop_assert_eq!(assigned(&frequent).len(), frequent.slots.len());
            for (index, slot) in frequent.slots.iter().enumerate() {
                prop_assert!(matches!(frequent.positions.get(&slot.key), Some(Position::Top(at)) if *at == index));
                prop_assert!(slot.score <= counts[&slot.key]);
                prop_assert!(slot.score >= frequent.lowest_score);
            }
        }

        /// A key with a share of a quarter gets a slot, wherever in the stream it begins.
        #[test]
        fn frequent_key_gets_a_slot(before in 0_u32..5000, seed in 0_u32..1000) {
            let mut frequent = Frequent::new(4);
            count(&mut frequent, 1..=before);
            for others in (10_000 + seed..).step_by(3).take(50) {
                count(&mut frequent, [0, others, others + 1, others + 2]);
            }
            prop_assert!(assigned(&frequent).contains(&0));
        }
    }
}
