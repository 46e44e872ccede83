//! The resolved arguments of `egret baseline`.

use std::path::PathBuf;
use std::time::Duration;

use egret_enforcer::baseline::{Action, Precision, Subject, parse_subject};
use egret_enforcer::store::edit::{Removal, RuleSelector};
use egret_model::Timestamp;
use jiff::ZonedDateTime;

use super::super::problem::{Problem, Problems};
use super::super::value;
use super::{BaselineArgs, EditArgs, LogRangeArgs, RemoveArgs, RuleArgs};

/// A command of `egret baseline`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaselineCommand {
    Show {
        file: PathBuf,
        subject_filter: Option<SubjectFilter>,
        json: bool,
    },
    Readiness {
        file: PathBuf,
        /// A log to learn again instead of using the evidence in the baseline.
        log: Option<LogRange>,
        /// Do not generalise rules.
        exact: bool,
        subject_filter: Option<SubjectFilter>,
        /// The configuration that decides what enforcement judges.
        config: Option<PathBuf>,
        json: bool,
    },
    Diff {
        first: PathBuf,
        second: PathBuf,
        json: bool,
    },
    Replay {
        file: PathBuf,
        log: LogRange,
        /// The configuration that decides what enforcement judges.
        config: Option<PathBuf>,
        json: bool,
    },
    Learn {
        /// The baseline to continue and to write.
        file: PathBuf,
        log: LogRange,
        /// Do not generalise rules.
        exact: bool,
        /// Learn failed flows like successful ones.
        allow_failed: bool,
        /// Which attributes of a process new rules contain.
        precision: Precision,
        /// The configuration that decides what enforcement judges.
        config: Option<PathBuf>,
    },
    Explain {
        file: PathBuf,
        selector: RuleSelector,
        /// A log to search for flows that the rule covers.
        log: Option<LogRange>,
        json: bool,
    },
    /// Add a rule, or change its action.
    Set {
        file: PathBuf,
        selector: RuleSelector,
        action: Action,
        /// The comment behind the rule.
        note: Option<String>,
    },
    Remove {
        file: PathBuf,
        removal: Removal,
    },
    Merge {
        files: Vec<PathBuf>,
        /// `None` for standard output.
        output: Option<PathBuf>,
    },
    /// Remove unused rules.
    Prune {
        file: PathBuf,
        /// How long a rule has not been used.
        unused: Duration,
        /// Only show the rules.
        dry_run: bool,
    },
    /// Report errors in a baseline.
    Check {
        file: PathBuf,
    },
}

/// A log and a time range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRange {
    pub directory: PathBuf,
    /// Inclusive.
    pub since: Option<Timestamp>,
    /// Exclusive.
    pub until: Option<Timestamp>,
}

/// Selects rules by their subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectFilter {
    /// By the file name of the executable.
    Executable(String),
    /// Subjects that are this one or a part of it.
    Subject(Box<Subject>),
}

impl BaselineArgs {
    /// The name of the subcommand.
    pub(in super::super) const fn name(&self) -> &'static str {
        match self {
            Self::Show(_) => "show",
            Self::Readiness(_) => "readiness",
            Self::Diff(_) => "diff",
            Self::Replay(_) => "replay",
            Self::Learn(_) => "learn",
            Self::Explain(_) => "explain",
            Self::Allow(_) => "allow",
            Self::Deny(_) => "deny",
            Self::Remove(_) => "remove",
            Self::Merge(_) => "merge",
            Self::Prune(_) => "prune",
            Self::Check(_) => "check",
        }
    }

    /// Resolves the arguments, or returns all errors.
    pub(in super::super) fn resolve(self) -> Result<BaselineCommand, Vec<Problem>> {
        let mut problems = Problems::default();
        match self.read(&mut problems) {
            Some(command) => problems.into_result(command),
            None => problems.into_error(),
        }
    }

    fn read(self, problems: &mut Problems) -> Option<BaselineCommand> {
        Some(match self {
            Self::Show(args) => BaselineCommand::Show {
                file: args.file.unwrap_or_else(|| args.baseline.path(problems)),
                subject_filter: subject_filter(args.subject.as_deref(), problems),
                json: args.json,
            },
            Self::Readiness(args) => {
                if args.log.is_none() && (args.range.since.is_some() || args.range.until.is_some()) {
                    problems.push(Problem::Conflict("--since and --until need --log"));
                }
                BaselineCommand::Readiness {
                    file: args.baseline.path(problems),
                    log: args.log.map(|log| args.range.resolve(log, problems)),
                    exact: args.exact,
                    subject_filter: subject_filter(args.subject.as_deref(), problems),
                    config: args.baseline.config,
                    json: args.json,
                }
            }
            Self::Diff(args) => BaselineCommand::Diff {
                first: args.first,
                second: args.second.unwrap_or_else(|| args.baseline.path(problems)),
                json: args.json,
            },
            Self::Replay(args) => BaselineCommand::Replay {
                file: args.baseline.path(problems),
                log: args.range.resolve(args.baseline.log(args.log.as_deref(), problems), problems),
                config: args.baseline.config,
                json: args.json,
            },
            Self::Learn(args) => BaselineCommand::Learn {
                log: args.range.resolve(args.baseline.log(args.log.as_deref(), problems), problems),
                exact: args.exact,
                allow_failed: args.allow_failed,
                precision: Precision {
                    user: !args.any_user,
                    unit: !args.any_unit,
                    patterns: !args.exact,
                    sha256: args.with_sha256,
                },
                file: args.output.unwrap_or_else(|| args.baseline.path(problems)),
                config: args.baseline.config,
            },
            Self::Explain(args) => {
                if args.log.is_none() && (args.range.since.is_some() || args.range.until.is_some()) {
                    problems.push(Problem::Conflict("--since and --until need --log"));
                }
                BaselineCommand::Explain {
                    selector: args.rule.resolve(None, problems)?,
                    file: args.baseline.path(problems),
                    log: args.log.map(|log| args.range.resolve(log, problems)),
                    json: args.json,
                }
            }
            Self::Allow(args) => args.set(Action::Allow, problems)?,
            Self::Deny(args) => args.set(Action::Deny, problems)?,
            Self::Remove(args) => args.resolve(problems)?,
            Self::Merge(args) => BaselineCommand::Merge { files: args.files, output: args.output },
            Self::Prune(args) => BaselineCommand::Prune {
                file: args.baseline.path(problems),
                unused: problems.one("--unused <TIME>", &args.unused, value::age)?,
                dry_run: args.dry_run,
            },
            Self::Check(args) => {
                BaselineCommand::Check { file: args.file.unwrap_or_else(|| args.baseline.path(problems)) }
            }
        })
    }
}

impl EditArgs {
    fn set(self, action: Action, problems: &mut Problems) -> Option<BaselineCommand> {
        let note = self.note.as_deref().and_then(|note| problems.one("--note <TEXT>", note, one_line));
        let selector = self.rule.resolve(Some(action), problems)?;
        Some(BaselineCommand::Set { file: self.baseline.path(problems), selector, action, note })
    }
}

impl RemoveArgs {
    fn resolve(self, problems: &mut Problems) -> Option<BaselineCommand> {
        let day = |text: &str| text.parse().map_err(|_| "expected a day such as 2026-11-29".to_owned());
        let answered_since =
            self.answered_since.as_deref().and_then(|text| problems.one("--answered-since <DAY>", text, day));
        let mut removal = Removal { selectors: Vec::new(), by: self.by, answered_since };
        if self.answered_since.is_none() && removal.by.is_none() || self.rule.is_given() {
            removal.selectors.push(self.rule.resolve(None, problems)?);
        }
        for text in self.more {
            let rule = RuleArgs { rule: Some(text), ..RuleArgs::default() };
            removal.selectors.push(rule.resolve(None, problems)?);
        }
        Some(BaselineCommand::Remove { file: self.baseline.path(problems), removal })
    }
}

impl RuleArgs {
    fn is_given(&self) -> bool {
        self.rule.is_some() || self.exe.is_some() || self.script.is_some() || self.to.is_some()
    }
}

fn one_line(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("expected a comment of one line".to_owned());
    }
    Ok(text.to_owned())
}

impl LogRangeArgs {
    fn resolve(&self, directory: PathBuf, problems: &mut Problems) -> LogRange {
        let now = ZonedDateTime::now();
        let moment = |text: &str| value::moment(text, &now);
        let since = self.since.as_deref().and_then(|text| problems.one("--since <TIME>", text, moment));
        let until = self.until.as_deref().and_then(|text| problems.one("--until <TIME>", text, moment));
        if since.zip(until).is_some_and(|(since, until)| since >= until) {
            problems.push(Problem::Conflict("--until is not after --since"));
        }
        LogRange { directory, since, until }
    }
}

fn subject_filter(text: Option<&str>, problems: &mut Problems) -> Option<SubjectFilter> {
    problems.one("--subject <NAME|PATH|SUBJECT>", text?, |text| {
        if text.contains('=') || text == "*" {
            parse_subject(text).map(|subject| SubjectFilter::Subject(Box::new(subject)))
        } else if text.contains('/') {
            let subject = Subject { executable: Some(text.into()), ..Subject::default() };
            Ok(SubjectFilter::Subject(Box::new(subject)))
        } else if text.is_empty() {
            Err("expected an executable, or what a rule has before `->`".to_owned())
        } else {
            Ok(SubjectFilter::Executable(text.to_owned()))
        }
    })
}
