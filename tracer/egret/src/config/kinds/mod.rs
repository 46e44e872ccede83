//! The types that options have: how each is written, and what is wrong with one that is written differently.

mod destination;
mod list;
mod number;
mod pairs;
mod size;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod word;

pub(super) use self::destination::{JsonDestination, ParquetDestination};
pub(super) use self::list::{Items, MarkMask, Percent};
pub(super) use self::number::Count;
pub(super) use self::pairs::{Attributes, Headers, header, split};
pub(super) use self::size::{RingSize, Size};
pub(super) use self::text::{AbsolutePath, HostName, Listen, LogFilter, Text, Url};
pub(super) use self::time::Buckets;
pub use self::word::{Action, Backend, Loopback, OnFailure, Unattributed};
pub(super) use self::word::{Compression, Protocol};

use super::given::{Fault, Given};
use super::slot::Setting;
use super::toml_text::quoted;

/// What stands for no bound at all.
const UNLIMITED: &str = "unlimited";

/// A bound that there need not be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limit<T>(pub(super) Option<T>);

impl<T: Setting> Setting for Limit<T> {
    fn expected() -> String {
        format!("{}, or {}", T::expected(), quoted(UNLIMITED))
    }

    fn read(given: &Given) -> Result<Self, Vec<Fault>> {
        if given.text() == Some(UNLIMITED) { Ok(Self(None)) } else { T::read(given).map(Some).map(Self) }
    }

    fn show(&self) -> Option<String> {
        self.0.as_ref().map_or_else(|| Some(quoted(UNLIMITED)), T::show)
    }
}

/// What need not be set.
impl<T: Setting> Setting for Option<T> {
    fn expected() -> String {
        T::expected()
    }

    fn read(given: &Given) -> Result<Self, Vec<Fault>> {
        T::read(given).map(Some)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(T::show)
    }
}
