//! Short forms of durations and amounts.

use bytesize::ByteSize;
use egret_model::Timestamp;

/// `850ns`, `1.23ms`, `45.6s`, `3m05s`, `2h10m`, `12d03h`: truncated, not rounded. At most eight columns up to 9999 days,
/// and ten for any `u64`.
#[must_use]
pub fn duration(nanoseconds: u64, utf8: bool) -> String {
    let seconds = nanoseconds / 1_000_000_000;
    match nanoseconds {
        0..1_000 => format!("{nanoseconds}ns"),
        1_000..1_000_000 => three_digits(nanoseconds, 1_000, if utf8 { "µs" } else { "us" }),
        1_000_000..1_000_000_000 => three_digits(nanoseconds, 1_000_000, "ms"),
        1_000_000_000..60_000_000_000 => three_digits(nanoseconds, 1_000_000_000, "s"),
        _ => match seconds {
            0..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
            3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
            _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3_600 % 24),
        },
    }
}

/// `value` in units of `unit` with three digits; at least one unit and less than a thousand.
fn three_digits(value: u64, unit: u64, name: &str) -> String {
    let whole = value / unit;
    let hundredths = value % unit * 100 / unit;
    match whole {
        0..10 => format!("{whole}.{hundredths:02}{name}"),
        10..100 => format!("{whole}.{}{name}", hundredths / 10),
        _ => format!("{whole}{name}"),
    }
}

/// Such as `976.6K`: units of 1024 as in `ls -h`, at most seven columns.
#[must_use]
pub fn bytes(count: u64) -> String {
    ByteSize(count).display().iec_short().to_string()
}

/// RFC 3339 in UTC to the second, to compare with other hosts and logs.
#[must_use]
pub fn moment(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(time.0)).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::{bytes, duration};
    use proptest::prelude::*;

    #[test]
    fn durations_have_three_digits_below_a_minute() {
        let cases = [
            (0, "0ns"),
            (999, "999ns"),
            (1_999, "1.99us"),
            (999_999, "999us"),
            (12_345_678, "12.3ms"),
            (9_876_543_210, "9.87s"),
            (59_999_999_999, "59.9s"),
        ];
        for (nanoseconds, text) in cases {
            assert_eq!(duration(nanoseconds, false), text);
        }
        assert_eq!(duration(1_999, true), "1.99µs");
    }

    #[test]
    fn longer_durations_have_two_units() {
        for (seconds, text) in [(60, "1m00s"), (3_599, "59m59s"), (7_800, "2h10m"), (1_047_600, "12d03h")] {
            assert_eq!(duration(seconds * 1_000_000_000, false), text);
        }
    }

    #[test]
    fn amounts_have_one_decimal() {
        assert_eq!(bytes(0), "0B");
        assert_eq!(bytes(1_023), "1023B");
        assert_eq!(bytes(1_536), "1.5K");
        assert_eq!(bytes(5_678_901), "5.4M");
    }

    proptest! {
        #[test]
        fn figures_fit_their_columns(number in prop_oneof![any::<u64>(), 0..100_000_000_000_u64]) {
            let days = number / 86_400_000_000_000;
            let room = if days < 10_000 { 8 } else { 10 };
            prop_assert!(duration(number, false).len() <= room);
            prop_assert!(bytes(number).len() <= 7);
        }
    }
}
