//! How connections are captured.

use egret_model::Layer;

use super::section;
use crate::kind::{AbsolutePath, Flag, Limit, OneOf, RingSize, Size, Time};

section! {
    /// How connections are captured. These options are fixed while the programs are in the kernel: a change takes effect
    /// after a restart.
    pub capture: Capture {
        /// The capture layer. `auto` takes the best layer that this kernel and user allow; `egret doctor` names it.
        /// With any other value egret uses that layer, or does not start.
        layer: OneOf<Option<Layer>> = "auto", Restart;

        /// Size of the ring buffer between the kernel and egret. If it is too small for a burst, records are lost and
        /// counted. 4MiB holds some 20,000 records; with this size no benchmark lost a record.
        ring_size: RingSize = "4MiB", Restart;

        /// Record every send instead of only the first to each peer. One UDP transfer can make tens of thousands of
        /// records: use this to investigate, not permanently.
        every_send: Flag = "false", Restart;

        /// Record the connections that were open before egret started. Without them the log has ends of connections
        /// whose beginning it does not have.
        standing: Flag = "true", Restart;

        /// How often the totals of an open connection are reported, if they have grown. Metrics, log and spans then have
        /// its bytes before it ends. With `unlimited`, totals are reported only at the end. If egret is killed, the bytes
        /// since the last report are lost.
        totals_interval: Limit<Time> = "10s", Restart;

        /// Compute the SHA-256 of every executable seen. A file is read again only when it has changed. Events do not
        /// wait for a digest: an event that is written before the digest is known does not have it, later events do. The
        /// build id `process.executable.build_id.htlhash` needs only 8 KiB of the file and is always recorded.
        hash: Flag = "true", Restart;

        /// The largest file whose SHA-256 is computed. A rule with `sha256` never matches a larger file.
        hash_size: Size<{ 64 << 10 }> = "1GiB", Restart;

        /// Bytes that are read for digests in a second, or `unlimited`. With the default a tenth of a core is busy while
        /// new executables appear. The limit does not apply to digests that a packet waits for in `enforce`.
        hash_rate: Limit<Size<{ 1 << 20 }>> = "64MiB", Restart;

        /// Find name, image and pod of a container in the state that Docker, Podman, containerd, CRI-O and the kubelet
        /// keep on disk. Events do not wait for it: an event that is written before they are known does not have them,
        /// later events do.
        container_names: Flag = "true", Restart;

        /// The root of the host's file system, below which that state is read. Set it where egret itself runs in a
        /// container: to the directory where the host's root is mounted.
        host_root: AbsolutePath = "/", Restart;
    }
}
