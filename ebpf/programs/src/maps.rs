//! Every map, with the reason for its size.

use aya_ebpf::bindings::{BPF_F_CLONE, BPF_F_MMAPABLE, BPF_F_NO_PREALLOC};
use aya_ebpf::macros::{btf_map, map};
use aya_ebpf::maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf};
use egret_state::Socket;
use egret_wire::{
    Arrived, Counter, Grant, GrantKey, PacketSocket, PeerKey, PeerTotals, Policy, ProcessKey, ProcessRef, Stage,
    TOTALS_BUCKETS, TotalsBucket, TupleKey, TupleOwner,
};

use crate::atomic;
use crate::values::{Pending, Scratch, Share, ShareKey};

/// Records of flows. 4 MiB have space for 23,000 records; user space may choose another size.
#[map]
pub(crate) static FLOWS: RingBuf = RingBuf::with_byte_size(4 << 20, 0);

/// Records of processes and cgroups, separate from flows so that a burst of connections does not leave the exec of
/// their process without space. 1 MiB has space for about 3,000 execs.
#[map]
pub(crate) static EXECS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// DNS messages and the first bytes of TLS connections, separate from flows so that neither leaves the other
/// without space. 512 KiB have space for 1,600 small records; user space makes it as small as possible if no names
/// are gathered.
#[map]
pub(crate) static NAMES: RingBuf = RingBuf::with_byte_size(512 << 10, 0);

/// Counters by [`Counter`]; they only grow.
#[map]
pub(crate) static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Counter::COUNT, 0);

/// The bytes that users have written to the ring of names lately, 16 bytes each, counted while the ring fills up.
/// The least recently used entry is evicted; its user begins a new share.
#[map]
pub(crate) static SHARES: LruHashMap<ShareKey, Share> = LruHashMap::with_max_entries(1024, 0);

/// One word: not zero while the reader sleeps without a time limit and needs to be woken by the next record.
#[map]
pub(crate) static READER_ASLEEP: Array<u32> = Array::with_max_entries(1, 0);

/// The stage of the start. User space writes it; all zeroes while hooks are being attached.
#[map]
pub(crate) static STAGE: Array<Stage> = Array::with_max_entries(1, 0);

/// Image and start of every process, by pid. Not preallocated: memory follows the number of processes. The
/// limit is four times the default `pid_max`.
#[map]
pub(crate) static PROCESSES: HashMap<u32, ProcessKey> = HashMap::with_max_entries(131_072, BPF_F_NO_PREALLOC);

/// Totals of the earlier peers of datagram sockets. The least recently used entry is evicted; user space, which
/// knows every peer from its first record, counts a missing entry. About 2 MiB.
#[map]
pub(crate) static PEERS: LruHashMap<PeerKey, PeerTotals> = LruHashMap::with_max_entries(16_384, 0);

/// Bytes that have arrived from peers that no call has named yet, where packets are counted. The least recently
/// used entry is evicted: a flood that is never received costs the bytes of other peers' first datagrams. 4,096 of
/// them take 0.4 MB.
#[map]
pub(crate) static ARRIVED: LruHashMap<PeerKey, Arrived> = LruHashMap::with_max_entries(4096, 0);

/// Totals of open connections, 65,536 at most: 2.6 MB. User space maps it, and makes it one entry if totals are
/// not reported.
#[map]
pub(crate) static TOTALS: Array<TotalsBucket> = Array::with_max_entries(TOTALS_BUCKETS, BPF_F_MMAPABLE);

/// Packet sockets, by cookie. User space removes an entry once the socket is closed. Not preallocated: there are
/// few such sockets, and 4,096 of them take 0.4 MB.
#[map]
pub(crate) static UNRELEASED: HashMap<u64, PacketSocket> = HashMap::with_max_entries(4096, BPF_F_NO_PREALLOC);

/// Owners of the connections of multipath TCP, by address in the kernel. 4,096 of them take 0.4 MB; the least
/// recently used entry is evicted, and further subflows of its connection are attributed by user space.
#[map]
pub(crate) static SUBFLOWS: LruHashMap<u64, ProcessRef> = LruHashMap::with_max_entries(4096, 0);

/// Cookie of the packet socket that user space asks for; zero for none.
#[map]
pub(crate) static ASKED: Array<u64> = Array::with_max_entries(1, 0);

/// Peer of the datagram that a thread is sending or receiving, used only while another thread does so on the same
/// socket. An entry lasts for one call; 4,096 threads at once.
#[map]
pub(crate) static CONTENDED: HashMap<u64, PeerKey> = HashMap::with_max_entries(4096, BPF_F_NO_PREALLOC);

/// System calls in progress by thread (`syscalls` layer only): 16,384 blocked calls at once.
#[map]
pub(crate) static CALLS: HashMap<u64, Pending> = HashMap::with_max_entries(16_384, BPF_F_NO_PREALLOC);

/// Peers that a descriptor has sent to (`syscalls` layer only), so that a peer is reported once.
#[map]
pub(crate) static CALL_PEERS: LruHashMap<PeerKey, u8> = LruHashMap::with_max_entries(16_384, 0);

/// Buffer for an exec record, which is larger than the stack.
#[map]
pub(crate) static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

/// The policy in force. User space writes it; all zeroes at first.
#[map]
pub(crate) static POLICY: Array<Policy> = Array::with_max_entries(1, 0);

/// Owners of endpoints. An entry is written before the first packet leaves, and looked up while the packet waits
/// for its verdict, some milliseconds; the least recently used entry is evicted. About 5 MiB; user space makes it
/// one entry if nothing is enforced.
#[map]
pub(crate) static TUPLES: LruHashMap<TupleKey, TupleOwner> = LruHashMap::with_max_entries(32_768, 0);

/// Owners of the datagram sockets that were connected, or sent, while a policy was active. An entry is removed
/// with its socket. Not preallocated: memory follows the number of sockets, 7 MiB at most.
#[map]
pub(crate) static COOKIES: HashMap<u64, ProcessRef> = HashMap::with_max_entries(65_536, BPF_F_NO_PREALLOC);

/// Connects that pass without evaluation. The least recently used entry is evicted, and its next flow is
/// evaluated. About 2 MiB; one entry if nothing is enforced.
#[map]
pub(crate) static GRANTS: LruHashMap<GrantKey, Grant> = LruHashMap::with_max_entries(16_384, 0);

/// State of every socket that egret follows, stored by the kernel with the socket: it has no size limit, is never
/// evicted, and is freed with the socket. A socket that a listener creates starts with a copy of the listener's.
#[btf_map]
pub(crate) static SOCKETS: SocketStorage = SocketStorage::new();

const STORAGE_FLAGS: usize = (BPF_F_NO_PREALLOC | BPF_F_CLONE) as usize;
const STORAGE_TYPE: usize = aya_ebpf::bindings::bpf_map_type::BPF_MAP_TYPE_SK_STORAGE as usize;

/// Definition of a socket-storage map in the form that BTF-aware loaders read: the types of the fields, not their
/// values.
#[repr(C)]
pub(crate) struct SocketStorage {
    r#type: *const [i32; STORAGE_TYPE],
    key: *const i32,
    value: *const Socket,
    max_entries: *const [i32; 0],
    map_flags: *const [i32; STORAGE_FLAGS],
}

// SAFETY: the pointers are never dereferenced; the loader replaces the whole definition by a map.
unsafe impl Sync for SocketStorage {}

impl SocketStorage {
    const fn new() -> Self {
        Self {
            r#type: core::ptr::null(),
            key: core::ptr::null(),
            value: core::ptr::null(),
            max_entries: core::ptr::null(),
            map_flags: core::ptr::null(),
        }
    }
}

/// The scratch buffer of this CPU. Global functions look it up again: their callers keep no reference meanwhile.
#[inline(always)]
pub(crate) fn scratch<'a>() -> Option<&'a mut Scratch> {
    // SAFETY: a pointer from the per-CPU map; no program that uses it can be interrupted by itself or by another
    // that does.
    SCRATCH.get_ptr_mut(0).map(|scratch| unsafe { &mut *scratch })
}

/// Adds to a counter of this CPU.
#[inline(always)]
pub(crate) fn count(counter: Counter, amount: u64) {
    if let Some(value) = COUNTERS.get_ptr_mut(counter as u32) {
        // SAFETY: a pointer from the map. Only this CPU writes it, but hooks can interrupt each other here.
        atomic::add(unsafe { &mut *value }, amount);
    }
}
