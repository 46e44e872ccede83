//! Changes of rules by hand: by commands, and by answers to questions.

use std::path::Path;

use jiff::civil::Date;

use crate::baseline::{Action, Baseline, Entry, Rule, Value};

/// Selects a rule of a baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleSelector {
    Rule(Box<Rule>),
    /// The number of the rule in the file, from one.
    Number(usize),
}

impl RuleSelector {
    /// # Errors
    ///
    /// The baseline has no rule with this number.
    pub fn find(&self, baseline: &Baseline) -> Result<Rule, String> {
        match self {
            Self::Rule(rule) => Ok(Rule::clone(rule)),
            Self::Number(number) => {
                let found = number.checked_sub(1).and_then(|index| baseline.entries.keys().nth(index));
                found.cloned().ok_or_else(|| {
                    format!("there is no rule {number}; the baseline has {} rules", baseline.entries.len())
                })
            }
        }
    }
}

/// A change of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Add a rule, or change its action.
    Set {
        selector: RuleSelector,
        action: Action,
        /// The comment behind the rule.
        note: Option<String>,
    },
    Remove {
        selector: RuleSelector,
    },
}

/// The result of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// `None` if there is no such rule.
    pub done: Option<Done>,
    /// Messages for the user.
    pub remarks: Vec<String>,
}

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// `added`, `changed`, `kept` or `removed`.
    pub verb: &'static str,
    pub rule: Rule,
    /// The action of the rule after the change, or before its removal.
    pub action: Action,
}

/// The rules to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    pub selectors: Vec<RuleSelector>,
    /// Rules from answers of this person.
    pub by: Option<String>,
    /// Rules from answers since this day.
    pub answered_since: Option<Date>,
}

impl Removal {
    /// Whether the rule with this comment comes from one of the selected answers.
    #[must_use]
    pub fn selects(&self, note: Option<&str>) -> bool {
        let Some((by, date)) = (self.by.is_some() || self.answered_since.is_some()).then(|| answer_of(note?)).flatten()
        else {
            return false;
        };
        self.by.as_deref().is_none_or(|asked| by.is_some_and(|by| by == asked || by == noted(asked)))
            && self.answered_since.is_none_or(|since| date >= since)
    }
}

/// The beginning of the comment of a rule that comes from an answer.
const ANSWERED: &str = "answered";

/// The comment of a rule that comes from an answer: the author, if known, and the date.
#[must_use]
pub fn answer_note(by: Option<&str>, date: Date) -> String {
    let by = by.map(noted).unwrap_or_default();
    if by.is_empty() { format!("{ANSWERED}, {date}") } else { format!("{ANSWERED} by {by}, {date}") }
}

/// A name without characters that are not allowed in comments.
fn noted(name: &str) -> String {
    let plain = |letter: &char| letter.is_alphanumeric() || "._-@".contains(*letter);
    name.chars().filter(plain).take(64).collect()
}

/// Author and date from such a comment; `None` for any other comment.
#[must_use]
pub fn answer_of(note: &str) -> Option<(Option<&str>, Date)> {
    let (who, date) = note.strip_prefix(ANSWERED)?.rsplit_once(", ")?;
    Some((who.strip_prefix(" by "), date.parse().ok()?))
}

/// Makes a change.
pub fn apply(baseline: &mut Baseline, edit: &Edit) -> Outcome {
    match edit {
        Edit::Set { selector, action, note } => match selector.find(baseline) {
            Ok(rule) => set(baseline, rule, *action, note.as_deref()),
            Err(remark) => Outcome { done: None, remarks: vec![remark] },
        },
        Edit::Remove { selector } => match selector.find(baseline).and_then(|rule| remove(baseline, rule)) {
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

/// The message for a missing rule, with similar rules.
#[must_use]
pub fn missing(baseline: &Baseline, rule: &Rule) -> String {
    let mut text = format!("there is no rule `{rule}`");
    let near = |other: &&Rule| rule.subject.is_about(&other.subject);
    for (number, other) in (1..).zip(baseline.entries.keys()).filter(|(_, other)| near(other)).take(NEAR) {
        text.push_str(&format!("\n  {number}: {other}"));
    }
    text
}

/// Most similar rules that the message lists.
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

/// Messages about effects of a rule that the user may not expect.
fn remarks(baseline: &Baseline, rule: &Rule, action: Action) -> Vec<String> {
    let others = baseline.entries.iter().filter(|(other, _)| *other != rule && rule.is_within(other));
    let wider = |wanted: Action| others.clone().find(|(_, entry)| entry.action == wanted).map(|(other, _)| other);
    let mut remarks = Vec::new();
    match (wider(Action::Deny), wider(Action::Allow)) {
        (Some(other), _) if action == Action::Allow => {
            remarks.push(format!(
                "it has no effect: `deny {other}` covers all of it, and a rule that denies has precedence"
            ));
        }
        (Some(other), _) => remarks.push(format!("`deny {other}` covers all of it already")),
        (None, Some(other)) if action == Action::Allow => {
            remarks.push(format!("`allow {other}` covers all of it already"));
        }
        (None, _) => {}
    }
    if let Some(path) = rule.subject.executable.as_ref().and_then(Value::as_exact) {
        match Path::new(path).canonicalize() {
            _ if !path.starts_with('/') => {
                remarks.push(format!("{path} is not an absolute path: no process matches it"))
            }
            Ok(resolved) if resolved != Path::new(path) => {
                remarks
                    .push(format!("{path} is a symbolic link: processes that run it have exe={}", resolved.display()));
            }
            _ => {}
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_from_answers_are_selected_by_author_and_date() {
        let date: Date = "2026-11-29".parse().unwrap();
        let note = answer_note(Some("al ice\n"), date);
        assert_eq!(note, "answered by alice, 2026-11-29");
        assert_eq!(answer_of(&note), Some((Some("alice"), date)));
        assert_eq!(answer_of(&answer_note(None, date)), Some((None, date)));
        assert_eq!(answer_of("by hand, 2026-11-29"), None);
        let by = |name: &str| Removal { by: Some(name.to_owned()), ..Removal::default() };
        assert!(by("alice").selects(Some(&note)) && !by("bob").selects(Some(&note)) && !by("alice").selects(None));
        assert!(by("al ice").selects(Some(&note)), "the name as it was given");
        let both = Removal { answered_since: Some("2026-11-30".parse().unwrap()), ..by("alice") };
        assert!(!both.selects(Some(&note)), "both conditions must hold");
        let since = |day: &str| Removal { answered_since: Some(day.parse().unwrap()), ..Removal::default() };
        assert!(since("2026-11-29").selects(Some(&note)) && !since("2026-11-30").selects(Some(&note)));
        assert!(!Removal::default().selects(Some(&note)));
    }
}
