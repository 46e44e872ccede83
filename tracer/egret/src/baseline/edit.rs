//! `egret baseline allow`, `deny` and `remove`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use egret_enforcer::baseline::{Action, Baseline, Entry, Precision, Rule, Value};
use jiff::civil::Date;

use crate::exit;
use crate::rule::Which;
use egret_enforcer::store::{FileStore, Patience};

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
        let mut store = FileStore::open(&self.0, Precision::default())?;
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

/// Which rules are removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// These.
    pub which: Vec<Which>,
    /// Those that answers of this person made.
    pub by: Option<String>,
    /// Those that answers of this day or later made.
    pub answered_since: Option<Date>,
}

impl Removal {
    /// Whether an answer made the rule with this comment, and is one of those meant.
    fn means(&self, note: Option<&str>) -> bool {
        let Some((by, date)) = (self.by.is_some() || self.answered_since.is_some()).then(|| answer_of(note?)).flatten()
        else {
            return false;
        };
        self.by.as_deref().is_none_or(|asked| by.is_some_and(|by| by == asked || by == noted(asked)))
            && self.answered_since.is_none_or(|since| date >= since)
    }
}

/// Removes rules. Numbers are those of before: none moves while others go.
pub(super) fn remove_all(file: &Path, removal: &Removal, out: &mut dyn Write) -> Result<u8> {
    let store = FileStore::open(file, Precision::default())?;
    let baseline = store.baseline();
    let mut rules = Vec::new();
    for which in &removal.which {
        rules.push(which.find(baseline).map_err(anyhow::Error::msg)?);
    }
    let answered = baseline.entries.iter().filter(|(_, entry)| removal.means(entry.note.as_deref()));
    rules.extend(answered.map(|(rule, _)| rule.clone()));
    drop(store);
    if rules.is_empty() {
        eprintln!("egret: no rule was answered by that person, or since then");
        return Ok(exit::FAILED);
    }
    let mut keeper = FileKeeper::new(file);
    let mut status = exit::DONE;
    for rule in rules {
        status = status.max(run(&mut keeper, &Edit::Remove { which: Which::Rule(Box::new(rule)) }, out)?);
    }
    Ok(status)
}

/// What the comment behind a rule begins with that an answer made.
const ANSWERED: &str = "answered";

/// The comment behind a rule that an answer makes: who answered, if that is known, and when.
pub(crate) fn answer_note(by: Option<&str>, date: Date) -> String {
    let by = by.map(noted).unwrap_or_default();
    if by.is_empty() { format!("{ANSWERED}, {date}") } else { format!("{ANSWERED} by {by}, {date}") }
}

/// A name as comments have it.
fn noted(name: &str) -> String {
    let plain = |letter: &char| letter.is_alphanumeric() || "._-@".contains(*letter);
    name.chars().filter(plain).take(64).collect()
}

/// Who answered, and when; `None` if the comment is another one.
fn answer_of(note: &str) -> Option<(Option<&str>, Date)> {
    let (who, date) = note.strip_prefix(ANSWERED)?.rsplit_once(", ")?;
    Some((who.strip_prefix(" by "), date.parse().ok()?))
}

/// Makes a change.
pub(crate) fn apply(baseline: &mut Baseline, edit: &Edit) -> Outcome {
    match edit {
        Edit::Set { which, action, note } => match which.find(baseline) {
            Ok(rule) => set(baseline, rule, *action, note.as_deref()),
            Err(remark) => Outcome { done: None, remarks: vec![remark] },
        },
        Edit::Remove { which } => match which.find(baseline).and_then(|rule| remove(baseline, rule)) {
            Ok(done) => Outcome { done: Some(done), remarks: Vec::new() },
            Err(remark) => Outcome { done: None, remarks: vec![remark] },
        },
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
    let near = |other: &&Rule| rule.subject.is_about(&other.subject);
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
    let rule = which.find(baseline).map_err(anyhow::Error::msg)?;
    let mut numbered = (1..).zip(&baseline.entries);
    let found = numbered.find(|(_, (other, _))| **other == rule);
    let (number, (rule, entry)) = found.with_context(|| missing(baseline, &rule))?;
    Ok((number, rule, entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_found_again_by_who_gave_them_and_when() {
        let date: Date = "2026-11-29".parse().unwrap();
        let note = answer_note(Some("al ice\n"), date);
        assert_eq!(note, "answered by alice, 2026-11-29");
        assert_eq!(answer_of(&note), Some((Some("alice"), date)));
        assert_eq!(answer_of(&answer_note(None, date)), Some((None, date)));
        assert_eq!(answer_of("by hand, 2026-11-29"), None);
        let by = |name: &str| Removal { by: Some(name.to_owned()), ..Removal::default() };
        assert!(by("alice").means(Some(&note)) && !by("bob").means(Some(&note)) && !by("alice").means(None));
        assert!(by("al ice").means(Some(&note)), "as it was given");
        let both = Removal { answered_since: Some("2026-11-30".parse().unwrap()), ..by("alice") };
        assert!(!both.means(Some(&note)), "both are meant");
        let since = |day: &str| Removal { answered_since: Some(day.parse().unwrap()), ..Removal::default() };
        assert!(since("2026-11-29").means(Some(&note)) && !since("2026-11-30").means(Some(&note)));
        assert!(!Removal::default().means(Some(&note)));
    }
}
