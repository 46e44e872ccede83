//! How connections are captured.

use egret_model::Layer;

use super::section;
use crate::kind::{AbsolutePath, Flag, Limit, OneOf, RingSize, Size, Time};

section! {
    /// How connections are captured. Nothing here can change while the programs are in the kernel, so all of it waits
    /// for a restart.
    pub capture: Capture {
        /// The capture layer. `auto` takes the best that this kernel and user allow; `egret doctor` says which that is.
        /// Another value takes that layer or none at all.
        layer: OneOf<Option<Layer>> = "auto", Restart;

        /// Size of the ring between kernel and egret. A ring that is too small for a burst loses records, which are
        /// counted. 4MiB holds some 20,000 records; with it nothing was lost at any rate of the benchmarks.
        ring_size: RingSize = "4MiB", Restart;

        /// Record every send, not only the first to each peer. One transfer over UDP can be tens of thousands of
        /// records, so this is for looking into something, not for every day.
        every_send: Flag = "false", Restart;

        /// Record the connections that stood before egret started: without them a log begins with ends that have no
        /// beginning.
        standing: Flag = "true", Restart;

        /// How often the totals of open connections are reported, if they have grown: metrics count them, and the log
        /// and spans have them before the connection ends. `unlimited` reports them at the end alone. A killed egret
        /// loses what moved since the last report.
        totals_interval: Limit<Time> = "10s", Restart;

        /// Compute the SHA-256 of every executable seen. Each file is read once while it stays the same, beside the
        /// path of events: an event that is written before the digest is known goes without, later ones have it. The
        /// build id `process.executable.build_id.htlhash`, for which 8 KiB are read, is there in any case.
        hash: Flag = "true", Restart;

        /// The largest file whose SHA-256 is computed. Larger ones have none; a rule with `sha256` never covers them.
        hash_size: Size<{ 64 << 10 }> = "1GiB", Restart;

        /// Bytes read in a second for digests, or `unlimited`. With the default a tenth of a core is busy while new
        /// executables appear. Digests that packets wait for (`enforce`) are computed apart, without this limit.
        hash_rate: Limit<Size<{ 1 << 20 }>> = "64MiB", Restart;

        /// Find out name, image and pod of containers from the state that Docker, Podman, containerd, CRI-O and the
        /// kubelet keep on disk, beside the path of events: an event that is written before they are known goes
        /// without, later ones have them.
        container_names: Flag = "true", Restart;

        /// Where the file system of the host is, of which that state is read: another directory where egret itself runs
        /// in a container that has it mounted.
        host_root: AbsolutePath = "/", Restart;
    }
}
