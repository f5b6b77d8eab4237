"""Prometheus metrics of a node. Labels are bounded: never a room, a user or a session."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # one more series per counter that nobody asks for

APPENDS = Counter("roomlog_appends_total", "Entries appended by this node, by outcome.", ["outcome"])
DELIVERED = Counter("roomlog_delivered_events_total", "Live deliveries of entries to sockets.")
REPLAYED = Counter("roomlog_replayed_events_total", "Entries handed to sockets from the log, not live.")
REPLAYED_BYTES = Counter("roomlog_replayed_bytes_total", "Payload of these entries, as it was joined.")
RESUMES = Counter("roomlog_resumes_total", "Clients that came back, by outcome.", ["outcome"])
WAITING = Gauge("roomlog_waiting_clients", "Clients that wait to be let in.")
REPAIRS = Counter("roomlog_tail_repairs_total", "Times the tail fell behind the shard's log.")
SLOW = Counter("roomlog_slow_sockets_total", "Times a socket left live mode because it reads too slowly.")
SLOW_NOW = Gauge("roomlog_slow_sessions", "Sessions that are fed from the log because they read too slowly.")
SEND_WAITING = Gauge(
    "roomlog_send_waiting_bytes",
    "Bytes that wait for all sessions, in their send queues and in their WebSockets' write buffers.",
    ["where"],
)
REFUSED = Counter("roomlog_auth_failures_total", "Connections and requests refused for their token.", ["where"])
BAD_INPUT = Counter("roomlog_bad_packets_total", "Client packets refused as malformed.")
COMPLETIONS = Counter("roomlog_completions_total", "Completions that ended, by how.", ["outcome"])
SIGNALS_SKIPPED = Counter("roomlog_signals_skipped_total", "Signals between nodes that could not be read.")
AFTERTHOUGHTS = Counter(
    "roomlog_afterthoughts_total",
    "Titles, tags and follow-ups that were asked for, by how it ended.",
    ["kind", "outcome"],
)
DOCUMENT_JOINS = Counter("roomlog_document_joins_total", "Joins of documents, by what the client was sent.", ["sent"])
DOCUMENT_UPDATES = Counter(
    "roomlog_document_updates_total", "Updates of documents, and other requests refused, by outcome.", ["outcome"]
)
DOCUMENT_PROBES = Counter("roomlog_document_probes_total", "Times a stock page was asked for its whole state.")
CONNECTIONS = Gauge("roomlog_connections", "Connected sessions.")
ROOMS = Gauge("roomlog_rooms", "Rooms with members on this node.")
TAIL_AGE = Gauge("roomlog_tail_age_seconds", "Seconds since the tail last heard from the log.")
DELIVERY_DELAY = Histogram(
    "roomlog_delivery_delay_seconds",
    "From the append's position to the tail's delivery, by the shard's clock; one sample a batch.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
