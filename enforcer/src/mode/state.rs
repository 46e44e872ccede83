//! The mode state: the mode, since when, and whether it awaits confirmation. It is kept over restarts.

use std::time::Duration;

use egret_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::monitor::FallbackReason;
use super::{Mode, moment};

/// The mode and how it was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModeState {
    /// The mode.
    pub mode: Mode,
    /// Since when.
    #[serde(with = "moment")]
    pub since: Timestamp,
    /// The one subject that is enforced, in the baseline's syntax; all others are treated as in [`Mode::Shadow`]. Only used in
    /// [`Mode::Enforce`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// The mode is reverted unless somebody confirms it.
    #[serde(default, rename = "trial", skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingConfirmation>,
    /// The baseline stays frozen whatever the mode: egret only observes because it could not enforce, and what passes meanwhile
    /// must not become a rule.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frozen: bool,
    /// The last time that egret left a mode on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
}

/// The present on both clocks: the calendar is for people; the boot clock, which nobody sets, decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock.
    pub calendar: Timestamp,
    /// `CLOCK_BOOTTIME`, which goes on while the host sleeps.
    pub boot: Duration,
}

/// A switch that is reverted unless somebody confirms it in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingConfirmation {
    /// When it is reverted, by the calendar at the switch: for people who read the file.
    #[serde(with = "moment")]
    pub until: Timestamp,
    /// When it is reverted, on the boot clock. It is not written: a restart reverts at once.
    #[serde(skip)]
    pub ends: Duration,
    /// The mode to revert to.
    pub back_to: Mode,
    /// The subject of that mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to_only: Option<String>,
}

/// When and why egret left a mode on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// When.
    #[serde(with = "moment")]
    pub at: Timestamp,
    /// Why.
    pub reason: FallbackReason,
}

/// No confirmation is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is nothing to confirm: the mode {} holds until it is switched", .0.as_str())]
pub struct NothingToConfirm(pub Mode);

/// What a restart does with the kept mode state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumed {
    /// The mode continues.
    AsBefore,
    /// A confirmation was pending when egret ended, so the mode was reverted.
    Reverted {
        /// The mode that was not confirmed.
        from: Mode,
    },
}

/// What the controller observed since the last tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// A limit of the fallback monitor is reached.
    pub fallback: Option<FallbackReason>,
    /// The conntrack table had no room for a packet.
    pub conntrack_full: bool,
    /// Fallbacks are configured.
    pub may_fall_back: bool,
    /// The failure policy is closed: then a full conntrack table does not end enforce, or whoever can fill it could.
    pub fails_closed: bool,
}

/// A transition that nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// Nobody confirmed this mode in time.
    Reverted {
        /// The mode that ended.
        from: Mode,
    },
    /// From enforce to shadow.
    FellBack(FallbackReason),
    /// To observe.
    StoppedEvaluating(FallbackReason),
}

impl PendingConfirmation {
    /// When it is reverted, by the calendar as it is now.
    #[must_use]
    pub fn ends_at(&self, now: Now) -> Timestamp {
        let left = self.ends.saturating_sub(now.boot).as_millis();
        now.calendar.shifted(i64::try_from(left).map_or(i64::MAX, |left| left.saturating_mul(1_000_000)))
    }
}

impl ModeState {
    /// The mode of the configuration, before any switch.
    #[must_use]
    pub const fn new(mode: Mode, now: Timestamp) -> Self {
        Self { mode, since: now, only: None, pending: None, frozen: false, fallback: None }
    }

    /// Whether the baseline grows.
    #[must_use]
    pub const fn learns(&self) -> bool {
        self.mode.learns() && !self.frozen
    }

    /// Falls back to observe. The baseline stays frozen if it was.
    pub fn fall_back_to_observe(&mut self, now: Now) {
        let frozen = !self.learns();
        self.switch(Mode::Observe, None, None, now);
        self.frozen = frozen;
    }

    /// Continues after a restart. A mode that was not confirmed when egret ended is reverted: whoever could confirm it may have
    /// been cut off.
    pub fn resume(&mut self, now: Timestamp) -> Resumed {
        let from = self.mode;
        match self.pending.take() {
            Some(pending) => {
                self.enter(pending.back_to, pending.back_to_only, now);
                Resumed::Reverted { from }
            }
            None => Resumed::AsBefore,
        }
    }

    /// Switches; if it has to be confirmed within a time, a confirmation is pending then. A switch while one is pending reverts to
    /// the mode before that one: a mode that nobody confirmed is never reverted to.
    pub fn switch(&mut self, mode: Mode, only: Option<String>, confirm_within: Option<Duration>, now: Now) {
        let (back_to, back_to_only) = match self.pending.take() {
            Some(pending) => (pending.back_to, pending.back_to_only),
            None => (self.mode, self.only.clone()),
        };
        self.frozen = false;
        let only = only.filter(|_| mode == Mode::Enforce);
        let differs = (mode, &only) != (back_to, &back_to_only);
        self.pending = confirm_within.filter(|_| differs).map(|within| PendingConfirmation {
            until: now.calendar.shifted(i64::try_from(within.as_nanos()).unwrap_or(i64::MAX)),
            ends: now.boot.saturating_add(within),
            back_to,
            back_to_only,
        });
        self.enter(mode, only, now.calendar);
    }

    /// Confirms the mode.
    ///
    /// # Errors
    ///
    /// No confirmation is pending.
    pub fn confirm(&mut self) -> Result<(), NothingToConfirm> {
        self.pending.take().map(drop).ok_or(NothingToConfirm(self.mode))
    }

    /// Reverts the mode if nobody confirmed it in time; returns the mode that ended.
    pub fn expire(&mut self, now: Now) -> Option<Mode> {
        let pending = self.pending.take_if(|pending| pending.ends <= now.boot)?;
        let ended = self.mode;
        self.enter(pending.back_to, pending.back_to_only, now.calendar);
        Some(ended)
    }

    /// Falls back from enforce to shadow; false in any other mode.
    pub fn fall_back(&mut self, reason: FallbackReason, now: Timestamp) -> bool {
        if self.mode != Mode::Enforce {
            return false;
        }
        self.pending = None;
        self.enter(Mode::Shadow, None, now);
        self.fallback = Some(Fallback { at: now, reason });
        true
    }

    /// Falls back to observe from any mode that evaluates; false in observe. The baseline stays frozen if it was.
    pub fn stop_evaluating(&mut self, reason: FallbackReason, now: Now) -> bool {
        if !self.mode.evaluates() {
            return false;
        }
        self.fall_back_to_observe(now);
        self.fallback = Some(Fallback { at: now.calendar, reason });
        true
    }

    /// What becomes of the mode now, if anything does: a revert that is due, a fallback from enforce, and, last, an end of
    /// evaluation.
    pub fn tick(&mut self, observed: &Observed, now: Now) -> Vec<Transition> {
        let mut transitions = Vec::new();
        if let Some(from) = self.expire(now) {
            transitions.push(Transition::Reverted { from });
        } else if let Some(reason) = observed.fallback
            && self.fall_back(reason, now.calendar)
        {
            transitions.push(Transition::FellBack(reason));
        }
        let holds = self.mode == Mode::Enforce && observed.fails_closed;
        if observed.conntrack_full
            && observed.may_fall_back
            && !holds
            && self.stop_evaluating(FallbackReason::ConnectionsFull, now)
        {
            transitions.push(Transition::StoppedEvaluating(FallbackReason::ConnectionsFull));
        }
        transitions
    }

    fn enter(&mut self, mode: Mode, only: Option<String>, now: Timestamp) {
        if (self.mode, &self.only) != (mode, &only) {
            self.since = now;
        }
        self.mode = mode;
        self.only = only;
    }
}
