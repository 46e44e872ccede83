//! Names of peers: DNS messages, and the first bytes that TLS clients send.
//!
//! Two hooks see every packet of every socket, so that nearly all packets must leave them after a few
//! instructions. Payloads are copied unchanged, and parsed in user space. Both hooks always let every packet pass.

mod copy;
mod dns;
mod egress;
mod hello;
mod ingress;
pub(crate) mod packet;
pub(crate) mod share;
