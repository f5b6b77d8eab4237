"""Every Redis key that Roomlog uses, in one place.

All keys of a shard share the hash tag `{0}`, so that one script may touch them on a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass

CONTROL_ROOM = "system:control"
"""The room of orders to nodes (leave a room, disconnect a user): an internal log, never delivered to a socket."""

JOB_GROUP = "workers"
"""Consumer group of the shard's job stream."""

FOLDED_KINDS = ("user:", "channel:", "note:")
"""Rooms with these prefixes are logs of record: the persister folds them. `chat:` carries copies for viewers only."""

DOCUMENT_KIND = "doc_note:"
"""Rooms of documents: the compactor folds them (streams/documents.py)."""


def direct_room(channel: str) -> str:
    """The room of a direct completion's lines: internal, never joined by a socket, removed at its end."""
    return f"direct:{channel}"


def is_folded(room: str) -> bool:
    return room.startswith(FOLDED_KINDS)


def is_document(room: str) -> bool:
    return room.startswith(DOCUMENT_KIND)


def document_of(room: str) -> str:
    """The id of the document that the room is of, `note:{id}`."""
    return room.removeprefix("doc_")


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names of one shard below `prefix` (setting REDIS_KEY_PREFIX)."""

    prefix: str = "rl"
    shard: int = 0

    def _key(self, name: str) -> str:
        return f"{self.prefix}:{{{self.shard}}}:{name}"

    @property
    def log(self) -> str:
        """Stream: every entry of the shard in order, about the last minute. Its last ID is the shard's clock."""
        return self._key("log")

    @property
    def epoch(self) -> str:
        """Hash: `run_id` of the server, `position` where the log that it can vouch for begins, `floor`."""
        return self._key("epoch")

    @property
    def heads(self) -> str:
        """Hash: room -> position of its newest entry."""
        return self._key("heads")

    @property
    def folded(self) -> str:
        """Hash: room -> position up to which it is committed in SQL (written after the commit; a hint)."""
        return self._key("folded")

    @property
    def jobs(self) -> str:
        """Stream: rooms that have entries to fold."""
        return self._key("jobs")

    @property
    def queued(self) -> str:
        """Set: rooms that have a job."""
        return self._key("queued")

    @property
    def documents_due(self) -> str:
        """Sorted set: document's room -> Unix ms when it is to be folded; of one that is held, when the lease ends."""
        return self._key("documents:due")

    @property
    def documents_held(self) -> str:
        """Hash: document's room -> token of the worker that folds it."""
        return self._key("documents:held")

    def document(self, room: str) -> str:
        """Hash: `epoch` of its history, `log` (the log's epoch that it was opened in), `bytes` of the state and the
        updates that are not folded, `n`, `new`, `first` (count, bytes, Unix ms) of those, `begun` (it is not empty),
        and `c{client}` -> clock. Expires."""
        return self._key(f"document:{room}")

    def content(self, room: str) -> str:
        """Hash: a rendering of a document that SQL does not have yet: `at` (position), `body` (JSON)."""
        return self._key(f"content:{room}")

    @property
    def dead(self) -> str:
        """Stream: entries that the fold refused, with the error."""
        return self._key("dead")

    @property
    def dead_index(self) -> str:
        """Hash: `room@position` -> ID in the dead-letter stream, so that an entry is parked once."""
        return self._key("dead:index")

    @property
    def audit(self) -> str:
        """Stream: what admins did, the last ten thousand of it."""
        return self._key("audit")

    @property
    def samples(self) -> str:
        """Stream: the shard in numbers every ten seconds, of the last hour. Expires an hour after nobody samples."""
        return self._key("samples")

    @property
    def bus(self) -> str:
        """Pub/Sub channel of ephemeral events."""
        return self._key("bus")

    @property
    def nodes(self) -> str:
        """Hash: node -> JSON of what it last reported."""
        return self._key("nodes")

    @property
    def workers(self) -> str:
        """Hash: worker -> JSON of what it last reported."""
        return self._key("workers")

    def room(self, room: str) -> str:
        """Stream of one room."""
        return self._key(f"room:{room}")

    def producer(self, producer: str) -> str:
        """String: the last batch that this producer appended, with its answer."""
        return self._key(f"producer:{producer}")

    def once(self, scope: str, key: str) -> str:
        """String: what an idempotency key was answered."""
        return self._key(f"once:{scope}:{key}")

    def run(self, name: str) -> str:
        """String: the run that may append below a fence of this name. Gone when none is under way."""
        return self._key(f"run:{name}")

    @property
    def task_leases(self) -> str:
        """Sorted set: task -> Unix ms of its lease's end. Those of dead owners stay until a worker reaps them."""
        return self._key("tasks:leases")

    @property
    def task_remains(self) -> str:
        """Hash: task -> JSON of what is to be closed in the log if its owner dies."""
        return self._key("tasks:remains")

    def task(self, task_id: str) -> str:
        """Hash: the record of one task; expires with its lease."""
        return self._key(f"task:{task_id}")

    def tasks_of(self, item_id: str) -> str:
        """Sorted set: task of this item -> Unix ms of its lease's end. Expires with the last of them."""
        return self._key(f"tasks:item:{item_id}")

    def tasks_of_user(self, user_id: str) -> str:
        """Sorted set: task of this user -> Unix ms of its lease's end. Expires with the last of them."""
        return self._key(f"tasks:user:{user_id}")

    def members(self, room: str) -> str:
        """Sorted set: session id -> Unix second until which it counts as a member."""
        return self._key(f"members:{room}")

    def session(self, pid: str) -> str:
        """Hash: the record of a session that may come back."""
        return self._key(f"session:{pid}")

    def pool(self, sid: str) -> str:
        """Hash: whose a connected session is, and which connection has it. Expires unless its node refreshes it."""
        return self._key(f"pool:{sid}")

    def sessions_of(self, user_id: str) -> str:
        """Sorted set: session id -> Unix ms until which the session counts as connected."""
        return self._key(f"sessions:{user_id}")

    @property
    def users(self) -> str:
        """Sorted set: user -> Unix ms until which the user counts as connected."""
        return self._key("users")

    @property
    def usage(self) -> str:
        """Sorted set: model -> Unix ms until which it counts as in use."""
        return self._key("usage")

    def present(self, room: str) -> str:
        """Sorted set: JSON [connection, user id, name] -> Unix ms until which it counts as present in the room."""
        return self._key(f"present:{room}")

    def call(self, number: int) -> str:
        """Hash: an event call that its caller waits for: `user`, `asked` (connection), `answer` (JSON)."""
        return self._key(f"call:{number}")

    @property
    def calls(self) -> str:
        """Sorted set: the signal that withdraws an event call -> Unix ms until which its caller waits for it."""
        return self._key("calls")

    @property
    def directs(self) -> str:
        """Sorted set: direct completion's channel -> Unix ms until which somebody waits for its lines."""
        return self._key("directs")

    def moves(self, whom: str) -> str:
        """Hash: what sessions of `user:{id}`, or session `sid:{sid}`, were ordered, for those that are away:
        `+{room}`, `-{room}` or `end` -> position."""
        return self._key(f"moves:{whom}")

    def owner(self, chat_id: str) -> str:
        """String: the owner of a chat that may not be folded yet; empty: the chat was deleted."""
        return self._key(f"owner:{chat_id}")

    def lease(self, name: str) -> str:
        """String: the holder of a lease."""
        return self._key(f"lease:{name}")

    def active(self, user_id: str) -> str:
        """String: set while the user's last-active is being written, and for a minute once it was."""
        return self._key(f"active:{user_id}")

    def role(self, user_id: str) -> str:
        """String: the role that an admin gave the user; empty: none did. Gone when the database has to be asked."""
        return self._key(f"role:{user_id}")

    def token_revoked(self, jti: str) -> str:
        """String: the token with this `jti` is revoked. Open WebUI's own key name: no shard in it."""
        return f"{self.prefix}:auth:token:{jti}:revoked"

    def user_revoked_at(self, user_id: str) -> str:
        """String: Unix second; tokens of this user that were issued before or at it are revoked."""
        return f"{self.prefix}:auth:user:{user_id}:revoked_at"
