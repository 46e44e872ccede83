//! The arguments of `egret mode`, `egret ask` and `egret firewall`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};
use egret_config::{Choice, duration};
use egret_enforcer::Mode;
use egret_enforcer::ask::{Answer, Extent, Hosts, Lasts};
use egret_enforcer::baseline::{Subject, parse_subject};

use super::choice::Words;
use super::help;
use super::problem::{Problem, Problems};

/// The shortest `--confirm-within`.
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Mode(Mode),
    Confirm,
}

impl Choice for Word {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("observe", Self::Mode(Mode::Observe), "record only: no packet is touched, the baseline grows"),
        ("learn", Self::Mode(Mode::Learn), "judge packets but let all of them through, the baseline grows"),
        ("shadow", Self::Mode(Mode::Shadow), "record what enforce would block, block nothing"),
        ("enforce", Self::Mode(Mode::Enforce), "block what the baseline does not allow"),
        ("confirm", Self::Confirm, "keep a mode that was switched to with --confirm-within"),
    ];
}

#[derive(Debug, Args)]
#[command(after_long_help = help::MODE, args_override_self = true)]
pub(super) struct ModeArgs {
    /// The mode to switch to, or `confirm`; the default is to show the mode
    #[arg(value_name = "MODE", value_parser = Words::of::<Word>())]
    mode: Option<String>,

    /// Revert after this time, such as 5m, unless `egret mode confirm` comes first
    #[arg(long, value_name = "TIME", requires = "mode")]
    confirm_within: Option<String>,

    /// Enforce only for this subject, such as 'exe=/usr/bin/curl user=alice'; all other subjects are in shadow mode
    #[arg(long, value_name = "SUBJECT", requires = "mode")]
    only: Option<String>,

    /// Write one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    socket: SocketArgs,
}

#[derive(Debug, Args)]
pub(super) struct SocketArgs {
    /// The daemon's control socket; the default is the configured one
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    socket: Option<PathBuf>,
}

/// The resolved arguments of `egret mode`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModeOptions {
    pub action: ModeAction,
    pub json: bool,
    pub socket: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModeAction {
    Show,
    Switch {
        mode: Mode,
        /// Revert after this time unless confirmed.
        confirm_within: Option<Duration>,
        /// Enforce only for this subject.
        only: Option<Box<Subject>>,
    },
    /// Confirm the last switch.
    Confirm,
}

impl ModeArgs {
    pub(super) fn resolve(self) -> Result<ModeOptions, Vec<Problem>> {
        let mut problems = Problems::default();
        let confirm_within =
            self.confirm_within.and_then(|text| problems.one("--confirm-within <TIME>", &text, window));
        let only = self.only.and_then(|text| problems.one("--only <SUBJECT>", &text, matching_subject));
        let word = self.mode.and_then(|text| problems.one("[MODE]", &text, Word::from_word));
        if only.is_some() && word != Some(Word::Mode(Mode::Enforce)) {
            problems.push(Problem::Conflict("--only needs enforce: no other mode blocks anything"));
        }
        if confirm_within.is_some() && word == Some(Word::Confirm) {
            problems.push(Problem::Conflict("--confirm-within needs a mode, not confirm"));
        }
        let action = match word {
            None => ModeAction::Show,
            Some(Word::Confirm) => ModeAction::Confirm,
            Some(Word::Mode(mode)) => ModeAction::Switch { mode, confirm_within, only: only.map(Box::new) },
        };
        problems.into_result(ModeOptions { action, json: self.json, socket: self.socket.socket })
    }
}

fn matching_subject(text: &str) -> Result<Subject, String> {
    let subject = parse_subject(text)?;
    subject.unmatched().map_or(Ok(subject), Err)
}

/// The time to confirm, rounded up to whole seconds, the unit of the daemon.
fn window(text: &str) -> Result<Duration, String> {
    let window = duration(text)?;
    if window < SHORTEST_WINDOW {
        return Err("expected a time of at least 1s".to_owned());
    }
    Ok(Duration::from_secs(window.as_secs().saturating_add(u64::from(window.subsec_nanos() != 0))))
}

#[derive(Debug, Args)]
#[command(after_long_help = help::ASK, args_conflicts_with_subcommands = true)]
pub(super) struct AskArgs {
    #[command(subcommand)]
    command: Option<AskCommand>,

    /// List open questions and answers in force
    #[arg(long)]
    list: bool,

    /// Write one JSON object; needs --list
    #[arg(long, requires = "list")]
    json: bool,

    /// Keep running and report each new question; on a desktop also with a notification
    #[arg(long, conflicts_with = "list")]
    watch: bool,

    #[command(flatten)]
    socket: SocketArgs,
}

#[derive(Debug, Subcommand)]
enum AskCommand {
    /// Let such connections through
    Allow(AnswerArgs),
    /// Block such connections
    Deny(AnswerArgs),
    /// Withdraw a temporary answer
    Withdraw {
        /// The number of its question
        id: u64,
        #[command(flatten)]
        socket: SocketArgs,
    },
}

#[derive(Debug, Args)]
struct AnswerArgs {
    /// The number of a question, or a subject such as 'exe=/usr/bin/curl' for all its questions
    #[arg(value_name = "ID|SUBJECT")]
    which: String,

    /// For one connection within the next minute
    #[arg(long, group = "lasts", help_heading = LASTS)]
    once: bool,

    /// For this time, such as 1h
    #[arg(long = "for", value_name = "TIME", group = "lasts", help_heading = LASTS)]
    time: Option<String>,

    /// Until egret ends
    #[arg(long, group = "lasts", help_heading = LASTS)]
    until_restart: bool,

    /// Permanently, as a rule of the baseline (default)
    #[arg(long, group = "lasts", help_heading = LASTS)]
    always: bool,

    /// To this host at any port and over any transport
    #[arg(long, help_heading = EXTENT)]
    any_port: bool,

    /// To the registered domain of the name and all names below it: example.org and *.example.org for www.example.org
    #[arg(long, help_heading = EXTENT)]
    domain: bool,

    /// To any host at this port; with --any-port, every flow of the program
    #[arg(long, help_heading = EXTENT, conflicts_with = "domain")]
    any_host: bool,

    #[command(flatten)]
    socket: SocketArgs,
}

const LASTS: &str = "Duration";
const EXTENT: &str = "Extent, if it is more than this connection of the program";

/// The resolved arguments of `egret ask`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskOptions {
    pub action: AskAction,
    pub socket: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskAction {
    /// Ask the questions one by one on the terminal.
    Interactive,
    List {
        json: bool,
    },
    /// Report new questions.
    Watch,
    Answer {
        which: QuestionSelector,
        answer: Answer,
    },
    /// Withdraw the answer to this question.
    Withdraw(u64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuestionSelector {
    Id(u64),
    /// All questions of a subject.
    Subject(Box<Subject>),
}

impl AskArgs {
    pub(super) fn resolve(self) -> Result<AskOptions, Vec<Problem>> {
        let (allow, answer) = match self.command {
            Some(AskCommand::Allow(answer)) => (true, answer),
            Some(AskCommand::Deny(answer)) => (false, answer),
            Some(AskCommand::Withdraw { id, socket }) => {
                return Ok(AskOptions { action: AskAction::Withdraw(id), socket: socket.socket });
            }
            None => {
                let action = match (self.watch, self.list) {
                    (true, _) => AskAction::Watch,
                    (_, true) => AskAction::List { json: self.json },
                    _ => AskAction::Interactive,
                };
                return Ok(AskOptions { action, socket: self.socket.socket });
            }
        };
        let mut problems = Problems::default();
        let which = problems.one("<ID|SUBJECT>", &answer.which, which);
        let time = answer.time.and_then(|text| problems.one("--for <TIME>", &text, duration));
        let lasts = match (answer.once, time, answer.until_restart) {
            (true, ..) => Lasts::Once,
            (_, Some(time), _) => Lasts::For(time),
            (.., true) => Lasts::UntilRestart,
            _ => Lasts::Always,
        };
        let hosts = match (answer.domain, answer.any_host) {
            (true, _) => Hosts::Domain,
            (_, true) => Hosts::Any,
            _ => Hosts::This,
        };
        let given = Answer { allow, lasts, extent: Extent { hosts, any_port: answer.any_port } };
        let Some(which) = which else { return problems.into_error() };
        problems.into_result(AskOptions {
            action: AskAction::Answer { which, answer: given },
            socket: answer.socket.socket,
        })
    }
}

fn which(text: &str) -> Result<QuestionSelector, String> {
    text.parse()
        .map(QuestionSelector::Id)
        .or_else(|_| parse_subject(text).map(|subject| QuestionSelector::Subject(Box::new(subject))))
}

/// The arguments of `egret firewall`.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum FirewallCommand {
    /// Print the rules for a configuration without installing them
    #[command(after_long_help = help::FIREWALL_SHOW)]
    Show {
        /// The configuration; the default is /etc/egret/egret.toml, if it exists
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        config: Option<PathBuf>,
    },
    /// Remove egret's rules from every firewall, for example after the daemon was killed
    #[command(after_long_help = help::FIREWALL_REMOVE)]
    Remove,
}

#[cfg(test)]
mod tests {
    use super::super::Invocation;
    use super::super::tests::{refused, typed};
    use super::*;

    fn said(arguments: &[&str]) -> Answer {
        match typed(&[&["ask"], arguments].concat()) {
            Ok(Invocation::Ask(options)) => match options.action {
                AskAction::Answer { answer, .. } => answer,
                action => panic!("{arguments:?} gave {action:?}"),
            },
            other => panic!("{arguments:?} gave {other:?}"),
        }
    }

    #[test]
    fn confirm_within_is_rounded_up_to_seconds_and_is_at_least_one() {
        for (text, seconds) in [("1s", 1), ("1500ms", 2), ("5m", 300)] {
            let Ok(Invocation::Mode(options)) = typed(&["mode", "enforce", "--confirm-within", text]) else {
                panic!("{text} is refused");
            };
            let within = Some(Duration::from_secs(seconds));
            assert_eq!(
                options.action,
                ModeAction::Switch { mode: Mode::Enforce, confirm_within: within, only: None },
                "{text}"
            );
        }
        for text in ["1ms", "999ms", "1ns"] {
            assert!(refused(&["mode", "enforce", "--confirm-within", text]).contains("at least 1s"), "{text}");
        }
    }

    #[test]
    fn an_answer_is_permanent_and_for_one_flow_by_default() {
        let extent = |hosts, any_port| Extent { hosts, any_port };
        let minutes = Lasts::For(Duration::from_secs(600));
        for (words, allow, lasts, wide) in [
            (&["allow", "7"][..], true, Lasts::Always, Extent::default()),
            (&["deny", "7", "--once"], false, Lasts::Once, Extent::default()),
            (&["allow", "7", "--for=10m", "--any-port"], true, minutes, extent(Hosts::This, true)),
            (&["allow", "7", "--domain"], true, Lasts::Always, extent(Hosts::Domain, false)),
            (
                &["deny", "user=a", "--any-host", "--until-restart"],
                false,
                Lasts::UntilRestart,
                extent(Hosts::Any, false),
            ),
            (&["deny", "7", "--any-host", "--any-port"], false, Lasts::Always, extent(Hosts::Any, true)),
            (&["allow", "7", "--domain", "--any-port"], true, Lasts::Always, extent(Hosts::Domain, true)),
        ] {
            assert_eq!(said(words), Answer { allow, lasts, extent: wide }, "{words:?}");
        }
        for wrong in
            [&["ask", "allow", "7", "--domain", "--any-host"][..], &["ask", "allow", "7", "--once", "--always"]]
        {
            assert!(refused(wrong).contains("cannot be used with"), "{wrong:?}");
        }
    }
}
