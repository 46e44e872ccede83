//! Resolves the arguments of `egret report`.

use egret_config::Choice;
use egret_view::report::ReportOptions;
use jiff::ZonedDateTime;

use super::cli::ReportArgs;
use super::problem::{Problem, Problems};
use super::value;

impl ReportArgs {
    /// Resolves the arguments, or returns all errors.
    pub(super) fn resolve(self) -> Result<ReportOptions, Vec<Problem>> {
        let mut problems = Problems::default();
        let now = ZonedDateTime::now();
        let moment = |text: &str| value::moment(text, &now);
        let format = problems.one("--format <FORMAT>", &self.format, Choice::from_word).unwrap_or_default();
        let until = self.until.as_deref().unwrap_or("0s");
        let since = problems.one("--since <TIME>", &self.since, moment);
        let until = problems.one("--until <TIME>", until, moment);
        if since.zip(until).is_some_and(|(since, until)| since >= until) {
            problems.push(Problem::Conflict("--until is not after --since"));
        }
        let (since, until) = (since.unwrap_or_default(), until.unwrap_or_default());
        let log = self.baseline.log(self.log.as_deref(), &mut problems);
        let baseline = self.baseline.path(&mut problems);
        let Self { output, baseline: file, .. } = self;
        problems.into_result(ReportOptions { format, log, baseline, config: file.config, since, until, output })
    }
}
