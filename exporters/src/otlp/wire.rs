//! Messages put together from encoded parts.
//!
//! Protobuf joins the encodings of two messages of a type by laying one after the other: repeated fields are appended,
//! others taken from whichever has them (<https://protobuf.dev/programming-guides/encoding/#last-one-wins>). So what is the
//! same for many spans is encoded once, with the types of `opentelemetry-proto`, and copied from then on; and a request is
//! encoded once, however often it is sent.

use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// Field 1 of a message, length-delimited: `resource_spans` of `ExportTraceServiceRequest`.
const RESOURCE_SPANS: u8 = 1 << 3 | 2;
/// Field 2 of a message, length-delimited: `scope_spans` of `ResourceSpans`, and `spans` of `ScopeSpans`.
const SCOPE_SPANS: u8 = 2 << 3 | 2;
const SPANS: u8 = 2 << 3 | 2;

/// More than keys and lengths around spans can take.
const FRAMES: usize = 24;

/// Appends a span as a field of `ScopeSpans`. `more` are further fields of it.
pub(super) fn span(out: &mut Vec<u8>, span: &Span, more: &[u8]) {
    let encoded = span.encode_to_vec();
    frame(out, SPANS, encoded.len() + more.len());
    out.extend_from_slice(&encoded);
    out.extend_from_slice(more);
}

/// An `ExportTraceServiceRequest` of these spans, as fields of `ScopeSpans`. `resource` and `scope` are the other fields of
/// `ResourceSpans` and of `ScopeSpans`.
pub(super) fn request(resource: &[u8], scope: &[u8], spans: &[u8]) -> Vec<u8> {
    let mut inner = Vec::with_capacity(FRAMES);
    frame(&mut inner, SCOPE_SPANS, scope.len() + spans.len());
    let mut out = Vec::with_capacity(resource.len() + scope.len() + spans.len() + FRAMES);
    frame(&mut out, RESOURCE_SPANS, resource.len() + inner.len() + scope.len() + spans.len());
    [resource, &inner, scope, spans].into_iter().for_each(|part| out.extend_from_slice(part));
    out
}

fn frame(out: &mut Vec<u8>, key: u8, length: usize) {
    out.push(key);
    // Fails only where there is no room, and a `Vec` makes room.
    let _ = prost::encode_length_delimiter(length, out);
}
