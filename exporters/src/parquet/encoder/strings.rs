//! Dictionary columns: each distinct string is stored once, and rows store its index.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use arrow_array::builder::{PrimitiveBuilder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow_schema::ArrowError;

/// A dictionary index.
pub(super) fn dictionary_index(index: usize) -> i32 {
    // A batch has some thousand rows.
    i32::try_from(index).unwrap_or(i32::MAX)
}

/// A column of `keys`, indices of `values`.
pub(super) fn dictionary(keys: Int32Array, values: StringArray) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(values))?))
}

/// A column whose values are from a fixed set of at most about ten strings, which are found by linear search.
#[derive(Debug, Default)]
pub(super) struct FixedColumn {
    values: Vec<&'static str>,
    keys: PrimitiveBuilder<Int32Type>,
}

impl FixedColumn {
    pub(super) fn push(&mut self, value: Option<&'static str>) {
        let key = value.map(|value| self.key(value));
        self.keys.append_option(key);
    }

    fn key(&mut self, value: &'static str) -> i32 {
        let index = self.values.iter().position(|known| *known == value).unwrap_or_else(|| {
            self.values.push(value);
            self.values.len() - 1
        });
        dictionary_index(index)
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        dictionary(self.keys.finish(), StringArray::from(std::mem::take(&mut self.values)))
    }
}

/// A column of displayed values, such as addresses. Each distinct value is formatted once per batch.
#[derive(Debug)]
pub(super) struct DisplayColumn<K> {
    indices: HashMap<K, i32>,
    values: StringBuilder,
    keys: PrimitiveBuilder<Int32Type>,
}

impl<K> Default for DisplayColumn<K> {
    fn default() -> Self {
        Self { indices: HashMap::new(), values: StringBuilder::new(), keys: PrimitiveBuilder::new() }
    }
}

impl<K: Clone + Eq + Hash + fmt::Display> DisplayColumn<K> {
    pub(super) fn push(&mut self, key: Option<&K>) {
        let index = key.map(|key| self.key(key));
        self.keys.append_option(index);
    }

    fn key(&mut self, key: &K) -> i32 {
        if let Some(index) = self.indices.get(key) {
            return *index;
        }
        let index = dictionary_index(self.indices.len());
        self.indices.insert(key.clone(), index);
        // Appending to a column in memory does not fail.
        let _ = fmt::write(&mut self.values, format_args!("{key}"));
        self.values.append_value("");
        index
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        self.indices.clear();
        dictionary(self.keys.finish(), self.values.finish())
    }
}
