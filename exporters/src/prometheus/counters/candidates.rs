//! Finds the frequent ones of many keys in bounded memory.
//!
//! Space-Saving: Metwally, Agrawal, El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams",
//! ICDT 2005. When the table is full, a new key replaces the entry with the lowest count, and that count becomes the maximum error
//! of its own. So no count is too low, and a key with a share of more than `1 / limit` is in the table.

#[derive(Debug)]
pub(super) struct Candidates<K> {
    entries: Vec<Candidate<K>>,
    limit: usize,
    /// Where the search for the lowest count continues.
    hand: usize,
    /// A lower bound of all counts.
    floor: u64,
}

#[derive(Debug)]
struct Candidate<K> {
    key: K,
    count: u64,
    /// The part of `count` that may be of replaced keys.
    error: u64,
}

impl<K> Candidates<K> {
    pub(super) const fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), limit, hand: 0, floor: 0 }
    }

    /// Counts a key that has an entry and returns the lower bound of its count.
    pub(super) fn count(&mut self, entry: usize) -> u64 {
        self.entries.get_mut(entry).map_or(0, |candidate| {
            candidate.count += 1;
            candidate.count - candidate.error
        })
    }

    /// Inserts a new key. Returns its entry and the key that it replaced; `None` if the limit is zero.
    pub(super) fn insert(&mut self, key: K) -> Option<(usize, Option<K>)> {
        if self.entries.len() < self.limit {
            self.entries.push(Candidate { key, count: 1, error: 0 });
            self.floor = self.floor.min(1);
            return Some((self.entries.len() - 1, None));
        }
        let entry = self.lowest()?;
        let candidate = self.entries.get_mut(entry)?;
        let error = candidate.count;
        let before = std::mem::replace(candidate, Candidate { key, count: error + 1, error });
        Some((entry, Some(before.key)))
    }

    /// Replaces the key of an entry by one with a known count and returns the replaced key.
    pub(super) fn replace(&mut self, entry: usize, key: K, count: u64) -> Option<K> {
        let candidate = self.entries.get_mut(entry)?;
        self.floor = self.floor.min(count);
        Some(std::mem::replace(candidate, Candidate { key, count, error: 0 }).key)
    }

    /// Halves all counts. Errors are rounded up, so that lower bounds stay valid.
    pub(super) fn halve(&mut self) {
        for candidate in &mut self.entries {
            candidate.count /= 2;
            candidate.error = candidate.error.div_ceil(2).min(candidate.count);
        }
        self.floor /= 2;
    }

    /// The entry with the lowest count. The search continues where the last one stopped, because entries before have grown since:
    /// with many new keys it takes one or two steps.
    fn lowest(&mut self) -> Option<usize> {
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
