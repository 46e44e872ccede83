//! Attaching the programs of a layer.

mod cgroup;
mod tracepoint;

use std::fs::File;

use aya::programs::{Program, ProgramError};
use egret_model::{Degradation, work};

use super::error::LoadError;
use super::features::can_enforce;
use super::load::load;
use super::probe::Probe;
use super::programs::{Programs, Rings};
use super::setup::Setup;

impl Programs {
    /// Loads the `sockets` layer and attaches it. Processes are followed before sockets, so that no socket belongs
    /// to a process that was missed.
    pub(crate) fn sockets(probe: &Probe, setup: Setup) -> Result<(Self, Rings), LoadError> {
        let cgroup = cgroup::open(probe)?;
        let enforce = setup.enforce && can_enforce();
        let setup = Setup { enforce, ..setup };
        let (programs, rings) = Self::attach_sockets(&cgroup, setup)?;
        if programs.counts_packets() && programs.degradations.contains(&Degradation::NoNames) {
            // Without the hooks on packets, flows that only packets show would never be reported.
            drop((programs, rings));
            return Self::attach_sockets(&cgroup, Setup { packets: false, ..setup });
        }
        Ok((programs, rings))
    }

    fn attach_sockets(cgroup: &File, setup: Setup) -> Result<(Self, Rings), LoadError> {
        let (mut programs, rings, types) = load(setup)?;
        let _attaching = tracing::info_span!(target: work::TARGET, work::ATTACH_PROGRAMS).entered();
        programs.attach_processes(types.as_ref())?;
        if let Some(types) = &types {
            programs.attach_errors(types);
            programs.attach_lengths(types)?;
        }
        programs.attach_packets(cgroup, setup);
        programs.attach_hooks(cgroup)?;
        Ok((programs, rings))
    }

    /// Loads the `syscalls` layer and attaches it.
    pub(crate) fn syscalls(probe: &Probe, setup: Setup) -> Result<(Self, Rings), LoadError> {
        if probe.tracefs.is_none() {
            return Err(LoadError::NoTracefs);
        }
        // None of its hooks sees a socket before its packet.
        let (mut programs, rings, types) = load(Setup { enforce: false, packets: false, ..setup })?;
        let _attaching = tracing::info_span!(target: work::TARGET, work::ATTACH_PROGRAMS).entered();
        programs.attach_processes(types.as_ref())?;
        match cgroup::open(probe) {
            Ok(cgroup) => programs.attach_packets(&cgroup, setup),
            Err(_) if setup.wants_names() => programs.degradations.push(Degradation::NoNames),
            Err(_) => {}
        }
        programs.attach_calls()?;
        Ok((programs, rings))
    }

    /// Continues without a hook that the kernel refuses.
    fn degrade(&mut self, attached: Result<(), LoadError>, without: Degradation) {
        let Err(error) = attached else { return };
        tracing::warn!(%error, "a hook is not attached");
        if !self.degradations.contains(&without) {
            self.degradations.push(without);
        }
    }

    /// Loads a program with `load` and attaches it with `attach`.
    fn install<'a, P, L>(
        &'a mut self,
        name: &'static str,
        load: impl FnOnce(&mut P) -> Result<(), ProgramError>,
        attach: impl FnOnce(&mut P) -> Result<L, ProgramError>,
    ) -> Result<(), LoadError>
    where
        &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
        P: 'a,
    {
        let program = self.ebpf.as_mut().and_then(|ebpf| ebpf.program_mut(name)).ok_or(LoadError::Missing(name))?;
        let program: &mut P = program.try_into().map_err(|source| LoadError::refused(name, "loaded", source))?;
        load(program).map_err(|source| LoadError::refused(name, "loaded", source))?;
        attach(program).map_err(|source| LoadError::refused(name, "attached", source))?;
        Ok(())
    }
}
