"""The OpenTelemetry span of an event, if opentelemetry-api is installed."""

from __future__ import annotations

from collections.abc import Mapping

_NONE: Mapping[str, str] = {}

try:
    from opentelemetry import trace
except ImportError:

    def current_span() -> Mapping[str, str]:
        """Return no ids: without opentelemetry-api there are no spans."""
        return _NONE

else:

    def current_span() -> Mapping[str, str]:
        """Return the ids and flags of the active span, in hexadecimal; no ids if no span is active."""
        span = trace.get_current_span()
        if span is trace.INVALID_SPAN:
            return _NONE
        context = span.get_span_context()
        if not context.is_valid:
            return _NONE
        return {
            "trace_id": trace.format_trace_id(context.trace_id),
            "span_id": trace.format_span_id(context.span_id),
            "trace_flags": f"{context.trace_flags:02x}",
        }
