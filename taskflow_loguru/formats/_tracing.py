"""The OpenTelemetry span that an event belongs to, where opentelemetry-api is installed."""

from __future__ import annotations

from typing import Any

try:
    from opentelemetry import trace
except ImportError:

    def current_span() -> dict[str, Any]:
        """No ids: there is nothing that could make a span."""
        return {}

else:

    def current_span() -> dict[str, Any]:
        """The ids of the active span, in hexadecimal; none where no span is active."""
        context = trace.get_current_span().get_span_context()
        if not context.is_valid:
            return {}
        return {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}
