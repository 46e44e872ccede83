//! What `egret log` was asked to show.

use std::path::PathBuf;

use egret_model::{ArgumentsForm, Timestamp};
use jiff::ZonedDateTime;

use super::choice::{Choice, ColorChoice, LogFormat};
use super::cli::LogArgs;
use super::problem::{Problem, Problems};
use super::value;
use crate::config::places;
use crate::filter::Filter;

/// What `egret log` was asked to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// How to write events.
    pub format: LogFormat,
    /// Arguments of programs, where events have them.
    pub arguments: ArgumentsForm,
    /// When to colour the table.
    pub color: ColorChoice,
    /// Events to show at most.
    pub limit: Option<u64>,
    /// Directory of the log.
    pub directory: PathBuf,
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Which events to show.
    pub filter: Filter,
}

impl LogArgs {
    /// What was meant, or everything that is wrong with what was typed. Times ago are counted back from now.
    pub(super) fn meant(self) -> Result<LogOptions, Vec<Problem>> {
        let mut problems = Problems::default();
        let now = ZonedDateTime::now();
        let moment = |text: &str| value::moment(text, &now);
        let options = LogOptions {
            format: problems.one("--format <FORMAT>", &self.format, Choice::from_word).unwrap_or_default(),
            arguments: problems.one("--arguments <FORM>", &self.arguments, Choice::from_word).unwrap_or_default(),
            color: problems.one("--color <WHEN>", &self.color, Choice::from_word).unwrap_or_default(),
            limit: self.limit.as_deref().and_then(|text| problems.one("--limit <COUNT>", text, value::count)),
            directory: places::log(self.dir.as_deref()),
            since: self.since.as_deref().and_then(|text| problems.one("--since <TIME>", text, moment)),
            until: self.until.as_deref().and_then(|text| problems.one("--until <TIME>", text, moment)),
            filter: Filter {
                verdicts: problems.each("--verdict <VERDICT>", &self.verdict, value::verdict),
                reasons: problems.each("--reason <REASON>", &self.reason, value::reason),
                ..self.filters.meant(&mut problems)
            },
        };
        if options.since.zip(options.until).is_some_and(|(since, until)| since >= until) {
            problems.push(Problem::Conflict("--until is not after --since"));
        }
        problems.or(options)
    }
}
