//! Where the rest of the daemon asks the controller for things, and sees how it stands.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use egret_enforcer::Mode;
use egret_enforcer::ask::Questions;
use egret_exporters::snapshot::EnforcementState;
use egret_model::Flow;
use tokio::sync::oneshot;

use super::book::Book;
use crate::config::EnforceLive;

/// A mode that somebody asks for.
#[derive(Clone, Debug)]
pub(crate) struct Switch {
    pub(crate) mode: Mode,
    /// The one subject that is held to its baseline, as lines have it.
    pub(crate) only: Option<String>,
    /// Go back unless confirmed within this time.
    pub(crate) confirm_within: Option<Duration>,
    /// The session of who asks, which is never judged.
    pub(crate) session: Option<Flow>,
}

/// Why something is not done. Nothing has changed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

/// What the controller is asked to do.
pub(super) enum Command {
    Switch(Switch, Reply),
    Confirm(Reply),
    Live(Box<EnforceLive>),
    /// End, and take everything out of the packets' way; where egret broke down, only if that is what is configured.
    Stop {
        broken: bool,
    },
}

pub(super) type Reply = oneshot::Sender<Result<(), Refused>>;

/// What the controller and the others share.
pub(crate) struct Desk {
    commands: Mutex<mpsc::Sender<Command>>,
    state: Mutex<EnforcementState>,
    /// The baseline; `None` where none is learned.
    pub(crate) book: Option<Arc<Book>>,
    /// Questions that are open.
    pub(crate) questions: Arc<Questions>,
}

impl Desk {
    pub(super) fn new(
        book: Option<Arc<Book>>,
        questions: Arc<Questions>,
        state: EnforcementState,
    ) -> (Arc<Self>, Commands) {
        let (commands, inbox) = mpsc::channel();
        let desk = Self { commands: Mutex::new(commands), state: Mutex::new(state), book, questions };
        (Arc::new(desk), Commands(inbox))
    }

    /// Switches to a mode.
    pub(crate) async fn switch(&self, switch: Switch) -> Result<(), Refused> {
        self.ask(|reply| Command::Switch(switch, reply)).await
    }

    /// Lets the mode on trial hold.
    pub(crate) async fn confirm(&self) -> Result<(), Refused> {
        self.ask(Command::Confirm).await
    }

    /// Has other settings hold from now on.
    pub(crate) fn reconfigure(&self, live: EnforceLive) {
        self.tell(Command::Live(Box::new(live)));
    }

    /// Has the controller end, and take everything out of the packets' way; where egret broke down, only if new connections
    /// are to pass then.
    pub(crate) fn stop(&self, broken: bool) {
        self.tell(Command::Stop { broken });
    }

    /// How enforcing stands.
    pub(crate) fn state(&self) -> EnforcementState {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        state.baseline = self.book.as_ref().map(|book| book.state());
        state.questions_pending = self.questions.open().len();
        state
    }

    pub(super) fn publish(&self, state: EnforcementState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    async fn ask(&self, command: impl FnOnce(Reply) -> Command) -> Result<(), Refused> {
        let (reply, answer) = oneshot::channel();
        self.tell(command(reply));
        answer.await.unwrap_or_else(|_| Err(Refused("egret is stopping".to_owned())))
    }

    fn tell(&self, command: Command) {
        // A controller that has ended does nothing any more, and who waits for its answer is told so.
        let _ = self.commands.lock().unwrap_or_else(PoisonError::into_inner).send(command);
    }
}

/// What the controller reads.
pub(super) struct Commands(Receiver<Command>);

impl Commands {
    /// The next one; `None` once `until` has come.
    pub(super) fn next(&self, until: Option<Instant>) -> Option<Command> {
        let received = match until {
            None => self.0.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(until) => self.0.recv_timeout(until.saturating_duration_since(Instant::now())),
        };
        match received {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Command::Stop { broken: true }),
        }
    }
}
