//! Tables for enforcement: the owners of endpoints, and the flows that pass without evaluation.

use crate::{Address, ProcessRef};

/// The policy in force. While `active` is zero the hooks do nothing for enforcement.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Policy {
    /// Cookie of the network namespace that is enforced (`SO_NETNS_COOKIE`); sockets of others are ignored.
    pub netns: u64,
    /// Not zero: owners are recorded and grants are honoured.
    pub active: u32,
    /// The bits of a socket's mark that are egret's.
    pub mark_mask: u32,
    /// The value of those bits on a socket that was granted its peer.
    pub mark_allowed: u32,
    /// Grants of another epoch have ended.
    pub epoch: u32,
}

const _: () = assert!(size_of::<Policy>() == 24);

/// Key of the table of owners: the endpoints of a packet of the enforced namespace.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TupleKey {
    /// Local address; zeroes for datagrams, for which routing chooses it later.
    pub local: Address,
    /// Peer address.
    pub peer: Address,
    /// `IPPROTO_*`.
    pub protocol: u16,
    /// Local port.
    pub local_port: u16,
    /// Peer port.
    pub peer_port: u16,
    /// Always zero.
    pub reserved: u16,
}

const _: () = assert!(size_of::<TupleKey>() == 40);

/// Value of the table of owners.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TupleOwner {
    /// The process that sent last.
    pub process: ProcessRef,
    /// Cookie of its socket.
    pub cookie: u64,
    /// Cookie of the socket by which another process sends between the same endpoints; zero if there is none. With
    /// a rival the owner is unknown.
    pub rival: u64,
}

const _: () = assert!(size_of::<TupleOwner>() == 56);

/// Key of the table of grants: a process and a peer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantKey {
    /// The image of the process, as in [`ProcessRef`].
    pub exec_id: u64,
    /// Its control group.
    pub cgroup_id: u64,
    /// Peer address.
    pub peer: Address,
    /// Effective user id of the process.
    pub uid: u32,
    /// Peer port.
    pub peer_port: u16,
    /// `IPPROTO_*`.
    pub protocol: u16,
}

const _: () = assert!(size_of::<GrantKey>() == 40);

/// Value of the table of grants.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// End of the grant, `CLOCK_BOOTTIME` nanoseconds.
    pub expires_ns: u64,
    /// [`Policy::mark_allowed`] of the policy that it was made under; it ends with that value.
    pub mark: u32,
    /// [`Policy::epoch`] of the same.
    pub epoch: u32,
}

const _: () = assert!(size_of::<Grant>() == 16);

#[cfg(feature = "user")]
mod pod {
    // SAFETY: `repr(C)`, integers and arrays of integers only, no padding (sizes asserted above).
    #[expect(unsafe_code, reason = "aya reads map keys and values as plain bytes")]
    unsafe impl aya::Pod for super::Policy {}
    // SAFETY: as above.
    #[expect(unsafe_code, reason = "aya reads map keys and values as plain bytes")]
    unsafe impl aya::Pod for super::TupleKey {}
    // SAFETY: as above.
    #[expect(unsafe_code, reason = "aya reads map keys and values as plain bytes")]
    unsafe impl aya::Pod for super::TupleOwner {}
    // SAFETY: as above.
    #[expect(unsafe_code, reason = "aya reads map keys and values as plain bytes")]
    unsafe impl aya::Pod for super::GrantKey {}
    // SAFETY: as above.
    #[expect(unsafe_code, reason = "aya reads map keys and values as plain bytes")]
    unsafe impl aya::Pod for super::Grant {}
}
