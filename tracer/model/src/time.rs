//! Points in time.

use jiff::fmt::temporal::DateTimePrinter;
use serde::Serializer;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// RFC 3339 with nine fractional digits and `Z`.
const RFC3339_NS: DateTimePrinter = DateTimePrinter::new().precision(Some(9));

impl Timestamp {
    /// The time so many nanoseconds later; earlier for a negative number.
    #[must_use]
    pub const fn shifted(self, nanoseconds: i64) -> Self {
        Self(self.0.saturating_add(nanoseconds))
    }

    /// Nanoseconds from `earlier` to `self`, zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// RFC 3339 in UTC with nanoseconds, the form that records have.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        RFC3339_NS.timestamp_to_string(&self.civil())
    }

    /// Appends [`Self::to_rfc3339`] to `out`.
    pub fn write_rfc3339(self, out: &mut Vec<u8>) {
        // Writing to a `Vec` does not fail.
        let _ = RFC3339_NS.print_timestamp(&self.civil(), out);
    }

    /// Does not fail: 64 bits of nanoseconds reach from 1677 to 2262, well within the range of jiff.
    fn civil(self) -> jiff::Timestamp {
        jiff::Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or_default()
    }
}

/// Serializes a time as RFC 3339.
pub(crate) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339())
}

/// Serializes a known time as RFC 3339.
pub(crate) fn serialize_optional<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serialize(time, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn every_timestamp_has_its_rfc_3339_form() {
        for (time, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ] {
            assert_eq!(Timestamp(time).to_rfc3339(), text);
        }
    }
}
