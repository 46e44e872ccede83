//! Maps that other threads use for enforcement.

use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex};

use aya::Ebpf;
use aya::maps::{Array, HashMap, Map, MapData};
use egret_wire::{Grant, GrantKey, Policy, ProcessKey, ProcessRef, TupleKey, TupleOwner};

use super::error::LoadError;
use super::maps::take;

/// Maps that are sized for enforcement; with one entry each they take next to no memory.
pub(super) const NAMES: [&str; 3] = ["TUPLES", "COOKIES", "GRANTS"];

/// Image and start of every process, by pid.
pub(crate) type ProcessTable = HashMap<MapData, u32, ProcessKey>;

/// The maps that are shared with other threads.
pub(crate) struct Shared {
    pub(crate) processes: Arc<ProcessTable>,
    /// `None` where the hooks do nothing for enforcement.
    pub(crate) enforcing: Option<(OwnerTables, Arc<Mutex<Permits>>)>,
}

/// Where the hooks record owners.
#[derive(Clone)]
pub(crate) struct OwnerTables {
    pub(crate) tuples: Arc<HashMap<MapData, TupleKey, TupleOwner>>,
    pub(crate) cookies: Arc<HashMap<MapData, u64, ProcessRef>>,
}

/// What the hooks let pass.
pub(crate) struct Permits {
    /// As it was last written.
    pub(crate) policy: Policy,
    pub(crate) policies: Array<MapData, Policy>,
    pub(crate) grants: HashMap<MapData, GrantKey, Grant>,
}

impl Shared {
    /// Opens the process table a second time, and takes the other maps if they are used. Programs refer to them
    /// either way: maps that are not taken stay open while programs are loaded.
    pub(super) fn take(ebpf: &mut Ebpf, enforce: bool) -> Result<Self, LoadError> {
        let processes = Arc::new(open_processes(ebpf)?);
        if !enforce {
            return Ok(Self { processes, enforcing: None });
        }
        let owners = OwnerTables { tuples: Arc::new(take(ebpf, "TUPLES")?), cookies: Arc::new(take(ebpf, "COOKIES")?) };
        let permits =
            Permits { policy: Policy::default(), policies: take(ebpf, "POLICY")?, grants: take(ebpf, "GRANTS")? };
        Ok(Self { processes, enforcing: Some((owners, Arc::new(Mutex::new(permits)))) })
    }
}

/// The process table through a descriptor of its own.
fn open_processes(ebpf: &Ebpf) -> Result<ProcessTable, LoadError> {
    const NAME: &str = "PROCESSES";
    let Some(Map::HashMap(data)) = ebpf.map(NAME) else { return Err(LoadError::Missing(NAME)) };
    let failed = |source| LoadError::Map { name: NAME, source };
    let descriptor = data.fd().as_fd().try_clone_to_owned().map_err(|error| failed(error.into()))?;
    let data = MapData::from_fd(descriptor).map_err(failed)?;
    ProcessTable::try_from(Map::HashMap(data)).map_err(failed)
}
