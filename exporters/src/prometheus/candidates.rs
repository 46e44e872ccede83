//! Counts the frequent ones of many keys in bounded memory.
//!
//! Space-Saving: Metwally, Agrawal, El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams",
//! ICDT 2005. When the table is full, a new key takes over the entry with the least count, and with it that count as
//! its possible error. So no count is too low, and whoever makes up more than one part in `limit` of what comes is in.

/// The table.
#[derive(Debug)]
pub(super) struct Candidates<K> {
    entries: Vec<Candidate<K>>,
    limit: usize,
    /// Where the search for the least count goes on.
    hand: usize,
    /// No count is below it.
    floor: u64,
}

#[derive(Debug)]
struct Candidate<K> {
    key: K,
    count: u64,
    /// Of `count`, what may have been others'.
    error: u64,
}

impl<K> Candidates<K> {
    pub(super) const fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), limit, hand: 0, floor: 0 }
    }

    /// Counts a key that has an entry; how often it came at least.
    pub(super) fn again(&mut self, entry: usize) -> u64 {
        self.entries.get_mut(entry).map_or(0, |candidate| {
            candidate.count += 1;
            candidate.count - candidate.error
        })
    }

    /// Gives a new key an entry; the entry, and the key that had it. `None` if there is no room at all.
    pub(super) fn admit(&mut self, key: K) -> Option<(usize, Option<K>)> {
        if self.entries.len() < self.limit {
            self.entries.push(Candidate { key, count: 1, error: 0 });
            self.floor = self.floor.min(1);
            return Some((self.entries.len() - 1, None));
        }
        let entry = self.least()?;
        let candidate = self.entries.get_mut(entry)?;
        let error = candidate.count;
        let before = std::mem::replace(candidate, Candidate { key, count: error + 1, error });
        Some((entry, Some(before.key)))
    }

    /// Puts another key into an entry, with a count that is known; the key that had it.
    pub(super) fn exchange(&mut self, entry: usize, key: K, count: u64) -> Option<K> {
        let candidate = self.entries.get_mut(entry)?;
        self.floor = self.floor.min(count);
        Some(std::mem::replace(candidate, Candidate { key, count, error: 0 }).key)
    }

    /// Halves all counts. Errors are rounded up: nothing becomes surer by it.
    pub(super) fn halve(&mut self) {
        for candidate in &mut self.entries {
            candidate.count /= 2;
            candidate.error = candidate.error.div_ceil(2).min(candidate.count);
        }
        self.floor /= 2;
    }

    /// The entry with the least count. The hand goes on from where it stopped, because whatever it passed has grown:
    /// in a storm of new keys each look takes a step or two.
    fn least(&mut self) -> Option<usize> {
        let found = self.at_floor().or_else(|| {
            self.floor = self.entries.iter().map(|candidate| candidate.count).min()?;
            self.at_floor()
        })?;
        self.hand = found + 1;
        Some(found)
    }

    fn at_floor(&self) -> Option<usize> {
        let floor = self.floor;
        let (before, after) = self.entries.split_at(self.hand.min(self.entries.len()));
        let low = |candidate: &Candidate<K>| candidate.count <= floor;
        after.iter().position(low).map(|index| before.len() + index).or_else(|| before.iter().position(low))
    }
}
