//! The supervisor: runs the controller on its thread, restarts it after a panic, and carries out the failure policy after too many.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use egret_model::snapshot::{EnforcementState, Phase};
use tokio::sync::oneshot;

use super::handle::{Command, Commands, ControllerHandle, Refused, Switch};
use super::keeper::FirewallKeeper;
use super::lasting::Lasting;
use super::restarts::{TooManyPanics, restarting};
use super::settings::EnforcerSettings;
use super::state_file::{self, StateFileError};
use super::{Controller, Ended, Host, Parts, RETRY, TICK, packet_path, snapshot};
use crate::ask::Questions;
use crate::evaluate::FailurePolicy;
use crate::marks::{Marks, MarksError};
use crate::mode::{ModeState, Resumed};
use crate::store::BaselineStore;
use crate::verdicts::Verdicts;
use crate::{clock, panics};

/// What the enforcer works with.
pub struct EnforcerParts {
    /// How the host is held to its baseline.
    pub settings: EnforcerSettings,
    /// The baseline; `None` where none is learned.
    pub baseline: Option<Arc<BaselineStore>>,
    /// What the enforcer needs of the process that it runs in.
    pub host: Arc<dyn Host>,
    /// Where verdicts are recorded.
    pub verdicts: Arc<Verdicts>,
}

/// Why the controller's thread cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No verdict fits in the mark mask.
    #[error(transparent)]
    Marks(#[from] MarksError),
    /// The mode state cannot be read.
    #[error(transparent)]
    State(#[from] StateFileError),
    /// The system refuses a thread.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

/// Whether the baseline grows from the first event on: not if the mode that is about to be put in force does not learn.
///
/// # Errors
///
/// The mode state cannot be read.
pub fn learns_at_start(settings: &EnforcerSettings) -> Result<bool, StateFileError> {
    let kept = state_file::read(&settings.state_file)?;
    let mut mode = kept.unwrap_or_else(|| ModeState::new(settings.mode, clock::now()));
    mode.resume(clock::now());
    Ok(mode.learns())
}

/// The controller's thread, from outside. Dropping it ends the controller as if egret had failed: the failure policy is carried out.
pub struct Supervisor {
    handle: Arc<ControllerHandle>,
    /// The thread does nothing before something is sent, nor at all if this is dropped.
    begin: Option<Sender<()>>,
    ended: oneshot::Receiver<()>,
    has_ended: bool,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Starts the controller's thread, which has the privileges of the thread that calls this. It does nothing, and its commands
    /// wait, until [`Self::begin`].
    ///
    /// # Errors
    ///
    /// The mode state cannot be read, or the thread cannot be started.
    pub fn spawn(parts: EnforcerParts) -> Result<Self, StartError> {
        let EnforcerParts { settings, baseline, host, verdicts } = parts;
        let marks = Marks::new(settings.mark_mask)?;
        let precision = baseline.as_ref().map(|baseline| baseline.precision()).unwrap_or_default();
        let questions = Arc::new(Questions::new(precision));
        let kept = state_file::read(&settings.state_file)?;
        let mut mode = kept.unwrap_or_else(|| ModeState::new(settings.mode, clock::now()));
        let resumed = mode.resume(clock::now());
        let initial = EnforcementState { mode: mode.mode, since: mode.since, ..EnforcementState::default() };
        let (handle, commands) = ControllerHandle::new(baseline.clone(), Arc::clone(&questions), initial);
        let parts = Parts {
            baseline,
            host,
            verdicts,
            questions,
            totals: Arc::default(),
            handle: Arc::clone(&handle),
            started: Instant::now(),
        };
        let (begin, begun) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        let body = move || {
            // Its children, too: tools that install rules.
            parts.host.reduce_privileges();
            if begun.recv().is_ok() {
                report_resumed(resumed, &mode);
                let lasting = Lasting::new(settings, mode, FirewallKeeper::new(parts.host.resolvers()));
                supervise(&Arc::new(parts), lasting, marks, &commands);
            }
            // Its receiver notices when this is dropped, also by a panic.
            drop(end);
        };
        let thread = thread::Builder::new().name("egret-enforce".into()).spawn(body).map_err(StartError::Thread)?;
        Ok(Self { handle, begin: Some(begin), ended, has_ended: false, thread: Some(thread) })
    }

    /// The controller handle.
    #[must_use]
    pub fn handle(&self) -> Arc<ControllerHandle> {
        Arc::clone(&self.handle)
    }

    /// Puts the mode in force that was kept.
    pub fn begin(&mut self) {
        if let Some(begin) = self.begin.take() {
            // A thread that has ended is noticed by whoever waits for its end.
            let _ = begin.send(());
        }
    }

    /// Waits until the thread has ended, which it does by itself only if it fails.
    pub async fn ended(&mut self) {
        if !self.has_ended {
            // Nothing is ever sent.
            let _ = (&mut self.ended).await;
            self.has_ended = true;
        }
    }

    /// Ends the controller, which removes its firewall rules; if egret `failed`, only where the failure policy is open.
    pub async fn stop(mut self, failed: bool) {
        self.begin = None;
        self.handle.stop(failed);
        self.ended().await;
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // After `stop` the thread has ended, and does not see this command.
        self.begin = None;
        self.handle.stop(true);
        if let Some(thread) = self.thread.take() {
            // It catches its panics.
            let _ = thread.join();
        }
    }
}

fn report_resumed(resumed: Resumed, mode: &ModeState) {
    if let Resumed::Reverted { from } = resumed {
        let (from, to) = (from.as_str(), mode.mode.as_str());
        tracing::warn!(from, to, "nobody had confirmed the mode when egret ended: back to the mode before");
    }
}

/// Runs the controller until it is stopped.
fn supervise(parts: &Arc<Parts>, mut lasting: Lasting, marks: Marks, commands: &Commands) {
    let run = |restarts| {
        lasting.restarts = restarts;
        if let Some(before) = lasting.before_switch.take() {
            tracing::error!(
                mode = lasting.mode.mode.as_str(),
                "the controller panicked while it switched to this mode: the switch is undone"
            );
            lasting.mode = before;
            lasting.persist();
        }
        Controller::new(parts, &mut lasting, marks).run(commands)
    };
    let message = match restarting(run, Instant::now) {
        Ok(Ended::Stopped) => return,
        Ok(Ended::Failed(message)) | Err(TooManyPanics(message)) => message,
    };
    let on_failure = lasting.settings.on_failure;
    tracing::error!(
        panic = message,
        ?on_failure,
        "the controller panicked too often: enforce.on_failure is carried out; restart egret"
    );
    let mut failed = Failed { parts, lasting, marks, is_clear: false };
    // The little that is left to do is tried again, too.
    while catch_unwind(AssertUnwindSafe(|| failed.run(commands)))
        .inspect_err(|payload| tracing::error!("the supervisor panicked: {}", panics::message(&**payload)))
        .is_err()
    {
        // Whatever panics at once again must not take a CPU.
        thread::sleep(Duration::from_secs(1));
    }
}

/// What is left of the controller once it has failed for good: it carries out the failure policy, reverts a mode in time, and stops.
struct Failed<'a> {
    parts: &'a Parts,
    lasting: Lasting,
    marks: Marks,
    /// All rules are removed.
    is_clear: bool,
}

impl Failed<'_> {
    fn run(&mut self, commands: &Commands) {
        // Nothing is evaluated any more: no event waits for its verdict, and no flow is allowed by a grant.
        self.parts.verdicts.set_evaluating(false, false);
        let grant = self.parts.host.grant();
        grant.revoke();
        if let Err(error) = grant.set_policy(false, self.marks.mask(), 0) {
            tracing::error!("{}", packet_path::explain(&*error));
        }
        loop {
            self.carry_out();
            self.publish();
            match commands.next(self.next_tick()) {
                None => self.revert_in_time(),
                Some(Command::Switch(switch, reply)) => drop(reply.send(self.switch(switch))),
                Some(Command::Confirm(reply)) => drop(reply.send(Err(refused()))),
                Some(Command::Reconfigure(settings)) => self.lasting.settings = *settings,
                Some(Command::Stop { failed }) => {
                    if !failed {
                        self.remove_rules();
                    }
                    return;
                }
            }
        }
    }

    fn carry_out(&mut self) {
        if self.removes_rules() {
            self.remove_rules();
        }
    }

    /// Open, or a mode that does not evaluate flows: rules are removed. Closed: they stay, and new flows are dropped.
    fn removes_rules(&self) -> bool {
        self.lasting.settings.on_failure == FailurePolicy::Open || !self.lasting.mode.mode.evaluates()
    }

    fn remove_rules(&mut self) {
        if self.is_clear {
            return;
        }
        match self.lasting.firewall.remove_all() {
            Ok(()) => self.is_clear = true,
            Err(error) => tracing::error!("{error}; it is tried again"),
        }
    }

    fn next_tick(&self) -> Option<Instant> {
        let retry = (self.removes_rules() && !self.is_clear).then_some(RETRY);
        // Not the time that is left: the timer stands still while the host sleeps, the boot clock does not.
        let revert = self.lasting.mode.pending.as_ref().map(|_| TICK);
        retry.into_iter().chain(revert).min().map(|after| Instant::now() + after)
    }

    fn revert_in_time(&mut self) {
        if let Some(from) = self.lasting.mode.expire(clock::on_both()) {
            let to = self.lasting.mode.mode.as_str();
            tracing::warn!(from = from.as_str(), to, "nobody confirmed in time: back to the mode before");
            self.lasting.persist();
        }
    }

    /// Only observe needs no controller.
    fn switch(&mut self, switch: Switch) -> Result<(), Refused> {
        if switch.mode.evaluates() {
            return Err(refused());
        }
        self.lasting.mode.switch(switch.mode, None, None, clock::on_both());
        self.lasting.persist();
        self.remove_rules();
        self.publish();
        Ok(())
    }

    fn publish(&self) {
        let counts = self.parts.totals.with(None);
        self.parts.handle.publish(snapshot::snapshot(
            Phase::Failed,
            &self.lasting,
            &counts,
            &self.parts.verdicts,
            None,
        ));
    }
}

fn refused() -> Refused {
    Refused("the controller has failed, see egret's log: restart egret, or switch to observe".to_owned())
}
