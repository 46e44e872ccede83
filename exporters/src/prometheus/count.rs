//! Counts that may come to an end while the program runs.

/// A count that knows how much of it a scrape has shown.
///
/// When a label value loses its series, what no scrape has shown goes to `other`, and what one has shown does not. So a
/// server that adds up the increases of all series, as `sum(increase(...))` does, comes to what has happened: nothing
/// is missing, nothing is there twice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    value: u64,
    shown: u64,
}

impl Count {
    pub(super) const ZERO: Self = Self { value: 0, shown: 0 };

    pub(super) const fn add(&mut self, amount: u64) {
        self.value = self.value.saturating_add(amount);
    }

    /// The value, for a scrape.
    pub(super) const fn show(&mut self) -> u64 {
        self.shown = self.value;
        self.value
    }

    /// Ends; what no scrape has shown.
    pub(super) const fn end(&mut self) -> u64 {
        let rest = self.value - self.shown;
        *self = Self::ZERO;
        rest
    }
}

/// What is counted for one value of a bounded label.
pub(super) trait Counts: Default {
    /// Ends all counts; what no scrape has shown goes to `other`.
    fn end(&mut self, other: &mut Self);
}
