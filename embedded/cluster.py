"""PostgreSQL's files: where they lie, and how a new cluster is made, complete or not at all."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from embedded.account import Account, outside
from embedded.errors import EmbeddedError, did_not_start
from embedded.folder import Folder, fits

INIT_S = 120.0  # takes 1-2 s; a busy disk syncs slowly
DATABASE = "roomlog"


def cluster(folder: Folder, user: Account | None, programs: Path) -> Path:
    """The folder of the cluster's data, made if this data folder has none. Blocks for a second or two then.

    It lies in the data folder, or, where PostgreSQL's own user cannot enter that, outside with a link to it: the link
    is its only name, so a removed data folder never comes back with old rows. Raises `EmbeddedError`.
    """
    place = folder.postgres
    if place.is_symlink() and not place.exists():
        raise EmbeddedError(
            f"{place} points to {place.readlink()}, which is gone: remove {folder.root} to start afresh"
        )
    if place.exists():
        return place.resolve()
    if user is None or (user.can_enter(folder.root) and fits(place)):
        _create(folder, user, programs, place)
    else:
        home = Path(tempfile.mkdtemp(dir=outside(user), prefix="data-"))
        user.own(home)
        (home / "belongs-to").write_text(f"{folder.root}\n", encoding="utf-8")
        _create(folder, user, programs, home / "postgres")
        place.symlink_to(home / "postgres")
    return place.resolve()


def _create(folder: Folder, user: Account | None, programs: Path, place: Path) -> None:
    """Make the cluster with its database aside, then rename: a start that was killed leaves nothing half made."""
    aside = place.with_name(place.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700)
    if user is not None:
        user.own(aside)
    log = folder.log("postgres")
    locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    _run(user, log, [programs / "initdb", "--username=postgres", "--auth=trust", *locale, "-D", aside])
    # One user, no socket: the database is there before anybody can connect.
    _run(user, log, [programs / "postgres", "--single", "-D", aside, "postgres"], f"CREATE DATABASE {DATABASE}\n")
    aside.rename(place)


def _run(user: Account | None, log: Path, command: list[str | Path], text: str = "") -> None:
    """Run one of PostgreSQL's programs to its end as its user. Raises `EmbeddedError` with the end of its output."""
    as_user = {} if user is None else {"user": user.uid, "group": user.gid, "extra_groups": []}
    name = Path(command[0]).name
    with log.open("ab") as output:
        try:
            done = subprocess.run(
                command,
                input=text.encode(),
                stdout=output,
                stderr=output,
                cwd="/",
                env=ENVIRONMENT,
                timeout=INIT_S,
                check=False,
                **as_user,  # type: ignore[call-overload]
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise did_not_start("PostgreSQL", f"{name}: {error}", log) from error
    if done.returncode != 0:
        raise did_not_start("PostgreSQL", f"{name}: exit {done.returncode}", log)


ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}  # nothing of ours reaches its user's processes
