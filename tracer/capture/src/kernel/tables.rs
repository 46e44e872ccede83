//! The maps that serve enforcement, which other threads look into.

use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex};

use aya::Ebpf;
use aya::maps::{Array, HashMap, Map, MapData};
use aya::programs::ProgramType;
use aya::sys::{BpfHelper, is_helper_supported};
use egret_wire::{Grant, GrantKey, Policy, ProcessKey, ProcessRef, TupleKey, TupleOwner};

use super::attach::{map, take};
use super::error::LoadError;

/// Those whose size is for enforcing; with one entry each they take no memory to speak of.
pub(super) const NAMES: [&str; 3] = ["TUPLES", "COOKIES", "GRANTS"];

/// Image and start of every process, by pid.
pub(crate) type ProcessTable = HashMap<MapData, u32, ProcessKey>;

/// What is shared with other threads.
pub(crate) struct Shared {
    pub(crate) processes: Arc<ProcessTable>,
    /// `None` where the hooks do nothing for enforcement.
    pub(crate) enforcing: Option<(OwnerTables, Arc<Mutex<Permits>>)>,
}

/// Where the hooks note who sends.
#[derive(Clone)]
pub(crate) struct OwnerTables {
    pub(crate) tuples: Arc<HashMap<MapData, TupleKey, TupleOwner>>,
    pub(crate) cookies: Arc<HashMap<MapData, u64, ProcessRef>>,
}

/// What the hooks let pass.
pub(crate) struct Permits {
    /// As it was written last.
    pub(crate) policy: Policy,
    pub(crate) policies: Array<MapData, Policy>,
    pub(crate) grants: HashMap<MapData, GrantKey, Grant>,
}

impl Shared {
    /// Opens the process table once more, and takes the others if they are used. Programs name them either way: those that
    /// are not taken stay open for as long as programs are loaded.
    pub(super) fn take(ebpf: &mut Ebpf, enforce: bool) -> Result<Self, LoadError> {
        let processes = Arc::new(again(ebpf, "PROCESSES")?);
        if !enforce {
            return Ok(Self { processes, enforcing: None });
        }
        let owners = OwnerTables {
            tuples: Arc::new(map(take(ebpf, "TUPLES")?, "TUPLES")?),
            cookies: Arc::new(map(take(ebpf, "COOKIES")?, "COOKIES")?),
        };
        let permits = Permits {
            policy: Policy::default(),
            policies: map(take(ebpf, "POLICY")?, "POLICY")?,
            grants: map(take(ebpf, "GRANTS")?, "GRANTS")?,
        };
        Ok(Self { processes, enforcing: Some((owners, Arc::new(Mutex::new(permits)))) })
    }
}

/// The same map through a descriptor of its own.
fn again(ebpf: &Ebpf, name: &'static str) -> Result<ProcessTable, LoadError> {
    let Some(Map::HashMap(data)) = ebpf.map(name) else { return Err(LoadError::Missing(name)) };
    let failed = |source| LoadError::Map { name, source };
    let descriptor = data.fd().as_fd().try_clone_to_owned().map_err(|error| failed(error.into()))?;
    let data = MapData::from_fd(descriptor).map_err(failed)?;
    ProcessTable::try_from(Map::HashMap(data)).map_err(failed)
}

/// Whether every hook can tell network namespaces apart (`bpf_get_netns_cookie` in `sock_ops`, Linux 5.15).
pub(super) fn can_enforce() -> bool {
    let can = is_helper_supported(ProgramType::SockOps, BpfHelper::BPF_FUNC_get_netns_cookie).unwrap_or(false);
    if !can {
        tracing::warn!(
            "the owners of packets are searched for in /proc: the kernel side needs Linux 5.15 to note them"
        );
    }
    can
}
