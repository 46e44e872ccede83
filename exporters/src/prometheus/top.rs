//! Counts by a label with bounded values: the most frequent have their own, the rest share one.

use std::fmt::Display;
use std::hash::Hash;

use super::count::Counts;
use super::frequent::{Frequent, Standing};
use super::label;

/// The counts `C` of each of the most frequent keys `K`, of all others, and of what is not known.
#[derive(Debug)]
pub(super) struct Top<K, C> {
    frequent: Frequent<K>,
    own: Vec<C>,
    other: C,
    unknown: C,
    sums: Sums,
}

/// What became of keys.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// Keys that have their own counts now.
    pub(super) values: usize,
    /// Keys that may have them.
    pub(super) limit: usize,
    /// Times that something went to the others.
    pub(super) other: u64,
    /// Times that a key lost its counts to another one.
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

    /// Where to count what this key did.
    pub(super) fn of(&mut self, key: Option<&K>) -> &mut C {
        let Some(key) = key else { return &mut self.unknown };
        let place = match self.frequent.count(key) {
            Standing::Held(place) => Some(place),
            Standing::New(place) => {
                self.own.push(C::default());
                Some(place)
            }
            Standing::Replaced(place) => {
                self.replace(place);
                Some(place)
            }
            Standing::Other => None,
        };
        match place.and_then(|place| self.own.get_mut(place)) {
            Some(counts) => counts,
            None => {
                self.sums.other += 1;
                &mut self.other
            }
        }
    }

    fn replace(&mut self, place: usize) {
        self.sums.replaced += 1;
        if let Some(counts) = self.own.get_mut(place) {
            counts.end(&mut self.other);
        }
    }

    /// Halves the weight of what was counted so far, for who has a place; the counts stay.
    pub(super) fn halve(&mut self) {
        self.frequent.halve();
    }

    /// What became of keys so far.
    pub(super) fn sums(&self) -> Sums {
        Sums { values: self.own.len(), limit: self.frequent.limit(), ..self.sums }
    }

    /// All counts with the label's value, for a scrape.
    pub(super) fn show(&mut self, mut each: impl FnMut(&str, &mut C)) {
        for (key, counts) in self.frequent.keys().zip(&mut self.own) {
            each(&label::value(&key.to_string()), counts);
        }
        self.frequent.scraped();
        each(label::OTHER, &mut self.other);
        each(label::UNKNOWN, &mut self.unknown);
    }
}
