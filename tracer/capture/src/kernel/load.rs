//! Loading the object.

use aya::maps::Map;
use aya::{Btf, Ebpf, EbpfLoader};
use egret_model::{Degradation, work};
use egret_wire::Config;

use super::adapt::{Lacks, adapt};
use super::error::LoadError;
use super::features::{LENGTH_TRACEPOINTS, has_tracepoints, is_before, lacks_atomics};
use super::maps::take;
use super::offsets;
use super::packet_sockets::PacketSockets;
use super::programs::{Programs, Rings};
use super::setup::{Available, Setup, kernel_offsets};
use super::shared::{self, Shared};
use super::system::lift_memory_limit;
use super::totals::Totals;

/// The object with the kernel side, as `cargo xtask build` made it.
pub(super) static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/egret-ebpf"));

/// Loads the object. Returns the kernel's types too, if typed programs can be loaded with them.
pub(super) fn load(setup: Setup) -> Result<(Programs, Rings, Option<Btf>), LoadError> {
    let _loading = tracing::info_span!(target: work::TARGET, work::LOAD_PROGRAMS).entered();
    let mut offsets = kernel_offsets();
    let types = Btf::from_sys_fs().ok().filter(|_| offsets::complete(&offsets));
    let available = Available {
        typed: types.is_some(),
        lengths: types.as_ref().is_some_and(|types| has_tracepoints(types, &LENGTH_TRACEPOINTS)),
    };
    if !available.typed {
        offsets = Config::UNKNOWN;
    }
    let setup = setup.limited_to(available);
    let ebpf = load_object(setup, &setup.configure(offsets, available))?;
    let (programs, rings) = take_maps(ebpf, setup, degradations(available))?;
    Ok((programs, rings, types))
}

fn degradations(available: Available) -> Vec<Degradation> {
    match available {
        Available { typed: false, .. } => vec![Degradation::NoBtf],
        Available { lengths: false, .. } => vec![Degradation::NoLengthTracepoints],
        Available { .. } => Vec::new(),
    }
}

fn load_object(setup: Setup, config: &Config) -> Result<Ebpf, LoadError> {
    let mut loader = EbpfLoader::new();
    loader
        .override_global("CONFIG", config, true)
        .map_max_entries("FLOWS", setup.ring_bytes)
        .map_max_entries("NAMES", setup.names_bytes());
    // A map that is not used takes next to no memory with one entry.
    let unused = [(!setup.totals, "TOTALS"), (!setup.packets, "ARRIVED")].into_iter();
    for (_, name) in unused.chain(shared::NAMES.map(|name| (!setup.enforce, name))).filter(|(is, _)| *is) {
        loader.map_max_entries(name, 1);
    }
    lift_memory_limit();
    let lacks = Lacks { atomics: lacks_atomics(), allocation: is_before(6, 1) };
    Ok(loader.load(&adapt(OBJECT, lacks))?)
}

fn take_maps(mut ebpf: Ebpf, setup: Setup, degradations: Vec<Degradation>) -> Result<(Programs, Rings), LoadError> {
    let rings =
        Rings { flows: take(&mut ebpf, "FLOWS")?, execs: take(&mut ebpf, "EXECS")?, names: take(&mut ebpf, "NAMES")? };
    let programs = Programs {
        shared: Shared::take(&mut ebpf, setup.enforce)?,
        counters: take(&mut ebpf, "COUNTERS")?,
        processes: take(&mut ebpf, "PROCESSES")?,
        peers: take(&mut ebpf, "PEERS")?,
        asleep: take(&mut ebpf, "READER_ASLEEP")?,
        stage: take(&mut ebpf, "STAGE")?,
        totals: setup.totals.then(|| map_totals(&ebpf)).transpose()?,
        is_asleep: false,
        packets: setup.packets,
        packet_sockets: PacketSockets::take(&mut ebpf)?,
        ebpf: Some(ebpf),
        degradations,
        skipped: 0,
    };
    Ok((programs, rings))
}

fn map_totals(ebpf: &Ebpf) -> Result<Totals, LoadError> {
    let Some(Map::Array(table)) = ebpf.map("TOTALS") else { return Err(LoadError::Missing("TOTALS")) };
    Totals::map(table.fd()).map_err(|source| LoadError::Totals { source })
}
