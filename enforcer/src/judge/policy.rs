//! What is to be done with flows.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::baseline::{Index, Subject};

/// What becomes of flows that would be blocked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// They are let through; whether the baseline has them is said.
    #[default]
    Learn,
    /// They are let through, and it is said that they would have been blocked.
    Shadow,
    /// They are blocked.
    Enforce,
}

/// What is to be done with flows whose process is not known, and with packets whose flow cannot be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unattributed {
    /// Let them through.
    #[default]
    Allow,
    /// Block them where flows are blocked.
    Block,
}

/// What is to be done when egret cannot do its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Let packets through.
    #[default]
    Open,
    /// Block them.
    Closed,
}

/// How packets are blocked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The program is told at once, by a reset or an ICMP message.
    #[default]
    Reject,
    /// The program is told nothing, and waits.
    Drop,
}

/// All that a verdict depends on besides the flow and who sends it.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// What becomes of flows that would be blocked.
    pub mode: Mode,
    /// The rules.
    pub index: Arc<Index>,
    /// In [`Mode::Enforce`], whose flows are blocked; those of others are treated as in [`Mode::Shadow`]. `None` for
    /// everybody's.
    pub only: Option<Subject>,
    /// What is to be done with flows whose process is not known.
    pub unattributed: Unattributed,
    /// What is to be done with flows of which too little is known in time.
    pub on_failure: OnFailure,
    /// How flows are blocked.
    pub refusal: Refusal,
    /// Whether a person is asked about flows that no rule covers.
    pub ask: bool,
    /// Which policy it is: what is allowed is marked with it, so that another policy judges flows anew.
    pub generation: u32,
}
