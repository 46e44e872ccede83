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
            capture.totals_interval,
            Value("10s"),
            Restart,
            "How often the totals of open connections are reported, if they have grown: metrics count them, and the log and \
             spans have them before the connection ends. `unlimited` reports them at the end alone. A killed egret loses what \
             moved since the last report."
        ),
        option!(
            capture.hash,
            Value("true"),
            Restart,
            "Compute the SHA-256 of every executable seen. Each file is read once while it stays the same, off the path \
             of events."
        ),
    ],
};
