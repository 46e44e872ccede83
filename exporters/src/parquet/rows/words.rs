//! Columns of strings of which few are different: each string is kept once, rows have its number.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use arrow_array::builder::{PrimitiveBuilder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow_schema::ArrowError;

/// A number for the next of several values, as dictionaries have them.
pub(super) fn number(count: usize) -> i32 {
    // A batch has some thousand rows.
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// The column of `keys` into `values`.
pub(super) fn dictionary(keys: Int32Array, values: StringArray) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(values))?))
}

/// A column whose values are words of a fixed set, ten at most: they are found by looking through all.
#[derive(Debug, Default)]
pub(super) struct Words {
    seen: Vec<&'static str>,
    keys: PrimitiveBuilder<Int32Type>,
}

impl Words {
    pub(super) fn push(&mut self, word: Option<&'static str>) {
        let key = word.map(|word| self.key(word));
        self.keys.append_option(key);
    }

    fn key(&mut self, word: &'static str) -> i32 {
        let at = self.seen.iter().position(|seen| *seen == word).unwrap_or_else(|| {
            self.seen.push(word);
            self.seen.len() - 1
        });
        number(at)
    }

    /// The column so far; begins a new one.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        dictionary(self.keys.finish(), StringArray::from(std::mem::take(&mut self.seen)))
    }
}

/// A column whose values are shown forms of keys, such as addresses. A key is shown once a batch.
#[derive(Debug)]
pub(super) struct Shown<K> {
    seen: HashMap<K, i32>,
    values: StringBuilder,
    keys: PrimitiveBuilder<Int32Type>,
}

impl<K> Default for Shown<K> {
    fn default() -> Self {
        Self { seen: HashMap::new(), values: StringBuilder::new(), keys: PrimitiveBuilder::new() }
    }
}

impl<K: Clone + Eq + Hash + fmt::Display> Shown<K> {
    pub(super) fn push(&mut self, key: Option<&K>) {
        let number = key.map(|key| self.key(key));
        self.keys.append_option(number);
    }

    fn key(&mut self, key: &K) -> i32 {
        if let Some(number) = self.seen.get(key) {
            return *number;
        }
        let number = number(self.seen.len());
        self.seen.insert(key.clone(), number);
        // Appending to a column in memory does not fail.
        let _ = fmt::write(&mut self.values, format_args!("{key}"));
        self.values.append_value("");
        number
    }

    /// The column so far; begins a new one.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        self.seen.clear();
        dictionary(self.keys.finish(), self.values.finish())
    }
}
