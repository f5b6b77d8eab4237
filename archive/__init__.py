"""What the log folds into: the pure fold, and the tables that hold its result.

fold, fold_all, sift, compose     entries of a user's room → Changes
apply, overlay                    Changes, or entries, on a StoredChat
Archive                           commit and reads, on PostgreSQL
to_wire                           a StoredChat as clients read it
"""

from archive.chat import NEW_TITLE, ChatSummary, StoredChat, StoredMessage
from archive.commit import CommitResult, RefusedChat
from archive.database import check_database, open_pool
from archive.errors import ArchiveError, ArchiveRefused, ArchiveUnavailable, DatabaseUnusable, FoldError
from archive.fold import Sifted, apply, fold, fold_all, overlay, sift
from archive.patches import Changes, ChatPatch, MessagePatch, Ops, compose
from archive.room_fold import RoomFold
from archive.store import Archive
from archive.wire import to_wire

__all__ = [
    "NEW_TITLE",
    "Archive",
    "ArchiveError",
    "ArchiveRefused",
    "ArchiveUnavailable",
    "Changes",
    "ChatPatch",
    "ChatSummary",
    "CommitResult",
    "DatabaseUnusable",
    "FoldError",
    "MessagePatch",
    "Ops",
    "RefusedChat",
    "RoomFold",
    "Sifted",
    "StoredChat",
    "StoredMessage",
    "apply",
    "check_database",
    "compose",
    "fold",
    "fold_all",
    "open_pool",
    "overlay",
    "sift",
    "to_wire",
]
