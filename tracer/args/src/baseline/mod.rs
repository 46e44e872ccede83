//! The arguments of `egret baseline` as clap parses them. `command` resolves them; `rule` resolves a rule.

mod command;
mod help;
mod rule;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};
use egret_config::paths;

use super::problem::Problems;

pub use self::command::{BaselineCommand, LogRange, SubjectFilter};

#[derive(Debug, Subcommand)]
#[command(after_long_help = help::BASELINE)]
pub(super) enum BaselineArgs {
    /// Show the rules with their evidence
    #[command(after_long_help = help::SHOW)]
    Show(ShowArgs),
    /// Show whether the baseline is good enough to enforce, and if not, why
    #[command(after_long_help = help::READINESS)]
    Readiness(ReadinessArgs),
    /// Show which rules differ between two baselines
    #[command(after_long_help = help::DIFF)]
    Diff(DiffArgs),
    /// Show which recorded flows the baseline would have blocked
    #[command(after_long_help = help::REPLAY)]
    Replay(ReplayArgs),
    /// Learn from the log
    #[command(after_long_help = help::LEARN)]
    Learn(LearnArgs),
    /// Show why a rule exists: its evidence, and the rules that it replaces
    #[command(after_long_help = help::EXPLAIN)]
    Explain(ExplainArgs),
    /// Add a rule that allows flows
    #[command(after_long_help = help::ALLOW)]
    Allow(EditArgs),
    /// Add a rule that denies flows, with precedence over rules that allow
    #[command(after_long_help = help::DENY)]
    Deny(EditArgs),
    /// Remove rules
    #[command(after_long_help = help::REMOVE)]
    Remove(RemoveArgs),
    /// Merge the baselines of several hosts or times
    #[command(after_long_help = help::MERGE)]
    Merge(MergeArgs),
    /// Remove rules that were not used for a time
    #[command(after_long_help = help::PRUNE)]
    Prune(PruneArgs),
    /// Report all errors in a baseline, with their lines
    #[command(after_long_help = help::CHECK)]
    Check(CheckArgs),
}

#[derive(Debug, Args)]
pub(super) struct BaselineFile {
    /// The baseline; the default is the configured one
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    baseline: Option<PathBuf>,

    /// The configuration with the paths of baseline and log and with what enforcement judges; the default is
    /// /etc/egret/egret.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) config: Option<PathBuf>,
}

impl BaselineFile {
    pub(super) fn path(&self, problems: &mut Problems) -> PathBuf {
        let named = self.baseline.as_deref();
        self.configured(named, paths::configured_baseline, problems).unwrap_or_else(|| paths::baseline(named))
    }

    pub(super) fn log(&self, named: Option<&Path>, problems: &mut Problems) -> PathBuf {
        self.configured(named, paths::configured_log, problems).unwrap_or_else(|| paths::log(named))
    }

    /// A path from the configuration that `--config` names, unless the path itself is named.
    fn configured(
        &self,
        named: Option<&Path>,
        place: impl FnOnce(&Path) -> Result<PathBuf, String>,
        problems: &mut Problems,
    ) -> Option<PathBuf> {
        let file = self.config.as_deref().filter(|_| named.is_none())?;
        problems.one("--config <FILE>", &file.to_string_lossy(), |_| place(file))
    }
}

/// A time range of the log.
#[derive(Debug, Args)]
pub(super) struct LogRangeArgs {
    /// Only flows since this time: a duration before now such as 90m or 2d, or a time such as 2026-11-24T08:00 or
    /// 2026-11-24T08:00Z
    ///
    /// A time without a zone is local time.
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<String>,

    /// Only flows before this time, in the same forms
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The baseline, the same as --baseline
    #[arg(value_hint = ValueHint::FilePath, conflicts_with = "baseline")]
    pub(super) file: Option<PathBuf>,

    #[command(flatten)]
    pub(super) baseline: BaselineFile,

    /// Only rules about this subject: the file name or path of an executable, or a subject as in a rule
    #[arg(long, value_name = "NAME|PATH|SUBJECT")]
    pub(super) subject: Option<String>,

    /// Write one JSON object a rule
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReadinessArgs {
    #[command(flatten)]
    pub(super) baseline: BaselineFile,

    /// Learn this log again, day by day, instead of using the evidence in the baseline
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) log: Option<PathBuf>,

    #[command(flatten)]
    pub(super) range: LogRangeArgs,

    /// With --log: do not generalise rules
    #[arg(long, requires = "log")]
    pub(super) exact: bool,

    /// Only this subject: the file name or path of an executable, or a subject as in a rule
    #[arg(long, value_name = "NAME|PATH|SUBJECT")]
    pub(super) subject: Option<String>,

    /// Write one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// The first baseline
    #[arg(value_name = "A", value_hint = ValueHint::FilePath)]
    pub(super) first: PathBuf,

    /// The second baseline; the default is the one of --baseline
    #[arg(value_name = "B", value_hint = ValueHint::FilePath)]
    pub(super) second: Option<PathBuf>,

    #[command(flatten)]
    pub(super) baseline: BaselineFile,

    /// Write one JSON object a difference
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    pub(super) baseline: BaselineFile,

    /// Directory of the log; the default is the configured one
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) log: Option<PathBuf>,

    #[command(flatten)]
    pub(super) range: LogRangeArgs,

    /// Write one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct LearnArgs {
    #[command(flatten)]
    pub(super) baseline: BaselineFile,

    /// Write to this file instead; if it exists, learning continues with it
    #[arg(long, value_name = "FILE", conflicts_with = "baseline", value_hint = ValueHint::FilePath)]
    pub(super) output: Option<PathBuf>,

    /// Directory of the log; the default is the configured one
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) log: Option<PathBuf>,

    #[command(flatten)]
    pub(super) range: LogRangeArgs,

    /// Do not generalise rules
    #[arg(long)]
    pub(super) exact: bool,

    /// Learn failed flows like successful ones
    #[arg(long)]
    pub(super) allow_failed: bool,

    /// Put the SHA-256 of the executable into new rules: an updated program no longer matches
    #[arg(long)]
    pub(super) with_sha256: bool,

    /// Do not put users into new rules
    #[arg(long)]
    pub(super) any_user: bool,

    /// Do not put systemd units into new rules
    #[arg(long)]
    pub(super) any_unit: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    pub(super) rule: RuleArgs,

    #[command(flatten)]
    pub(super) baseline: BaselineFile,

    /// Show the flows in this log that the rule covers
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) log: Option<PathBuf>,

    #[command(flatten)]
    pub(super) range: LogRangeArgs,

    /// Write one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct EditArgs {
    #[command(flatten)]
    pub(super) rule: RuleArgs,

    #[command(flatten)]
    pub(super) baseline: BaselineFile,

    /// The comment behind the rule; the default is "by hand" and the date
    #[arg(long, value_name = "TEXT")]
    pub(super) note: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    #[command(flatten)]
    pub(super) rule: RuleArgs,

    /// Further rules
    #[arg(value_name = "RULE|N")]
    pub(super) more: Vec<String>,

    /// Rules from answers of this person (egret ask)
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Username)]
    pub(super) by: Option<String>,

    /// Rules from answers since this day (egret ask), such as 2026-11-29
    #[arg(long, value_name = "DAY")]
    pub(super) answered_since: Option<String>,

    #[command(flatten)]
    pub(super) baseline: BaselineFile,
}

#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// The baselines
    #[arg(value_name = "FILE", num_args = 2.., required = true, value_hint = ValueHint::FilePath)]
    pub(super) files: Vec<PathBuf>,

    /// Replace this file instead of writing to standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct PruneArgs {
    #[command(flatten)]
    pub(super) baseline: BaselineFile,

    /// How long a rule was not used, counted back from the last flow in the baseline
    #[arg(long, value_name = "TIME")]
    pub(super) unused: String,

    /// Only show which rules would be removed
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The baseline, the same as --baseline
    #[arg(value_hint = ValueHint::FilePath, conflicts_with = "baseline")]
    pub(super) file: Option<PathBuf>,

    #[command(flatten)]
    pub(super) baseline: BaselineFile,
}

/// A rule, as one text or as separate options.
#[derive(Debug, Default, Args)]
pub(super) struct RuleArgs {
    /// The rule as in the file, in quotes, or its number in `egret baseline show`
    #[arg(value_name = "RULE|N")]
    pub(super) rule: Option<String>,

    /// Path of the executable; symbolic links are resolved
    #[arg(long, value_name = "PATH", help_heading = RULE, value_hint = ValueHint::ExecutablePath, conflicts_with = "rule")]
    pub(super) exe: Option<String>,

    /// The script of an interpreter, or '-m MODULE'
    #[arg(long, value_name = "SCRIPT", help_heading = RULE, conflicts_with = "rule", allow_hyphen_values = true)]
    pub(super) script: Option<String>,

    /// SHA-256 of the executable
    #[arg(long, value_name = "DIGEST", help_heading = RULE, conflicts_with = "rule")]
    pub(super) sha256: Option<String>,

    /// Name of the effective user, or the uid of a user without a name
    #[arg(long, value_name = "NAME|UID", help_heading = RULE, value_hint = ValueHint::Username, conflicts_with = "rule")]
    pub(super) user: Option<String>,

    /// systemd unit
    #[arg(long, value_name = "UNIT", help_heading = RULE, conflicts_with = "rule")]
    pub(super) unit: Option<String>,

    /// Full container id
    #[arg(long, value_name = "ID", help_heading = RULE, conflicts_with = "rule")]
    pub(super) container: Option<String>,

    /// Image of the container, with its tag
    #[arg(long, value_name = "NAME[:TAG]", help_heading = RULE, conflicts_with = "rule")]
    pub(super) image: Option<String>,

    /// Pod, by its namespace and workload (Deployment, StatefulSet...)
    #[arg(long, value_name = "NAMESPACE/WORKLOAD", help_heading = RULE, conflicts_with = "rule")]
    pub(super) pod: Option<String>,

    /// Path of the executable of the parent process
    #[arg(long, value_name = "PATH", help_heading = RULE, value_hint = ValueHint::ExecutablePath, conflicts_with = "rule")]
    pub(super) parent: Option<String>,

    /// Destination: a name, .DOMAIN for a domain and all names below it, *.DOMAIN for only the names below it, an address, a
    /// network or *; without a port, any port
    #[arg(long, value_name = "HOST[:PORT[-PORT]]", help_heading = RULE, value_hint = ValueHint::Hostname, conflicts_with = "rule")]
    pub(super) to: Option<String>,

    /// Transport of --to, such as tcp; the default is any
    #[arg(long, value_name = "NAME", help_heading = RULE, requires = "to", conflicts_with = "rule")]
    pub(super) transport: Option<String>,
}

const RULE: &str = "A rule in separate options";
