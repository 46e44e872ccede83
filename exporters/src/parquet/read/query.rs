//! Queries for a log.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array as _, ArrayRef, BooleanArray, DictionaryArray, RecordBatch};
use egret_model::Timestamp;

use crate::parquet::layout::Hour;
use crate::parquet::schema::column_name;

/// Selects the events in a period that match all criteria.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Beginning of the period.
    pub since: Option<Timestamp>,
    /// End of the period, which is not part of it.
    pub until: Option<Timestamp>,
    pub criteria: Vec<Criterion>,
}

/// A condition on the columns of a row. An unknown value matches no criterion.
#[derive(Clone)]
pub enum Criterion {
    /// A string matches.
    Text {
        attribute: &'static str,
        /// The matching strings, if they are known: most row groups can be skipped then.
        exactly: Option<Vec<String>>,
        /// Whether a string matches. Called once for each distinct one.
        predicate: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    },
    /// One of the attributes is in one of the ranges.
    Number { attributes: Vec<&'static str>, ranges: Vec<RangeInclusive<u64>> },
}

impl fmt::Debug for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { attribute, exactly, .. } => {
                f.debug_struct("Text").field("attribute", attribute).field("exactly", exactly).finish_non_exhaustive()
            }
            Self::Number { attributes, ranges } => {
                f.debug_struct("Number").field("attributes", attributes).field("ranges", ranges).finish()
            }
        }
    }
}

impl Query {
    /// Whether a time is in the period.
    pub(super) fn contains(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }

    /// Whether `begin` to `end`, not included, overlaps with the period.
    pub(super) fn overlaps(&self, begin: Timestamp, end: Timestamp) -> bool {
        self.since.is_none_or(|since| end > since) && self.until.is_none_or(|until| begin < until)
    }

    /// Whether the day that begins with this hour overlaps with the period.
    pub(super) fn overlaps_day(&self, first: Hour) -> bool {
        const DAY_NS: i64 = 86_400_000_000_000;
        self.overlaps(first.begin(), Timestamp(first.begin().0.saturating_add(DAY_NS)))
    }

    /// Whether the period has neither beginning nor end.
    pub(super) const fn is_unbounded(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }
}

impl Criterion {
    /// The attribute is one of these strings.
    #[must_use]
    pub fn one_of(attribute: &'static str, strings: Vec<String>) -> Self {
        let known = strings.clone();
        Self::Text {
            attribute,
            exactly: Some(strings),
            predicate: Arc::new(move |text| known.iter().any(|known| known == text)),
        }
    }

    /// The attribute satisfies a predicate.
    #[must_use]
    pub fn text(attribute: &'static str, predicate: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self::Text { attribute, exactly: None, predicate: Arc::new(predicate) }
    }

    /// The columns that it needs.
    pub(super) fn columns(&self) -> Vec<String> {
        match self {
            Self::Text { attribute, .. } => vec![column_name(attribute)],
            Self::Number { attributes, .. } => attributes.iter().map(|attribute| column_name(attribute)).collect(),
        }
    }

    /// The rows that match. The batch has the columns of this criterion only.
    pub(super) fn matches(&self, rows: &RecordBatch) -> BooleanArray {
        let mut matching = vec![false; rows.num_rows()];
        for column in rows.columns() {
            match self {
                Self::Text { predicate, .. } => match_texts(&mut matching, column, &**predicate),
                Self::Number { ranges, .. } => match_numbers(&mut matching, column, ranges),
            }
        }
        matching.into()
    }
}

fn match_texts(matching: &mut [bool], column: &ArrayRef, predicate: &dyn Fn(&str) -> bool) {
    let Some(strings) = column.as_any().downcast_ref::<DictionaryArray<Int32Type>>() else { return };
    let values = strings.values().as_string::<i32>();
    let known: Vec<bool> = values.iter().map(|text| text.is_some_and(predicate)).collect();
    for (matching, key) in matching.iter_mut().zip(strings.keys()) {
        let known = key.and_then(|key| usize::try_from(key).ok()).and_then(|key| known.get(key));
        *matching |= known.copied().unwrap_or(false);
    }
}

fn match_numbers(matching: &mut [bool], column: &ArrayRef, ranges: &[RangeInclusive<u64>]) {
    let within = |number: u64| ranges.iter().any(|range| range.contains(&number));
    for (matching, number) in matching.iter_mut().zip(numbers(column)) {
        *matching |= number.is_some_and(within);
    }
}

/// The values of a column of integers of any width.
fn numbers(column: &ArrayRef) -> Box<dyn Iterator<Item = Option<u64>> + '_> {
    if let Some(narrow) = column.as_primitive_opt::<UInt16Type>() {
        return Box::new(narrow.iter().map(|number| number.map(u64::from)));
    }
    if let Some(middle) = column.as_primitive_opt::<UInt32Type>() {
        return Box::new(middle.iter().map(|number| number.map(u64::from)));
    }
    match column.as_primitive_opt::<UInt64Type>() {
        Some(wide) => Box::new(wide.iter()),
        None => Box::new(std::iter::empty()),
    }
}
