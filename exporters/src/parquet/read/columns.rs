//! Columns of a batch by attribute, with their parsed values.

use std::str::FromStr;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{ArrowPrimitiveType, Int32Type};
use arrow_array::{Array, DictionaryArray, Int32Array, PrimitiveArray, RecordBatch};

use crate::parquet::schema::column_name;

/// A dictionary column. Each distinct string is parsed once.
pub(super) struct StringColumn<'a, T> {
    keys: Option<&'a Int32Array>,
    values: Vec<Option<T>>,
}

impl<'a, T: Clone> StringColumn<'a, T> {
    pub(super) fn new(rows: &'a RecordBatch, attribute: &str, parse: impl Fn(&str) -> Option<T>) -> Self {
        let column = rows.column_by_name(&column_name(attribute));
        let strings = column.and_then(|column| column.as_any().downcast_ref::<DictionaryArray<Int32Type>>());
        let Some(strings) = strings else { return Self { keys: None, values: Vec::new() } };
        let texts = strings.values().as_string::<i32>();
        let values = texts.iter().map(|text| text.and_then(&parse)).collect();
        Self { keys: Some(strings.keys()), values }
    }

    /// The dictionary index: equal strings of a batch have equal keys.
    pub(super) fn key(&self, row: usize) -> Option<i32> {
        self.keys.filter(|keys| keys.is_valid(row)).map(|keys| keys.value(row))
    }

    pub(super) fn get(&self, row: usize) -> Option<T> {
        let key = usize::try_from(self.key(row)?).ok()?;
        self.values.get(key)?.clone()
    }
}

/// The parser of plain strings.
pub(super) fn text(text: &str) -> Option<Arc<str>> {
    Some(text.into())
}

/// The parser of types with `FromStr`.
pub(super) fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// A column of numbers.
pub(super) struct NumberColumn<'a, T: ArrowPrimitiveType>(Option<&'a PrimitiveArray<T>>);

impl<'a, T: ArrowPrimitiveType> NumberColumn<'a, T> {
    pub(super) fn new(rows: &'a RecordBatch, attribute: &str) -> Self {
        let column = rows.column_by_name(&column_name(attribute));
        Self(column.and_then(|column| column.as_primitive_opt::<T>()))
    }

    pub(super) fn get(&self, row: usize) -> Option<T::Native> {
        self.0.filter(|numbers| numbers.is_valid(row)).map(|numbers| numbers.value(row))
    }
}
