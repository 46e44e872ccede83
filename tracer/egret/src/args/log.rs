//! What `egret log` was asked to show.

use std::path::PathBuf;

use egret_config::{Choice, paths};
use egret_model::{ArgumentsForm, Timestamp};
use jiff::ZonedDateTime;

use super::choice::{ColorChoice, LogFormat};
use super::cli::LogArgs;
use super::filters::split;
use super::problem::{Problem, Problems};
use super::sums::SumOptions;
use super::value;
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
    /// How to add them up, instead of showing them.
    pub sum: Option<SumOptions>,
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
            directory: self.directory(&mut problems),
            since: self.since.as_deref().and_then(|text| problems.one("--since <TIME>", text, moment)),
            until: self.until.as_deref().and_then(|text| problems.one("--until <TIME>", text, moment)),
            filter: self.filter(&mut problems),
            sum: self.sums.meant(&mut problems),
        };
        if options.since.zip(options.until).is_some_and(|(since, until)| since >= until) {
            problems.push(Problem::Conflict("--until is not after --since"));
        }
        if options.sum.is_some() && options.limit.is_some() {
            problems.push(Problem::Conflict("--limit counts events: with --sum-by use --top"));
        }
        problems.or(options)
    }

    fn directory(&self, problems: &mut Problems) -> PathBuf {
        let configured = self
            .config
            .as_deref()
            .and_then(|file| problems.one("--config <FILE>", &file.to_string_lossy(), |_| paths::configured_log(file)));
        configured.unwrap_or_else(|| paths::log(self.dir.as_deref()))
    }

    /// Users are taken as they are: other hosts may have written the log.
    fn filter(&self, problems: &mut Problems) -> Filter {
        let mut filter = self.filters.meant(value::user, problems);
        let ((verdicts, not_verdicts), (reasons, not_reasons)) = (split(&self.verdict), split(&self.reason));
        let mut read = |verdicts: &[String], reasons: &[String]| {
            let verdicts = problems.each("--verdict <VERDICT>", verdicts, value::verdict);
            (verdicts, problems.each("--reason <REASON>", reasons, value::reason))
        };
        (filter.verdicts, filter.reasons) = read(&verdicts, &reasons);
        let (verdicts, reasons) = read(&not_verdicts, &not_reasons);
        if !verdicts.is_empty() || !reasons.is_empty() {
            let not = filter.not.take().map(|not| *not).unwrap_or_default();
            filter.not = Some(Box::new(Filter { verdicts, reasons, ..not }));
        }
        filter
    }
}
