//! What was typed, option by option: each value is right by itself, but nobody has looked at them together. Field names
//! are the options' keys.

use std::time::Duration;

use egret_enforcer::Mode;

use super::kinds::{
    AbsolutePath, Action, Attributes, Backend, Buckets, Compression, Count, Headers, HostName, Items, JsonDestination,
    Limit, Listen, LogFilter, Loopback, MarkMask, OnFailure, ParquetDestination, Percent, Protocol, RingSize, Size,
    Text, Unattributed, Url,
};
use crate::args::Capture;

/// Room for events that wait for a sink; at most, they take about 350 MB.
pub(super) type Queue = Count<1, { 1 << 20 }>;

/// Everything that can be typed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Draft {
    pub(super) capture: CaptureDraft,
    pub(super) names: NamesDraft,
    pub(super) parquet: ParquetDraft,
    pub(super) otlp: OtlpDraft,
    pub(super) metrics: MetricsDraft,
    pub(super) json: JsonDraft,
    pub(super) baseline: BaselineDraft,
    pub(super) enforce: EnforceDraft,
    pub(super) fallback: FallbackDraft,
    pub(super) ask: AskDraft,
    pub(super) control: ControlDraft,
    pub(super) log: LogDraft,
    pub(super) shutdown: ShutdownDraft,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CaptureDraft {
    pub(super) layer: Capture,
    pub(super) ring_size: RingSize,
    pub(super) every_send: bool,
    pub(super) standing: bool,
    pub(super) totals_interval: Limit<Duration>,
    pub(super) hash: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct NamesDraft {
    pub(super) enabled: bool,
    pub(super) dns: bool,
    pub(super) sni: bool,
    pub(super) hosts: bool,
    pub(super) addresses: Count<1, 1_000_000>,
    pub(super) floor: Duration,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ParquetDraft {
    pub(super) enabled: bool,
    pub(super) destination: ParquetDestination,
    pub(super) host: Option<HostName>,
    pub(super) rotate_after: Duration,
    pub(super) rotate_size: Size<{ 1 << 20 }>,
    pub(super) row_group_rows: Count<1024, 1_048_576>,
    pub(super) zstd_level: Count<1, 22>,
    pub(super) keep_for: Limit<Duration>,
    pub(super) keep_size: Limit<Size<{ 1 << 20 }>>,
    pub(super) queue_events: Queue,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct OtlpDraft {
    pub(super) enabled: bool,
    pub(super) endpoint: Option<Url>,
    pub(super) traces_endpoint: Option<Url>,
    pub(super) protocol: Protocol,
    pub(super) insecure: bool,
    pub(super) headers: Headers,
    pub(super) headers_file: Option<AbsolutePath>,
    pub(super) compression: Compression,
    pub(super) timeout: Duration,
    pub(super) retry_for: Duration,
    pub(super) certificate: Option<AbsolutePath>,
    pub(super) client_certificate: Option<AbsolutePath>,
    pub(super) client_key: Option<AbsolutePath>,
    pub(super) queue_events: Queue,
    pub(super) batch_spans: Count<1, 65_536>,
    pub(super) batch_delay: Duration,
    pub(super) service_name: Text,
    pub(super) resource: Attributes,
    pub(super) own_spans: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct MetricsDraft {
    pub(super) enabled: bool,
    pub(super) listen: Listen,
    pub(super) executables: Count<0, 10_000>,
    pub(super) peers: Count<0, 10_000>,
    pub(super) latency_buckets: Buckets,
    pub(super) queue_events: Queue,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct JsonDraft {
    pub(super) enabled: bool,
    pub(super) destination: JsonDestination,
    pub(super) updates: bool,
    pub(super) queue_events: Queue,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct BaselineDraft {
    pub(super) enabled: bool,
    pub(super) file: AbsolutePath,
    pub(super) save_every: Duration,
    pub(super) user: bool,
    pub(super) unit: bool,
    pub(super) sha256: bool,
    pub(super) names: Count<0, 1_000_000>,
    pub(super) addresses: Count<0, 1_000_000>,
    pub(super) ports: Count<0, 65_535>,
    pub(super) queue_events: Queue,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct EnforceDraft {
    pub(super) enabled: bool,
    pub(super) mode: Mode,
    pub(super) state: AbsolutePath,
    pub(super) on_failure: OnFailure,
    pub(super) action: Action,
    pub(super) unattributed: Unattributed,
    pub(super) backend: Backend,
    pub(super) loopback: Loopback,
    pub(super) established: bool,
    pub(super) protect: bool,
    pub(super) bypass_users: Items,
    pub(super) bypass_groups: Items,
    pub(super) bypass_cgroups: Items,
    pub(super) first_queue: Count<0, 65_000>,
    pub(super) queues: Count<0, 64>,
    pub(super) queue_length: Count<16, 1_048_576>,
    pub(super) mark_mask: MarkMask,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct FallbackDraft {
    pub(super) enabled: bool,
    pub(super) window: Duration,
    pub(super) blocks: Count<1, 1_000_000>,
    pub(super) unattributed: Percent,
    pub(super) overflow: Count<1, 1_000_000>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct AskDraft {
    pub(super) enabled: bool,
    pub(super) hold: Duration,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ControlDraft {
    pub(super) socket: AbsolutePath,
    pub(super) group: Option<Text>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LogDraft {
    pub(super) filter: LogFilter,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ShutdownDraft {
    pub(super) drain_for: Duration,
}
