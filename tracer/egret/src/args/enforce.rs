//! What can be typed behind `egret mode`, `egret ask` and `egret firewall`, and what it means.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};
use egret_enforcer::Mode;
use egret_enforcer::ask::Lasts;
use egret_enforcer::baseline::{Subject, parse_subject};

use super::choice::{Choice, Words};
use super::help;
use super::problem::{Problem, Problems};
use super::value::duration;

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
            self.confirm_within.and_then(|text| problems.one("--confirm-within <TIME>", &text, duration));
        let only = self.only.and_then(|text| problems.one("--only <SUBJECT>", &text, parse_subject));
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
    #[arg(long, group = "lasts")]
    once: bool,

    /// For this time, such as 1h
    #[arg(long = "for", value_name = "TIME", group = "lasts")]
    time: Option<String>,

    /// Until egret ends
    #[arg(long, group = "lasts")]
    until_restart: bool,

    /// For good: a rule of the baseline (this is the default)
    #[arg(long, group = "lasts")]
    always: bool,

    #[command(flatten)]
    socket: SocketArgs,
}

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
        /// Whether such flows are let through.
        allow: bool,
        /// For how long.
        lasts: Lasts,
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
        let Some(which) = which else { return problems.or_nothing() };
        problems.or(AskOptions { wish: AskWish::Answer { which, allow, lasts }, socket: answer.socket.socket })
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
