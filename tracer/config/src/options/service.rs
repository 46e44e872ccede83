//! egret as a service of its host.

use super::section;
use crate::kind::{AbsolutePath, LogFilter, Optional, Text, Time};

section! {
    /// The socket at which `egret status` and `egret trace --attach` ask.
    pub control: Control {
        /// Path of the socket.
        socket: AbsolutePath = "/run/egret/egret.sock", Restart;

        /// Members of this group may ask, besides root and the user that egret runs as. They see every connection of
        /// this host with its arguments.
        group: Optional<Text> = unset "`egret` if there is that group, else nobody", example r#""adm""#, Restart;
    }
}

section! {
    /// Messages about egret itself, on standard error.
    pub(crate) log: Log {
        /// What is shown, in the syntax of `tracing-subscriber`'s filters. `EGRET_LOG`, which every command of egret
        /// knows, sets it too; `EGRET_LOG_FILTER` wins.
        filter: LogFilter = "info", Live;
    }
}

section! {
    /// How egret stops.
    pub(crate) shutdown: Shutdown {
        /// How long sinks may take to send what they have. What is left then is counted and told. Well within the 90
        /// seconds after which systemd kills.
        drain_for: Time = "10s", Live;
    }
}
