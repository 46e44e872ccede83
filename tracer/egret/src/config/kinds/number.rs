//! Numbers, and yes or no.

use crate::config::given::{Fault, Given, Value};
use crate::config::slot::Setting;

impl Setting for bool {
    fn expected() -> String {
        "`true` or `false`".to_owned()
    }

    fn read(given: &Given) -> Result<Self, Vec<Fault>> {
        match &given.value {
            Value::Flag(flag) => Ok(*flag),
            Value::Bare(text) => text.parse().map_err(|_| given.fault("expected true or false")),
            Value::Text(_) => Err(given.fault("expected true or false, without quotes")),
            _ => Err(given.fault("expected true or false")),
        }
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// How many, from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::config) struct Count<const MIN: u32, const MAX: u32>(pub(in crate::config) u32);

impl<const MIN: u32, const MAX: u32> Count<MIN, MAX> {
    pub(in crate::config) fn usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<const MIN: u32, const MAX: u32> Setting for Count<MIN, MAX> {
    fn expected() -> String {
        format!("a number from {MIN} to {MAX}")
    }

    fn read(given: &Given) -> Result<Self, Vec<Fault>> {
        match &given.value {
            Value::Bare(text) | Value::Integer(text) => text
                .parse()
                .ok()
                .filter(|number| (MIN..=MAX).contains(number))
                .map(Self)
                .ok_or_else(|| given.fault(format!("expected {}", Self::expected()))),
            Value::Text(_) => Err(given.fault(format!("expected {}, without quotes", Self::expected()))),
            _ => Err(given.fault(format!("expected {}", Self::expected()))),
        }
    }

    fn show(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}
