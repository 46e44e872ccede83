//! What is asked of a log.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array as _, ArrayRef, BooleanArray, DictionaryArray, RecordBatch};
use egret_model::Timestamp;

use super::super::layout::Hour;
use super::super::schema::column_name;

/// What is asked of a log: events in a span of time that meet all criteria.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// What columns have to say. They add up.
    pub criteria: Vec<Criterion>,
}

/// What the columns of a row have to say. An unknown value meets no criterion.
#[derive(Clone)]
pub enum Criterion {
    /// A string that is admitted.
    Text {
        /// The attribute.
        attribute: &'static str,
        /// The strings that are admitted, where they are known beforehand: what lets most row groups be left out.
        exactly: Option<Vec<String>>,
        /// Whether a string is admitted. Asked once for each different one.
        admits: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    },
    /// An integer in one of some ranges, in one of some columns.
    Number {
        /// The attributes.
        attributes: Vec<&'static str>,
        /// The ranges.
        ranges: Vec<RangeInclusive<u64>>,
    },
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
    /// Whether a moment is asked about.
    pub(super) fn covers(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }

    /// Whether something between two moments, the second not included, is asked about.
    pub(super) fn concerns(&self, begin: Timestamp, end: Timestamp) -> bool {
        self.since.is_none_or(|since| end > since) && self.until.is_none_or(|until| begin < until)
    }

    /// Whether something in the day that begins with this hour is asked about.
    pub(super) fn concerns_day(&self, first: Hour) -> bool {
        const DAY_NS: i64 = 86_400_000_000_000;
        self.concerns(first.begin(), Timestamp(first.begin().0.saturating_add(DAY_NS)))
    }

    /// Whether all of time is asked about.
    pub(super) const fn is_timeless(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }
}

impl Criterion {
    /// A string that is one of these.
    #[must_use]
    pub fn one_of(attribute: &'static str, strings: Vec<String>) -> Self {
        let known = strings.clone();
        Self::Text {
            attribute,
            exactly: Some(strings),
            admits: Arc::new(move |text| known.iter().any(|known| known == text)),
        }
    }

    /// A string of which `admits` is true.
    #[must_use]
    pub fn text(attribute: &'static str, admits: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self::Text { attribute, exactly: None, admits: Arc::new(admits) }
    }

    /// Columns that it looks at.
    pub(super) fn columns(&self) -> Vec<String> {
        match self {
            Self::Text { attribute, .. } => vec![column_name(attribute)],
            Self::Number { attributes, .. } => attributes.iter().map(|attribute| column_name(attribute)).collect(),
        }
    }

    /// Which rows meet it; the batch has its columns alone.
    pub(super) fn met(&self, rows: &RecordBatch) -> BooleanArray {
        let mut met = vec![false; rows.num_rows()];
        for column in rows.columns() {
            match self {
                Self::Text { admits, .. } => note_texts(&mut met, column, &**admits),
                Self::Number { ranges, .. } => note_numbers(&mut met, column, ranges),
            }
        }
        met.into()
    }
}

fn note_texts(met: &mut [bool], column: &ArrayRef, admits: &dyn Fn(&str) -> bool) {
    let Some(words) = column.as_any().downcast_ref::<DictionaryArray<Int32Type>>() else { return };
    let admitted: Vec<bool> = words.values().as_string::<i32>().iter().map(|text| text.is_some_and(admits)).collect();
    for (met, key) in met.iter_mut().zip(words.keys()) {
        let admitted = key.and_then(|key| usize::try_from(key).ok()).and_then(|key| admitted.get(key));
        *met |= admitted.copied().unwrap_or(false);
    }
}

fn note_numbers(met: &mut [bool], column: &ArrayRef, ranges: &[RangeInclusive<u64>]) {
    let within = |number: u64| ranges.iter().any(|range| range.contains(&number));
    for (met, number) in met.iter_mut().zip(numbers(column)) {
        *met |= number.is_some_and(within);
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
