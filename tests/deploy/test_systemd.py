"""deploy/systemd: units that systemd itself finds right, and that give nothing away."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import Settings
from tests.deploy.leaving import needed_s

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
NAMES = ("roomlog-node@.service", "roomlog-worker@.service")
EXPOSURE_MOST = 20
"""What `systemd-analyze security` may find at most: it counts from 0 (nothing open) to 100."""

systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")


def analyze(*arguments: str) -> str:
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@systemd
@pytest.mark.parametrize("name", NAMES)
def test_systemd_understands_every_line(name: str, tmp_path: Path) -> None:
    """With a program that is there: it looks for the one that is to be started."""
    text = (UNITS / name).read_text()
    assert "ExecStart=/opt/roomlog/bin/roomlog " in text
    (tmp_path / name).write_text(text.replace("/opt/roomlog/bin/roomlog", sys.executable))
    instance = tmp_path / name.replace("@", "@8081")
    instance.symlink_to(tmp_path / name)
    told = analyze("verify", "--man=no", "--recursive-errors=one", str(instance))
    assert name.split("@")[0] not in told, told


@systemd
@pytest.mark.parametrize("name", NAMES)
def test_a_program_that_was_broken_into_can_do_little(name: str) -> None:
    analyze("security", "--offline=yes", "--no-pager", f"--threshold={EXPOSURE_MOST}", str(UNITS / name))


@pytest.mark.parametrize("name", NAMES)
def test_credentials_are_settings_and_none_is_in_the_environment(name: str) -> None:
    text = (UNITS / name).read_text()
    credentials = re.findall(r"^LoadCredential=(\w+):/etc/roomlog/secrets/(\w+)$", text, re.MULTILINE)
    assert {setting for setting, _file in credentials} <= set(Settings.model_fields)
    made = (UNITS.parent / "make-secrets.sh").read_text()
    assert all(file in made for _setting, file in credentials)
    assert not re.search(r"^Environment=.*(PASSWORD|SECRET|KEY)", text, re.MULTILINE)


def test_a_node_has_the_time_to_drain() -> None:
    (stop_s,) = re.findall(r"^TimeoutStopSec=(\d+)$", (UNITS / NAMES[0]).read_text(), re.MULTILINE)
    assert int(stop_s) >= needed_s(Settings.model_fields["drain_seconds"].default)
