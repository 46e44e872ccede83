//! Points in time as programs read them: RFC 3339 in UTC with nanoseconds, as in records.

use egret_model::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::Serializer;
use serde::ser::Error as _;

const RFC3339_NS: DateTimePrinter = DateTimePrinter::new().precision(Some(9));

/// Writes a point in time.
pub(super) fn text<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    // Sixty-four bits of nanoseconds reach from 1677 to 2262, well within what jiff represents.
    let time = jiff::Timestamp::from_nanosecond(i128::from(time.0)).map_err(S::Error::custom)?;
    serializer.serialize_str(&RFC3339_NS.timestamp_to_string(&time))
}

/// Writes a point in time if there is one.
pub(super) fn optional<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => text(time, serializer),
        None => serializer.serialize_none(),
    }
}
