"""The servers that come along, with real processes: shared, stopped by the last, not left behind, nothing lost."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from embedded import EmbeddedError, development_secret, hold, lease
from embedded.folder import Folder, fits

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 30.0
USER = """
import sys
from pathlib import Path
from embedded import hold
with hold(Path(sys.argv[1])) as urls:
    print(urls["redis"], urls["postgres"], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder that PostgreSQL's own user can enter, which pytest's private one is not."""
    parent = Path(tempfile.mkdtemp(prefix="roomlog-test-"))
    parent.chmod(0o755)
    yield parent / ".data"
    wait_until(lambda: not servers(parent / ".data"), "the servers end with the test")
    remove(parent)


def remove(parent: Path) -> None:
    """Remove a test's folder, and PostgreSQL's where that had to lie outside."""
    for link in parent.rglob("postgres"):
        if link.is_symlink():
            shutil.rmtree(link.resolve().parent)
    shutil.rmtree(parent)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


def servers(data_dir: Path) -> dict[str, psutil.Process]:
    """The living keeper, Valkey and PostgreSQL of a data folder, by name."""
    found = {}
    postgres = str((data_dir / "postgres").resolve())
    for process in psutil.process_iter():
        try:
            command, name = process.cmdline(), process.name()
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if command[1:4] == ["-m", "embedded", str(data_dir)]:
                found["keeper"] = process
            elif name == "valkey-server" and process.cwd() == str(data_dir / "valkey"):
                found["valkey"] = process
            elif name == "postgres" and postgres in command:
                found["postgres"] = process
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


class User:
    """Another process that holds a lease until it is told to leave."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(data_dir)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def urls(self) -> list[str]:
        assert self.process.stdout is not None
        return self.process.stdout.readline().split()

    def leave(self) -> None:
        self.process.communicate(timeout=DEADLINE_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=DEADLINE_S)


def write(urls: dict[str, str], text: str) -> None:
    with redis.Redis.from_url(urls["redis"]) as log:
        log.xadd("stream", {"text": text})
    with psycopg.connect(urls["postgres"]) as database:
        database.execute("CREATE TABLE IF NOT EXISTS rows (text text)")
        database.execute("INSERT INTO rows VALUES (%s)", (text,))


def read(urls: dict[str, str]) -> tuple[list[str], list[str]]:
    with redis.Redis.from_url(urls["redis"], decode_responses=True) as log:
        entries = [fields["text"] for _, fields in log.xrange("stream")]
    with psycopg.connect(urls["postgres"]) as database:
        rows = [row[0] for row in database.execute("SELECT text FROM rows")]
    return entries, rows


def test_what_was_written_is_there_after_a_stop_and_the_second_start_is_fast(data_dir: Path) -> None:
    with hold(data_dir) as urls:
        write(urls, "kept")
        with redis.Redis.from_url(urls["redis"], decode_responses=True) as log:
            assert log.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert log.config_get("append*") | {"appendonly": "yes", "appendfsync": "everysec"} == log.config_get(
                "append*"
            )
    wait_until(lambda: not servers(data_dir), "the last lease stops the servers")
    assert "database system is shut down" in Folder(data_dir).log("postgres").read_text()
    assert "ready to exit" in Folder(data_dir).log("valkey").read_text()
    started = time.monotonic()
    with hold(data_dir) as urls:
        assert time.monotonic() - started < 5  # 0.3 s on an idle machine
        assert read(urls) == (["kept"], ["kept"])


def test_two_processes_share_the_servers_and_only_the_last_to_leave_stops_them(data_dir: Path) -> None:
    first, second = User(data_dir), User(data_dir)
    assert first.urls() == second.urls() != []
    running = servers(data_dir)
    assert set(running) == {"keeper", "valkey", "postgres"}
    first.leave()
    with hold(data_dir) as urls:
        write(urls, "still there")
    assert servers(data_dir) == running
    second.leave()
    wait_until(lambda: not servers(data_dir), "the last lease stops the servers")


def test_ten_processes_that_start_at_once_get_one_set_of_servers(data_dir: Path) -> None:
    users = [User(data_dir) for _ in range(10)]
    assert len({tuple(user.urls()) for user in users}) == 1
    for user in users:
        user.leave()


def test_a_killed_user_leaves_nothing_behind(data_dir: Path) -> None:
    user = User(data_dir)
    assert user.urls()
    user.kill()
    wait_until(lambda: not servers(data_dir), "a killed user's lease ends")


def test_a_keeper_that_is_stopped_by_a_signal_stops_its_servers(data_dir: Path) -> None:
    with hold(data_dir):
        servers(data_dir)["keeper"].terminate()
        wait_until(lambda: not servers(data_dir), "the servers end with their keeper")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next keeper stops them")
def test_a_killed_keeper_leaves_no_server_behind(data_dir: Path) -> None:
    with hold(data_dir) as urls:
        write(urls, "kept")
        servers(data_dir)["keeper"].kill()
        wait_until(lambda: not servers(data_dir), "the servers end with their keeper")
    with hold(data_dir) as urls:
        assert read(urls) == (["kept"], ["kept"])


@pytest.mark.parametrize("victim", ["keeper", "valkey", "postgres"])
async def test_a_lease_notices_that_a_process_was_killed_and_comes_back_at_the_same_address(
    data_dir: Path, victim: str
) -> None:
    async with lease(data_dir) as leased:
        urls = {"redis": leased.redis_url or "", "postgres": leased.database_url or ""}
        await asyncio.to_thread(write, urls, "kept")
        keep = asyncio.create_task(leased.keep())
        found = await asyncio.to_thread(servers, data_dir)
        with redis.Redis.from_url(urls["redis"]) as log:
            log.execute_command("WAITAOF", 1, 0, 5000)
        found[victim].kill()
        await asyncio.wait_for(leased.lost.wait(), DEADLINE_S)

        def renewed() -> bool:
            return not leased.lost.is_set()

        await asyncio.to_thread(wait_until, renewed, "the lease is renewed")
        assert await asyncio.to_thread(read, urls) == (["kept"], ["kept"])
        keep.cancel()
        await asyncio.gather(keep, return_exceptions=True)


async def test_a_lease_may_be_cancelled_while_the_servers_start(data_dir: Path) -> None:
    async def enter() -> None:
        async with lease(data_dir):
            raise AssertionError("it was cancelled before")

    attempt = asyncio.create_task(enter())
    await asyncio.to_thread(wait_until, lambda: "keeper" in servers(data_dir), "a keeper starts")
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    await asyncio.to_thread(wait_until, lambda: not servers(data_dir), "the lease is given back")


def test_only_what_is_asked_for_is_started(data_dir: Path) -> None:
    with hold(data_dir, postgres=False) as urls:
        assert set(urls) == {"redis"}
        assert set(servers(data_dir)) == {"keeper", "valkey"}
        with hold(data_dir) as both:
            assert both["redis"] == urls["redis"]
            assert set(servers(data_dir)) == {"keeper", "valkey", "postgres"}


def test_a_private_folder_with_a_long_and_odd_name_will_do_and_is_not_opened(tmp_path: Path) -> None:
    private = tmp_path / ("long " * 25) / "o'dd \"%"
    private.mkdir(parents=True)
    tmp_path.chmod(0o700)
    data_dir = private / ".data"
    try:
        with hold(data_dir) as urls:
            write(urls, "kept")
        wait_until(lambda: not servers(data_dir), "the last lease stops the servers")
        with hold(data_dir) as urls:
            assert read(urls) == (["kept"], ["kept"])
            run = Folder(data_dir).run
            assert fits(run)
            assert run.stat().st_mode & 0o777 == 0o700
        wait_until(lambda: not servers(data_dir), "the last lease stops the servers")
        assert not run.exists()
        assert tmp_path.stat().st_mode & 0o777 == 0o700
    finally:
        remove(private)


def test_a_server_that_cannot_start_is_one_line_with_the_end_of_its_log(data_dir: Path) -> None:
    with hold(data_dir):
        pass
    wait_until(lambda: not servers(data_dir), "the last lease stops the servers")
    with (data_dir / "postgres" / "postgresql.conf").open("a") as configuration:
        configuration.write("no_such_setting = 1\n")
    with (
        pytest.raises(EmbeddedError, match=r"^PostgreSQL did not start \(exit 1\): .*no_such_setting.*$") as error,
        hold(data_dir),
    ):
        pass
    assert "\n" not in str(error.value)


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(EmbeddedError, match=r"the data folder .*file/\.data cannot be used"),
        hold(tmp_path / "file" / ".data"),
    ):
        pass


def test_the_development_secret_is_made_once_and_private(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; import embedded; print(embedded.development_secret(Path(sys.argv[1])))"
    )
    racers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    secrets = {racer.communicate(timeout=DEADLINE_S)[0].strip() for racer in racers}
    assert secrets == {development_secret(tmp_path)}
    assert len(development_secret(tmp_path)) == 64
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob(".secret-*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_the_data_folder_is_private(data_dir: Path) -> None:
    assert Folder.prepare(data_dir).root.stat().st_mode & 0o077 == 0


def test_a_signal_to_a_user_is_not_a_signal_to_the_servers(data_dir: Path) -> None:
    """Ctrl-C in a terminal reaches every process of the group: the servers are not in it."""
    with hold(data_dir):
        for process in servers(data_dir).values():
            assert os.getpgid(process.pid) != os.getpgid(os.getpid())
