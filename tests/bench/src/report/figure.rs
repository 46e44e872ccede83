//! Figures as people read them.

use std::time::Duration;

use crate::statistics::Spread;

/// Nanoseconds, with three significant digits.
pub(crate) fn nanoseconds(value: f64) -> String {
    match value {
        value if value < 100.0 => format!("{value:.1} ns"),
        value if value < 10_000.0 => format!("{value:.0} ns"),
        value if value < 10_000_000.0 => format!("{:.1} µs", value / 1e3),
        value => format!("{:.1} ms", value / 1e6),
    }
}

/// A ratio and its spread.
pub(crate) fn ratio(spread: Spread) -> String {
    format!("{:.3} ({:.2}–{:.2})", spread.median, spread.least, spread.most)
}

/// A share of a whole, percent.
pub(crate) fn share(part: f64, whole: f64) -> String {
    if whole > 0.0 { format!("{:.3} %", 100.0 * part / whole) } else { "-".to_owned() }
}

/// Seconds.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}

/// Megabytes of a million bytes.
pub(crate) fn bytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
