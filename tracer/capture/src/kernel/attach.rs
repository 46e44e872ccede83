//! Loading the programs and attaching them.

use std::collections::HashSet;
use std::ffi::c_int;
use std::fs::{self, File};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::path::Path;

use aya::maps::{Array, HashMap, MapData, PerCpuArray, RingBuf};
use aya::programs::{
    BtfTracePoint, CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, CgroupSock, CgroupSockAddr, Program, ProgramError,
    SockOps, TracePoint,
};
use aya::{Btf, Ebpf, EbpfLoader};
use aya_obj::generated::{bpf_cmd, bpf_prog_info};
use egret_model::{Degradation, work};
use egret_wire::{
    CONFIG_DNS, CONFIG_ENFORCE, CONFIG_EVERY_SEND, CONFIG_LENGTHS, CONFIG_SNI, CONFIG_TRACE_CONTEXT, CONFIG_TYPED,
    Config, PeerKey, PeerTotals, ProcessKey,
};

use super::counters::Counters;
use super::error::LoadError;
use super::probe::Probe;
use super::programs::{
    ADDRESS_HOOKS, CALL_TRACEPOINTS, CREATE_HOOK, EGRESS_HOOK, ERROR_TRACEPOINT, INGRESS_HOOK, LENGTH_TRACEPOINTS,
    PROCESS_TRACEPOINTS, RELEASE_HOOK, SOCK_OPS, UNTYPED_TRACEPOINTS,
};
use super::tables::{self, Shared};
use super::unreleased::Unreleased;
use super::{btf, offsets};

/// How the programs are set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// Bytes of the flow ring; a power of two and a multiple of the page size.
    pub(crate) ring_bytes: u32,
    /// A record for every send.
    pub(crate) every_send: bool,
    /// Copy DNS messages.
    pub(crate) dns: bool,
    /// Copy the first bytes of TLS connections.
    pub(crate) sni: bool,
    /// Look for `TRACEPARENT` in the environment of every exec.
    pub(crate) trace_context: bool,
    /// Note owners and honour grants, whenever a policy is active.
    pub(crate) enforce: bool,
}

impl Setup {
    /// Whether packets are looked at.
    const fn wants_names(self) -> bool {
        self.dns || self.sni
    }
}

/// Interval between records with the totals of a busy flow: ten seconds at 1000 Hz, longer at lower rates.
const TOTALS_JIFFIES: u32 = 10_000;

/// Bytes of the ring for names where none are wanted: the kernel does not make smaller ones.
const NO_NAMES_BYTES: u32 = 64 << 10;
/// And where they are: see the map.
const NAMES_BYTES: u32 = 512 << 10;

/// The programs in the kernel. They go when this is dropped.
pub(crate) struct Programs {
    /// Gone once they are detached; the maps stay.
    ebpf: Option<Ebpf>,
    counters: PerCpuArray<MapData, u64>,
    processes: HashMap<MapData, u32, ProcessKey>,
    peers: HashMap<MapData, PeerKey, PeerTotals>,
    asleep: Array<MapData, u32>,
    /// What other threads look into.
    shared: Shared,
    /// What the kernel side was told last.
    is_asleep: bool,
    degradations: Vec<Degradation>,
    /// Runs that were skipped, once the programs are gone.
    skipped: u64,
    /// `None` where packet sockets are not seen.
    unreleased: Option<Unreleased>,
}

/// The rings, which the reader owns.
pub(crate) struct Rings {
    pub(crate) flows: RingBuf<MapData>,
    pub(crate) execs: RingBuf<MapData>,
    pub(crate) names: RingBuf<MapData>,
}

impl Programs {
    /// Loads the `sockets` layer and attaches it. Processes are followed before sockets, so that no socket belongs
    /// to a process that was missed.
    pub(crate) fn sockets(probe: &Probe, setup: Setup) -> Result<(Self, Rings), LoadError> {
        let cgroup = open_cgroup(probe)?;
        let enforce = setup.enforce && tables::can_enforce();
        let (mut programs, rings, types) = Self::load(Setup { enforce, ..setup })?;
        let _attaching = tracing::info_span!(target: work::TARGET, work::ATTACH_PROGRAMS).entered();
        programs.follow_processes(types.as_ref())?;
        if let Some(types) = &types {
            programs.attach_lengths(types)?;
        }
        programs.attach_names(&cgroup, setup);
        programs.attach_hooks(&cgroup)?;
        Ok((programs, rings))
    }

    /// Loads the `syscalls` layer and attaches it.
    pub(crate) fn syscalls(probe: &Probe, setup: Setup) -> Result<(Self, Rings), LoadError> {
        if probe.tracefs.is_none() {
            return Err(LoadError::NoTracefs);
        }
        // None of its hooks sees a socket before its packet.
        let (mut programs, rings, types) = Self::load(Setup { enforce: false, ..setup })?;
        let _attaching = tracing::info_span!(target: work::TARGET, work::ATTACH_PROGRAMS).entered();
        programs.follow_processes(types.as_ref())?;
        match open_cgroup(probe) {
            Ok(cgroup) => programs.attach_names(&cgroup, setup),
            Err(_) if setup.wants_names() => programs.degradations.push(Degradation::NoNames),
            Err(_) => {}
        }
        for (name, calls) in CALL_TRACEPOINTS {
            let program: &mut TracePoint = programs.program(name)?;
            program.load().map_err(|source| LoadError::refused(name, "loaded", source))?;
            for call in calls {
                program.attach("syscalls", call).map_err(|source| LoadError::refused(name, "attached", source))?;
            }
        }
        Ok((programs, rings))
    }

    fn load(setup: Setup) -> Result<(Self, Rings, Option<Btf>), LoadError> {
        let _loading = tracing::info_span!(target: work::TARGET, work::LOAD_PROGRAMS).entered();
        let mut degradations = Vec::new();
        let types = Btf::from_sys_fs().ok();
        let mut config = settings();
        let typed = types.is_some() && offsets::complete(&config);
        if !typed {
            config = Config::UNKNOWN;
            degradations.push(Degradation::NoBtf);
        }
        let lengths = typed && has_tracepoints(types.as_ref(), &LENGTH_TRACEPOINTS);
        if typed && !lengths {
            degradations.push(Degradation::NoLengthTracepoints);
        }
        config.flags = flags(setup, typed, lengths);
        config.totals_jiffies = TOTALS_JIFFIES;
        config.wake_bytes = (setup.ring_bytes / 16).min(64 << 10);
        let mut loader = EbpfLoader::new();
        loader
            .override_global("CONFIG", &config, true)
            .map_max_entries("FLOWS", setup.ring_bytes)
            .map_max_entries("NAMES", if setup.wants_names() { NAMES_BYTES } else { NO_NAMES_BYTES });
        if !setup.enforce {
            for name in tables::NAMES {
                loader.map_max_entries(name, 1);
            }
        }
        let mut ebpf = loader.load(OBJECT)?;
        let rings = Rings {
            flows: map(take(&mut ebpf, "FLOWS")?, "FLOWS")?,
            execs: map(take(&mut ebpf, "EXECS")?, "EXECS")?,
            names: map(take(&mut ebpf, "NAMES")?, "NAMES")?,
        };
        let shared = Shared::take(&mut ebpf, setup.enforce)?;
        let programs = Self {
            shared,
            counters: map(take(&mut ebpf, "COUNTERS")?, "COUNTERS")?,
            processes: map(take(&mut ebpf, "PROCESSES")?, "PROCESSES")?,
            peers: map(take(&mut ebpf, "PEERS")?, "PEERS")?,
            asleep: map(take(&mut ebpf, "READER_ASLEEP")?, "READER_ASLEEP")?,
            is_asleep: false,
            ebpf: Some(ebpf),
            degradations,
            skipped: 0,
            unreleased: None,
        };
        Ok((programs, rings, typed.then_some(types).flatten()))
    }

    fn follow_processes(&mut self, types: Option<&Btf>) -> Result<(), LoadError> {
        if let Some(types) = types {
            return PROCESS_TRACEPOINTS.iter().try_for_each(|name| self.typed(name, types));
        }
        if super::find_tracefs().is_none() {
            self.degradations.push(Degradation::NoTracefs);
            return Ok(());
        }
        for (name, category, tracepoint) in UNTYPED_TRACEPOINTS {
            let program: &mut TracePoint = self.program(name)?;
            program.load().map_err(|source| LoadError::refused(name, "loaded", source))?;
            program.attach(category, tracepoint).map_err(|source| LoadError::refused(name, "attached", source))?;
        }
        Ok(())
    }

    fn attach_lengths(&mut self, types: &Btf) -> Result<(), LoadError> {
        self.typed(ERROR_TRACEPOINT, types)?;
        if self.degradations.contains(&Degradation::NoLengthTracepoints) {
            return Ok(());
        }
        if let Some(ebpf) = &mut self.ebpf {
            self.unreleased = Unreleased::attach(ebpf, types)
                .inspect_err(|error| tracing::warn!(%error, "the ends of packet sockets are not seen"))
                .ok();
        }
        LENGTH_TRACEPOINTS.iter().try_for_each(|name| self.typed(name, types))
    }

    fn typed(&mut self, name: &'static str, types: &Btf) -> Result<(), LoadError> {
        let program: &mut BtfTracePoint = self.program(name)?;
        program.load(name, types).map_err(|source| LoadError::refused(name, "loaded", source))?;
        program.attach().map_err(|source| LoadError::refused(name, "attached", source))?;
        Ok(())
    }

    /// Attaches beside the hooks of other programs, at the root of the hierarchy. A link always allows others beside
    /// it (`cgroup_bpf_link_attach` in kernel/bpf/cgroup.c), and the kernel refuses the flag that would ask for it.
    fn attach_hooks(&mut self, cgroup: &File) -> Result<(), LoadError> {
        let mode = CgroupAttachMode::Single;
        for name in ADDRESS_HOOKS {
            let program: &mut CgroupSockAddr = self.program(name)?;
            program.load().map_err(|source| LoadError::refused(name, "loaded", source))?;
            program.attach(cgroup, mode).map_err(|source| LoadError::refused(name, "attached", source))?;
        }
        let creation = (!self.counts_lengths()).then_some(CREATE_HOOK);
        for name in creation.into_iter().chain([RELEASE_HOOK]) {
            let program: &mut CgroupSock = self.program(name)?;
            program.load().map_err(|source| LoadError::refused(name, "loaded", source))?;
            program.attach(cgroup, mode).map_err(|source| LoadError::refused(name, "attached", source))?;
        }
        let program: &mut SockOps = self.program(SOCK_OPS)?;
        program.load().map_err(|source| LoadError::refused(SOCK_OPS, "loaded", source))?;
        program.attach(cgroup, mode).map_err(|source| LoadError::refused(SOCK_OPS, "attached", source))?;
        Ok(())
    }

    /// Attaches the hooks on packets, as far as names are wanted. Connections are told without them too.
    fn attach_names(&mut self, cgroup: &File, setup: Setup) {
        let egress = setup.wants_names().then_some((EGRESS_HOOK, CgroupSkbAttachType::Egress));
        let ingress = setup.dns.then_some((INGRESS_HOOK, CgroupSkbAttachType::Ingress));
        // A hook that is attached before another is refused sees half, which does no harm.
        let result = egress.into_iter().chain(ingress).try_for_each(|(name, point)| self.packets(name, point, cgroup));
        if let Err(error) = result {
            tracing::warn!(%error, "no names are gathered");
            self.degradations.push(Degradation::NoNames);
        }
    }

    fn packets(&mut self, name: &'static str, point: CgroupSkbAttachType, cgroup: &File) -> Result<(), LoadError> {
        let program: &mut CgroupSkb = self.program(name)?;
        program.load().map_err(|source| LoadError::refused(name, "loaded", source))?;
        let mode = CgroupAttachMode::Single;
        program.attach(cgroup, point, mode).map_err(|source| LoadError::refused(name, "attached", source))?;
        Ok(())
    }

    fn program<'a, P>(&'a mut self, name: &'static str) -> Result<&'a mut P, LoadError>
    where
        &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
    {
        let program = self.ebpf.as_mut().and_then(|ebpf| ebpf.program_mut(name)).ok_or(LoadError::Missing(name))?;
        program.try_into().map_err(|source| LoadError::refused(name, "loaded", source))
    }
}

impl Programs {
    /// What the kernel did not offer.
    #[must_use]
    pub(crate) fn degradations(&self) -> &[Degradation] {
        &self.degradations
    }

    /// Whether the kernel side counts what calls move: it has the kernel's types and the length tracepoints.
    pub(crate) fn counts_lengths(&self) -> bool {
        let without = [Degradation::NoBtf, Degradation::NoLengthTracepoints];
        !self.degradations.iter().any(|missing| without.contains(missing))
    }

    /// What other threads may look into.
    pub(crate) const fn shared(&self) -> &Shared {
        &self.shared
    }

    /// What the kernel side knows of a process that runs.
    pub(crate) fn process(&self, pid: u32) -> Option<ProcessKey> {
        self.processes.get(&pid, 0).ok()
    }

    /// The counters now.
    #[must_use]
    pub(crate) fn counters(&self) -> Counters {
        Counters::read(&self.counters)
    }

    /// Runs of tracepoint programs that the kernel skipped because they would have interrupted themselves (`recursion_misses`
    /// in the information about a program, Linux 5.12).
    pub(crate) fn skipped_runs(&self) -> u64 {
        let Some(ebpf) = &self.ebpf else { return self.skipped };
        // The kernel never skips cgroup hooks.
        let can_be_skipped = |program: &Program| matches!(program, Program::BtfTracePoint(_) | Program::TracePoint(_));
        ebpf.programs()
            .filter(|(_, program)| can_be_skipped(program))
            .filter_map(|(_, program)| recursion_misses(program.fd().ok()?.as_fd()))
            .sum()
    }

    /// Enters a process that is older than egret, unless the kernel side knows it already.
    pub(crate) fn enter_process(&mut self, pid: u32, key: ProcessKey) {
        const BPF_NOEXIST: u64 = 1;
        // An error means that it is known, or that the table is full: then its records say so themselves.
        let _ = self.processes.insert(pid, key, BPF_NOEXIST);
    }

    /// Marks a process, and so all that it will start, as followed, or takes the mark away.
    pub(crate) fn follow(&mut self, pid: u32, followed: bool) -> Result<(), LoadError> {
        if self.degradations.contains(&Degradation::NoTracefs) {
            return Err(LoadError::CannotFollow);
        }
        let mut key = self.processes.get(&pid, 0).unwrap_or_default();
        key.flags = if followed { key.flags | egret_wire::TRACED } else { key.flags & !egret_wire::TRACED };
        self.processes.insert(pid, key, 0).map_err(|source| LoadError::Map { name: "PROCESSES", source })
    }

    /// Takes the totals of a peer out of the peer table, if they are those that began at this moment.
    pub(crate) fn take_peer(&mut self, key: &PeerKey, opened_ns: u64) -> Option<PeerTotals> {
        let totals = self.peers.get(key, 0).ok().filter(|totals| totals.opened_ns == opened_ns)?;
        let _ = self.peers.remove(key);
        Some(totals)
    }

    /// Cookies of the packet sockets that are open; `None` where that cannot be said.
    pub(crate) fn open_packet_sockets(&self) -> Option<HashSet<u64>> {
        let open = self.unreleased.as_ref()?.open();
        open.inspect_err(|error| tracing::debug!(%error, "packet sockets cannot be listed")).ok()
    }

    /// Takes the totals of a packet socket that has ended.
    pub(crate) fn take_packet_socket(&mut self, cookie: u64) -> Option<PeerTotals> {
        self.unreleased.as_mut()?.take(cookie)
    }

    /// Tells the kernel side whether the reader sleeps until it is woken.
    pub(crate) fn set_asleep(&mut self, asleep: bool) {
        if self.is_asleep == asleep {
            return;
        }
        self.is_asleep = asleep;
        // Cannot fail on an array of one; if it did, the reader would still wake at its time limit.
        let _ = self.asleep.set(0, u32::from(asleep), 0);
    }

    /// Takes every program out of the kernel and waits until none of them still runs; the maps stay readable.
    pub(crate) fn detach(&mut self) {
        self.skipped = self.skipped_runs();
        self.ebpf = None;
        wait_for_grace_period();
    }
}

/// Asks the kernel for the runs of a program that it skipped; a few microseconds.
fn recursion_misses(program: BorrowedFd<'_>) -> Option<u64> {
    /// What `BPF_OBJ_GET_INFO_BY_FD` reads of `union bpf_attr`.
    #[repr(C)]
    struct Attributes {
        descriptor: c_int,
        length: u32,
        info: *mut bpf_prog_info,
    }
    // SAFETY: integers and bit fields, for which zeroes are valid.
    let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
    let length = u32::try_from(size_of::<bpf_prog_info>()).ok()?;
    let mut attributes = Attributes { descriptor: program.as_raw_fd(), length, info: &raw mut info };
    // SAFETY: the kernel reads the attributes and writes at most `length` bytes to `info`; both live through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            bpf_cmd::BPF_OBJ_GET_INFO_BY_FD as c_int,
            &raw mut attributes,
            size_of::<Attributes>(),
        )
    };
    // An older kernel writes less, and leaves zero.
    (result == 0).then_some(info.recursion_misses)
}

/// Gives memory that is no longer used back to the system: the kernel's type information takes ten megabytes while it
/// is looked through.
pub(crate) fn trim_memory() {
    // SAFETY: takes no pointers; allocations in use are not touched.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Waits until every program run that had begun is over: `membarrier(2)` waits for an RCU grace period, and programs run
/// inside read-side sections. A kernel without it leaves a run or two on other CPUs, some microseconds.
fn wait_for_grace_period() {
    // SAFETY: a system call that takes no pointers.
    unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_GLOBAL, 0, 0) };
}

/// The kernel side, as `cargo xtask build` made it.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/egret-ebpf"));

fn settings() -> Config {
    let Ok(data) = fs::read("/sys/kernel/btf/vmlinux") else { return Config::UNKNOWN };
    btf::Btf::parse(&data).map_or(Config::UNKNOWN, |types| offsets::read(&types))
}

fn flags(setup: Setup, typed: bool, lengths: bool) -> u32 {
    let wanted = [
        (typed, CONFIG_TYPED),
        (lengths, CONFIG_LENGTHS),
        (setup.every_send, CONFIG_EVERY_SEND),
        (setup.dns, CONFIG_DNS),
        (setup.sni, CONFIG_SNI),
        (setup.trace_context, CONFIG_TRACE_CONTEXT),
        (setup.enforce, CONFIG_ENFORCE),
    ];
    wanted.iter().filter(|(is, _)| *is).fold(0, |flags, (_, bit)| flags | bit)
}

fn has_tracepoints(types: Option<&Btf>, names: &[&str]) -> bool {
    types.is_some_and(|types| {
        names.iter().all(|name| {
            types.id_by_type_name_kind(&format!("btf_trace_{name}"), aya_obj::btf::BtfKind::Typedef).is_ok()
        })
    })
}

fn open_cgroup(probe: &Probe) -> Result<File, LoadError> {
    let path: &Path = probe.cgroup.as_deref().ok_or(LoadError::NoCgroup)?;
    File::open(path).map_err(|source| LoadError::Cgroup { path: path.display().to_string(), source })
}

pub(super) fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<aya::maps::Map, LoadError> {
    ebpf.take_map(name).ok_or(LoadError::Missing(name))
}

pub(super) fn map<M: TryFrom<aya::maps::Map, Error = aya::maps::MapError>>(
    from: aya::maps::Map,
    name: &'static str,
) -> Result<M, LoadError> {
    M::try_from(from).map_err(|source| LoadError::Map { name, source })
}
