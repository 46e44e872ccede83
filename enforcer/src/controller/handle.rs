//! The controller handle: how the rest of the daemon sends commands to the controller, and reads its state.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use egret_model::Flow;
use egret_model::snapshot::{EnforcementState, Phase};
use tokio::sync::{oneshot, watch};

use super::settings::EnforcerSettings;
use crate::ask::Questions;
use crate::mode::Mode;
use crate::store::BaselineStore;

/// A switch that somebody asks for.
#[derive(Clone, Debug)]
pub struct Switch {
    /// The mode to switch to.
    pub mode: Mode,
    /// The one subject that is enforced, in the baseline's syntax.
    pub only: Option<String>,
    /// Revert unless confirmed within this time.
    pub confirm_within: Option<Duration>,
    /// The session of whoever asks, which is exempt.
    pub session: Option<Flow>,
}

/// Why a command is refused. Nothing has changed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// A command for the controller.
pub(super) enum Command {
    Switch(Switch, Reply),
    Confirm(Reply),
    Reconfigure(Box<EnforcerSettings>),
    /// End, and remove the firewall rules; if egret `failed`, only where the failure policy is open.
    Stop {
        failed: bool,
    },
}

pub(super) type Reply = oneshot::Sender<Result<(), Refused>>;

/// Sends commands to the controller, and reads its state. It never waits for a disk or for the firewall.
pub struct ControllerHandle {
    commands: Mutex<mpsc::Sender<Command>>,
    state: watch::Sender<EnforcementState>,
    is_stopping: AtomicBool,
    /// The baseline; `None` where none is learned.
    pub baseline: Option<Arc<BaselineStore>>,
    /// Open questions.
    pub questions: Arc<Questions>,
}

impl ControllerHandle {
    pub(super) fn new(
        baseline: Option<Arc<BaselineStore>>,
        questions: Arc<Questions>,
        state: EnforcementState,
    ) -> (Arc<Self>, Commands) {
        let (commands, inbox) = mpsc::channel();
        let (state, is_stopping) = (watch::Sender::new(state), AtomicBool::new(false));
        let handle = Self { commands: Mutex::new(commands), state, is_stopping, baseline, questions };
        (Arc::new(handle), Commands(inbox))
    }

    /// Switches to a mode, which is in force when this returns.
    ///
    /// # Errors
    ///
    /// The mode cannot be put in force; the mode before is, or nothing is in the packets' way.
    pub async fn switch(&self, switch: Switch) -> Result<(), Refused> {
        self.ask(|reply| Command::Switch(switch, reply)).await
    }

    /// Confirms the mode.
    ///
    /// # Errors
    ///
    /// No confirmation is pending.
    pub async fn confirm(&self) -> Result<(), Refused> {
        self.ask(Command::Confirm).await
    }

    /// Applies other settings.
    pub fn reconfigure(&self, settings: EnforcerSettings) {
        self.send(Command::Reconfigure(Box::new(settings)));
    }

    /// Ends the controller, which removes its firewall rules; if egret `failed`, only where the failure policy is open.
    pub(super) fn stop(&self, failed: bool) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.send(Command::Stop { failed });
    }

    /// The state of enforcement.
    #[must_use]
    pub fn state(&self) -> EnforcementState {
        let mut state = self.state.borrow().clone();
        state.baseline = self.baseline.as_ref().map(|baseline| baseline.state());
        state.questions_pending = self.questions.open().len();
        state
    }

    /// The phase that the controller is in.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.state.borrow().phase
    }

    /// Waits until the mode is in force, or the controller has failed.
    pub async fn started(&self) {
        // The sender is in `self`: it cannot go away meanwhile.
        let _ = self.state.subscribe().wait_for(|state| state.phase != Phase::Starting).await;
    }

    pub(super) fn publish(&self, state: EnforcementState) {
        self.state.send_replace(state);
    }

    async fn ask(&self, command: impl FnOnce(Reply) -> Command) -> Result<(), Refused> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply));
        answer.await.unwrap_or_else(|_| {
            let is_stopping = self.is_stopping.load(Ordering::Relaxed);
            let reason =
                if is_stopping { "egret is stopping" } else { "the controller failed meanwhile; see egret's log" };
            Err(Refused(reason.to_owned()))
        })
    }

    fn send(&self, command: Command) {
        // Where the controller has ended, the reply is dropped, which wakes whoever waits for it.
        let _ = self.commands.lock().unwrap_or_else(PoisonError::into_inner).send(command);
    }
}

/// The commands that the controller receives.
pub(super) struct Commands(Receiver<Command>);

impl Commands {
    /// The next command; `None` at `until`.
    pub(super) fn next(&self, until: Option<Instant>) -> Option<Command> {
        let received = match until {
            None => self.0.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(until) => self.0.recv_timeout(until.saturating_duration_since(Instant::now())),
        };
        match received {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Command::Stop { failed: true }),
        }
    }
}
