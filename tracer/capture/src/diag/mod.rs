//! Sockets that already stand, from the kernel's `NETLINK_SOCK_DIAG` (`sock_diag(7)`).
//!
//! The hooks see sockets when something happens on them. What was opened before egret is asked for here:
//! every socket in every network namespace with its cookie, which later records of the kernel side carry, and
//! its inode number, which the processes that hold it show in `/proc/PID/fd`.
//!
//! TCP, MPTCP, UDP, UDP-Lite, raw and packet sockets are listed by netlink. ICMP (ping) sockets have no such
//! list in any kernel, and raw sockets none without `CONFIG_INET_RAW_DIAG`: these come from `/proc/net`,
//! without cookie.

mod connection;
mod error;
mod holders;
mod message;
mod namespace;
mod packet;
mod request;
mod socket;
mod standing;
pub(crate) mod tables;

pub use connection::Diag;
pub use error::DiagError;
pub use holders::{Holders, inodes_to_pids};
pub(crate) use namespace::own_namespace;
pub use namespace::{Namespace, in_namespace, namespaces};
pub use socket::{DiagSocket, TCP_ESTABLISHED, TCP_LISTEN};
pub use standing::{NamespaceSockets, Standing, standing};
