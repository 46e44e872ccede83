//! `egret baseline allow`, `deny` and `remove`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use egret_enforcer::baseline::{Action, Baseline, Entry, Precision, Rule, Value};

use super::store::{Patience, Store};
use crate::args::{Which, exit};

/// A change of the rules that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// Have this rule, with this action.
    Set {
        /// The rule.
        which: Which,
        /// What it does.
        action: Action,
        /// Comment behind it.
        note: Option<String>,
    },
    /// Have this rule no more.
    Remove {
        /// The rule.
        which: Which,
    },
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// What was done; `None` if there is no such rule.
    pub(crate) done: Option<Done>,
    /// What to know of it.
    pub(crate) remarks: Vec<String>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    /// `added`, `changed`, `kept` or `removed`.
    pub(crate) verb: &'static str,
    /// The rule.
    pub(crate) rule: Rule,
    /// What it does, or did.
    pub(crate) action: Action,
}

/// Where a baseline is changed: its file, or the daemon that holds it.
pub(crate) trait Keeper {
    /// Makes a change, so that it is on disk when this returns.
    fn edit(&mut self, edit: &Edit) -> Result<Outcome>;
}

/// A baseline that no daemon holds. One that a daemon does hold can be changed all the same: it takes in what was changed
/// when it saves the next time.
#[derive(Debug)]
pub(super) struct FileKeeper(PathBuf);

impl FileKeeper {
    pub(super) fn new(file: &Path) -> Self {
        Self(file.to_owned())
    }
}

impl Keeper for FileKeeper {
    fn edit(&mut self, edit: &Edit) -> Result<Outcome> {
        let mut store = Store::open(&self.0, Precision::default())?;
        let (outcome, _) = store.edit(Patience::Any, |baseline| apply(baseline, edit))?;
        Ok(outcome)
    }
}

pub(super) fn run(keeper: &mut impl Keeper, edit: &Edit, out: &mut dyn Write) -> Result<u8> {
    let Outcome { done, remarks } = keeper.edit(edit)?;
    remarks.iter().for_each(|remark| eprintln!("egret: {remark}"));
    let Some(Done { verb, rule, action }) = done else { return Ok(exit::FAILED) };
    writeln!(out, "{verb}: {} {rule}", action.as_str())?;
    Ok(exit::DONE)
}

/// Makes a change.
pub(crate) fn apply(baseline: &mut Baseline, edit: &Edit) -> Outcome {
    match edit {
        Edit::Set { which, action, note } => match find(baseline, which) {
            Ok(rule) => set(baseline, rule, *action, note.as_deref()),
            Err(remark) => Outcome { done: None, remarks: vec![remark] },
        },
        Edit::Remove { which } => match find(baseline, which).and_then(|rule| remove(baseline, rule)) {
            Ok(done) => Outcome { done: Some(done), remarks: Vec::new() },
            Err(remark) => Outcome { done: None, remarks: vec![remark] },
        },
    }
}

/// The rule that is meant.
pub(super) fn find(baseline: &Baseline, which: &Which) -> Result<Rule, String> {
    match which {
        Which::Rule(rule) => Ok(Rule::clone(rule)),
        Which::Number(number) => {
            let found = number.checked_sub(1).and_then(|index| baseline.entries.keys().nth(index));
            found.cloned().ok_or_else(|| format!("there is no rule {number}, only {}", baseline.entries.len()))
        }
    }
}

fn remove(baseline: &mut Baseline, rule: Rule) -> Result<Done, String> {
    match baseline.entries.remove(&rule) {
        Some(entry) => Ok(Done { verb: "removed", rule, action: entry.action }),
        None => Err(missing(baseline, &rule)),
    }
}

/// What to say of a rule that is not there.
pub(super) fn missing(baseline: &Baseline, rule: &Rule) -> String {
    let mut text = format!("there is no rule `{rule}`");
    let near = |other: &&Rule| other.subject == rule.subject || rule.is_within(other);
    for (number, other) in (1..).zip(baseline.entries.keys()).filter(|(_, other)| near(other)).take(NEAR) {
        text.push_str(&format!("\n  {number}: {other}"));
    }
    text
}

/// Rules that are named for one that is not there.
const NEAR: usize = 5;

fn set(baseline: &mut Baseline, rule: Rule, action: Action, note: Option<&str>) -> Outcome {
    let remarks = remarks(baseline, &rule, action);
    let by_hand = || format!("by hand, {}", jiff::ZonedDateTime::now().date());
    let verb = match baseline.entries.get_mut(&rule) {
        None => {
            let note = Some(note.map_or_else(by_hand, str::to_owned));
            baseline.entries.insert(rule.clone(), Entry { note, ..Entry::new(action) });
            "added"
        }
        Some(entry) => {
            let verb = if entry.action == action { "kept" } else { "changed" };
            entry.action = action;
            match note {
                Some(note) => entry.note = Some(note.to_owned()),
                None if verb == "changed" => entry.note = entry.note.take().or_else(|| Some(by_hand())),
                None => {}
            }
            verb
        }
    };
    Outcome { done: Some(Done { verb, rule, action }), remarks }
}

/// What somebody may not expect of a rule.
fn remarks(baseline: &Baseline, rule: &Rule, action: Action) -> Vec<String> {
    let others = baseline.entries.iter().filter(|(other, _)| *other != rule && rule.is_within(other));
    let wider = |wanted: Action| others.clone().find(|(_, entry)| entry.action == wanted).map(|(other, _)| other);
    let mut remarks = Vec::new();
    match (wider(Action::Deny), wider(Action::Allow)) {
        (Some(other), _) if action == Action::Allow => {
            remarks.push(format!("it has no effect: `deny {other}` covers all of it, and what denies wins"));
        }
        (Some(other), _) => remarks.push(format!("`deny {other}` covers all of it already")),
        (None, Some(other)) if action == Action::Allow => {
            remarks.push(format!("`allow {other}` covers all of it already"));
        }
        (None, _) => {}
    }
    if let Some(path) = rule.subject.executable.as_ref().and_then(Value::as_exact) {
        match Path::new(path).canonicalize() {
            _ if !path.starts_with('/') => remarks.push(format!("{path} is no absolute path: no process has it")),
            Ok(resolved) if resolved != Path::new(path) => {
                remarks.push(format!("{path} is a link: processes that run it have exe={}", resolved.display()));
            }
            _ => {}
        }
    }
    remarks
}

/// Reads the baseline and finds a rule of it, with its number.
pub(super) fn existing<'a>(baseline: &'a Baseline, which: &Which) -> Result<(usize, &'a Rule, &'a Entry)> {
    let rule = find(baseline, which).map_err(anyhow::Error::msg)?;
    let mut numbered = (1..).zip(&baseline.entries);
    let found = numbered.find(|(_, (other, _))| **other == rule);
    let (number, (rule, entry)) = found.with_context(|| missing(baseline, &rule))?;
    Ok((number, rule, entry))
}
