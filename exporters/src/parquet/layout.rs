//! The paths of files: `date=YYYY-MM-DD/hour=HH/HOST-SEQ.parquet`.
//!
//! The hour is that of the events, in UTC; query engines read this form as Hive partitions. The sequence number is the Unix time in
//! milliseconds at which the file was created, increased where needed to be monotonic, so that names sort by age.

use std::fmt;

use egret_model::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

const HOUR_NS: i64 = 3_600_000_000_000;

/// An hour, counted from 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Hour(i64);

impl Hour {
    /// Its beginning.
    pub(super) const fn begin(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(HOUR_NS))
    }

    /// Its end, which is not part of it.
    pub(super) const fn end(self) -> Timestamp {
        Timestamp(self.0.saturating_add(1).saturating_mul(HOUR_NS))
    }

    /// Parses the form that [`Self::fmt`] writes.
    pub(super) fn parse(directory: &str) -> Option<Self> {
        let (date, hour) = directory.split_once('/')?;
        let date: Date = date.strip_prefix("date=")?.parse().ok()?;
        let hour = Time::new(hour.strip_prefix("hour=")?.parse().ok()?, 0, 0, 0).ok()?;
        let begin = TimeZone::UTC.to_timestamp(date.to_datetime(hour)).ok()?;
        let hour = Self::from(Timestamp(i64::try_from(begin.as_nanosecond()).ok()?));
        // Rejects other forms of a date.
        (hour.to_string() == directory).then_some(hour)
    }
}

impl From<Timestamp> for Hour {
    fn from(time: Timestamp) -> Self {
        Self(time.0.div_euclid(HOUR_NS))
    }
}

/// The directory of the hour, below the root of the log.
impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = jiff::Timestamp::from_nanosecond(i128::from(self.begin().0)).unwrap_or_default();
        write!(f, "{}", begin.strftime("date=%Y-%m-%d/hour=%H"))
    }
}

/// The path of a log file, below the root of the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LogFile {
    /// The hour of its events.
    pub(super) hour: Hour,
    pub(super) sequence: u64,
    /// The host whose events it has.
    pub(super) host: String,
}

impl LogFile {
    /// Parses a path; components before the date are ignored. `None` for other files.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let (directory, name) = path.rsplit_once('/')?;
        let date = directory.rmatch_indices('/').nth(1).map_or(0, |(slash, _)| slash + 1);
        let (host, sequence) = Self::parse_name(name)?;
        Some(Self { hour: Hour::parse(directory.get(date..)?)?, sequence, host: host.to_owned() })
    }

    /// Parses a file name to host and sequence number.
    pub(super) fn parse_name(name: &str) -> Option<(&str, u64)> {
        let (host, digits) = name.strip_suffix(".parquet")?.rsplit_once('-')?;
        let numeric = digits.len() >= SEQUENCE_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        let sequence = digits.parse().ok().filter(|_| numeric && !host.is_empty())?;
        Some((host, sequence))
    }
}

/// Minimum number of digits of a sequence number; Unix milliseconds have as many until the year 2286.
const SEQUENCE_DIGITS: usize = 13;

impl fmt::Display for LogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}-{:0width$}.parquet", self.hour, self.host, self.sequence, width = SEQUENCE_DIGITS)
    }
}

/// The name of a host in file names: characters with a special meaning in paths become `_`.
pub(super) fn file_name_of_host(host: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
    let name: String = host.chars().map(|character| if plain(character) { character } else { '_' }).collect();
    // Neither empty nor hidden.
    if name.is_empty() || name.starts_with('.') { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn path_has_date_hour_host_and_sequence() {
        let hour = Hour::from(Timestamp(1_700_000_000_000_000_000));
        let file = LogFile { hour, sequence: 1_700_000_000_123, host: "web-1".into() };
        assert_eq!(file.to_string(), "date=2023-11-14/hour=22/web-1-1700000000123.parquet");
        assert_eq!(hour.begin().since(Timestamp(0)) % 3_600_000_000_000, 0);
    }

    #[test]
    fn other_paths_are_not_log_files() {
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
            assert_eq!(LogFile::parse(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn parse_reverses_display(time in any::<i64>(), sequence in any::<u64>(), host in "[a-zA-Z0-9._-]{1,20}") {
            let file = LogFile { hour: Hour::from(Timestamp(time)), sequence, host };
            prop_assume!(file.hour.begin().0 > i64::MIN && file.hour.end().0 < i64::MAX);
            prop_assert_eq!(LogFile::parse(&file.to_string()), Some(file));
        }

        #[test]
        fn any_host_has_a_valid_file_name(host in any::<String>()) {
            let name = file_name_of_host(&host);
            prop_assert!(!name.is_empty() && !name.starts_with('.') && !name.contains(['/', '#', '%']));
            prop_assert_eq!(file_name_of_host(&name), name);
        }
    }
}
