//! The policy in force.

use egret_wire::{CONFIG_ENFORCE, Policy};

use aya_ebpf::helpers::generated::bpf_get_netns_cookie;

use crate::config::has;
use crate::maps::POLICY;

/// The policy, if one is active for the network namespace of a hook's socket. Without enforcement this costs
/// nothing, and before a policy is active one look-up in an array.
#[inline(always)]
pub(crate) fn active<C>(context: *mut C) -> Option<&'static Policy> {
    if !has(CONFIG_ENFORCE) {
        return None;
    }
    let policy = POLICY.get(0)?;
    // SAFETY: the helper takes the hook's context.
    let is_active = policy.active != 0 && unsafe { bpf_get_netns_cookie(context.cast()) } == policy.netns;
    is_active.then_some(policy)
}
