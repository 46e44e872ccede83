"""A strict OTLP collector, on the official protocol definitions.

Takes traces over gRPC and HTTP on ports of its choice and writes JSON lines to standard output: first where it listens,
then each span as it came, and each thing that OTLP, W3C Trace Context or OpenTelemetry's specification do not allow as
`{"violation": ...}`. When standard input ends it looks for parents that never came, and ends.

    receiver.py [--remote-parent TRACE_ID:SPAN_ID]... [--close]

A parent that is given is somebody else's span and may be missing here. With --close every HTTP connection is closed after one
request.
"""

import argparse
import gzip
import json
import sys
import threading
import time
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

DAY_NS = 24 * 60 * 60 * 1_000_000_000
SAMPLED = 0x01
HAS_IS_REMOTE = trace_pb2.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
IS_REMOTE = trace_pb2.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK


class Spans:
    """Everything that came."""

    def __init__(self, remote):
        self.remote = remote
        self.lock = threading.Lock()
        # (trace, span) -> span, and what each names as its parent.
        self.spans = {}
        self.parents = []

    def write(self, line):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    def violation(self, what):
        self.write({"violation": what})

    def take(self, request, transport):
        with self.lock:
            for where in unknown_fields(request, "request"):
                self.violation(f"{where} is no field of OTLP")
            for resource_spans in request.resource_spans:
                resource = self.attributes(resource_spans.resource.attributes, "the resource")
                for key in ("service.name", "host.name", "telemetry.sdk.name"):
                    if key not in resource:
                        self.violation(f"the resource has no {key}")
                for scope_spans in resource_spans.scope_spans:
                    for span in scope_spans.spans:
                        self.span(span, resource, scope_spans.scope.name, transport)

    def span(self, span, resource, scope, transport):
        trace, identity, parent = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
        for problem in problems(span):
            self.violation(f"span {trace}:{identity} ({span.name}): {problem}")
        if (trace, identity) in self.spans:
            self.violation(f"span {trace}:{identity} ({span.name}) came twice")
        self.spans[trace, identity] = span
        if parent:
            self.parents.append((trace, identity, parent))
        self.write(
            {
                "transport": transport,
                "scope": scope,
                "resource": resource,
                "trace": trace,
                "span": identity,
                "parent": parent or None,
                "name": span.name,
                "kind": trace_pb2.Span.SpanKind.Name(span.kind),
                "flags": span.flags,
                "start_ns": span.start_time_unix_nano,
                "end_ns": span.end_time_unix_nano,
                "status": trace_pb2.Status.StatusCode.Name(span.status.code),
                "message": span.status.message,
                "attributes": self.attributes(span.attributes, f"span {trace}:{identity}"),
            }
        )

    def attributes(self, pairs, whose):
        values = {}
        for pair in pairs:
            if not pair.key:
                self.violation(f"{whose} has an attribute without a name")
            if pair.key in values:
                self.violation(f"{whose} has {pair.key} twice")
            values[pair.key] = self.value(pair.value, pair.key, whose)
        return values

    def value(self, value, key, whose):
        kind = value.WhichOneof("value")
        if kind == "array_value":
            kinds = {entry.WhichOneof("value") for entry in value.array_value.values}
            if len(kinds) > 1:
                self.violation(f"{key} of {whose} mixes {sorted(kinds)}")
            return [self.value(entry, key, whose) for entry in value.array_value.values]
        if kind not in ("string_value", "int_value", "bool_value", "double_value"):
            self.violation(f"{key} of {whose} has no plain value")
            return None
        return getattr(value, kind)

    def close(self):
        """Parents may come after their children: only now is it known which never came."""
        for trace, identity, parent in self.parents:
            span = self.spans[trace, identity]
            name = f"span {trace}:{identity} ({span.name})"
            remote = bool(span.flags & IS_REMOTE)
            if (trace, parent) in self.remote:
                if not remote:
                    self.violation(f"{name} does not say that its parent is remote")
                continue
            if remote:
                self.violation(f"{name} says that its parent is remote, which is nobody's")
            above = self.spans.get((trace, parent))
            if above is None and span.name == "connection.update":
                # Of a connection that is still open: its span comes with its end.
                continue
            if above is None:
                self.violation(f"the parent of {name} never came")
                continue
            begins_within = above.start_time_unix_nano <= span.start_time_unix_nano
            if not begins_within or span.end_time_unix_nano > above.end_time_unix_nano:
                self.violation(f"{name} is not within its parent")


def unknown_fields(message, where):
    yield from (f"{where}: field {field.field_number}" for field in UnknownFieldSet(message))
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for entry in value if hasattr(value, "append") or hasattr(value, "add") else [value]:
            yield from unknown_fields(entry, f"{where}.{field.name}")


def problems(span):
    """What is wrong with a span, on its own."""
    if len(span.trace_id) != 16 or not any(span.trace_id):
        yield "the trace id is not sixteen bytes, or zero"
    if len(span.span_id) != 8 or not any(span.span_id):
        yield "the span id is not eight bytes, or zero"
    if span.parent_span_id and (len(span.parent_span_id) != 8 or not any(span.parent_span_id)):
        yield "the parent's id is not eight bytes, or zero"
    if span.parent_span_id == span.span_id:
        yield "it is its own parent"
    if not span.name:
        yield "no name"
    if span.kind == trace_pb2.Span.SPAN_KIND_UNSPECIFIED:
        yield "no kind"
    if span.end_time_unix_nano < span.start_time_unix_nano:
        yield "it ends before it starts"
    now = time.time_ns()
    if not now - DAY_NS < span.end_time_unix_nano <= now:
        yield f"it did not end within the last day: {span.end_time_unix_nano}"
    if not span.flags & HAS_IS_REMOTE or not span.flags & SAMPLED:
        yield f"flags {span.flags:#x} lack what a sampled span has"
    if span.status.message and span.status.code != trace_pb2.Status.STATUS_CODE_ERROR:
        yield "a status message without an error"


class Grpc(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, spans):
        self.spans = spans

    def Export(self, request, _context):
        self.spans.take(request, "grpc")
        return trace_service_pb2.ExportTraceServiceResponse()


def http_handler(spans, close):
    class Http(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/v1/traces":
                spans.violation(f"posted to {self.path}")
            if self.headers["Content-Type"] != "application/x-protobuf":
                spans.violation(f"content of type {self.headers['Content-Type']}")
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            spans.take(trace_service_pb2.ExportTraceServiceRequest.FromString(body), "http")
            answer = trace_service_pb2.ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            if close:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_arguments):
            pass

    return Http


def remote_parent(text):
    trace, _, span = text.partition(":")
    return trace, span


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--remote-parent", type=remote_parent, action="append", default=[])
    parser.add_argument("--close", action="store_true")
    options = parser.parse_args()
    spans = Spans(set(options.remote_parent))
    collector = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Grpc(spans), collector)
    grpc_port = collector.add_insecure_port("127.0.0.1:0")
    collector.start()
    web = ThreadingHTTPServer(("127.0.0.1", 0), http_handler(spans, options.close))
    threading.Thread(target=web.serve_forever, daemon=True).start()
    spans.write({"grpc": f"127.0.0.1:{grpc_port}", "http": f"127.0.0.1:{web.server_port}"})
    sys.stdin.read()
    collector.stop(grace=5).wait()
    web.shutdown()
    spans.close()


if __name__ == "__main__":
    main()
