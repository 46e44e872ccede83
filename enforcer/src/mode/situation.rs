//! The mode, since when, and whether it has to be confirmed. Kept over restarts.

use std::time::Duration;

use egret_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::alarm::FallbackReason;
use super::{Mode, moment};

/// The mode and how it came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Situation {
    /// The mode.
    pub mode: Mode,
    /// Since when.
    #[serde(with = "moment")]
    pub since: Timestamp,
    /// The one subject that is held to its baseline, as lines have it; all others are as in [`Mode::Shadow`]. Means
    /// something in [`Mode::Enforce`] alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// The mode has to be confirmed, or it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// The baseline stays frozen in whichever mode: egret looks on because it could not enforce, and what nobody blocks
    /// meanwhile is not to become a rule.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frozen: bool,
    /// The last time that egret stopped enforcing by itself because it hurt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
}

/// A moment on both clocks: the calendar is for people, and the boot clock, which nobody sets, decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock.
    pub calendar: Timestamp,
    /// `CLOCK_BOOTTIME`, which goes on while the host sleeps.
    pub boot: Duration,
}

/// A mode that ends by itself unless somebody confirms it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// When it ends by the calendar of the switch, for people who look into the file.
    #[serde(with = "moment")]
    pub until: Timestamp,
    /// When it ends on the boot clock. It is not kept: no trial outlives the daemon.
    #[serde(skip)]
    pub ends: Duration,
    /// What comes then: the mode before.
    pub back_to: Mode,
    /// The subject of that mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to_only: Option<String>,
}

/// That, when and why enforcing ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// When.
    #[serde(with = "moment")]
    pub at: Timestamp,
    /// Why.
    pub reason: FallbackReason,
}

/// There is no mode on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is nothing to confirm: the mode {} holds until it is switched", .0.as_str())]
pub struct NothingToConfirm(pub Mode);

/// What a start makes of what was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumed {
    /// It goes on.
    AsBefore,
    /// The mode was on trial when egret ended: whatever ended it, nobody had confirmed, and the mode before is back.
    Reverted {
        /// The mode that was on trial.
        from: Mode,
    },
}

impl Trial {
    /// When it ends, by the calendar as it is now.
    #[must_use]
    pub fn ends_at(&self, now: Now) -> Timestamp {
        let left = self.ends.saturating_sub(now.boot).as_millis();
        now.calendar.shifted(i64::try_from(left).map_or(i64::MAX, |left| left.saturating_mul(1_000_000)))
    }
}

impl Situation {
    /// A mode that nobody has switched to.
    #[must_use]
    pub const fn new(mode: Mode, now: Timestamp) -> Self {
        Self { mode, since: now, only: None, trial: None, frozen: false, fallback: None }
    }

    /// Whether rules are added to the baseline for what is seen.
    #[must_use]
    pub const fn learns(&self) -> bool {
        self.mode.learns() && !self.frozen
    }

    /// Gives up judging, because that could not begin. The baseline is as frozen as it was.
    pub fn look_on(&mut self, now: Now) {
        let frozen = !self.learns();
        self.switch(Mode::Observe, None, None, now);
        self.frozen = frozen;
    }

    /// Goes on after a restart. A mode that was on trial when egret ended, by a crash or with its host, is not taken up
    /// again: who could confirm it may have been cut off.
    pub fn resume(&mut self, now: Timestamp) -> Resumed {
        let from = self.mode;
        match self.trial.take() {
            Some(trial) => {
                self.enter(trial.back_to, trial.back_to_only, now);
                Resumed::Reverted { from }
            }
            None => Resumed::AsBefore,
        }
    }

    /// Switches, on trial if it is to be confirmed within a time. A switch while another is on trial goes back to what
    /// was before that one: what nobody confirmed is nowhere to go back to.
    pub fn switch(&mut self, mode: Mode, only: Option<String>, confirm_within: Option<Duration>, now: Now) {
        let (back_to, back_to_only) = match self.trial.take() {
            Some(trial) => (trial.back_to, trial.back_to_only),
            None => (self.mode, self.only.clone()),
        };
        self.frozen = false;
        let only = only.filter(|_| mode == Mode::Enforce);
        let differs = (mode, &only) != (back_to, &back_to_only);
        self.trial = confirm_within.filter(|_| differs).map(|within| Trial {
            until: now.calendar.shifted(i64::try_from(within.as_nanos()).unwrap_or(i64::MAX)),
            ends: now.boot.saturating_add(within),
            back_to,
            back_to_only,
        });
        self.enter(mode, only, now.calendar);
    }

    /// Lets the mode on trial hold.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn confirm(&mut self) -> Result<(), NothingToConfirm> {
        self.trial.take().map(drop).ok_or(NothingToConfirm(self.mode))
    }

    /// Ends the mode on trial if its time is over; says which one ended.
    pub fn expire(&mut self, now: Now) -> Option<Mode> {
        let trial = self.trial.take_if(|trial| trial.ends <= now.boot)?;
        let ended = self.mode;
        self.enter(trial.back_to, trial.back_to_only, now.calendar);
        Some(ended)
    }

    /// Stops enforcing because it hurts; says whether it did.
    pub fn fall_back(&mut self, reason: FallbackReason, now: Timestamp) -> bool {
        if self.mode != Mode::Enforce {
            return false;
        }
        self.trial = None;
        self.enter(Mode::Shadow, None, now);
        self.fallback = Some(Fallback { at: now, reason });
        true
    }

    fn enter(&mut self, mode: Mode, only: Option<String>, now: Timestamp) {
        if (self.mode, &self.only) != (mode, &only) {
            self.since = now;
        }
        self.mode = mode;
        self.only = only;
    }
}
