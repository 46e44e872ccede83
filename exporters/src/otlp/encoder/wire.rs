//! Composes messages of encoded parts.
//!
//! Concatenated encodings of two messages of one type are the encoding of the merged message: repeated fields are appended, other
//! fields are taken from the message that has them (<https://protobuf.dev/programming-guides/encoding/#last-one-wins>). Parts that
//! many spans share are therefore encoded once, with the types of `opentelemetry-proto`, and copied afterwards. A request is
//! encoded once for all attempts.

use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// Field 1 of a message, length-delimited: `resource_spans` of `ExportTraceServiceRequest`.
const RESOURCE_SPANS: u8 = 1 << 3 | 2;
/// Field 2 of a message, length-delimited: `scope_spans` of `ResourceSpans`, and `spans` of `ScopeSpans`.
const SCOPE_SPANS: u8 = 2 << 3 | 2;
const SPANS: u8 = 2 << 3 | 2;

/// Upper bound for the length of the keys and lengths around spans.
const FRAMES: usize = 24;

/// Appends a span as a field of `ScopeSpans`. `more` has further encoded fields of the span.
pub(super) fn span(out: &mut Vec<u8>, span: &Span, more: &[u8]) {
    let encoded = span.encode_to_vec();
    frame(out, SPANS, encoded.len() + more.len());
    out.extend_from_slice(&encoded);
    out.extend_from_slice(more);
}

/// An `ExportTraceServiceRequest` with `spans`, encoded fields of `ScopeSpans`. `resource` and `scope` are the other encoded fields
/// of `ResourceSpans` and of `ScopeSpans`.
pub(crate) fn request(resource: &[u8], scope: &[u8], spans: &[u8]) -> Vec<u8> {
    let mut inner = Vec::with_capacity(FRAMES);
    frame(&mut inner, SCOPE_SPANS, scope.len() + spans.len());
    let mut out = Vec::with_capacity(resource.len() + scope.len() + spans.len() + FRAMES);
    frame(&mut out, RESOURCE_SPANS, resource.len() + inner.len() + scope.len() + spans.len());
    [resource, &inner, scope, spans].into_iter().for_each(|part| out.extend_from_slice(part));
    out
}

fn frame(out: &mut Vec<u8>, key: u8, length: usize) {
    out.push(key);
    // Does not fail: a `Vec` grows.
    let _ = prost::encode_length_delimiter(length, out);
}
