//! What `egret baseline` was asked to do.

use std::path::PathBuf;
use std::time::Duration;

use egret_enforcer::baseline::{Action, Precision, Subject, parse_subject};
use egret_model::Timestamp;
use jiff::ZonedDateTime;

use super::super::problem::{Problem, Problems};
use super::super::value;
use super::{BaselineArgs, EditArgs, RemoveArgs, RuleArgs, SpanArgs};
use crate::baseline::Removal;
use crate::rule::Which;

/// What `egret baseline` was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaselineCommand {
    /// Show rules.
    Show {
        /// The baseline.
        file: PathBuf,
        /// Only these.
        whose: Option<Whose>,
        /// For programs.
        json: bool,
    },
    /// Tell whether it is good enough.
    Readiness {
        /// The baseline.
        file: PathBuf,
        /// The log to learn anew instead.
        log: Option<Span>,
        /// Do not generalise what is learned from it.
        exact: bool,
        /// Only these.
        whose: Option<Whose>,
        /// The configuration of enforcement.
        config: Option<PathBuf>,
        /// For programs.
        json: bool,
    },
    /// Compare.
    Diff {
        /// The first baseline.
        first: PathBuf,
        /// The second.
        second: PathBuf,
        /// For programs.
        json: bool,
    },
    /// Show what would have been blocked.
    Replay {
        /// The baseline.
        file: PathBuf,
        /// The log.
        log: Span,
        /// The configuration of enforcement.
        config: Option<PathBuf>,
        /// For programs.
        json: bool,
    },
    /// Learn from a log.
    Learn {
        /// The baseline to go on with and to write.
        file: PathBuf,
        /// The log.
        log: Span,
        /// Do not generalise.
        exact: bool,
        /// Learn what failed like what succeeded.
        allow_failed: bool,
        /// What new rules say of processes.
        precision: Precision,
        /// The configuration of enforcement.
        config: Option<PathBuf>,
    },
    /// Tell why a rule is there.
    Explain {
        /// The baseline.
        file: PathBuf,
        /// The rule.
        which: Which,
        /// The log to look for its flows in.
        log: Option<Span>,
        /// For programs.
        json: bool,
    },
    /// Have a rule, with this action.
    Set {
        /// The baseline.
        file: PathBuf,
        /// The rule.
        which: Which,
        /// What it does.
        action: Action,
        /// Comment behind it.
        note: Option<String>,
    },
    /// Have rules no more.
    Remove {
        /// The baseline.
        file: PathBuf,
        /// Which.
        removal: Removal,
    },
    /// Put baselines together.
    Merge {
        /// The baselines.
        files: Vec<PathBuf>,
        /// Where to; standard output without.
        output: Option<PathBuf>,
    },
    /// Remove what is not used.
    Prune {
        /// The baseline.
        file: PathBuf,
        /// For how long.
        unused: Duration,
        /// Remove nothing.
        dry_run: bool,
    },
    /// Tell what is wrong.
    Check {
        /// The baseline.
        file: PathBuf,
    },
}

/// A part of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Directory of the log.
    pub directory: PathBuf,
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

/// Whose rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those about an executable with this file name.
    Named(String),
    /// Those about these processes, or some of them.
    Subject(Box<Subject>),
}

impl BaselineArgs {
    /// The command as its usage has it.
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

    /// What was meant, or everything that is wrong with what was typed.
    pub(in super::super) fn meant(self) -> Result<BaselineCommand, Vec<Problem>> {
        let mut problems = Problems::default();
        match self.read(&mut problems) {
            Some(command) => problems.or(command),
            None => problems.or_nothing(),
        }
    }

    fn read(self, problems: &mut Problems) -> Option<BaselineCommand> {
        Some(match self {
            Self::Show(args) => BaselineCommand::Show {
                file: args.file.unwrap_or_else(|| args.baseline.path(problems)),
                whose: whose(args.subject.as_deref(), problems),
                json: args.json,
            },
            Self::Readiness(args) => {
                if args.log.is_none() && (args.span.since.is_some() || args.span.until.is_some()) {
                    problems.push(Problem::Conflict("--since and --until are about the log: give --log as well"));
                }
                BaselineCommand::Readiness {
                    file: args.baseline.path(problems),
                    log: args.log.map(|log| args.span.of(log, problems)),
                    exact: args.exact,
                    whose: whose(args.subject.as_deref(), problems),
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
                log: args.span.of(args.baseline.log(args.log.as_deref(), problems), problems),
                config: args.baseline.config,
                json: args.json,
            },
            Self::Learn(args) => BaselineCommand::Learn {
                log: args.span.of(args.baseline.log(args.log.as_deref(), problems), problems),
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
                if args.log.is_none() && (args.span.since.is_some() || args.span.until.is_some()) {
                    problems.push(Problem::Conflict("--since and --until are about the log: give --log as well"));
                }
                BaselineCommand::Explain {
                    which: args.rule.meant(None, problems)?,
                    file: args.baseline.path(problems),
                    log: args.log.map(|log| args.span.of(log, problems)),
                    json: args.json,
                }
            }
            Self::Allow(args) => args.set(Action::Allow, problems)?,
            Self::Deny(args) => args.set(Action::Deny, problems)?,
            Self::Remove(args) => args.meant(problems)?,
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
        let which = self.rule.meant(Some(action), problems)?;
        Some(BaselineCommand::Set { file: self.baseline.path(problems), which, action, note })
    }
}

impl RemoveArgs {
    fn meant(self, problems: &mut Problems) -> Option<BaselineCommand> {
        let day = |text: &str| text.parse().map_err(|_| "expected a day such as 2026-11-29".to_owned());
        let answered_since =
            self.answered_since.as_deref().and_then(|text| problems.one("--answered-since <DAY>", text, day));
        let mut removal = Removal { which: Vec::new(), by: self.by, answered_since };
        if self.answered_since.is_none() && removal.by.is_none() || self.rule.is_given() {
            removal.which.push(self.rule.meant(None, problems)?);
        }
        for text in self.more {
            let rule = RuleArgs { rule: Some(text), ..RuleArgs::default() };
            removal.which.push(rule.meant(None, problems)?);
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

impl SpanArgs {
    fn of(&self, directory: PathBuf, problems: &mut Problems) -> Span {
        let now = ZonedDateTime::now();
        let moment = |text: &str| value::moment(text, &now);
        let since = self.since.as_deref().and_then(|text| problems.one("--since <TIME>", text, moment));
        let until = self.until.as_deref().and_then(|text| problems.one("--until <TIME>", text, moment));
        if since.zip(until).is_some_and(|(since, until)| since >= until) {
            problems.push(Problem::Conflict("--until is not after --since"));
        }
        Span { directory, since, until }
    }
}

fn whose(text: Option<&str>, problems: &mut Problems) -> Option<Whose> {
    problems.one("--subject <NAME|PATH|SUBJECT>", text?, |text| {
        if text.contains('=') || text == "*" {
            parse_subject(text).map(|subject| Whose::Subject(Box::new(subject)))
        } else if text.contains('/') {
            let subject = Subject { executable: Some(text.into()), ..Subject::default() };
            Ok(Whose::Subject(Box::new(subject)))
        } else if text.is_empty() {
            Err("expected an executable, or what a rule has before `->`".to_owned())
        } else {
            Ok(Whose::Named(text.to_owned()))
        }
    })
}
