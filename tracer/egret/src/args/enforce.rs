//! What can be typed behind `egret mode`, `egret ask` and `egret firewall`, and what it means.

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

/// The shortest time for a mode to be confirmed in.
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);

/// A mode, or that the one on trial holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Mode(Mode),
    Confirm,
}

impl Choice for Word {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("observe", Self::Mode(Mode::Observe), "look on: no packet is touched, the baseline grows"),
        ("learn", Self::Mode(Mode::Learn), "judge packets and let all of them through, the baseline grows"),
        ("shadow", Self::Mode(Mode::Shadow), "record what enforcing would block, and block nothing"),
        ("enforce", Self::Mode(Mode::Enforce), "block what the baseline does not allow"),
        ("confirm", Self::Confirm, "keep the mode that was switched to with --confirm-within"),
    ];
}

#[derive(Debug, Args)]
#[command(after_long_help = help::MODE, args_override_self = true)]
pub(super) struct ModeArgs {
    /// The mode to switch to, or `confirm`; without it, the mode is shown
    #[arg(value_name = "MODE", value_parser = Words::of::<Word>())]
    mode: Option<String>,

    /// Go back by itself after this time, such as 5m, unless `egret mode confirm` comes before
    #[arg(long, value_name = "TIME", requires = "mode")]
    confirm_within: Option<String>,

    /// Enforce for this subject alone, such as 'exe=/usr/bin/curl user=alice'; for all others, rehearse
    #[arg(long, value_name = "SUBJECT", requires = "mode")]
    only: Option<String>,

    /// Write one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    socket: SocketArgs,
}

/// Which daemon.
#[derive(Debug, Args)]
pub(super) struct SocketArgs {
    /// The daemon's control socket; without this option the one that the configuration names
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    socket: Option<PathBuf>,
}

/// What `egret mode` was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModeOptions {
    /// What to do.
    pub wish: ModeWish,
    /// Write one JSON object.
    pub json: bool,
    /// The daemon's control socket.
    pub socket: Option<PathBuf>,
}

/// What to do with the mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModeWish {
    /// Show it.
    Show,
    /// Switch.
    Switch {
        /// To this one.
        mode: Mode,
        /// Go back after this time unless confirmed.
        confirm_within: Option<Duration>,
        /// For this subject alone.
        only: Option<Box<Subject>>,
    },
    /// Let the one on trial hold.
    Confirm,
}

impl ModeArgs {
    pub(super) fn meant(self) -> Result<ModeOptions, Vec<Problem>> {
        let mut problems = Problems::default();
        let confirm_within =
            self.confirm_within.and_then(|text| problems.one("--confirm-within <TIME>", &text, window));
        let only = self.only.and_then(|text| problems.one("--only <SUBJECT>", &text, matching_subject));
        let word = self.mode.and_then(|text| problems.one("[MODE]", &text, Word::from_word));
        if only.is_some() && word != Some(Word::Mode(Mode::Enforce)) {
            problems.push(Problem::Conflict("--only goes with enforce alone: no other mode blocks anything"));
        }
        if confirm_within.is_some() && word == Some(Word::Confirm) {
            problems.push(Problem::Conflict("--confirm-within goes with a mode, not with confirm"));
        }
        let wish = match word {
            None => ModeWish::Show,
            Some(Word::Confirm) => ModeWish::Confirm,
            Some(Word::Mode(mode)) => ModeWish::Switch { mode, confirm_within, only: only.map(Box::new) },
        };
        problems.or(ModeOptions { wish, json: self.json, socket: self.socket.socket })
    }
}

fn matching_subject(text: &str) -> Result<Subject, String> {
    let subject = parse_subject(text)?;
    subject.unmatched().map_or(Ok(subject), Err)
}

/// How long a mode is on trial: whole seconds, which is what the daemon counts in.
fn window(text: &str) -> Result<Duration, String> {
    let window = duration(text)?;
    if window < SHORTEST_WINDOW {
        return Err("expected a time of at least 1s: nobody confirms sooner".to_owned());
    }
    Ok(Duration::from_secs(window.as_secs().saturating_add(u64::from(window.subsec_nanos() != 0))))
}

#[derive(Debug, Args)]
#[command(after_long_help = help::ASK, args_conflicts_with_subcommands = true)]
pub(super) struct AskArgs {
    #[command(subcommand)]
    command: Option<AskCommand>,

    /// List questions and answers in force, and ask nothing
    #[arg(long)]
    list: bool,

    /// Write one JSON object; goes with --list
    #[arg(long, requires = "list")]
    json: bool,

    /// Stay, and say so when there is a new question; on a desktop, by a notification, too
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
    /// Take an answer back that holds for a time
    Withdraw {
        /// The number of its question
        id: u64,
        #[command(flatten)]
        socket: SocketArgs,
    },
}

#[derive(Debug, Args)]
struct AnswerArgs {
    /// The number of a question, or a subject such as 'exe=/usr/bin/curl' for all of its questions
    #[arg(value_name = "ID|SUBJECT")]
    which: String,

    /// For one connection, if that comes within a minute
    #[arg(long, group = "lasts", help_heading = LASTS)]
    once: bool,

    /// For this time, such as 1h
    #[arg(long = "for", value_name = "TIME", group = "lasts", help_heading = LASTS)]
    time: Option<String>,

    /// Until egret ends
    #[arg(long, group = "lasts", help_heading = LASTS)]
    until_restart: bool,

    /// For good: a rule of the baseline (this is the default)
    #[arg(long, group = "lasts", help_heading = LASTS)]
    always: bool,

    /// To this host at any port, over any transport
    #[arg(long, help_heading = EXTENT)]
    any_port: bool,

    /// To the registered domain of the name and everything below it: example.org and all of *.example.org for www.example.org
    #[arg(long, help_heading = EXTENT)]
    domain: bool,

    /// To any host at this port; with --any-port, whatever the program does
    #[arg(long, help_heading = EXTENT, conflicts_with = "domain")]
    any_host: bool,

    #[command(flatten)]
    socket: SocketArgs,
}

const LASTS: &str = "For how long";
const EXTENT: &str = "For more of the same program than this connection";

/// What `egret ask` was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskOptions {
    /// What to do.
    pub wish: AskWish,
    /// The daemon's control socket.
    pub socket: Option<PathBuf>,
}

/// What to do with questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskWish {
    /// Put each to who sits at the terminal.
    Interview,
    /// List them.
    List {
        /// As one JSON object.
        json: bool,
    },
    /// Tell of new ones.
    Watch,
    /// Answer.
    Answer {
        /// Which.
        which: AskWhich,
        /// What is said to them.
        answer: Answer,
    },
    /// Take an answer back.
    Withdraw(u64),
}

/// Which questions are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskWhich {
    /// The one with this number.
    Id(u64),
    /// All of this subject.
    Subject(Box<Subject>),
}

impl AskArgs {
    pub(super) fn meant(self) -> Result<AskOptions, Vec<Problem>> {
        let (allow, answer) = match self.command {
            Some(AskCommand::Allow(answer)) => (true, answer),
            Some(AskCommand::Deny(answer)) => (false, answer),
            Some(AskCommand::Withdraw { id, socket }) => {
                return Ok(AskOptions { wish: AskWish::Withdraw(id), socket: socket.socket });
            }
            None => {
                let wish = match (self.watch, self.list) {
                    (true, _) => AskWish::Watch,
                    (_, true) => AskWish::List { json: self.json },
                    _ => AskWish::Interview,
                };
                return Ok(AskOptions { wish, socket: self.socket.socket });
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
        let said = Answer { allow, lasts, extent: Extent { hosts, any_port: answer.any_port } };
        let Some(which) = which else { return problems.or_nothing() };
        problems.or(AskOptions { wish: AskWish::Answer { which, answer: said }, socket: answer.socket.socket })
    }
}

fn which(text: &str) -> Result<AskWhich, String> {
    text.parse().map(AskWhich::Id).or_else(|_| parse_subject(text).map(|subject| AskWhich::Subject(Box::new(subject))))
}

/// What `egret firewall` was asked.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum FirewallCommand {
    /// Print the rules that a configuration makes; nothing is installed
    #[command(after_long_help = help::FIREWALL_SHOW)]
    Show {
        /// The configuration; without it, /etc/egret/egret.toml if that exists
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        config: Option<PathBuf>,
    },
    /// Remove whatever there is of egret's in every firewall, as after a daemon that was killed
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
            Ok(Invocation::Ask(options)) => match options.wish {
                AskWish::Answer { answer, .. } => answer,
                wish => panic!("{arguments:?} gave {wish:?}"),
            },
            other => panic!("{arguments:?} gave {other:?}"),
        }
    }

    #[test]
    fn a_mode_is_on_trial_for_whole_seconds_and_for_one_at_least() {
        for (text, seconds) in [("1s", 1), ("1500ms", 2), ("5m", 300)] {
            let Ok(Invocation::Mode(options)) = typed(&["mode", "enforce", "--confirm-within", text]) else {
                panic!("{text} is refused");
            };
            let within = Some(Duration::from_secs(seconds));
            assert_eq!(
                options.wish,
                ModeWish::Switch { mode: Mode::Enforce, confirm_within: within, only: None },
                "{text}"
            );
        }
        for text in ["1ms", "999ms", "1ns"] {
            assert!(refused(&["mode", "enforce", "--confirm-within", text]).contains("at least 1s"), "{text}");
        }
    }

    #[test]
    fn an_answer_is_for_good_and_for_one_flow_unless_otherwise_said() {
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
