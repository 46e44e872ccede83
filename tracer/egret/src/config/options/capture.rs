//! How connections are captured.

use super::Fallback::Value;
use super::Reload::Restart;
use super::{Section, option};

pub(super) const SECTION: Section = Section {
    name: "capture",
    about: "How connections are captured. Nothing here can change while the programs are in the kernel, so all of it waits \
            for a restart.",
    options: &[
        option!(
            capture.layer,
            Value("auto"),
            Restart,
            "The capture layer. `auto` takes the best that this kernel and user allow; `egret doctor` says which that is. \
             Another value takes that layer or none at all."
        ),
        option!(
            capture.ring_size,
            Value("4MiB"),
            Restart,
            "Size of the ring between kernel and egret. A ring that is too small for a burst loses records, which are \
             counted. 4MiB holds some 20,000 records; with it nothing was lost at any rate of the benchmarks."
        ),
        option!(
            capture.every_send,
            Value("false"),
            Restart,
            "Record every send, not only the first to each peer. One transfer over UDP can be tens of thousands of \
             records, so this is for looking into something, not for every day."
        ),
        option!(
            capture.standing,
            Value("true"),
            Restart,
            "Record the connections that stood before egret started: without them a log begins with ends that have no \
             beginning."
        ),
        option!(
            capture.hash,
            Value("true"),
            Restart,
            "Compute the SHA-256 of every executable seen. Each file is read once while it stays the same, beside the path of \
             events: an event that is written before the digest is known goes without, later ones have it. The build id \
             `process.executable.build_id.htlhash`, for which 8 KiB are read, is there in any case."
        ),
        option!(
            capture.hash_size,
            Value("1GiB"),
            Restart,
            "The largest file whose SHA-256 is computed. Larger ones have none; a rule with `sha256` never covers them."
        ),
        option!(
            capture.hash_rate,
            Value("64MiB"),
            Restart,
            "Bytes read in a second for digests, or `unlimited`. With the default a tenth of a core is busy while new \
             executables appear. Digests that packets wait for (`enforce`) are computed apart, without this limit."
        ),
    ],
};
