"""Traces, by OpenTelemetry. When nobody wants them they cost next to nothing."""

import os
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import grpc

EXPORT_SECONDS = 5.0
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
UNTRACED = ("/grpc.health.v1.", "/grpc.reflection.")

Value = str | int
NO_ATTRIBUTES: Mapping[str, Value] = {}


class Span(Protocol):
    """A stretch of work in a trace; `traceparent` is how others join it."""

    @property
    def traceparent(self) -> str:
        """The span as a W3C traceparent; when nothing is traced, its parent's."""
        ...

    def set(self, key: str, value: Value) -> None:
        """Notes a value. Never a file's name or content."""
        ...

    def end(self, error: str = "") -> None:
        """Ends the span, as failed when there is an error."""
        ...


class _Recorded:
    """A span that OpenTelemetry records."""

    def __init__(self, span: Any) -> None:  # noqa: ANN401  # opentelemetry is imported on demand
        self.recorded = span

    @property
    def traceparent(self) -> str:
        context = self.recorded.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def set(self, key: str, value: Value) -> None:
        self.recorded.set_attribute(key, value)

    def end(self, error: str = "") -> None:
        if error:
            from opentelemetry.trace import Status, StatusCode

            self.recorded.set_status(Status(StatusCode.ERROR, error))
        self.recorded.end()


class _Unrecorded:
    """A span of nobody; what joins it joins its parent."""

    def __init__(self, parent: str) -> None:
        self.traceparent = parent

    def set(self, key: str, value: Value) -> None:
        pass

    def end(self, error: str = "") -> None:
        pass


def is_wanted() -> bool:
    """Whether the usual OTEL_* variables ask for traces."""
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return not disabled and any(os.environ.get(name) for name in ENDPOINTS)


def load_if_wanted() -> None:
    """Loads what traces take, for those who will be forked; begins nothing."""
    if is_wanted():
        import opentelemetry.exporter.otlp.proto.grpc.trace_exporter
        import opentelemetry.instrumentation.grpc
        import opentelemetry.sdk.trace.export  # noqa: F401


class Tracing:
    """The traces of one service. Several may live in a process; nothing is global."""

    def __init__(self, provider: Any = None) -> None:  # noqa: ANN401
        self._provider = provider
        self._tracer = provider.get_tracer("sluicegate") if provider else None

    @classmethod
    def from_environment(cls, service_name: str) -> "Tracing":
        """Exports by OTLP over gRPC where the usual OTEL_* variables say so."""
        if not is_wanted():
            return cls()
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        resource = Resource.create({"service.name": service_name})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=EXPORT_SECONDS)))
        return cls(provider)

    def start(
        self, name: str, *, parent: str = "", attributes: Mapping[str, Value] = NO_ATTRIBUTES
    ) -> Span:
        """A span below a traceparent, or else below the span that is current, if any. The caller
        ends it."""
        if self._tracer is None:
            return _Unrecorded(parent)
        return _Recorded(
            self._tracer.start_span(name, context=_context(parent), attributes=dict(attributes))
        )

    @contextmanager
    def span(
        self, name: str, *, parent: str = "", attributes: Mapping[str, Value] = NO_ATTRIBUTES
    ) -> Iterator[Span]:
        """The same, current while inside and ended after; what escapes marks it as failed."""
        span = self.start(name, parent=parent, attributes=attributes)
        try:
            with _current(span):
                yield span
        except BaseException as error:
            span.end(f"{type(error).__name__}: {error}")
            raise
        span.end()

    def server_interceptors(self) -> list[grpc.aio.ServerInterceptor]:
        """What makes a server's calls part of their callers' traces."""
        if self._provider is None:
            return []
        from opentelemetry.instrumentation.grpc import aio_server_interceptor

        make: Any = aio_server_interceptor  # untyped
        return [_Traced(make(self._provider))]

    def client_interceptors(self) -> list[grpc.aio.ClientInterceptor]:
        """What tells a called service which trace it works for. Calls whose requests are streams
        last as long as the services do, and belong to no trace."""
        if self._provider is None:
            return []
        from opentelemetry.instrumentation.grpc import aio_client_interceptors

        streaming = (grpc.aio.StreamUnaryClientInterceptor, grpc.aio.StreamStreamClientInterceptor)
        make: Any = aio_client_interceptors  # untyped
        return [
            interceptor
            for interceptor in make(self._provider)
            if not isinstance(interceptor, streaming)
        ]

    def shut_down(self) -> None:
        """Sends what is recorded; takes at most five seconds, also when nobody receives it."""
        if self._provider is None:
            return
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(EXPORT_SECONDS)


Details = grpc.HandlerCallDetails
Continuation = Callable[[Details], Awaitable[Any]]


class _Traced(grpc.aio.ServerInterceptor):
    """OpenTelemetry's interceptor, for calls that have an end of their own."""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401
        self._inner = inner

    async def intercept_service(self, continuation: Continuation, details: Details) -> Any:  # noqa: ANN401
        handler = await continuation(details)
        if handler is None or handler.request_streaming or details.method.startswith(UNTRACED):
            return handler

        async def found(_: Details) -> Any:  # noqa: ANN401
            return handler

        return await self._inner.intercept_service(found, details)


def _context(parent: str) -> Any:  # noqa: ANN401
    if not parent:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent})


@contextmanager
def _current(span: Span) -> Iterator[None]:
    if not isinstance(span, _Recorded):
        yield
        return
    from opentelemetry.trace import use_span

    with use_span(span.recorded, record_exception=False, set_status_on_exception=False):
        yield
