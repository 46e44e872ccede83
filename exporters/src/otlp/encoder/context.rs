//! The trace that a connection's spans belong to: their own, or that of their process.

use egret_model::{Event, TraceParent};
use opentelemetry::{SpanId, TraceFlags, TraceId};
use opentelemetry_proto::tonic::trace::v1::SpanFlags;

use super::ids::Ids;

/// A trace, and the parent of the root span in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct TraceContext {
    pub(super) trace: TraceId,
    pub(super) parent: Option<SpanId>,
    trace_flags: u8,
}

impl TraceContext {
    /// Spans join the trace of their process only if it is sampled, because the backend has no other spans of an unsampled trace.
    /// Otherwise the connection has its own trace, so that a process cannot hide by its environment.
    pub(super) fn new(event: &Event, ids: &Ids) -> Self {
        let parent = event.process.as_ref().and_then(|process| process.executable.trace_parent);
        parent.filter(is_sampled).map_or_else(|| Self::own(ids), |parent| Self::remote(&parent))
    }

    fn own(ids: &Ids) -> Self {
        Self { trace: ids.trace, parent: None, trace_flags: TraceFlags::SAMPLED.to_u8() }
    }

    fn remote(parent: &TraceParent) -> Self {
        Self {
            trace: TraceId::from_bytes(parent.trace_id),
            parent: Some(SpanId::from_bytes(parent.span_id)),
            trace_flags: parent.flags,
        }
    }

    /// Flags of the root span.
    pub(super) fn root_flags(&self) -> u32 {
        if self.parent.is_some() {
            self.child_flags() | SpanFlags::ContextIsRemoteMask as u32
        } else {
            self.child_flags()
        }
    }

    /// Flags of the child spans.
    pub(super) fn child_flags(&self) -> u32 {
        u32::from(self.trace_flags) | SpanFlags::ContextHasIsRemoteMask as u32
    }
}

fn is_sampled(parent: &TraceParent) -> bool {
    TraceFlags::new(parent.flags).is_sampled()
}
