//! What can be typed behind `egret baseline`. `meant.rs` says what it means, `rule.rs` what a typed rule does.

mod help;
mod meant;
mod rule;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};
use egret_config::paths;

use super::problem::Problems;

pub use self::meant::{BaselineCommand, Span, Whose};

#[derive(Debug, Subcommand)]
#[command(after_long_help = help::BASELINE)]
pub(super) enum BaselineArgs {
    /// Show the rules, with what was seen of each
    #[command(after_long_help = help::SHOW)]
    Show(ShowArgs),
    /// Tell whether the baseline is good enough to hold the host to, and why not
    #[command(after_long_help = help::READINESS)]
    Readiness(ReadinessArgs),
    /// Show which rules differ between two baselines
    #[command(after_long_help = help::DIFF)]
    Diff(DiffArgs),
    /// Show what the baseline would have blocked of what the log has recorded
    #[command(after_long_help = help::REPLAY)]
    Replay(ReplayArgs),
    /// Learn from the log
    #[command(after_long_help = help::LEARN)]
    Learn(LearnArgs),
    /// Tell why a rule is there: what was seen, and what it stands for
    #[command(after_long_help = help::EXPLAIN)]
    Explain(ExplainArgs),
    /// Add a rule that lets flows through
    #[command(after_long_help = help::ALLOW)]
    Allow(EditArgs),
    /// Add a rule that blocks flows, whatever other rules allow
    #[command(after_long_help = help::DENY)]
    Deny(EditArgs),
    /// Remove rules
    #[command(after_long_help = help::REMOVE)]
    Remove(RemoveArgs),
    /// Put the baselines of several hosts, or of several times, together
    #[command(after_long_help = help::MERGE)]
    Merge(MergeArgs),
    /// Remove rules that nothing has used for a time
    #[command(after_long_help = help::PRUNE)]
    Prune(PruneArgs),
    /// Tell everything that is wrong with a baseline, with its line
    #[command(after_long_help = help::CHECK)]
    Check(CheckArgs),
}

/// Which baseline it is about.
#[derive(Debug, Args)]
pub(super) struct BaselineFile {
    /// The baseline; without this option the one that the configuration names
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    baseline: Option<PathBuf>,

    /// The configuration that says where baseline and log are and what enforcement judges; without this option the usual one
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

    /// Where the configuration that was named has something that was not named itself.
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

/// Which part of the log.
#[derive(Debug, Args)]
pub(super) struct SpanArgs {
    /// Only what happened since: a time ago such as 90m or 2d, or a time such as 2026-11-24T08:00 or 2026-11-24T08:00Z
    ///
    /// A time without a zone is local time.
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<String>,

    /// Only what happened before, in the same forms
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The baseline, as --baseline says it too
    #[arg(value_hint = ValueHint::FilePath, conflicts_with = "baseline")]
    pub(super) file: Option<PathBuf>,

    #[command(flatten)]
    pub(super) baseline: BaselineFile,

    /// Only rules about these processes: an executable by its file name or path, or what a rule has before `->`
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

    /// Learn this log anew, day by day, instead of taking the baseline's own evidence
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) log: Option<PathBuf>,

    #[command(flatten)]
    pub(super) span: SpanArgs,

    /// With --log: do not make several rules into one
    #[arg(long, requires = "log")]
    pub(super) exact: bool,

    /// Only these processes: an executable by its file name or path, or what a rule has before `->`
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

    /// The second; without it, the one that --baseline names
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

    /// Directory of the log; without this option the one that the configuration names
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) log: Option<PathBuf>,

    #[command(flatten)]
    pub(super) span: SpanArgs,

    /// Write one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct LearnArgs {
    #[command(flatten)]
    pub(super) baseline: BaselineFile,

    /// Write to this file instead; if it exists, learning goes on with it
    #[arg(long, value_name = "FILE", conflicts_with = "baseline", value_hint = ValueHint::FilePath)]
    pub(super) output: Option<PathBuf>,

    /// Directory of the log; without this option the one that the configuration names
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) log: Option<PathBuf>,

    #[command(flatten)]
    pub(super) span: SpanArgs,

    /// Do not make several rules into one
    #[arg(long)]
    pub(super) exact: bool,

    /// Let flows that failed become rules like those that succeeded
    #[arg(long)]
    pub(super) allow_failed: bool,

    /// Name the SHA-256 of executables in new rules: an updated program is another one then
    #[arg(long)]
    pub(super) with_sha256: bool,

    /// Do not name users in new rules
    #[arg(long)]
    pub(super) any_user: bool,

    /// Do not name systemd units in new rules
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
    pub(super) span: SpanArgs,

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

    /// Comment behind the rule; without this option the date, and that it was written by hand
    #[arg(long, value_name = "TEXT")]
    pub(super) note: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    #[command(flatten)]
    pub(super) rule: RuleArgs,

    /// Further ones
    #[arg(value_name = "RULE|N")]
    pub(super) more: Vec<String>,

    /// Rules that answers of this person made (egret ask)
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Username)]
    pub(super) by: Option<String>,

    /// Rules that answers of this day or later made (egret ask), such as 2026-11-29
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

    /// Write to this file instead of standard output, in place of what it holds
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct PruneArgs {
    #[command(flatten)]
    pub(super) baseline: BaselineFile,

    /// For how long nothing has used a rule, counted back from the last flow that the baseline knows
    #[arg(long, value_name = "TIME")]
    pub(super) unused: String,

    /// Only show which rules would go
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The baseline, as --baseline says it too
    #[arg(value_hint = ValueHint::FilePath, conflicts_with = "baseline")]
    pub(super) file: Option<PathBuf>,

    #[command(flatten)]
    pub(super) baseline: BaselineFile,
}

/// A rule, as one text or piece by piece.
#[derive(Debug, Default, Args)]
pub(super) struct RuleArgs {
    /// The rule as the file has it, in quotes, or the number that `egret baseline show` gives it
    #[arg(value_name = "RULE|N")]
    pub(super) rule: Option<String>,

    /// Path of the executable; links are followed, as the kernel does
    #[arg(long, value_name = "PATH", help_heading = RULE, value_hint = ValueHint::ExecutablePath, conflicts_with = "rule")]
    pub(super) exe: Option<String>,

    /// What an interpreter runs: a script, or '-m MODULE'
    #[arg(long, value_name = "SCRIPT", help_heading = RULE, conflicts_with = "rule", allow_hyphen_values = true)]
    pub(super) script: Option<String>,

    /// SHA-256 of the executable
    #[arg(long, value_name = "DIGEST", help_heading = RULE, conflicts_with = "rule")]
    pub(super) sha256: Option<String>,

    /// Name of the effective user, or the number of one without a name
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

    /// Pod, by its namespace and what made it: a Deployment, a StatefulSet...
    #[arg(long, value_name = "NAMESPACE/WORKLOAD", help_heading = RULE, conflicts_with = "rule")]
    pub(super) pod: Option<String>,

    /// Path of the executable of the parent process
    #[arg(long, value_name = "PATH", help_heading = RULE, value_hint = ValueHint::ExecutablePath, conflicts_with = "rule")]
    pub(super) parent: Option<String>,

    /// The other end: a name, .DOMAIN for it and all names below, *.DOMAIN for these alone, an address, a network or *; any port if none
    /// is given
    #[arg(long, value_name = "HOST[:PORT[-PORT]]", help_heading = RULE, value_hint = ValueHint::Hostname, conflicts_with = "rule")]
    pub(super) to: Option<String>,

    /// Transport of --to, such as tcp; without this option any
    #[arg(long, value_name = "NAME", help_heading = RULE, requires = "to", conflicts_with = "rule")]
    pub(super) transport: Option<String>,
}

const RULE: &str = "A rule, piece by piece";
