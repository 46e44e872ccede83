//! How busy the rest of the host is.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, sysconf};

/// CPU time of this process, all its threads together.
pub(crate) fn own_cpu_time() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

/// CPU time used on this host by all processes, or stolen by its hypervisor.
fn busy() -> Result<Duration> {
    let text = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
    let ticks = text.lines().next().and_then(busy_ticks).context("/proc/stat does not begin as it should")?;
    let hertz = sysconf(SysconfVar::CLK_TCK)?.context("the kernel does not say how long a tick is")?;
    Ok(Duration::from_secs_f64(ticks as f64 / hertz as f64))
}

/// `cpu USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL ...`, see proc_stat(5).
fn busy_ticks(line: &str) -> Option<u64> {
    let ticks: Vec<u64> = line.strip_prefix("cpu ")?.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let of = |index: usize| ticks.get(index).copied();
    Some([0, 1, 2, 5, 6, 7].into_iter().filter_map(of).sum())
}

/// CPU time of all other processes since its creation.
pub(crate) struct Others {
    busy: Duration,
    own: Duration,
}

impl Others {
    pub(crate) fn since_now() -> Result<Self> {
        Ok(Self { busy: busy()?, own: own_cpu_time()? })
    }

    pub(crate) fn used(&self) -> Result<Duration> {
        let own = own_cpu_time()?.saturating_sub(self.own);
        Ok(busy()?.saturating_sub(self.busy).saturating_sub(own))
    }
}

#[cfg(test)]
mod tests {
    use super::busy_ticks;

    #[test]
    fn idle_and_waiting_are_not_busy_and_guests_are_not_counted_twice() {
        assert_eq!(busy_ticks("cpu  1 2 4 1000 2000 8 16 32 64 128"), Some(63));
        assert_eq!(busy_ticks("cpu0 1 2 4 1000"), None);
    }
}
