//! The result of one check.

use egret_model::{Degradation, Layer};
use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Ok,
    Missing,
    Failed,
    /// Could not be checked here.
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

#[derive(Clone, Debug, Serialize)]
pub(super) struct Check {
    /// Unique.
    pub(super) name: String,
    /// Absent if the check concerns both kernel layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) layer: Option<Layer>,
    pub(super) status: Status,
    /// The finding as text.
    pub(super) detail: String,
    /// The consequence of a status other than `ok`, unless another check has it.
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

    /// Adds the consequence of a status other than `ok`.
    pub(super) fn without(mut self, degradation: impl Into<Option<Degradation>>) -> Self {
        if self.status != Status::Ok {
            self.degradation = degradation.into();
        }
        self
    }
}
