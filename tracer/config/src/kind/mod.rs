//! Kinds of option values: syntax, parsing and display.

mod destination;
mod list;
mod number;
mod pairs;
mod size;
#[cfg(test)]
mod tests;
mod text;
mod time;

use std::fmt::Debug;
use std::marker::PhantomData;

pub use self::destination::{JsonDestination, ParquetDestination};
pub use self::list::{Addresses, MarkMask, Percent, Texts};
pub use self::number::{Count, Flag, Queue};
pub use self::pairs::{Attributes, Headers, Secrets};
pub(crate) use self::pairs::{header, split};
pub use self::size::{RingSize, Size};
pub(crate) use self::text::host_name_like;
pub use self::text::{AbsolutePath, Address, HostName, Listen, LogFilter, Text, Url};
pub use self::time::{Buckets, Time};

use crate::choice::Choice;
use crate::raw::{Invalid, RawValue};
use crate::toml_text::quoted;

pub trait Kind {
    /// The type of the field of an option of this kind.
    type Value: Clone + Debug + Default + PartialEq;

    /// Whether values of several sources are merged. Otherwise a later value replaces an earlier one.
    const ADDS: bool = false;

    /// Whether values are never shown.
    const SECRET: bool = false;

    /// The syntax, as a noun phrase for the reference and errors.
    fn expected() -> String;

    /// Parses a value.
    ///
    /// # Errors
    ///
    /// Everything that is invalid in it.
    fn read(raw: &RawValue) -> Result<Self::Value, Vec<Invalid>>;

    /// The value as TOML that parses to the same value; `None` if there is no value.
    fn show(value: &Self::Value) -> Option<String>;

    /// Merges the value of a later source.
    fn merge(value: &mut Self::Value, later: Self::Value) {
        *value = later;
    }
}

const UNLIMITED: &str = "unlimited";

/// A limit that can be turned off.
pub struct Limit<K>(PhantomData<K>);

impl<K: Kind> Kind for Limit<K> {
    type Value = Option<K::Value>;

    fn expected() -> String {
        format!("{}, or {}", K::expected(), quoted(UNLIMITED))
    }

    fn read(raw: &RawValue) -> Result<Self::Value, Vec<Invalid>> {
        if raw.text() == Some(UNLIMITED) { Ok(None) } else { K::read(raw).map(Some) }
    }

    fn show(value: &Self::Value) -> Option<String> {
        value.as_ref().map_or_else(|| Some(quoted(UNLIMITED)), K::show)
    }
}

/// A value that does not have to be set.
pub struct Optional<K>(PhantomData<K>);

impl<K: Kind> Kind for Optional<K> {
    type Value = Option<K::Value>;

    fn expected() -> String {
        K::expected()
    }

    fn read(raw: &RawValue) -> Result<Self::Value, Vec<Invalid>> {
        K::read(raw).map(Some)
    }

    fn show(value: &Self::Value) -> Option<String> {
        value.as_ref().and_then(K::show)
    }
}

/// One of the words of a [`Choice`].
pub struct OneOf<C>(PhantomData<C>);

impl<C: Choice + Debug + Default + PartialEq> Kind for OneOf<C> {
    type Value = C;

    fn expected() -> String {
        let words: Vec<_> = C::WORDS.iter().map(|(word, ..)| quoted(word)).collect();
        format!("one of {}", words.join(", "))
    }

    fn read(raw: &RawValue) -> Result<C, Vec<Invalid>> {
        raw.read(&Self::expected(), |text| C::from_word(text).map_err(|_| format!("expected {}", Self::expected())))
    }

    fn show(value: &C) -> Option<String> {
        C::WORDS.iter().find(|(_, known, _)| known == value).map(|(word, ..)| quoted(word))
    }
}
