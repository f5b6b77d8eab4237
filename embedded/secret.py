"""The secret that signs tokens on a machine where none is set."""

import os
import secrets
from pathlib import Path

from embedded.folder import Folder

SECRET_BYTES = 48  # above the 32 bytes that HS256 asks for


def development_secret(data_dir: Path) -> str:
    """The content of `data_dir/secret` (64 URL-safe characters, mode 0600), which is made at the first call.

    Any number of processes may call it at once: all get the same secret. Raises `EmbeddedError` when the folder cannot
    be made, `OSError` when the file cannot be read.
    """
    path = Folder.prepare(data_dir).root / "secret"
    if not path.exists():
        _create(path)
    return path.read_text(encoding="ascii").strip()


def _create(path: Path) -> None:
    """Write a new secret aside and link it into place: a reader sees all of it or none; the first writer wins."""
    aside = path.with_name(f".secret-{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            return  # another process was first: its secret holds
    finally:
        aside.unlink()
