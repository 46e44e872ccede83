//! Counters by a label with bounded values: the most frequent values have their own series, the others share one.

use std::fmt::Display;
use std::hash::Hash;

use super::frequent::{Assignment, Frequent};
use crate::prometheus::encoder::{Family, label};

/// A counter that knows how much of its value was scraped.
///
/// When a label value loses its series, the part that was not scraped yet moves to `other`. So `sum(increase(...))` over all series
/// counts everything once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    value: u64,
    scraped: u64,
}

impl Count {
    pub(super) const ZERO: Self = Self { value: 0, scraped: 0 };

    pub(super) const fn add(&mut self, amount: u64) {
        self.value = self.value.saturating_add(amount);
    }

    /// Adds a sample to the family of a scrape, unless the value is zero.
    pub(super) fn scrape(&mut self, family: &mut Family, labels: &[&str]) {
        self.scraped = self.value;
        if self.value != 0 {
            family.add(labels, self.value);
        }
    }

    /// Moves the part that was not scraped to `other` and resets the counter.
    pub(super) const fn move_to(&mut self, other: &mut Self) {
        other.add(self.take());
    }

    /// Resets the counter and returns the part that was not scraped.
    pub(super) const fn take(&mut self) -> u64 {
        let unscraped = self.value - self.scraped;
        *self = Self::ZERO;
        unscraped
    }
}

/// The counters of one value of a bounded label.
pub(super) trait Counts: Default {
    /// Moves the parts that were not scraped to `other` and resets all counters.
    fn move_to(&mut self, other: &mut Self);
}

/// The counters `C` of each of the most frequent keys `K`, of all other keys, and of unknown ones.
#[derive(Debug)]
pub(super) struct Top<K, C> {
    frequent: Frequent<K>,
    own: Vec<C>,
    other: C,
    unknown: C,
    sums: Sums,
}

/// Statistics about the keys.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// Keys that have their own counters now.
    pub(super) values: usize,
    /// Maximum number of such keys.
    pub(super) limit: usize,
    /// Events counted for the other keys.
    pub(super) other: u64,
    /// Times that a key lost its counters to another one.
    pub(super) replaced: u64,
}

impl<K: Clone + Display + Eq + Hash, C: Counts> Top<K, C> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            frequent: Frequent::new(limit),
            own: Vec::new(),
            other: C::default(),
            unknown: C::default(),
            sums: Sums::default(),
        }
    }

    /// The counters of a key.
    pub(super) fn count_key(&mut self, key: Option<&K>) -> &mut C {
        let Some(key) = key else { return &mut self.unknown };
        let slot = match self.frequent.count(key) {
            Assignment::Kept(slot) => Some(slot),
            Assignment::New(slot) => {
                self.own.push(C::default());
                Some(slot)
            }
            Assignment::Replaced(slot) => {
                self.replace(slot);
                Some(slot)
            }
            Assignment::None => None,
        };
        match slot.and_then(|slot| self.own.get_mut(slot)) {
            Some(counts) => counts,
            None => {
                self.sums.other += 1;
                &mut self.other
            }
        }
    }

    fn replace(&mut self, slot: usize) {
        self.sums.replaced += 1;
        if let Some(counts) = self.own.get_mut(slot) {
            counts.move_to(&mut self.other);
        }
    }

    /// Halves the frequencies of keys. The counters stay.
    pub(super) fn halve(&mut self) {
        self.frequent.halve();
    }

    pub(super) fn sums(&self) -> Sums {
        Sums { values: self.own.len(), limit: self.frequent.limit(), ..self.sums }
    }

    /// Visits all counters with their label value, for a scrape.
    pub(super) fn scrape(&mut self, mut each: impl FnMut(&str, &mut C)) {
        for (key, counts) in self.frequent.keys().zip(&mut self.own) {
            each(&label::value(&key.to_string()), counts);
        }
        self.frequent.scraped();
        each(label::OTHER, &mut self.other);
        each(label::UNKNOWN, &mut self.unknown);
    }
}
