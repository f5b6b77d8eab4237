"""Prometheus metrics of a node. Labels are bounded: never a room, a user or a session."""

from __future__ import annotations

import platform
from typing import get_args

from prometheus_client.metrics import MetricWrapperBase

from app import __version__
from app.documents.refusals import Code
from app.documents.sync import Mode
from streams import errors
from telemetry.catalogue import Catalogue
from telemetry.words import snake

APPEND_FAULTS = (
    errors.RoomFull,
    errors.LogUnavailable,
    errors.KeyReused,
    errors.Fenced,
    errors.DocumentUnknown,
    errors.DocumentGap,
    errors.Moved,
    errors.OtherEpoch,
    errors.Seeded,
    errors.DocumentFull,
    errors.EntryTooLarge,
)
DONE_OR_NOT = ("done", "provider_error", "replaced", "log_error")
UNREADY = ("closing", "draining", "tail", "log", "full", "redis", "worker", "sql", "other")

NODE = Catalogue()

# appends and delivery

APPENDS = NODE.counter(
    "roomlog_appends_total",
    "Entries that this node was asked to append, by outcome.",
    "Are appends refused, and why?",
    outcome=("appended", "repeated", *(snake(fault.__name__) for fault in APPEND_FAULTS)),
)
APPEND_TO_SOCKET = NODE.histogram(
    "roomlog_append_to_socket_seconds",
    "From an entry's append to its frame being handed to the last socket; one sample a batch, of its oldest entry. "
    "The append's time is of the log server's clock: see roomlog_clock_offset_seconds.",
    "How live is it?",
    (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
DELIVERED = NODE.counter(
    "roomlog_delivered_events_total", "Live deliveries of entries to sockets.", "How much goes out?"
)
TAIL_AGE = NODE.gauge(
    "roomlog_tail_age_seconds",
    "Since the tail last heard from the log; about 1 is normal on a quiet one.",
    "Is the link to the log alive?",
)
TAIL_LAG = NODE.gauge(
    "roomlog_tail_lag_seconds",
    "How much older what this node delivered last is than the log's newest entry.",
    "Does this node keep up with the log?",
)
BARRIER_AGE = NODE.gauge(
    "roomlog_barrier_age_seconds",
    "How far the slowest living node's report stands behind the log: what changes of membership wait for. Nodes "
    "report every second.",
    "Why does taking somebody out of a room take long?",
)
REPAIRS = NODE.counter(
    "roomlog_tail_repairs_total",
    "Times the tail fell behind the shard's log and read the rooms instead.",
    "Is SHARD_LOG_LENGTH too short, or this node too slow?",
)
EPOCHS = NODE.counter(
    "roomlog_epoch_resets_total",
    "Times the log's server was restarted or replaced under this node: its clients are reset.",
    "Why did all clients reload?",
)

# clients

CONNECTIONS = NODE.gauge("roomlog_connections", "Connected sessions.", "How many are here?")
ROOMS = NODE.gauge("roomlog_rooms", "Rooms with members on this node.", "How many rooms are watched?")
WAITING = NODE.gauge("roomlog_waiting_clients", "Clients that wait to be let in.", "Is there a stampede?")
ADMITTING = NODE.gauge("roomlog_admitting_clients", "Clients that are being let in.", "Is there a stampede?")
ADMITTING_MOST = NODE.gauge(
    "roomlog_admitting_clients_most",
    "Clients that were being let in at the same time, at most, since the start.",
    "Does ADMITTED_AT_ONCE hold?",
)
MOVED = NODE.counter(
    "roomlog_moved_clients_total",
    "Clients that this node, going away, sent to another.",
    "How far is the restart?",
)
RESUMES = NODE.counter(
    "roomlog_resumes_total",
    "Clients that came back, by outcome. recovered: they missed nothing. not_recovered: they reload. sent_away: the "
    "log did not answer, they try again.",
    "Do clients that drop find everything again?",
    outcome=("recovered", "not_recovered", "sent_away"),
)
REPLAYED = NODE.counter(
    "roomlog_replayed_events_total", "Entries handed to sockets from the log, not live.", "What do reconnects cost?"
)
REPLAYED_BYTES = NODE.counter(
    "roomlog_replayed_bytes_total", "Payload of these entries, as it was joined.", "What do reconnects cost?"
)
SLOW = NODE.counter(
    "roomlog_slow_sockets_total",
    "Times a socket left live mode because it reads too slowly.",
    "Do clients flap between live and slow?",
)
SLOW_NOW = NODE.gauge(
    "roomlog_slow_sessions",
    "Sessions that are fed from the log because they read too slowly.",
    "Is it their link, or ours?",
)
SEND_WAITING = NODE.gauge(
    "roomlog_send_waiting_bytes",
    "Backlog: bytes that wait for all sessions, in their send queues and in their WebSockets' write buffers.",
    "Where is the memory?",
    where=("queue", "buffer"),
)
REFUSED = NODE.counter(
    "roomlog_auth_failures_total",
    "Connections and requests refused for their token.",
    "Does somebody try tokens, or has the secret changed?",
    where=("connect", "http"),
)
BAD_INPUT = NODE.counter(
    "roomlog_bad_packets_total", "Client packets refused as malformed.", "Does a client speak another protocol?"
)

# what nodes do for producers

COMPLETIONS = NODE.counter(
    "roomlog_completions_total",
    "Completions that ended, by how.",
    "Does the provider answer?",
    outcome=(*DONE_OR_NOT, "failed", "cancelled"),
)
AFTERTHOUGHTS = NODE.counter(
    "roomlog_afterthoughts_total",
    "Titles, tags and follow-ups that were asked for, by how it ended.",
    "Do chats get their titles?",
    kind=("title", "tags", "follow_ups"),
    outcome=(*DONE_OR_NOT, "timeout", "unreadable"),
)
CALLS = NODE.counter(
    "roomlog_calls_total",
    "Event calls (questions to a user's page) that this node made, by outcome.",
    "Do pages answer?",
    outcome=("answered", "gone", "silent", "withdrawn", "failed"),
)
TASKS = NODE.gauge("roomlog_tasks", "Tasks that run on this node.", "What would a stop interrupt?")
DOCUMENT_JOINS = NODE.counter(
    "roomlog_document_joins_total",
    "Joins of documents, by what the client was sent.",
    "Do editors that come back load whole documents?",
    sent=("stock", *get_args(Mode)),
)
DOCUMENT_UPDATES = NODE.counter(
    "roomlog_document_updates_total",
    "Updates of documents, and other requests refused, by outcome.",
    "Are edits refused, and why?",
    outcome=("taken", "seeded", "behind", *get_args(Code)),
)
DOCUMENT_PROBES = NODE.counter(
    "roomlog_document_probes_total",
    "Times a stock page was asked for its whole state.",
    "How often do pages type without a link?",
)
SIGNALS_SKIPPED = NODE.counter(
    "roomlog_signals_skipped_total",
    "Signals between nodes that could not be read.",
    "Do nodes of two versions misunderstand each other?",
)

# the node

READY = NODE.gauge("roomlog_ready", "1 when /readyz says ready.", "Does the balancer send anybody here?")
UNREADY_FOR = NODE.gauge(
    "roomlog_unready",
    "1 for every part that keeps the node from being ready.",
    "What is away: the log, the database, the workers?",
    reason=UNREADY,
)
DRAINING = NODE.gauge(
    "roomlog_draining", "1 while the node goes away and moves its clients.", "Is this a restart, or a fault?"
)
BUILD = NODE.gauge(
    "roomlog_build_info", "1, with what runs here.", "Do all nodes run the same version?", version=(), python=()
)
BUILD.labels(__version__, platform.python_version()).set(1)

# what every node sees of the whole shard: ask for the max() over nodes, never for the sum

NODES = NODE.gauge("roomlog_nodes", "Living nodes. Seen alike by every node.", "Are all nodes up?")
WORKERS = NODE.gauge("roomlog_workers", "Living workers. Seen alike by every node.", "Does anybody fold?")
FOLD_LAG = NODE.gauge(
    "roomlog_fold_lag_seconds",
    "For how long the oldest room has waited to be folded into PostgreSQL. Seen alike by every node.",
    "How far is PostgreSQL behind the log?",
)
FOLD_LAG_ENTRIES = NODE.gauge(
    "roomlog_fold_lag_entries",
    "Entries that wait to be folded: at least so many. Of the 200 rooms that wait longest 500 of every 20 "
    "are counted. Seen alike by every node.",
    "How far is PostgreSQL behind the log?",
)
FOLD_ROOMS = NODE.gauge(
    "roomlog_fold_waiting_rooms",
    "Rooms that wait for a worker, or are being folded. Seen alike by every node.",
    "Are there enough workers?",
)
DEAD_LETTERS = NODE.gauge(
    "roomlog_dead_letters",
    "Entries that no fold could take, parked. Seen alike by every node.",
    "Is there anything for `roomlog deadletters`?",
)
TASK_LEASES = NODE.gauge(
    "roomlog_task_leases", "Leases of tasks, on all nodes. Seen alike by every node.", "How many answers are written?"
)
LOG_MEMORY = NODE.gauge(
    "roomlog_log_memory_bytes", "Memory that the log's server uses. Seen alike by every node.", "How full is the log?"
)
LOG_MEMORY_MAX = NODE.gauge(
    "roomlog_log_memory_max_bytes",
    "Its maxmemory; the machine's memory when it has none. Seen alike by every node.",
    "How full is the log?",
)
LOG_WRITES_OK = NODE.gauge(
    "roomlog_log_disk_ok",
    "1 when the log server's last writes to its disk (append-only file, snapshot) succeeded. Seen alike by every node.",
    "Would the log survive a restart?",
)
CLOCK_OFFSET = NODE.gauge(
    "roomlog_clock_offset_seconds",
    "This machine's clock less the log server's; half a round trip is its error.",
    "Can latencies be believed?",
)


def total(metric: MetricWrapperBase, *but: str) -> int:
    """A metric of this process, all its labels together, without those with one of these values."""
    samples = [sample for family in metric.collect() for sample in family.samples]
    return int(sum(sample.value for sample in samples if not set(but) & set(sample.labels.values())))
