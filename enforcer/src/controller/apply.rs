//! Puts a mode in force: policy and workers first, then the rules that send packets to them; and the other way round.

use std::sync::Arc;
use std::time::Instant;

use super::handle::Refused;
use super::lasting::Lasting;
use super::{Controller, packet_path, plan};
use crate::baseline::Index;
use crate::evaluate::FailurePolicy;
use crate::mode::Mode;

impl Controller<'_> {
    /// Puts the mode in force.
    pub(super) fn apply(&mut self) -> Result<(), Refused> {
        let (mode, learns) = (self.lasting.mode.mode, self.lasting.mode.learns());
        self.monitor.reset();
        // The first sample: what is blocked from now on counts.
        let _ = self.check_limits();
        if let Some(baseline) = &self.parts.baseline {
            baseline.freeze(!learns);
        }
        if mode.evaluates() {
            let room = self.conntrack.check_room();
            if mode != Mode::Enforce || self.lasting.settings.on_failure == FailurePolicy::Open {
                room?;
            }
            let rules = self.rules()?;
            self.evaluate_by(rules)?;
            self.install()?;
        } else {
            self.open_the_way()?;
        }
        self.parts.verdicts.set_evaluating(mode.evaluates(), self.lasting.settings.loopback);
        Ok(())
    }

    /// The rules to evaluate by. Those of a broken file are not enforced; other modes go on with what is in memory.
    pub(super) fn rules(&self) -> Result<(Arc<Index>, u64), Refused> {
        let Some(baseline) = &self.parts.baseline else {
            return Err(Refused("there is no baseline: baseline.enabled is false".to_owned()));
        };
        if self.lasting.mode.mode == Mode::Enforce {
            return baseline.rules().map_err(|error| Refused(error.to_string()));
        }
        Ok(baseline.rules_in_memory())
    }

    /// Evaluates by these rules, as another policy: flows that the policy before allowed are evaluated again.
    pub(super) fn evaluate_by(&mut self, rules: (Arc<Index>, u64)) -> Result<(), Refused> {
        self.lasting.generation = self.lasting.generation.wrapping_add(1);
        self.evaluate_by_same_generation(rules)
    }

    pub(super) fn evaluate_by_same_generation(&mut self, (index, changes): (Arc<Index>, u64)) -> Result<(), Refused> {
        self.taken_over = Instant::now();
        let Lasting { settings, mode, generation, .. } = &*self.lasting;
        let policy = plan::policy(mode, settings, index, *generation).map_err(|error| Refused(error.to_string()))?;
        self.path.evaluate_by(policy, settings, self.marks)?;
        self.changes = changes;
        Ok(())
    }

    pub(super) fn install(&mut self) -> Result<(), Refused> {
        let Lasting { settings, firewall, mode, generation, .. } = &mut *self.lasting;
        firewall.install(settings, self.marks, *generation, mode.mode).map_err(|error| Refused(error.to_string()))
    }

    pub(super) fn clear_the_way(&mut self) {
        if let Err(refused) = self.open_the_way() {
            tracing::error!("{refused}; `egret firewall remove` tries again");
        }
    }

    /// Removes the rules first, then stops the workers that they lead to. Where rules cannot be removed, the workers let
    /// everything pass: a queue that nobody reads could block everything.
    fn open_the_way(&mut self) -> Result<(), Refused> {
        if let Err(error) = self.lasting.firewall.remove() {
            self.let_everything_pass();
            return Err(Refused(format!("firewall rules cannot be removed: {error}")));
        }
        self.path.stop();
        if let Err(error) = self.parts.host.grant().set_policy(false, self.marks.mask(), 0) {
            tracing::error!("{}", packet_path::explain(&*error));
        }
        self.parts.verdicts.set_evaluating(false, false);
        Ok(())
    }

    fn let_everything_pass(&mut self) {
        let Some(baseline) = &self.parts.baseline else { return };
        // By the mode that is in force now, which blocks nothing.
        if let Err(refused) = self.evaluate_by_same_generation(baseline.rules_in_memory()) {
            tracing::error!("flows are evaluated as before: {refused}");
        }
    }
}
