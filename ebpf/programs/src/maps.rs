//! Every map, with the reason for its size.

use aya_ebpf::bindings::{BPF_F_CLONE, BPF_F_NO_PREALLOC};
use aya_ebpf::macros::{btf_map, map};
use aya_ebpf::maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf};
use egret_wire::{Counter, Grant, GrantKey, PeerKey, PeerTotals, Policy, ProcessKey, ProcessRef, TupleKey, TupleOwner};

use crate::atomic;
use crate::calls::Pending;
use crate::path::Scratch;
use crate::socket::Socket;

/// Records about flows. 4 MiB hold 23,000 records; user space may choose another size.
#[map]
pub(crate) static FLOWS: RingBuf = RingBuf::with_byte_size(4 << 20, 0);

/// Records about processes and cgroups, apart from flows so that a storm of connections cannot push out the
/// exec that explains them. 1 MiB hold about 3,000 execs.
#[map]
pub(crate) static EXECS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// DNS messages and the first bytes of TLS connections, apart from flows so that neither can push out the other. 512 KiB
/// hold 1,600 small records; user space makes it one page where no names are wanted.
#[map]
pub(crate) static NAMES: RingBuf = RingBuf::with_byte_size(512 << 10, 0);

/// Counters by [`Counter`]; they only grow.
#[map]
pub(crate) static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Counter::COUNT, 0);

/// One word: not zero while the reader sleeps without a time limit and wants to be woken by the next record.
#[map]
pub(crate) static READER_ASLEEP: Array<u32> = Array::with_max_entries(1, 0);

/// Image and start of every process, by pid. Not preallocated: memory follows the number of processes. The
/// limit is four times the default `pid_max`.
#[map]
pub(crate) static PROCESSES: HashMap<u32, ProcessKey> = HashMap::with_max_entries(131_072, BPF_F_NO_PREALLOC);

/// Totals of the peers of datagram sockets that have several. Least recently used entries make room; user
/// space, which knows every peer from its first record, sees that an entry is gone and counts it. About 2 MiB.
#[map]
pub(crate) static PEERS: LruHashMap<PeerKey, PeerTotals> = LruHashMap::with_max_entries(16_384, 0);

/// Totals of packet sockets, by cookie. User space takes an entry out once the socket is gone. Not preallocated: there are few
/// such sockets, and 4,096 of them take 0.3 MB.
#[map]
pub(crate) static UNRELEASED: HashMap<u64, PeerTotals> = HashMap::with_max_entries(4096, BPF_F_NO_PREALLOC);

/// Peer of a datagram under way by thread, used only while another thread is in the middle of a send or
/// receive on the same socket. An entry lives for one call; 4,096 threads at once.
#[map]
pub(crate) static CONTENDED: HashMap<u64, PeerKey> = HashMap::with_max_entries(4096, BPF_F_NO_PREALLOC);

/// System calls under way by thread (`syscalls` layer only): 16,384 blocked calls at once.
#[map]
pub(crate) static CALLS: HashMap<u64, Pending> = HashMap::with_max_entries(16_384, BPF_F_NO_PREALLOC);

/// Peers that a descriptor has sent to (`syscalls` layer only), so that a peer is told once.
#[map]
pub(crate) static CALL_PEERS: LruHashMap<PeerKey, u8> = LruHashMap::with_max_entries(16_384, 0);

/// Room to put an exec record together: it is larger than the stack.
#[map]
pub(crate) static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

/// What is enforced now. User space writes it; all zeroes at first.
#[map]
pub(crate) static POLICY: Array<Policy> = Array::with_max_entries(1, 0);

/// Who sends between which ends. Every first packet is noted before it leaves and looked up while it waits for its verdict,
/// some milliseconds: least recently used entries make room. About 5 MiB; user space makes it one entry where nothing
/// is enforced.
#[map]
pub(crate) static TUPLES: LruHashMap<TupleKey, TupleOwner> = LruHashMap::with_max_entries(32_768, 0);

/// Who holds the datagram sockets that were connected, or sent, while a policy was active. An entry goes with its socket.
/// Not preallocated: memory follows the number of sockets, 7 MiB at most.
#[map]
pub(crate) static COOKIES: HashMap<u64, ProcessRef> = HashMap::with_max_entries(65_536, BPF_F_NO_PREALLOC);

/// Who may connect to whom without being asked about. One that makes room for another is asked about again. About 2 MiB;
/// one entry where nothing is enforced.
#[map]
pub(crate) static GRANTS: LruHashMap<GrantKey, Grant> = LruHashMap::with_max_entries(16_384, 0);

/// State of every socket that egret follows, kept by the kernel inside the socket: no table to size, nothing
/// to evict, gone with the socket. A socket that a listener makes starts with a copy of the listener's.
#[btf_map]
pub(crate) static SOCKETS: SocketStorage = SocketStorage::new();

const STORAGE_FLAGS: usize = (BPF_F_NO_PREALLOC | BPF_F_CLONE) as usize;
const STORAGE_TYPE: usize = aya_ebpf::bindings::bpf_map_type::BPF_MAP_TYPE_SK_STORAGE as usize;

/// Definition of a socket-storage map in the form that BTF-aware loaders read: the types of the fields say
/// everything, their values nothing.
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

/// Adds to a counter of this CPU.
#[inline(always)]
pub(crate) fn count(counter: Counter, amount: u64) {
    if let Some(value) = COUNTERS.get_ptr_mut(counter as u32) {
        // SAFETY: a pointer from the map. Only this CPU writes it, but hooks can interrupt each other here.
        atomic::add(unsafe { &mut *value }, amount);
    }
}
