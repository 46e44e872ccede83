//! Names of the other end: DNS messages, and the first bytes that TLS clients send.
//!
//! Two hooks see every packet of every socket, so nearly all packets leave them after a few instructions. What is worth
//! reading is copied as it is: everything is understood in user space. Both hooks let every packet pass, whatever
//! happens.

mod copy;
mod dns;
mod egress;
mod hello;
mod ingress;
mod packet;
pub(crate) mod share;
