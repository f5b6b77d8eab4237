"""Yjs updates, format v1, as bytes: read, compared and merged without ever making a document of them.

read, Limits                        what an update would do; Malformed or OverLimit
Vector, vector_of, nothing_new      who has what
tree_merge, diff                    one update of many, or what of one is missing; Unmergeable
"""

from archive.yjs.errors import Malformed, OverLimit, Unmergeable
from archive.yjs.limits import LIMITS, OURS, Limits
from archive.yjs.merging import NOTHING, diff, tree_merge
from archive.yjs.reader import Need, Span, Update, read
from archive.yjs.vector import SpanSet, Vector, decode_vector, nothing_new, vector_of

__all__ = [
    "LIMITS",
    "NOTHING",
    "OURS",
    "Limits",
    "Malformed",
    "Need",
    "OverLimit",
    "Span",
    "SpanSet",
    "Unmergeable",
    "Update",
    "Vector",
    "decode_vector",
    "diff",
    "nothing_new",
    "read",
    "tree_merge",
    "vector_of",
]
