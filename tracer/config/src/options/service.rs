//! Control socket, messages and shutdown.

use super::section;
use crate::kind::{AbsolutePath, LogFilter, Optional, Text, Time};

section! {
    /// The control socket, which `egret status`, `egret mode`, `egret ask` and `egret trace --attach` use.
    pub control: Control {
        /// Path of the socket.
        socket: AbsolutePath = "/run/egret/egret.sock", Restart;

        /// Members of this group may read from the socket, besides root and the user that egret runs as. They see every
        /// connection of this host with the arguments of its process.
        group: Optional<Text> = unset "`egret` if that group exists, else nobody", example r#""adm""#, Restart;
    }
}

section! {
    /// egret's own messages, on standard error.
    pub(crate) log: Log {
        /// The filter of messages, in the syntax of `tracing-subscriber`. `EGRET_LOG`, which every command of egret reads,
        /// sets it too. `EGRET_LOG_FILTER` has precedence.
        filter: LogFilter = "info", Live;
    }
}

section! {
    /// How egret stops.
    pub(crate) shutdown: Shutdown {
        /// How long sinks may take to send what they have. What is left then is counted as lost and reported. The default is
        /// well within the 90 seconds after which systemd kills a service.
        drain_for: Time = "10s", Live;
    }
}
