//! Columns of a batch by name, read as what they mean.

use std::str::FromStr;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{ArrowPrimitiveType, Int32Type};
use arrow_array::{Array, DictionaryArray, Int32Array, PrimitiveArray, RecordBatch};

use super::super::schema::column_name;

/// The values of a column whose strings mean something else: each different one is understood once.
pub(super) struct Meanings<'a, T> {
    keys: Option<&'a Int32Array>,
    values: Vec<Option<T>>,
}

impl<'a, T: Clone> Meanings<'a, T> {
    pub(super) fn of(rows: &'a RecordBatch, attribute: &str, understand: impl Fn(&str) -> Option<T>) -> Self {
        let column = rows.column_by_name(&column_name(attribute));
        let words = column.and_then(|column| column.as_any().downcast_ref::<DictionaryArray<Int32Type>>());
        let Some(words) = words else { return Self { keys: None, values: Vec::new() } };
        let texts = words.values().as_string::<i32>();
        let values = texts.iter().map(|text| text.and_then(&understand)).collect();
        Self { keys: Some(words.keys()), values }
    }

    /// Its number in the batch, the same for the same string.
    pub(super) fn key(&self, row: usize) -> Option<i32> {
        self.keys.filter(|keys| keys.is_valid(row)).map(|keys| keys.value(row))
    }

    pub(super) fn get(&self, row: usize) -> Option<T> {
        let key = usize::try_from(self.key(row)?).ok()?;
        self.values.get(key)?.clone()
    }
}

/// A string as it is.
pub(super) fn text(text: &str) -> Option<Arc<str>> {
    Some(text.into())
}

/// A string that is the form of something.
pub(super) fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// The values of a column of numbers.
pub(super) struct Numbers<'a, T: ArrowPrimitiveType>(Option<&'a PrimitiveArray<T>>);

impl<'a, T: ArrowPrimitiveType> Numbers<'a, T> {
    pub(super) fn of(rows: &'a RecordBatch, attribute: &str) -> Self {
        let column = rows.column_by_name(&column_name(attribute));
        Self(column.and_then(|column| column.as_primitive_opt::<T>()))
    }

    pub(super) fn get(&self, row: usize) -> Option<T::Native> {
        self.0.filter(|numbers| numbers.is_valid(row)).map(|numbers| numbers.value(row))
    }
}
