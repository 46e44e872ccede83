//! The control socket: HTTP with JSON on a Unix socket, for the other commands of egret and for whoever can speak it.
//!
//! ```text
//! GET /v1/status   what the daemon says of itself: JSON, or text for people where text/plain is asked for
//! GET /v1/events   events as they happen, one JSON object a line, until either side goes away
//! ```
//!
//! and what [`enforce`] has. While egret starts, `/v1/status` says so and everything else waits.
//!
//! Who may connect is a matter of the socket's owner, group and mode; who may ask is checked again by the credentials
//! that the kernel gives for the other end.

mod client;
mod enforce;
mod events;
mod live;
mod peer;
mod server;
mod socket;

pub(crate) use client::{Client, Events};
pub(crate) use enforce::{AnswerRequest, Answered, Questions, SwitchRequest, WithdrawRequest};
pub(crate) use events::Missed;
pub(crate) use live::Live;
pub(crate) use peer::Admission;
pub(crate) use server::{Gate, Service, serve};
pub(crate) use socket::{Guard, Socket, find_group};
