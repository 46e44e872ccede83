//! Decides which of many keys have a place of their own.
//!
//! The first keys take the places. When all are taken, a key goes through [`Candidates`] first, and replaces the least
//! frequent holder of a place once it has come, without doubt, twice as often. So a storm of keys that come once each
//! moves nobody, a frequent key gets a place although a storm took them all first, and the number of changes grows
//! with the logarithm of the counts only. Nobody who lost a place gets one again before the next scrape, which could
//! not tell the new counts from the old ones going on, and there are no more changes between two scrapes than places.
//! Counts lose half their weight at each [`Frequent::halve`], so that who was
//! frequent long ago makes room.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::candidates::Candidates;

/// Candidates for each place: a key is found if it makes up one part in `8 * limit` of what has no place.
const CANDIDATES_PER_PLACE: usize = 8;

/// The keys, at most ten for each place: with labels of 256 bytes about 4 KiB a place.
#[derive(Debug)]
pub(super) struct Frequent<K> {
    places: Vec<Place<K>>,
    limit: usize,
    candidates: Candidates<K>,
    positions: HashMap<K, Position>,
    /// Who lost a place since the last scrape, as many as there are places at most.
    replaced: HashSet<K>,
    /// No place scores below it.
    weakest: u64,
}

#[derive(Debug)]
struct Place<K> {
    key: K,
    score: u64,
}

#[derive(Clone, Copy, Debug)]
enum Position {
    Place(usize),
    Candidate(usize),
}

/// Where a key belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has this place.
    Held(usize),
    /// It has this place from now on; nobody had it.
    New(usize),
    /// It has this place from now on; another key had it until now.
    Replaced(usize),
    /// It has none.
    Other,
}

impl<K: Clone + Eq + Hash> Frequent<K> {
    pub(super) fn new(limit: usize) -> Self {
        let candidates = Candidates::new(limit.saturating_mul(CANDIDATES_PER_PLACE));
        Self { places: Vec::new(), limit, candidates, positions: HashMap::new(), replaced: HashSet::new(), weakest: 0 }
    }

    /// Keys that may have a place.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    /// The keys that have one, in the order of their places.
    pub(super) fn keys(&self) -> impl ExactSizeIterator<Item = &K> {
        self.places.iter().map(|place| &place.key)
    }

    /// Counts a key.
    pub(super) fn count(&mut self, key: &K) -> Standing {
        match self.positions.get(key).copied() {
            Some(Position::Place(place)) => {
                if let Some(place) = self.places.get_mut(place) {
                    place.score += 1;
                }
                Standing::Held(place)
            }
            Some(Position::Candidate(entry)) => {
                let surely = self.candidates.again(entry);
                self.consider(key, entry, surely)
            }
            None if self.places.len() < self.limit => self.settle(key),
            None => self.stand(key),
        }
    }

    /// A scrape has seen who has a place.
    pub(super) fn scraped(&mut self) {
        self.replaced.clear();
    }

    /// Halves the weight of what was counted so far.
    pub(super) fn halve(&mut self) {
        self.places.iter_mut().for_each(|place| place.score /= 2);
        self.weakest /= 2;
        self.candidates.halve();
    }

    fn settle(&mut self, key: &K) -> Standing {
        let place = self.places.len();
        self.places.push(Place { key: key.clone(), score: 1 });
        self.positions.insert(key.clone(), Position::Place(place));
        Standing::New(place)
    }

    fn stand(&mut self, key: &K) -> Standing {
        let Some((entry, before)) = self.candidates.admit(key.clone()) else { return Standing::Other };
        if let Some(before) = before {
            self.positions.remove(&before);
        }
        self.positions.insert(key.clone(), Position::Candidate(entry));
        Standing::Other
    }

    /// Gives a candidate that came `surely` so often the weakest place, if it came twice as often as its holder.
    fn consider(&mut self, key: &K, entry: usize, surely: u64) -> Standing {
        let enough = |score: u64| surely >= score.max(1).saturating_mul(2);
        let barred = self.replaced.len() >= self.limit || self.replaced.contains(key);
        if barred || !enough(self.weakest) {
            return Standing::Other;
        }
        let Some((index, place)) = self.places.iter_mut().enumerate().min_by_key(|(_, place)| place.score) else {
            return Standing::Other;
        };
        self.weakest = place.score;
        if !enough(place.score) {
            return Standing::Other;
        }
        let before = std::mem::replace(place, Place { key: key.clone(), score: surely });
        self.candidates.exchange(entry, before.key.clone(), before.score);
        self.positions.insert(before.key.clone(), Position::Candidate(entry));
        self.replaced.insert(before.key);
        self.positions.insert(key.clone(), Position::Place(index));
        Standing::Replaced(index)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn held(frequent: &Frequent<u32>) -> HashSet<u32> {
        frequent.keys().copied().collect()
    }

    fn count(frequent: &mut Frequent<u32>, keys: impl IntoIterator<Item = u32>) {
        for key in keys {
            frequent.count(&key);
        }
    }

    #[test]
    fn keys_that_come_once_move_nobody() {
        let mut frequent = Frequent::new(4);
        count(&mut frequent, 0..4);
        (4..100_000).for_each(|key| assert_eq!(frequent.count(&key), Standing::Other));
        assert_eq!(held(&frequent), HashSet::from([0, 1, 2, 3]));
        assert_eq!(frequent.positions.len(), 4 * (1 + CANDIDATES_PER_PLACE));
    }

    #[test]
    fn a_frequent_key_gets_a_place_after_and_during_a_storm() {
        let mut frequent = Frequent::new(4);
        count(&mut frequent, 1..10_000);
        for key in 10_000..20_000 {
            frequent.count(&key);
            if key % 10 == 0 {
                frequent.count(&0);
            }
        }
        assert!(held(&frequent).contains(&0));
    }

    #[test]
    fn who_was_frequent_long_ago_makes_room() {
        let mut frequent = Frequent::new(1);
        count(&mut frequent, [1; 1000]);
        (0..20).for_each(|_| frequent.halve());
        frequent.count(&2);
        assert_eq!(frequent.count(&2), Standing::Replaced(0));
        assert_eq!(frequent.count(&2), Standing::Held(0));
    }

    #[test]
    fn who_lost_a_place_waits_for_a_scrape() {
        let mut frequent = Frequent::new(2);
        count(&mut frequent, [1, 2, 2, 3, 3]);
        assert_eq!(held(&frequent), HashSet::from([2, 3]));
        count(&mut frequent, [1; 100]);
        assert_eq!(held(&frequent), HashSet::from([2, 3]));
        frequent.scraped();
        count(&mut frequent, [1]);
        assert!(held(&frequent).contains(&1));
    }

    #[test]
    fn without_places_everybody_is_another() {
        let mut frequent = Frequent::new(0);
        assert_eq!((frequent.count(&1), frequent.count(&1)), (Standing::Other, Standing::Other));
        assert!(frequent.positions.is_empty());
    }

    proptest! {
        /// Whatever comes, the tables agree, keep their bounds, and no key is taken for more frequent than it is.
        #[test]
        fn tables_agree(limit in 1_usize..5, keys in prop::collection::vec(0_u32..60, 0..2000), halve in 1_usize..500) {
            let mut frequent = Frequent::new(limit);
            let mut came: HashMap<u32, u64> = HashMap::new();
            for (index, key) in keys.iter().enumerate() {
                *came.entry(*key).or_default() += 1;
                let before = held(&frequent);
                let standing = frequent.count(key);
                prop_assert_eq!(before.contains(key), matches!(standing, Standing::Held(_)));
                prop_assert_eq!(held(&frequent).contains(key), standing != Standing::Other);
                if index % halve == 0 {
                    frequent.halve();
                    frequent.scraped();
                }
            }
            prop_assert!(frequent.places.len() <= limit && frequent.replaced.len() <= limit);
            prop_assert!(frequent.positions.len() <= limit * (1 + CANDIDATES_PER_PLACE));
            prop_assert_eq!(held(&frequent).len(), frequent.places.len());
            for (index, place) in frequent.places.iter().enumerate() {
                prop_assert!(matches!(frequent.positions.get(&place.key), Some(Position::Place(at)) if *at == index));
                prop_assert!(place.score <= came[&place.key]);
                prop_assert!(place.score >= frequent.weakest);
            }
        }

        /// A key that makes up a quarter of what comes is found, wherever in the stream it begins.
        #[test]
        fn the_frequent_are_found(before in 0_u32..5000, seed in 0_u32..1000) {
            let mut frequent = Frequent::new(4);
            count(&mut frequent, 1..=before);
            for others in (10_000 + seed..).step_by(3).take(50) {
                count(&mut frequent, [0, others, others + 1, others + 2]);
            }
            prop_assert!(held(&frequent).contains(&0));
        }
    }
}
