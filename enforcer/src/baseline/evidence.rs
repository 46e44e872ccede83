//! Why a rule is there: what was seen, and when.

use std::fmt;

use egret_model::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

use super::rule::Generalisation;

/// Nanoseconds in a day; days are those of UTC.
const DAY: i64 = 86_400_000_000_000;
/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;
/// Examples named of what a rule was generalised from.
pub(super) const EXAMPLES: usize = 3;

/// What was seen of the flows of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Flows that succeeded.
    pub count: u64,
    /// Flows that failed. Days and times are those of the flows that succeeded, if there were any.
    pub failed: u64,
    /// Days, in UTC, on which there were any.
    pub days: u64,
    /// The first, to the second.
    pub first: Timestamp,
    /// The last, to the second.
    pub last: Timestamp,
    /// What the rule was generalised from, if it was.
    pub members: Option<Members>,
}

/// The destinations that one rule was generalised from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    /// What they have in common.
    pub kind: Generalisation,
    /// How many there were.
    pub count: u64,
    /// Some of them.
    pub examples: Vec<String>,
}

impl Evidence {
    /// One flow.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        let time = to_second(time);
        Self { count: 1, failed: 0, days: 1, first: time, last: time, members: None }
    }

    /// One flow that failed.
    #[must_use]
    pub fn of_failed(time: Timestamp) -> Self {
        Self { count: 0, failed: 1, ..Self::of(time) }
    }

    /// Adds a flow. Flows come in the order of their times, or nearly: one of a day before the last counts no new day.
    pub fn add(&mut self, time: Timestamp) {
        if self.count == 0 {
            *self = Self { failed: self.failed, members: self.members.take(), ..Self::of(time) };
            return;
        }
        self.count = self.count.saturating_add(1);
        self.extend(time);
    }

    /// Adds a flow that failed. It does not make a rule look used that nothing else uses.
    pub fn add_failed(&mut self, time: Timestamp) {
        self.failed = self.failed.saturating_add(1);
        if self.count == 0 {
            self.extend(time);
        }
    }

    fn extend(&mut self, time: Timestamp) {
        let time = to_second(time);
        self.days = self.days.saturating_add(u64::from(day(time) > day(self.last)));
        self.last = self.last.max(time);
        self.first = self.first.min(time);
    }

    /// Adds what was seen elsewhere: on another host, or of another rule that this one replaces. On how many days together
    /// is not known; as many as either at least, and no more than there are from the first to the last.
    pub fn merge(&mut self, other: &Self) {
        let failed = self.failed.saturating_add(other.failed);
        match (self.count, other.count) {
            (0, 1..) => *self = other.clone(),
            (1.., 0) => {}
            _ => self.merge_times(other),
        }
        self.failed = failed;
    }

    fn merge_times(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.days = self.days.max(other.days);
        if self.members.is_none() {
            self.members.clone_from(&other.members);
        }
    }
}

fn day(time: Timestamp) -> i64 {
    time.0.div_euclid(DAY)
}

/// Evidence is written to the second.
const fn to_second(time: Timestamp) -> Timestamp {
    Timestamp(time.0.div_euclid(SECOND).saturating_mul(SECOND))
}

/// An interval in which events were lost: what was learned then is not all that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// Its begin.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Records lost.
    pub lost: u64,
}

impl Gap {
    /// An interval of whole seconds that holds this one: gaps are written to the second.
    #[must_use]
    pub const fn in_seconds(self) -> Self {
        let up = Timestamp(self.to.0.saturating_add(SECOND - 1));
        Self { from: to_second(self.from), to: to_second(up), lost: self.lost }
    }
}

/// The first and the last of some moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
}

impl Period {
    /// A moment.
    #[must_use]
    pub const fn of(time: Timestamp) -> Self {
        Self { first: time, last: time }
    }

    /// Holds another one from now on, too.
    pub fn extend(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// RFC 3339 in UTC, as precise as it is.
pub(super) struct Exactly(pub(super) Timestamp);

impl fmt::Display for Exactly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        jiff::Timestamp::from_nanosecond(i128::from(self.0.0)).map_err(|_| fmt::Error)?.fmt(f)
    }
}

/// RFC 3339 in UTC, to the second.
pub(super) struct Seconds(pub(super) Timestamp);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(0));
        // Sixty-four bits of nanoseconds reach from 1677 to 2262, well within what jiff represents.
        let time = jiff::Timestamp::from_nanosecond(i128::from(self.0.0)).map_err(|_| fmt::Error)?;
        f.write_str(&PRINTER.timestamp_to_string(&time))
    }
}

/// As lines have it.
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, failed, days, first, last, members } = self;
        let (word, times) = if *count == 0 { ("failed", *failed) } else { ("seen", *count) };
        let (time, on) = (plural(times, "time"), plural(*days, "day"));
        write!(f, "{word} {times} {time} on {days} {on}, {} to {}", Seconds(*first), Seconds(*last))?;
        if *count > 0 && *failed > 0 {
            write!(f, ", failed {failed} {}", plural(*failed, "time"))?;
        }
        let Some(Members { kind, count, examples }) = members else { return Ok(()) };
        write!(f, ", for {count} {}: {}", kind.as_str(), examples.join(" "))
    }
}

fn plural(count: u64, one: &str) -> String {
    if count == 1 { one.to_owned() } else { format!("{one}s") }
}

impl Evidence {
    /// Reads the form that lines have.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (seen, members) = match text.split_once(", for ") {
            Some((seen, members)) => (seen, Some(Members::parse(members)?)),
            None => (text, None),
        };
        let (counts, period) = seen.split_once(", ")?;
        let (period, failed) = match period.split_once(", failed ") {
            Some((period, failed)) => (period, failed.split_once(" time")?.0.parse().ok()?),
            None => (period, 0),
        };
        let mut words = counts.split_whitespace();
        let mut number = |before: &str, after: &str| {
            let number = (words.next()? == before).then(|| words.next())??.parse().ok()?;
            words.next()?.trim_end_matches('s').eq(after).then_some(number)
        };
        let only_failed = counts.starts_with("failed ");
        let times = number(if only_failed { "failed" } else { "seen" }, "time")?;
        let (count, failed) = if only_failed { (0, times) } else { (times, failed) };
        let days = number("on", "day")?;
        let (first, last) = period.split_once(" to ")?;
        Some(Self { count, failed, days, first: time(first)?, last: time(last)?, members })
    }
}

impl Members {
    fn parse(text: &str) -> Option<Self> {
        let (head, examples) = text.split_once(": ")?;
        let (count, kind) = head.split_once(' ')?;
        let kind = Generalisation::ALL.into_iter().find(|known| known.as_str() == kind)?;
        let examples = examples.split_whitespace().map(str::to_owned).collect();
        Some(Self { kind, count: count.parse().ok()?, examples })
    }
}

/// Reads RFC 3339.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok().map(Timestamp)
}
