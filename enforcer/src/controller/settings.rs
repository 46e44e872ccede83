//! How the host is held to its baseline.

use std::path::PathBuf;
use std::time::Duration;

use crate::evaluate::{BlockAction, FailurePolicy, UnattributedPolicy};
use crate::firewall::{BackendChoice, Bypass};
use crate::mode::{Limits, Mode};

/// How the host is held to its baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct EnforcerSettings {
    /// The mode before any switch.
    pub mode: Mode,
    /// The file of the mode state.
    pub state_file: PathBuf,
    /// What happens to new flows while nothing evaluates them.
    pub on_failure: FailurePolicy,
    /// How packets are blocked.
    pub action: BlockAction,
    /// What happens to flows whose process is unknown.
    pub unattributed: UnattributedPolicy,
    /// Which firewall.
    pub backend: BackendChoice,
    /// Whether flows within the host are evaluated.
    pub loopback: bool,
    /// Whether established connections are evaluated again when the mode or the baseline changes.
    pub rejudge: bool,
    /// Whether DNS, DHCP, NTP and neighbour discovery are exempt.
    pub protect: bool,
    /// Whose flows are exempt.
    pub bypass: Bypass,
    /// Number of the first queue.
    pub first_queue: u16,
    /// Number of fast paths, at least one.
    pub queues: u16,
    /// Packets that may wait in each queue.
    pub queue_length: u32,
    /// The bits of marks that are egret's.
    pub mark_mask: u32,
    /// The limits of the fallback monitor; `None` for no fallbacks.
    pub fallback: Option<Limits>,
    /// How long a packet may wait for an answer; `None` asks nobody.
    pub ask_hold: Option<Duration>,
}
