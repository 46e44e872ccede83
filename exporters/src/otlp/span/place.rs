//! Where a connection's spans belong: a trace of their own, or the one that their process takes part in.

use egret_model::{Event, TraceParent};
use opentelemetry::{SpanId, TraceFlags, TraceId};
use opentelemetry_proto::tonic::trace::v1::SpanFlags;

use super::ids::Ids;

/// The trace, and what is above the root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) trace: TraceId,
    pub(super) parent: Option<SpanId>,
    trace_flags: u8,
}

impl Place {
    /// A trace that was not sampled gets no spans: its other spans will never come. The connection then has a trace of its
    /// own, or a process could hide from traces by its environment.
    pub(super) fn of(event: &Event, ids: &Ids) -> Self {
        let parent = event.process.as_ref().and_then(|process| process.executable.trace_parent);
        parent.filter(is_sampled).map_or_else(|| Self::own(ids), |parent| Self::within(&parent))
    }

    fn own(ids: &Ids) -> Self {
        Self { trace: ids.trace, parent: None, trace_flags: TraceFlags::SAMPLED.to_u8() }
    }

    fn within(parent: &TraceParent) -> Self {
        Self {
            trace: TraceId::from_bytes(parent.trace_id),
            parent: Some(SpanId::from_bytes(parent.span_id)),
            trace_flags: parent.flags,
        }
    }

    /// Flags of the root.
    pub(super) fn root_flags(&self) -> u32 {
        if self.parent.is_some() {
            self.child_flags() | SpanFlags::ContextIsRemoteMask as u32
        } else {
            self.child_flags()
        }
    }

    /// Flags of the spans below it.
    pub(super) fn child_flags(&self) -> u32 {
        u32::from(self.trace_flags) | SpanFlags::ContextHasIsRemoteMask as u32
    }
}

fn is_sampled(parent: &TraceParent) -> bool {
    TraceFlags::new(parent.flags).is_sampled()
}
