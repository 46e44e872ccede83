//! From records to events: which process a flow belongs to, and what happened to it.

mod calls;
mod close;
mod event;
mod exec;
mod identify;
mod naming;
mod open;
mod owner;
mod packet_sockets;
mod peers;
mod preexisting;
mod processes;
mod report;
mod resolve;
#[cfg(test)]
mod sample;
mod tracker;
mod update;
mod waiting;

pub(crate) use identify::identify;
pub(crate) use naming::Naming;
pub(crate) use open::TotalsTable;
pub(crate) use peers::PeerTable;
pub(crate) use processes::Processes;
pub(crate) use tracker::Tracker;
