//! `egret baseline allow`, `deny` and `remove`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use egret_enforcer::baseline::{Baseline, Entry, Precision, Rule};
use egret_enforcer::store::edit::{Done, Edit, Outcome, Removal, RuleSelector, apply, missing};
use egret_enforcer::store::{FileStore, Patience};
use egret_view::exit;

/// Changes a baseline.
pub(crate) trait BaselineEditor {
    /// Makes a change. It is on disk when this returns.
    fn edit(&mut self, edit: &Edit) -> Result<Outcome>;
}

/// Changes the file of a baseline. A running daemon merges the change at its next save.
#[derive(Debug)]
pub(super) struct FileEditor(PathBuf);

impl FileEditor {
    pub(super) fn new(file: &Path) -> Self {
        Self(file.to_owned())
    }
}

impl BaselineEditor for FileEditor {
    fn edit(&mut self, edit: &Edit) -> Result<Outcome> {
        let mut store = FileStore::open(&self.0, Precision::default())?;
        let (outcome, _) = store.edit(Patience::Any, |baseline| apply(baseline, edit))?;
        Ok(outcome)
    }
}

pub(super) fn run(editor: &mut impl BaselineEditor, edit: &Edit, out: &mut dyn Write) -> Result<u8> {
    let Outcome { done, remarks } = editor.edit(edit)?;
    remarks.iter().for_each(|remark| eprintln!("egret: {remark}"));
    let Some(Done { verb, rule, action }) = done else { return Ok(exit::FAILED) };
    writeln!(out, "{verb}: {} {rule}", action.as_str())?;
    Ok(exit::DONE)
}

/// Removes rules. Numbers are resolved first, because removing a rule changes the numbers of others.
pub(super) fn remove_all(file: &Path, removal: &Removal, out: &mut dyn Write) -> Result<u8> {
    let store = FileStore::open(file, Precision::default())?;
    let baseline = store.baseline();
    let mut rules = Vec::new();
    for selector in &removal.selectors {
        rules.push(selector.find(baseline).map_err(anyhow::Error::msg)?);
    }
    let answered = baseline.entries.iter().filter(|(_, entry)| removal.selects(entry.note.as_deref()));
    rules.extend(answered.map(|(rule, _)| rule.clone()));
    drop(store);
    if rules.is_empty() {
        eprintln!("egret: no rule comes from such an answer");
        return Ok(exit::FAILED);
    }
    let mut editor = FileEditor::new(file);
    let mut status = exit::DONE;
    for rule in rules {
        status = status.max(run(&mut editor, &Edit::Remove { selector: RuleSelector::Rule(Box::new(rule)) }, out)?);
    }
    Ok(status)
}

/// Finds a rule with its number.
pub(super) fn existing<'a>(baseline: &'a Baseline, selector: &RuleSelector) -> Result<(usize, &'a Rule, &'a Entry)> {
    let rule = selector.find(baseline).map_err(anyhow::Error::msg)?;
    let mut numbered = (1..).zip(&baseline.entries);
    let found = numbered.find(|(_, (other, _))| **other == rule);
    let (number, (rule, entry)) = found.with_context(|| missing(baseline, &rule))?;
    Ok((number, rule, entry))
}
