//! Numbers and booleans.

use std::fmt::{Debug, Display};
use std::marker::PhantomData;

use super::Kind;
use crate::raw::{Invalid, RawValue, Value};

pub struct Flag;

impl Kind for Flag {
    type Value = bool;

    fn expected() -> String {
        "`true` or `false`".to_owned()
    }

    fn read(raw: &RawValue) -> Result<bool, Vec<Invalid>> {
        match &raw.value {
            Value::Flag(flag) => Ok(*flag),
            Value::Bare(text) => text.parse().map_err(|_| raw.invalid("expected true or false")),
            Value::Text(_) => Err(raw.invalid("expected true or false, without quotes")),
            _ => Err(raw.invalid("expected true or false")),
        }
    }

    fn show(value: &bool) -> Option<String> {
        Some(value.to_string())
    }
}

/// A number from `MIN` to `MAX` that also fits into `T`.
pub struct Count<const MIN: u32, const MAX: u32, T = usize>(PhantomData<T>);

/// The capacity of a queue in events. The largest queue takes about 350 MB when full.
pub type Queue = Count<1, { 1 << 20 }>;

impl<const MIN: u32, const MAX: u32, T> Kind for Count<MIN, MAX, T>
where
    T: TryFrom<u32> + Copy + Debug + Default + Display + PartialEq,
{
    type Value = T;

    fn expected() -> String {
        format!("a number from {MIN} to {MAX}")
    }

    fn read(raw: &RawValue) -> Result<T, Vec<Invalid>> {
        match &raw.value {
            Value::Bare(text) | Value::Integer(text) => {
                let number = text.parse().ok().filter(|number| (MIN..=MAX).contains(number));
                let number = number.and_then(|number| T::try_from(number).ok());
                number.ok_or_else(|| raw.invalid(format!("expected {}", Self::expected())))
            }
            Value::Text(_) => Err(raw.invalid(format!("expected {}, without quotes", Self::expected()))),
            _ => Err(raw.invalid(format!("expected {}", Self::expected()))),
        }
    }

    fn show(value: &T) -> Option<String> {
        Some(value.to_string())
    }
}
