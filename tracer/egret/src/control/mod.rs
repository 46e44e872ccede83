//! The control socket: HTTP with JSON on a Unix socket, for the other commands of egret and for other programs.
//!
//! ```text
//! GET /v1/status   the state of the daemon: JSON, or text if text/plain is accepted
//! GET /v1/events   live events, one JSON object a line, until either side closes the connection
//! ```
//!
//! and the routes in [`enforce`]. While egret starts, `/v1/status` answers that, and all other requests wait.
//!
//! Owner, group and mode of the socket decide who may connect. The peer's credentials from the kernel are checked again.

mod client;
mod enforce;
mod events;
mod live;
mod peer;
mod server;
mod socket;

pub(crate) use client::{Client, Events, block_on};
pub(crate) use enforce::{AnswerRequest, Answered, Questions, SwitchRequest, WithdrawRequest};
pub(crate) use events::Missed;
pub(crate) use live::Live;
pub(crate) use peer::Admission;
pub(crate) use server::{Gate, Service, serve};
pub(crate) use socket::{Guard, Socket, find_group};
