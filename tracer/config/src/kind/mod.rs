//! Kinds of values that options have: how each is written, and what is wrong with one that is written otherwise.

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

/// A kind of value.
pub trait Kind {
    /// What an option of this kind holds.
    type Value: Clone + Debug + Default + PartialEq;

    /// Whether a value replaces that of an earlier source (most do) or is added to it.
    const ADDS: bool = false;

    /// Whether values are shown to nobody.
    const SECRET: bool = false;

    /// What can be written, for the reference: a noun phrase.
    fn expected() -> String;

    /// Understands a value.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    fn read(raw: &RawValue) -> Result<Self::Value, Vec<Invalid>>;

    /// The value as TOML, such that reading it gives the same; `None` if there is none.
    fn show(value: &Self::Value) -> Option<String>;

    /// Takes the value of a later source.
    fn merge(value: &mut Self::Value, later: Self::Value) {
        *value = later;
    }
}

/// What stands for no bound at all.
const UNLIMITED: &str = "unlimited";

/// A bound that there need not be.
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

/// What need not be set.
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
