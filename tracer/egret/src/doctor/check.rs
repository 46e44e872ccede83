//! One thing that was looked at or tried.

use egret_model::{Degradation, Layer};
use serde::Serialize;

/// How it turned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// There, and it works.
    Ok,
    /// Not there.
    Missing,
    /// It should work, and does not.
    Failed,
    /// Could not be tried here.
    NotChecked,
}

impl Status {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::NotChecked => "not checked",
        }
    }
}

/// The result of a check.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Check {
    /// What was checked; unique.
    pub(super) name: String,
    /// The layer that it is about; absent where it is about both kernel layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) layer: Option<Layer>,
    pub(super) status: Status,
    /// What was found, for people.
    pub(super) detail: String,
    /// What it means that this is not `ok`, where nothing else has said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) degradation: Option<Degradation>,
}

impl Check {
    pub(super) fn new(
        layer: impl Into<Option<Layer>>,
        name: impl Into<String>,
        status: Status,
        detail: impl Into<String>,
    ) -> Self {
        Self { name: name.into(), layer: layer.into(), status, detail: detail.into(), degradation: None }
    }

    /// The same with what it means that it did not turn out well.
    pub(super) fn without(mut self, degradation: impl Into<Option<Degradation>>) -> Self {
        if self.status != Status::Ok {
            self.degradation = degradation.into();
        }
        self
    }
}
