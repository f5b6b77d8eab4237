"""The inside of a sandbox: integrates updates that may be hostile, answers over stdout, and may die of them.

Started by workers/sandbox.py as `python -m workers.sandboxed <memory bytes>`. Every job comes with the seconds of CPU
that it may take. It has no secrets, opens nothing, and ends when stdin does, that is, with its owner; one that is busy
then ends by the limit of its CPU. After an exception it ends too: what a document is then, nobody knows.
"""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

from pycrdt import Doc

from archive.yjs import (
    NOTHING,
    OURS,
    Malformed,
    OverLimit,
    SpanSet,
    Update,
    decode_vector,
    diff,
    read,
    tree_merge,
    vector_of,
)
from telemetry.logs import told
from workers.frames import HEAD, packed, unpacked
from workers.rendering import rendered

BATCH_BYTES = 8_192
"""Of updates that are integrated in one transaction: at most about 1,400 structs. Joining the characters of a run costs
the square of their number in a transaction: 100,000 take 15 s."""

REASON_LENGTH = 300
OPEN_FILES = 16


def main() -> int:
    """Answer jobs until stdin ends, or one fails. Returns the exit code."""
    confine(int(sys.argv[1]))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while (job := receive(source)) is not None:
        name, cpu_s, *parts = job
        allow(int(cpu_s))
        try:
            answer = [b"done", *JOBS[name.decode()](parts)]
        except (KeyboardInterrupt, SystemExit):
            raise
        except MemoryError:
            return 3
        except BaseException as fault:  # noqa: BLE001  # told to the owner; pycrdt's PanicException is no Exception
            send(sink, [b"refused", told(fault)[:REASON_LENGTH].encode(errors="replace")])
            return 0
        send(sink, answer)
    return 0


def confine(memory_bytes: int) -> None:
    """Give up what no job needs, for good."""
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
    }
    for kind, most in limits.items():
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS knows RLIMIT_AS and does not let one set it
            resource.setrlimit(kind, (most, most))


def allow(cpu_s: int) -> None:
    """Let the kernel end this process (SIGXCPU) after so many more seconds of CPU."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime) + 1 + cpu_s, hard))


def receive(source: BinaryIO) -> list[bytes] | None:
    """The next frame's parts; None at the end of the stream, in the middle of a frame too."""
    head = source.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    (size,) = HEAD.unpack(head)
    body = source.read(size)
    return unpacked(body) if len(body) == size else None


def send(sink: BinaryIO, parts: Sequence[bytes]) -> None:
    sink.write(packed(parts))
    sink.flush()


def fold(parts: Sequence[bytes]) -> list[bytes]:
    """parts: the snapshot, then updates in the log's order. Returns state, vector, b"lossless" or b"", Markdown.

    The updates are read together before any is integrated: types that each of them puts one level deeper are seen here.
    """
    updates = [part for part in parts if part not in (b"", NOTHING)]
    merged = tree_merge(updates)
    content = read(merged, OURS)
    state, lossless = compact(integrated(updates), merged, content)
    doc = integrated([state])
    doc.get_update()  # what the next fold begins with: who dies of it does so now, beside the update that did it
    vector = vector_of(read(state, OURS))
    return [state, vector.encoded(), b"lossless" if lossless else b"", rendered(doc).encode()]


def markdown(parts: Sequence[bytes]) -> list[bytes]:
    """parts: a state. Returns its Markdown."""
    return [rendered(integrated(parts)).encode()]


JOBS: dict[str, Callable[[Sequence[bytes]], list[bytes]]] = {"fold": fold, "markdown": markdown}


def integrated(updates: Sequence[bytes]) -> Doc[Any]:
    """A document with the updates."""
    doc: Doc[Any] = Doc()
    for batch in batches(updates):
        doc.apply_update(tree_merge(batch))
    return doc


def batches(updates: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Runs of updates of at most BATCH_BYTES together, or one that is larger."""
    batch: list[bytes] = []
    size = 0
    for update in updates:
        if batch and size + len(update) > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(update)
        size += len(update)
    if batch:
        yield batch


def compact(doc: Doc[Any], merged: bytes, content: Update) -> tuple[bytes, bool]:
    """The smallest state that holds all of `merged`, of which `content` was read; and whether it is a merge.

    A document gives out nothing of what waits for a missing update: that is laid beside its own state. Without the
    latter the characters of every keystroke would stay single, and 40,000 of them end the sandbox that loads them.
    What would not wait, the document has miscounted.
    """
    own = own_state(doc)
    if own is None:
        return merged, True
    state, written = own
    if vector_of(written) == vector_of(content) and holds(written, content):
        return state, False
    both = tree_merge([state, diff(merged, vector_of(written))])
    waits = decode_vector(integrated([both]).get_state(), OURS) == vector_of(written)
    return (both if waits and holds(read(both, OURS), content) else merged), True


def own_state(doc: Doc[Any]) -> tuple[bytes, Update] | None:
    """What the document says that it is, and what was read of that. None where it does not load again.

    It miscounts where half of a surrogate pair was deleted.
    """
    state: bytes = doc.get_update()
    try:
        written = read(state, OURS)
    except (Malformed, OverLimit):
        return None
    again: Doc[Any] = Doc()
    again.apply_update(state)
    vectors = (decode_vector(each.get_state(), OURS) for each in (doc, again))
    return (state, written) if all(vector == vector_of(written) for vector in vectors) else None


def holds(written: Update, content: Update) -> bool:
    """Every clock and every deletion of the content is in what was written."""
    return SpanSet(written.spans).cover(content.spans) and SpanSet(written.deletes).cover(content.deletes)


if __name__ == "__main__":
    sys.exit(main())
