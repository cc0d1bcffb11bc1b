"""nannin as a service, and the proxies of the documentation in front of it."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator

from support.certificates import CERTIFICATE, KEY
from support.servers import ROOT, Server, free_port, running

FOLDER = ROOT / "examples" / "deploy"
SOCKET_FILE = "/run/nannin/nannin.sock"
APP = """
from typing import Any
from nannin import Live, Socket

live = Live()


@live.on("connect")
def arrived(socket: Socket) -> None:
    socket.emit("you are", socket.address, socket.handshake.scope["scheme"])


@live.on("large")
def large(socket: Socket, what: Any) -> int:
    socket.emit("large", what)
    return len(what)
"""


def program(name: str) -> str:
    """The path of a proxy."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    assert path, f"{name} is missing: `make test` installs it"
    return path


# Becomes nannin with the socket of its parent as descriptor 3, as systemd starts a service.
AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, "-m", "nannin", *sys.argv[2:]])
"""


class Service:
    """nannin as systemd runs it: on a socket that outlives it, and ready when it says so."""

    def __init__(self, folder: pathlib.Path, *options: str) -> None:
        self.path = folder / "n.sock"
        (folder / "app.py").write_text(APP, encoding="utf-8")
        self._words = [*service_words(), "--app", f"{folder / 'app.py'}:live", *options]
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self.path))
        self._socket.listen()
        self._news = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._news.bind(str(folder / "notify.sock"))
        self._news.settimeout(20)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, and waits until it is ready."""
        number = self._socket.fileno()
        command = [sys.executable, "-c", AS_SYSTEMD, str(number), *self._words]
        env = {**os.environ, "NOTIFY_SOCKET": self._news.getsockname()}
        self._process = subprocess.Popen(command, env=env, pass_fds=[number])
        assert self._news.recv(100) == b"READY=1"

    def stop(self) -> None:
        """Ends it as systemd does."""
        if self._process is not None:
            self._process.terminate()
            assert self._news.recv(100) == b"STOPPING=1"
            assert self._process.wait(10) == 0
            self._process = None

    def close(self) -> None:
        """Ends what is left of it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
        self._socket.close()
        self._news.close()


def service_words() -> list[str]:
    """What stands behind the command's name in the service."""
    (line,) = re.findall(r"^ExecStart=(.*)$", (FOLDER / "nannin.service").read_text(encoding="utf-8"), re.M)
    return shlex.split(line)[1:]


def has_ipv6() -> bool:
    """Whether this machine has a loopback of IPv6."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def nginx(
    folder: pathlib.Path,
    socket_file: pathlib.Path | None,
    *,
    under: str = "/",
    largest: str = "1m",
    upstream: str = "",
) -> Iterator[Server]:
    """Runs nginx with the file of the documentation: with another port, socket, certificate, nothing else.

    Args:
        folder: where nginx keeps its files.
        socket_file: nannin's.
        under: the path of nannin.
        largest: what a message may have.
        upstream: what takes the place of the block with the socket.
    """
    port = free_port()
    (folder / "certificate.pem").write_text(CERTIFICATE)
    (folder / "key.pem").write_text(KEY)
    site = (FOLDER / "nginx.conf").read_text(encoding="utf-8")
    if upstream:
        site, count = re.subn(r"^upstream nannin {\n.*?^}\n", upstream, site, flags=re.M | re.S)
        assert count == 1
    changes = {
        **({} if upstream else {SOCKET_FILE: str(socket_file)}),
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "listen [::]:443 ssl http2;": f"listen [::1]:{port} ssl http2;" if has_ipv6() else "",
        "/etc/ssl/live.example.org/fullchain.pem": str(folder / "certificate.pem"),
        "/etc/ssl/live.example.org/privkey.pem": str(folder / "key.pem"),
        "location / {": f"location {under} {{",
        "client_max_body_size 1m;": f"client_max_body_size {largest};",
    }
    for old, new in changes.items():
        assert old in site
        site = site.replace(old, new)
    (folder / "site.conf").write_text(site, encoding="utf-8")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    (folder / "nginx.conf").write_text(
        # Run by root, its workers would be nobody, who can't look into a folder of the tests.
        f"{'user root root;' if os.geteuid() == 0 else ''}"
        f"daemon off; pid {folder}/nginx.pid; error_log stderr warn; events {{}}\n"
        f"http {{ access_log off;\n{temporary}include {folder}/site.conf; }}\n"
    )
    command = [program("nginx"), "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with running(command, port, tls=True) as server:
        yield server


@contextlib.contextmanager
def caddy(
    folder: pathlib.Path, socket_file: pathlib.Path | None, *, proxy_lines: str | None = None
) -> Iterator[Server]:
    """Runs Caddy with the file of the documentation, but without https: its certificate comes from others.

    Args:
        folder: where Caddy keeps its files.
        socket_file: nannin's.
        proxy_lines: what takes the place of the line that names the socket, if anything.
    """
    port = free_port()
    site = (FOLDER / "Caddyfile").read_text(encoding="utf-8")
    if proxy_lines:
        assert f"\treverse_proxy unix/{SOCKET_FILE}\n" in site
        site = site.replace(f"\treverse_proxy unix/{SOCKET_FILE}\n", proxy_lines)
    assert socket_file is None or f"unix/{SOCKET_FILE}" in site
    site = site.replace(SOCKET_FILE, str(socket_file)).replace(
        "live.example.org {", f"http://127.0.0.1:{port} {{"
    )
    (folder / "Caddyfile").write_text(
        "{\nadmin off\nauto_https off\ngrace_period 1s\n}\n" + site, encoding="utf-8"
    )
    homes = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    command = [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    with running(command, port, env=homes) as server:
        yield server


@contextlib.contextmanager
def haproxy(folder: pathlib.Path, changes: dict[str, str]) -> Iterator[Server]:
    """Runs HAProxy with the file of the documentation, but for its port, certificate and size, and these."""
    port = free_port()
    (folder / "both.pem").write_text(CERTIFICATE + KEY)
    site = (ROOT / "examples" / "scale" / "haproxy.cfg").read_text(encoding="utf-8")
    own = {
        "bind :443": f"bind 127.0.0.1:{port}",
        "/etc/haproxy/live.example.org.pem": str(folder / "both.pem"),
        "maxconn 60000": "maxconn 1000",  # each takes two descriptors
    }
    for old, new in {**own, **changes}.items():
        assert old in site
        site = site.replace(old, new)
    (folder / "haproxy.cfg").write_text(site, encoding="utf-8")
    command = [program("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]
    with running(command, port, tls=True) as server:
        yield server
