//! What the controller checks on while flows are evaluated.

use std::time::{Duration, Instant};

use super::{Controller, snapshot};
use crate::evaluate::FailurePolicy;
use crate::mode::{FallbackReason, Mode, Observed, Transition};
use crate::queue::WorkerFailure;
use crate::{clock, fault};

/// How often rules learned meanwhile are taken into the policy: verdicts are the same, only their reasons are not.
const LEARNING: Duration = Duration::from_secs(30);

impl Controller<'_> {
    pub(super) fn tick(&mut self) {
        fault::point("controller");
        let observed = self.observe();
        for transition in self.lasting.mode.tick(&observed, clock::on_both()) {
            self.report(transition);
            self.carry_out();
        }
        if !self.lasting.mode.mode.evaluates() && self.lasting.firewall.is_installed() {
            self.clear_the_way();
        }
        if self.lasting.mode.mode.evaluates() {
            self.check_baseline();
            self.check_workers();
            self.check_firewall();
        }
    }

    fn observe(&mut self) -> Observed {
        let evaluates = self.lasting.mode.mode.evaluates();
        Observed {
            fallback: self.check_limits(),
            conntrack_full: evaluates && self.conntrack.has_overflowed(),
            may_fall_back: self.lasting.settings.fallback.is_some(),
            fails_closed: self.lasting.settings.on_failure == FailurePolicy::Closed,
        }
    }

    /// The limit that is reached while enforcing, if one is.
    pub(super) fn check_limits(&mut self) -> Option<FallbackReason> {
        let limits = self.lasting.settings.fallback.filter(|_| self.lasting.mode.mode == Mode::Enforce)?;
        let counts = snapshot::monitored(&self.path.counts(), self.parts.verdicts.blocked_pairs());
        self.monitor.check(self.parts.started.elapsed(), counts, &limits)
    }

    fn report(&mut self, transition: Transition) {
        match transition {
            Transition::Reverted { from } => {
                let to = self.lasting.mode.mode.as_str();
                tracing::warn!(from = from.as_str(), to, "nobody confirmed in time: back to the mode before");
            }
            Transition::FellBack(reason) => {
                self.lasting.count_fallback(reason);
                tracing::error!(reason = reason.as_str(), "enforcing stopped by itself: {}", reason.explanation());
            }
            Transition::StoppedEvaluating(reason) => {
                self.lasting.count_fallback(reason);
                tracing::error!(reason = reason.as_str(), "judging stopped by itself: {}", reason.explanation());
            }
        }
    }

    /// Evaluates by the rules as they are now, if they have changed.
    fn check_baseline(&mut self) {
        let Some(baseline) = &self.parts.baseline else { return };
        baseline.take_in_edits(clock::now());
        let learns = self.lasting.mode.mode.learns();
        if baseline.changes() == self.changes || learns && self.taken_over.elapsed() < LEARNING {
            return;
        }
        let rules = baseline.rules_in_memory();
        // Where everything passes, flows that were allowed need not be evaluated again.
        let done = if learns {
            self.evaluate_by_same_generation(rules)
        } else {
            self.evaluate_by(rules).and_then(|()| self.install())
        };
        if let Err(refused) = done {
            tracing::error!("the rules as they are now are not in force: {refused}");
        }
    }

    /// Starts the workers again if one of them has ended.
    fn check_workers(&mut self) {
        if self.path.is_at_work() {
            return;
        }
        // A worker can also panic while it settles what is left in its queue.
        let failures = self.path.stop();
        for failure in &failures {
            if let WorkerFailure::Panic(message) = failure
                && self.worker_panics.count(Instant::now())
            {
                self.failed = Some(message.clone());
                return;
            }
        }
        let why = failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        tracing::error!(why, "a queue was not read any more; the workers are started again");
        let restarted = self.rules().and_then(|rules| self.evaluate_by(rules)).and_then(|()| self.install());
        if let Err(refused) = restarted {
            tracing::error!("they cannot be started: {refused}");
        }
    }

    fn check_firewall(&mut self) {
        if self.lasting.firewall.set_resolvers(self.parts.host.resolvers())
            && let Err(refused) = self.install()
        {
            tracing::error!("firewall rules do not have the new name servers: {refused}");
        }
        self.lasting.firewall.tick();
    }
}
