//! What was new, day by day, and which hours were watched: what readiness has to know besides the rules.
//!
//! ```text
//! day 2026-11-24 flows 120 new 3 hours 8-17,22
//! ```

use std::collections::BTreeMap;
use std::fmt;

use egret_model::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

use super::learn::Learned;

/// Days remembered.
pub(super) const DAYS: usize = 400;

const HOUR_NS: i64 = 3_600_000_000_000;
const DAY_SECONDS: i64 = 86_400;

/// What happened on the days that were watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Days since 1970-01-01 in UTC. At most [`DAYS`]; the oldest go first.
    days: BTreeMap<i64, Day>,
}

/// What happened on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Flows that could be learned.
    pub flows: u64,
    /// Of those, flows that no rule covered.
    pub new: u64,
    /// Hours of the day (UTC) with any flow, a bit each.
    pub hours: u32,
}

impl Day {
    /// Adds what happened elsewhere on the same day.
    pub fn add(&mut self, other: Self) {
        self.flows = self.flows.saturating_add(other.flows);
        self.new = self.new.saturating_add(other.new);
        self.hours |= other.hours;
    }
}

impl History {
    /// Notes what became of a flow.
    pub fn note(&mut self, learned: Learned, time: Timestamp) {
        let new = match learned {
            Learned::Known => 0,
            Learned::New => 1,
            _ => return,
        };
        let hour = time.0.div_euclid(HOUR_NS);
        self.add(hour.div_euclid(24), Day { flows: 1, new, hours: 1 << hour.rem_euclid(24) });
    }

    /// Adds what happened on a day, counted from 1970-01-01.
    pub fn add(&mut self, day: i64, what: Day) {
        self.days.entry(day).or_default().add(what);
        if self.days.len() > DAYS {
            self.days.pop_first();
        }
    }

    /// The days on which there were flows, as days since 1970-01-01, with what happened on each.
    pub fn days(&self) -> impl ExactSizeIterator<Item = (i64, Day)> + DoubleEndedIterator + '_ {
        self.days.iter().map(|(day, what)| (*day, *what))
    }

    /// What happened on a day.
    #[must_use]
    pub fn day(&self, day: i64) -> Option<Day> {
        self.days.get(&day).copied()
    }

    /// The hours of the day that had any flow on any day, a bit each.
    #[must_use]
    pub fn hours(&self) -> u32 {
        self.days.values().fold(0, |hours, day| hours | day.hours)
    }
}

impl FromIterator<(i64, Day)> for History {
    fn from_iter<T: IntoIterator<Item = (i64, Day)>>(days: T) -> Self {
        let mut history = Self::default();
        days.into_iter().for_each(|(day, what)| history.add(day, what));
        history
    }
}

/// The date of a day that is counted from 1970-01-01; `None` millennia from now.
#[must_use]
pub fn date_of(day: i64) -> Option<Date> {
    let begin = jiff::Timestamp::from_second(day.checked_mul(DAY_SECONDS)?).ok()?;
    Some(Offset::UTC.to_datetime(begin).date())
}

fn day_of(date: Date) -> Option<i64> {
    let begin = Offset::UTC.to_timestamp(date.to_datetime(Time::midnight())).ok()?;
    Some(begin.as_second().div_euclid(DAY_SECONDS))
}

/// The lines of the file.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (day, Day { flows, new, hours }) in &self.days {
            let date = date_of(*day).ok_or(fmt::Error)?;
            writeln!(f, "day {date} flows {flows} new {new} hours {}", Hours(*hours))?;
        }
        Ok(())
    }
}

/// Hours of a day as lists of them are written: `8-17,22`, `-` for none.
#[derive(Clone, Copy, Debug)]
pub struct Hours(pub u32);

impl Hours {
    fn parse(text: &str) -> Option<Self> {
        let hour = |text: &str| text.parse::<u32>().ok().filter(|hour| *hour < 24);
        let mut hours = 0;
        for range in text.split(',').filter(|text| *text != "-") {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last) = (hour(first)?, hour(last)?);
            (first..=last).for_each(|hour| hours |= 1 << hour);
        }
        Some(Self(hours))
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_set = |hour: u32| self.0 & 1 << hour != 0;
        let mut separator = "";
        for first in (0..24).filter(|hour| is_set(*hour) && !hour.checked_sub(1).is_some_and(is_set)) {
            let last = (first..24).take_while(|hour| is_set(*hour)).last().unwrap_or(first);
            if first == last {
                write!(f, "{separator}{first}")?;
            } else {
                write!(f, "{separator}{first}-{last}")?;
            }
            separator = ",";
        }
        if separator.is_empty() { f.write_str("-") } else { Ok(()) }
    }
}

/// Reads what follows `day`.
pub(super) fn parse(text: &str) -> Result<(i64, Day), String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [date, "flows", flows, "new", new, "hours", hours] = words.as_slice() else {
        return Err("expected a day such as `day 2026-11-24 flows 120 new 3 hours 8-17,22`".to_owned());
    };
    let day = date.parse().ok().and_then(day_of).ok_or_else(|| format!("{date:?} is no date such as 2026-11-24"))?;
    let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is no number of flows"));
    let (flows, new) = (number(flows)?, number(new)?);
    let Hours(hours) = Hours::parse(hours).ok_or_else(|| format!("{hours:?} are no hours of a day such as 8-17,22"))?;
    Ok((day, Day { flows, new, hours }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn written_day_is_parsed_back(day in -40_000_i64..40_000, flows in any::<u64>(), new in any::<u64>(), hours in 0_u32..1 << 24) {
            let what = Day { flows, new, hours };
            let line = History::from_iter([(day, what)]).to_string();
            prop_assert_eq!(parse(line.strip_prefix("day").unwrap()), Ok((day, what)), "{}", line);
        }
    }

    #[test]
    fn hours_are_written_as_ranges() {
        for (hours, text) in [(0, "-"), (1, "0"), (0xff_ffff, "0-23"), (0b110_0001, "0,5-6")] {
            assert_eq!(Hours(hours).to_string(), text);
        }
        assert!(parse("2026-11-24 flows 1 new 1 hours 24").is_err());
        assert!(parse("2026-13-24 flows 1 new 1 hours 2").is_err());
    }

    #[test]
    fn old_days_are_removed() {
        let history: History = (0..500).map(|day| (day, Day { flows: 1, ..Day::default() })).collect();
        assert_eq!((history.days().len(), history.days().next().map(|(day, _)| day)), (DAYS, Some(100)));
    }
}
