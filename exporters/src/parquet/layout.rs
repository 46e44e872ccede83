//! Where files lie and how they are named: `date=YYYY-MM-DD/hour=HH/HOST-SEQ.parquet`.
//!
//! Hours are UTC and those of the events, the form that query engines know as Hive partitions. The sequence number is the
//! Unix time in milliseconds at which a file was begun, raised where needed so that it always grows: names sort by age.

use std::fmt;

use egret_model::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

const HOUR_NS: i64 = 3_600_000_000_000;

/// An hour, counted from 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Hour(i64);

impl Hour {
    /// The hour that a moment is in.
    pub(super) const fn of(time: Timestamp) -> Self {
        Self(time.0.div_euclid(HOUR_NS))
    }

    /// Its first moment.
    pub(super) const fn begin(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(HOUR_NS))
    }

    /// The first moment after it.
    pub(super) const fn end(self) -> Timestamp {
        Timestamp(self.0.saturating_add(1).saturating_mul(HOUR_NS))
    }

    /// The hour of a directory as [`Self::fmt`] writes it.
    pub(super) fn parse(directory: &str) -> Option<Self> {
        let (date, hour) = directory.split_once('/')?;
        let date: Date = date.strip_prefix("date=")?.parse().ok()?;
        let hour = Time::new(hour.strip_prefix("hour=")?.parse().ok()?, 0, 0, 0).ok()?;
        let begin = TimeZone::UTC.to_timestamp(date.to_datetime(hour)).ok()?;
        let found = Self::of(Timestamp(i64::try_from(begin.as_nanosecond()).ok()?));
        // Of the many ways to write a date, the one used here.
        (found.to_string() == directory).then_some(found)
    }
}

/// The directory of the hour, below that of the log.
impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = jiff::Timestamp::from_nanosecond(i128::from(self.begin().0)).unwrap_or_default();
        write!(f, "{}", begin.strftime("date=%Y-%m-%d/hour=%H"))
    }
}

/// A file of a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The hour of its events.
    pub(super) hour: Hour,
    /// Its sequence number.
    pub(super) sequence: u64,
    /// The host that it is about, as its name begins.
    pub(super) host: String,
}

impl Place {
    /// The file that a path names, if it is one of a log. What comes before the date is not looked at.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let (directory, name) = path.rsplit_once('/')?;
        let date = directory.rmatch_indices('/').nth(1).map_or(0, |(slash, _)| slash + 1);
        let (host, sequence) = Self::of_name(name)?;
        Some(Self { hour: Hour::parse(directory.get(date..)?)?, sequence, host: host.to_owned() })
    }

    /// Host and sequence number from the name of a file.
    pub(super) fn of_name(name: &str) -> Option<(&str, u64)> {
        let (host, digits) = name.strip_suffix(".parquet")?.rsplit_once('-')?;
        let numeric = digits.len() >= SEQUENCE_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        let sequence = digits.parse().ok().filter(|_| numeric && !host.is_empty())?;
        Some((host, sequence))
    }
}

/// Digits of a sequence number: those of Unix milliseconds until the year 2286.
const SEQUENCE_DIGITS: usize = 13;

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}-{:0width$}.parquet", self.hour, self.host, self.sequence, width = SEQUENCE_DIGITS)
    }
}

/// The name of a host as names of files have it: what could mean something else in a path becomes `_`.
pub(super) fn host_in_names(host: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
    let name: String = host.chars().map(|character| if plain(character) { character } else { '_' }).collect();
    // No hidden file, nor one without a host.
    if name.is_empty() || name.starts_with('.') { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn files_lie_by_date_and_hour_and_sort_by_age() {
        let hour = Hour::of(Timestamp(1_700_000_000_000_000_000));
        let place = Place { hour, sequence: 1_700_000_000_123, host: "web-1".into() };
        assert_eq!(place.to_string(), "date=2023-11-14/hour=22/web-1-1700000000123.parquet");
        assert_eq!(hour.begin().since(Timestamp(0)) % 3_600_000_000_000, 0);
    }

    #[test]
    fn other_files_are_not_taken_for_ours() {
        for other in [
            "date=2023-11-14/hour=22/web-1.parquet",
            "date=2023-11-14/hour=22/web-1700000000123.parquet#1",
            "date=2023-11-14/hour=24/web-1700000000123.parquet",
            "date=2023-11-14/hour=7/web-1700000000123.parquet",
            "date=2023-11-31/hour=07/web-1700000000123.parquet",
            "date=2023-11-14/web-1700000000123.parquet",
            "web-1700000000123.parquet",
            "date=2023-11-14/hour=22/-1700000000123.parquet",
            "date=2023-11-14/hour=22/web-+700000000123.parquet",
        ] {
            assert_eq!(Place::parse(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_place_is_read_back(time in any::<i64>(), sequence in any::<u64>(), host in "[a-zA-Z0-9._-]{1,20}") {
            let place = Place { hour: Hour::of(Timestamp(time)), sequence, host };
            prop_assume!(place.hour.begin().0 > i64::MIN && place.hour.end().0 < i64::MAX);
            prop_assert_eq!(Place::parse(&place.to_string()), Some(place));
        }

        #[test]
        fn any_host_makes_a_plain_name(host in any::<String>()) {
            let name = host_in_names(&host);
            prop_assert!(!name.is_empty() && !name.starts_with('.') && !name.contains(['/', '#', '%']));
            prop_assert_eq!(host_in_names(&name), name);
        }
    }
}
