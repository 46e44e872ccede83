//! How the verdicts of rows came about.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::types::UInt64Type;
use egret_model::{Attribution, Judgement, Reason};

use super::super::words::{Meanings, Numbers, text};
use super::named;
use crate::names;

pub(super) struct Judgements<'a> {
    reason: Meanings<'a, Reason>,
    rule: Meanings<'a, Arc<str>>,
    attribution: Meanings<'a, Attribution>,
    duration: Numbers<'a, UInt64Type>,
}

impl<'a> Judgements<'a> {
    pub(super) fn of(rows: &'a RecordBatch) -> Self {
        Self {
            reason: Meanings::of(rows, names::VERDICT_REASON, named),
            rule: Meanings::of(rows, names::VERDICT_RULE, text),
            attribution: Meanings::of(rows, names::VERDICT_ATTRIBUTION, named),
            duration: Numbers::of(rows, names::VERDICT_DURATION_NS),
        }
    }

    /// The judgement of a row; `None` where the row has none, or one for a reason that is not known here.
    pub(super) fn get(&self, row: usize) -> Option<Judgement> {
        Some(Judgement {
            reason: self.reason.get(row)?,
            rule: self.rule.get(row),
            attribution: self.attribution.get(row).unwrap_or(Attribution::Unknown),
            duration_ns: self.duration.get(row),
        })
    }
}
