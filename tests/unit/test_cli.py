"""`roomlog`: tokens, errors in one line, and children that are looked after."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jwt
import psutil
import pytest

from app import __version__
from cli.bench import bench
from cli.dev import check_free
from cli.errors import CommandError
from embedded import development_secret
from embedded.children import Child, Program, ending
from embedded.errors import EmbeddedError

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 30.0
SECRET = "a secret that is long enough for HS256"


def roomlog(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def test_a_token_says_who_and_until_when() -> None:
    done = roomlog("token", "--user", "u1", "--name", "Ann", "--role", "admin", "--ttl", "60", WEBUI_SECRET_KEY=SECRET)
    claims = jwt.decode(done.stdout.strip(), SECRET, algorithms=["HS256"])
    assert {name: claims[name] for name in ("id", "name", "role")} == {"id": "u1", "name": "Ann", "role": "admin"}
    assert claims["exp"] - claims["iat"] == 60
    assert abs(claims["iat"] - time.time()) < 60
    assert claims["jti"]
    assert "@" in claims["email"]


def test_the_version_is_told_without_settings_or_servers() -> None:
    for program in ("cli.main", "workers"):
        done = subprocess.run(
            [sys.executable, "-m", program, "--version"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PORT": "eighty"},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"roomlog {__version__}")


def test_a_worker_takes_no_argument_for_another() -> None:
    """It would start, and do something else than was meant."""
    command = [sys.executable, "-m", "workers", "--verison"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 2
    assert "--verison" in done.stderr


def test_without_a_secret_the_data_folders_is_used(tmp_path: Path) -> None:
    done = roomlog("token", ROOMLOG_DATA_DIR=str(tmp_path))
    assert jwt.decode(done.stdout.strip(), development_secret(tmp_path), algorithms=["HS256"])["id"] == "alice"


def test_a_bad_setting_is_named_in_one_line() -> None:
    done = roomlog("token", PORT="eighty")
    assert done.returncode == 2
    assert done.stderr.startswith("roomlog: PORT='eighty': ")
    assert done.stderr.count("\n") == 1


def test_a_data_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = roomlog("token", ROOMLOG_DATA_DIR=str(tmp_path / "file" / "data"))
    assert done.returncode == 1
    assert done.stderr.startswith("roomlog: the data folder ")
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken_stops_dev_with_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = roomlog("dev", "--port", str(port), ROOMLOG_DATA_DIR=str(tmp_path))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"roomlog: cannot listen on 127.0.0.1:{port}")
        with pytest.raises(CommandError):
            check_free("127.0.0.1", port)


COMMANDS = [
    *("serve", "worker", "dev", "token", "demo", "bench"),
    *("status", "rooms", "tail", "replay", "sessions", "tasks", "deadletters", "documents", "revoke", "check"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    assert command in roomlog("--help").stdout
    if command != "demo":  # its options are its own
        assert roomlog(command, "--help").returncode == 0


def test_help_tells_the_exit_codes_and_loads_no_server_s_library() -> None:
    program = (
        "import sys; from cli.main import app; print([n for n in ('redis', 'psycopg', 'rich') if n in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout == "[]\n"
    assert "Exit codes" in roomlog("--help").stdout


def test_the_benchmark_runs_in_a_clone_only(tmp_path: Path) -> None:
    assert "--quick" in roomlog("bench", "--", "--help").stdout
    with pytest.raises(CommandError, match="make bench"):
        bench([], tmp_path)


def child(program: str) -> Child:
    return Child(Program("child", (sys.executable, "-c", program)), 5)


async def says(capture: pytest.CaptureFixture[str], text: str) -> str:
    """What was printed, once `text` was among it."""
    seen = ""
    deadline = time.monotonic() + DEADLINE_S
    while text not in seen:
        assert time.monotonic() < deadline, seen
        await asyncio.sleep(0.01)
        seen += capture.readouterr().out
    return seen


STAYS = "import time; print('here', flush=True); time.sleep(600)"


async def test_a_child_that_is_killed_starts_again_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    one = child(STAYS)
    run = asyncio.create_task(one.run())
    await says(capsys, "child | here")
    assert one.process is not None
    one.process.kill()
    assert "child | ended, killed by SIGKILL; starts again in 0.5 s" in await says(capsys, "child | here")
    await one.stop()
    await asyncio.wait_for(run, DEADLINE_S)
    assert one.process.returncode == -signal.SIGTERM


async def test_a_child_that_cannot_run_is_given_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedded.children.FIRST_PAUSE_S", 0.01)
    with pytest.raises(EmbeddedError, match="child ended 5 times in a row, exit code 3"):
        await asyncio.wait_for(child("print('no', flush=True); raise SystemExit(3)").run(), DEADLINE_S)
    assert capsys.readouterr().out.count("child | no") == 5


async def test_a_child_that_ignores_the_request_is_killed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedded.children.STOP_S", 0.1)
    one = child("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + STAYS)
    run = asyncio.create_task(one.run())
    await says(capsys, "here")
    await asyncio.wait_for(one.stop(), DEADLINE_S)
    await asyncio.wait_for(run, DEADLINE_S)
    assert one.process is not None
    assert one.process.returncode == -signal.SIGKILL


async def test_a_line_longer_than_the_buffer_is_passed_on_in_pieces(capsys: pytest.CaptureFixture[str]) -> None:
    one = child("print('x' * 200_000, flush=True);" + STAYS)
    run = asyncio.create_task(one.run())
    assert (await says(capsys, "here")).count("x") == 200_000
    await one.stop()
    await asyncio.wait_for(run, DEADLINE_S)


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_a_killed_supervisor_leaves_no_child_behind() -> None:
    program = (
        "import asyncio; from embedded.children import Child, Program\n"
        "asyncio.run(Child(Program('c', ('sleep', '600')), 1).run())"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    deadline = time.monotonic() + DEADLINE_S
    while not (children := [c for c in psutil.Process(supervisor.pid).children() if c.name() == "sleep"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    supervisor.kill()
    supervisor.wait(DEADLINE_S)
    assert psutil.wait_procs(children, timeout=DEADLINE_S)[1] == []


def test_an_ending_is_told_for_people() -> None:
    assert (ending(1), ending(-9)) == ("exit code 1", "killed by SIGKILL")
