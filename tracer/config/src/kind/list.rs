//! Lists, mark masks and percentages.

use std::net::IpAddr;

use super::Kind;
use crate::raw::{Invalid, RawValue};
use crate::toml_text::quoted;

/// A list of strings without an order. In a variable they are separated by commas.
pub struct Texts;

impl Kind for Texts {
    type Value = Vec<String>;

    fn expected() -> String {
        "a list of strings".to_owned()
    }

    fn read(raw: &RawValue) -> Result<Self::Value, Vec<Invalid>> {
        let is_plain = |text: &&str| !text.trim().is_empty() && !text.chars().any(char::is_control);
        read_each::<Self, _>(raw, "text", |text| Some(text).filter(is_plain).map(str::to_owned))
    }

    fn show(value: &Self::Value) -> Option<String> {
        show_each(value)
    }
}

pub struct Addresses;

impl Kind for Addresses {
    type Value = Vec<IpAddr>;

    fn expected() -> String {
        "a list of addresses, such as \"192.0.2.53\"".to_owned()
    }

    fn read(raw: &RawValue) -> Result<Self::Value, Vec<Invalid>> {
        let address = |text: &str| text.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        read_each::<Self, _>(raw, "an address", address)
    }

    fn show(value: &Self::Value) -> Option<String> {
        show_each(value)
    }
}

fn read_each<K: Kind, T>(raw: &RawValue, item: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Vec<Invalid>> {
    let items = raw.items().ok_or_else(|| raw.invalid(format!("expected {}", K::expected())))?;
    let (mut values, mut invalid) = (Vec::new(), Vec::new());
    for raw in items {
        match raw.text().and_then(&read) {
            Some(value) => values.push(value),
            None => invalid.extend(raw.invalid(format!("expected {item}"))),
        }
    }
    if invalid.is_empty() { Ok(values) } else { Err(invalid) }
}

fn show_each(values: &[impl ToString]) -> Option<String> {
    let items: Vec<_> = values.iter().map(|item| quoted(&item.to_string())).collect();
    (!items.is_empty()).then(|| format!("[{}]", items.join(", ")))
}

/// Adjacent bits of a 32-bit mark.
pub struct MarkMask;

const MASK: &str = "at least four adjacent bits, such as \"0xff000000\"";

/// With fewer bits there would be no generations of the policy.
const FEWEST_BITS: u32 = 4;

impl Kind for MarkMask {
    type Value = u32;

    fn expected() -> String {
        MASK.to_owned()
    }

    fn read(raw: &RawValue) -> Result<Self::Value, Vec<Invalid>> {
        raw.read(MASK, |text| {
            let mask = text.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
            mask.filter(|mask| is_run(*mask)).ok_or_else(|| format!("expected {MASK}"))
        })
    }

    fn show(value: &Self::Value) -> Option<String> {
        Some(quoted(&format!("{value:#x}")))
    }
}

fn is_run(mask: u32) -> bool {
    let bits = mask.count_ones();
    bits >= FEWEST_BITS && mask.leading_zeros() + bits + mask.trailing_zeros() == u32::BITS
}

pub struct Percent;

const PERCENT: &str = "a share from \"1%\" to \"100%\"";

impl Kind for Percent {
    type Value = u8;

    fn expected() -> String {
        PERCENT.to_owned()
    }

    fn read(raw: &RawValue) -> Result<Self::Value, Vec<Invalid>> {
        raw.read(PERCENT, |text| {
            let number = text.strip_suffix('%').and_then(|number| number.parse().ok());
            number.filter(|number| (1..=100).contains(number)).ok_or_else(|| format!("expected {PERCENT}"))
        })
    }

    fn show(value: &Self::Value) -> Option<String> {
        Some(quoted(&format!("{value}%")))
    }
}
