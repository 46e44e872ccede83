//! The columns about verdicts, beside the verdict itself.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::PrimitiveBuilder;
use arrow_array::types::UInt64Type;
use arrow_schema::ArrowError;
use egret_model::{Judgement, Reason};

use super::column;
use super::words::{Shown, Words};
use crate::values;

#[derive(Debug, Default)]
pub(super) struct Judgements {
    reason: Words,
    rule: Shown<Arc<str>>,
    attribution: Words,
    duration: PrimitiveBuilder<UInt64Type>,
}

impl Judgements {
    pub(super) fn push(&mut self, judgement: Option<&Judgement>) {
        self.reason.push(judgement.map(|judgement| judgement.reason).map(Reason::as_str));
        self.rule.push(judgement.and_then(|judgement| judgement.rule.as_ref()));
        self.attribution.push(judgement.map(|judgement| values::attribution(judgement.attribution)));
        self.duration.append_option(judgement.and_then(|judgement| judgement.duration_ns));
    }

    /// The columns so far, in the order of the schema; begins new ones.
    pub(super) fn finish(&mut self) -> Result<[ArrayRef; 4], ArrowError> {
        let duration = column(&mut self.duration);
        Ok([self.reason.finish()?, self.rule.finish()?, self.attribution.finish()?, duration])
    }
}
