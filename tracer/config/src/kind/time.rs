//! Durations with a unit.

use std::time::Duration;

use super::Kind;
use crate::raw::{Invalid, RawValue};
use crate::toml_text::quoted;
use crate::value::duration;

const EXPECTED: &str = "a time longer than zero with its unit, such as \"10s\", \"1h30m\" or \"30d\"";

/// A day of 24 hours. jiff's exact durations have no days, because the days of a calendar differ in length.
const DAY: u64 = 24 * 60 * 60;

/// A hundred years: a deadline computed with it does not overflow.
const MAX: Duration = Duration::from_secs(36_525 * DAY);

/// A duration longer than zero.
pub struct Time;

impl Kind for Time {
    type Value = Duration;

    fn expected() -> String {
        EXPECTED.to_owned()
    }

    fn read(raw: &RawValue) -> Result<Duration, Vec<Invalid>> {
        raw.read(EXPECTED, read)
    }

    fn show(value: &Duration) -> Option<String> {
        Some(quoted(&shown(*value)))
    }
}

/// Upper bounds of the buckets of a histogram.
pub struct Buckets;

/// More buckets would make every series more expensive without more information.
const MOST_BUCKETS: usize = 50;

impl Kind for Buckets {
    type Value = Vec<Duration>;

    fn expected() -> String {
        "a list of times, ascending".to_owned()
    }

    fn read(raw: &RawValue) -> Result<Self::Value, Vec<Invalid>> {
        let items = raw.items().ok_or_else(|| raw.invalid(format!("expected {}", Self::expected())))?;
        if items.is_empty() || items.len() > MOST_BUCKETS {
            return Err(raw.invalid(format!("expected 1 to {MOST_BUCKETS} times")));
        }
        let bounds = items.iter().map(Time::read).collect::<Result<Vec<_>, _>>()?;
        if bounds.is_sorted_by(|one, next| one < next) {
            Ok(bounds)
        } else {
            Err(raw.invalid("expected each time to be longer than the one before"))
        }
    }

    fn show(value: &Self::Value) -> Option<String> {
        let items: Vec<_> = value.iter().filter_map(Time::show).collect();
        Some(format!("[{}]", items.join(", ")))
    }
}

/// A duration as on the command line, optionally with days before it.
fn read(text: &str) -> Result<Duration, String> {
    let (days, rest) = days(text).unwrap_or((0, text));
    let rest = match rest {
        "" if days > 0 => Duration::ZERO,
        rest => duration(rest).map_err(|_| format!("expected {EXPECTED}"))?,
    };
    let days = days.checked_mul(DAY).map(Duration::from_secs);
    days.and_then(|days| days.checked_add(rest))
        .filter(|time| *time <= MAX)
        .ok_or_else(|| "expected a time of at most a hundred years".to_owned())
}

/// Splits leading days from the rest.
fn days(text: &str) -> Option<(u64, &str)> {
    let (days, rest) = text.split_once('d')?;
    Some((days.parse().ok()?, rest))
}

/// Such as `1d12h`: units that are zero are omitted.
fn shown(time: Duration) -> String {
    let units = [
        ("d", u128::from(DAY) * 1_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    let mut left = time.as_nanos();
    let mut text = String::new();
    for (unit, nanoseconds) in units {
        let count = left / nanoseconds;
        left %= nanoseconds;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}
