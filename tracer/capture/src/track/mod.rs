//! From records to events: who it was, and what it means.

mod calls;
mod flows;
mod identify;
mod naming;
mod peers;
mod processes;
mod resolve;
mod totals;
mod waiting;

pub(crate) use flows::Tracker;
pub(crate) use identify::identify;
pub(crate) use naming::Naming;
pub(crate) use peers::PeerTable;
pub(crate) use processes::Processes;
