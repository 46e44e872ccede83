//! Sockets by `sock_diag(7)` (`NETLINK_SOCK_DIAG`), and their owners by `/proc`.
//!
//! The hooks see a socket when it is used. Preexisting sockets are listed here: every socket in every network
//! namespace with its cookie, which later records of the kernel side have, and its inode number, by which
//! `/proc/PID/fd` shows its owners.
//!
//! TCP, MPTCP, UDP, UDP-Lite, raw and packet sockets are listed by netlink. No kernel lists ICMP (ping) sockets,
//! and without `CONFIG_INET_RAW_DIAG` a kernel lists no raw sockets either: these come from `/proc/net`, without a
//! cookie.

mod connection;
mod error;
mod list;
mod message;
mod namespace;
mod owners;
mod packet;
mod request;
mod socket;
pub(crate) mod tables;

pub use connection::Diag;
pub use error::DiagError;
pub use list::{HostSockets, NamespaceSockets, list_all};
pub use namespace::{Namespace, in_namespace, namespaces, own_namespace};
pub(crate) use owners::find_owners_before;
pub use owners::{SocketOwners, find_owners};
pub use socket::{DiagSocket, TCP_ESTABLISHED, TCP_LISTEN};
