//! Resolves the arguments of `egret log`.

use std::path::PathBuf;

use egret_config::{Choice, paths};
use egret_view::filter::Filter;
use egret_view::history::LogOptions;
use jiff::ZonedDateTime;

use super::cli::LogArgs;
use super::filters::split;
use super::problem::{Problem, Problems};
use super::value;

impl LogArgs {
    /// Resolves the arguments, or returns all errors.
    pub(super) fn resolve(self) -> Result<LogOptions, Vec<Problem>> {
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
            sum: self.sums.resolve(&mut problems),
        };
        if options.since.zip(options.until).is_some_and(|(since, until)| since >= until) {
            problems.push(Problem::Conflict("--until is not after --since"));
        }
        if options.sum.is_some() && options.limit.is_some() {
            problems.push(Problem::Conflict("--limit counts events: with --sum-by use --top"));
        }
        problems.into_result(options)
    }

    fn directory(&self, problems: &mut Problems) -> PathBuf {
        let configured = self
            .config
            .as_deref()
            .and_then(|file| problems.one("--config <FILE>", &file.to_string_lossy(), |_| paths::configured_log(file)));
        configured.unwrap_or_else(|| paths::log(self.dir.as_deref()))
    }

    /// Users are not looked up: the log may be from other hosts.
    fn filter(&self, problems: &mut Problems) -> Filter {
        let mut filter = self.filters.resolve(value::user, problems);
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
