//! egret as a service of its host.

use super::Fallback::{Unset, Value};
use super::Reload::{Live, Restart};
use super::{Section, option};

pub(super) const CONTROL: Section = Section {
    name: "control",
    about: "The socket at which `egret status` and `egret trace --attach` ask.",
    options: &[
        option!(control.socket, Value("/run/egret/egret.sock"), Restart, "Path of the socket."),
        option!(
            control.group,
            Unset { means: "`egret` if there is that group, else nobody", example: "\"adm\"" },
            Restart,
            "Members of this group may ask, besides root and the user that egret runs as. They see every connection of this \
             host with its arguments."
        ),
    ],
};

pub(super) const LOG: Section = Section {
    name: "log",
    about: "Messages about egret itself, on standard error.",
    options: &[option!(
        log.filter,
        Value("info"),
        Live,
        "What is shown, in the syntax of `tracing-subscriber`'s filters. `EGRET_LOG`, which every command of egret knows, \
         sets it too; `EGRET_LOG_FILTER` wins."
    )],
};

pub(super) const SHUTDOWN: Section = Section {
    name: "shutdown",
    about: "How egret stops.",
    options: &[option!(
        shutdown.drain_for,
        Value("10s"),
        Live,
        "How long sinks may take to send what they have. What is left then is counted and told. Well within the 90 seconds \
         after which systemd kills."
    )],
};
