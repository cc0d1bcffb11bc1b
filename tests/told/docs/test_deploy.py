"""The files of examples/deploy and the Containerfile do what docs/deploy.md says they do."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from nannin.cli.command import cli
from nannin.settings import Settings
from support.certificates import CERTIFICATE, KEY
from support.doc_pages import read
from support.servers import ROOT, Server, free_port, nannin, running
from whole.clients.conftest import NodeClient, certificate_file

FOLDER = ROOT / "examples" / "deploy"
SOCKET_FILE = "/run/nannin/nannin.sock"
APP = """
from nannin import Live, Socket

live = Live()


@live.on("connect")
def arrived(socket: Socket) -> None:
    socket.emit("you are", socket.address, socket.handshake.scope["scheme"])
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
        self._news.settimeout(10)
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


@pytest.fixture
def service(tmp_path: pathlib.Path) -> Iterator[Callable[..., Service]]:
    """Runs nannin as the files for systemd do, with more options if need be."""
    with contextlib.ExitStack() as stack:

        def start(*options: str) -> Service:
            service = Service(tmp_path, *options)
            stack.callback(service.close)
            service.start()
            return service

        yield start


@pytest.fixture
def upstream(service: Callable[..., Service]) -> Callable[..., pathlib.Path]:
    """Runs nannin as the files for systemd do; returns its socket file."""
    return lambda *options: service(*options).path


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
def nginx(folder: pathlib.Path, socket_file: pathlib.Path, *, under: str = "/") -> Iterator[Server]:
    """Runs nginx with the file of the documentation: with another port, socket, certificate, nothing else."""
    port = free_port()
    (folder / "certificate.pem").write_text(CERTIFICATE)
    (folder / "key.pem").write_text(KEY)
    site = (FOLDER / "nginx.conf").read_text(encoding="utf-8")
    changes = {
        SOCKET_FILE: str(socket_file),
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "listen [::]:443 ssl http2;": f"listen [::1]:{port} ssl http2;" if has_ipv6() else "",
        "/etc/ssl/live.example.org/fullchain.pem": str(folder / "certificate.pem"),
        "/etc/ssl/live.example.org/privkey.pem": str(folder / "key.pem"),
        "location / {": f"location {under} {{",
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
    folder: pathlib.Path, socket_file: pathlib.Path, *, proxy_lines: str | None = None
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
    assert f"unix/{SOCKET_FILE}" in site
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


@pytest.fixture
def guest(node: str) -> Iterator[NodeClient]:
    """The official client of Node.js."""
    client = NodeClient(node, "client_4.mjs")
    yield client
    client.close()


def check_all(server: Server, guest: NodeClient, path: str = "") -> None:
    """Polling, WebSocket, its upgrade, a stream, origins; and who the client is, whatever it says itself."""
    forged = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "gopher"}
    scheme = "https" if server.tls else "http"
    for name, transports in (("p", ["polling"]), ("w", ["websocket"]), ("u", ["polling", "websocket"])):
        guest.open(server.url, name, path=f"{path}/socket.io/", transports=transports, extraHeaders=forged)
        if name == "u":
            assert guest.wait("upgrade", name)["transport"] == "websocket"
        spoken = scheme if "polling" in transports else scheme.replace("http", "ws")
        assert guest.next_event("you are", name) == ["127.0.0.1", spoken]
    verify = ssl.create_default_context(cafile=certificate_file())
    with httpx.Client(base_url=f"{server.url}{path}", verify=verify) as http:
        with http.stream("GET", "/api/stream?page=/") as stream:
            lines = stream.iter_lines()
            assert '"connections":3' in next(line for line in lines if line.startswith("data:"))
            guest.tell("disconnect", "w")
            assert '"connections":2' in next(line for line in lines if line.startswith("data:"))
        assert http.get("/nannin.js").status_code == 200
        own = {"origin": server.url}
        assert http.get("/socket.io/?EIO=4&transport=polling", headers=own).status_code == 200
        foreign = {"origin": "https://elsewhere.example"}
        assert http.get("/socket.io/?EIO=4&transport=polling", headers=foreign).status_code == 403


def test_nginx_passes_polling_websockets_and_streams(
    tmp_path: pathlib.Path, upstream: Callable[..., pathlib.Path], guest: NodeClient
) -> None:
    with nginx(tmp_path, upstream()) as server:
        check_all(server, guest)


def test_nginx_under_a_path(
    tmp_path: pathlib.Path, upstream: Callable[..., pathlib.Path], guest: NodeClient
) -> None:
    with nginx(tmp_path, upstream("--root-path", "/live"), under="/live/") as server:
        check_all(server, guest, "/live")
        check_redirect(server)


def test_caddy_under_a_path(
    tmp_path: pathlib.Path, upstream: Callable[..., pathlib.Path], guest: NodeClient
) -> None:
    (lines,) = re.findall(r"```caddyfile\n(@nannin .*?)```", read("docs/deploy.md"), re.DOTALL)
    with caddy(tmp_path, upstream("--root-path", "/live"), proxy_lines=lines) as server:
        check_all(server, guest, "/live")
        check_redirect(server)


def check_redirect(server: Server) -> None:
    """The path without its slash leads to the page."""
    verify = ssl.create_default_context(cafile=certificate_file())
    answer = httpx.get(f"{server.url}/live?lang=ja", verify=verify, follow_redirects=True)
    assert (answer.status_code, str(answer.url)) == (200, f"{server.url}/live/?lang=ja")
    assert "<title>" in answer.text


def check_compression(server: Server, **options: Any) -> None:
    """Scripts and pages are compressed for whoever takes it, and events are not."""
    verify = ssl.create_default_context(cafile=certificate_file())
    with httpx.Client(base_url=server.url, verify=verify, **options) as http:
        for path in ("/", "/nannin.js", "/socket.io/socket.io.js", "/api/openapi.json"):
            packed = http.get(path, headers={"accept-encoding": "gzip"})
            plain = http.get(path, headers={"accept-encoding": "identity"})
            assert packed.headers["content-encoding"] == "gzip", path
            assert "accept-encoding" in packed.headers["vary"].lower(), path
            assert "content-encoding" not in plain.headers, path
            assert packed.content == plain.content
        with http.stream("GET", "/api/stream?page=/", headers={"accept-encoding": "gzip"}) as stream:
            assert "content-encoding" not in stream.headers


def test_nginx_compresses_and_speaks_http_2(
    tmp_path: pathlib.Path, upstream: Callable[..., pathlib.Path]
) -> None:
    with nginx(tmp_path, upstream()) as server:
        check_compression(server, http2=True)
        verify = ssl.create_default_context(cafile=certificate_file())
        urls = [server.url, f"https://[::1]:{server.port}"] if has_ipv6() else [server.url]
        for url in urls:
            verify.check_hostname = url == server.url
            with httpx.Client(base_url=url, verify=verify, http2=True) as http:
                assert http.get("/api/count").http_version == "HTTP/2"


def test_caddy_compresses(tmp_path: pathlib.Path, upstream: Callable[..., pathlib.Path]) -> None:
    with caddy(tmp_path, upstream()) as server:
        check_compression(server)


def test_caddy_passes_polling_websockets_and_streams(
    tmp_path: pathlib.Path, upstream: Callable[..., pathlib.Path], guest: NodeClient
) -> None:
    with caddy(tmp_path, upstream()) as server:
        check_all(server, guest)


# The service


def directives(name: str) -> dict[str, list[str]]:
    """What a unit file says, comments left out."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", (FOLDER / name).read_text(encoding="utf-8"), re.M):
        found.setdefault(key, []).append(value)
    return found


def test_the_service_is_one_that_nannin_takes_with_its_socket_where_proxies_look() -> None:
    name, command, rest = cli.resolve_command(cli.make_context("nannin", []), service_words())
    assert (name, command is not None) == ("serve", True)
    assert command is not None
    assert command.make_context(name, rest).params["forwarded_allow_ips"] == "*"
    assert directives("nannin.socket")["ListenStream"] == [SOCKET_FILE]
    assert SOCKET_FILE in (FOLDER / "nginx.conf").read_text(encoding="utf-8")
    assert f"unix/{SOCKET_FILE}" in (FOLDER / "Caddyfile").read_text(encoding="utf-8")
    unit = directives("nannin.service")
    assert (unit["Type"], unit["Requires"]) == (["notify"], ["nannin.socket"])
    assert "RuntimeDirectory" not in unit, "systemd would remove it, with the socket in it, at each stop"


def test_the_service_may_do_no_more_than_it_needs() -> None:
    unit = directives("nannin.service")
    assert unit["CapabilityBoundingSet"] == [""]
    assert unit["RestrictAddressFamilies"] == ["AF_UNIX AF_INET AF_INET6"]
    assert unit["SystemCallFilter"] == ["@system-service"]
    assert unit["UMask"] == ["0077"]
    switched_on = {key for key, values in unit.items() if values == ["yes"]}
    assert switched_on >= {
        "DynamicUser",
        "LockPersonality",
        "NoNewPrivileges",
        "PrivateDevices",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "RestrictNamespaces",
    }


def test_a_restart_behind_nginx_is_a_wait_and_no_error(
    tmp_path: pathlib.Path, service: Callable[..., Service]
) -> None:
    running_service = service()
    verify = ssl.create_default_context(cafile=certificate_file())
    with nginx(tmp_path, running_service.path) as server:
        url = f"{server.url}/api/count"
        assert httpx.get(url, verify=verify).status_code == 200
        running_service.stop()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            answer = pool.submit(httpx.get, url, verify=verify, timeout=20)
            assert not concurrent.futures.wait([answer], timeout=0.5).done
            running_service.start()
            assert answer.result().status_code == 200


def test_every_file_is_on_the_page() -> None:
    for path in [*FOLDER.iterdir(), ROOT / "Containerfile"]:
        assert path.read_text(encoding="utf-8") in read("docs/deploy.md"), path.name


def test_the_read_timeout_is_longer_than_the_silence_between_heartbeats() -> None:
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s", (FOLDER / "nginx.conf").read_text(encoding="utf-8"))
    assert int(seconds) > Settings().ping_interval + Settings().ping_timeout


# The container: no image is built, since a test has no engine


def container() -> list[list[str]]:
    """The instructions of the Containerfile, in words."""
    lines = (ROOT / "Containerfile").read_text(encoding="utf-8").splitlines()
    return [shlex.split(line) for line in lines if line and not line.startswith("#")]


def test_the_container_copies_all_that_a_build_needs() -> None:
    copied = {word for words in container() if words[0] == "COPY" for word in words[1:-1]}
    assert [path for path in copied if not (ROOT / path).exists()] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    needed = {
        "pyproject.toml",
        project["project"]["readme"],
        *project["project"]["license-files"],
        *(package.partition("/")[0] for package in packages),
    }
    assert needed == copied


def test_the_container_starts_what_there_is_on_the_port_that_it_names() -> None:
    instructions = {words[0]: " ".join(words[1:]) for words in container()}
    assert instructions["CMD"] == "[nannin, serve]"  # no shell, which would keep SIGTERM to itself
    assert instructions["EXPOSE"] == str(Settings().port)
    variable, _, host = instructions["ENV"].partition("=")
    assert variable == "NANNIN_HOST"
    assert Settings(host=host)
    version = re.search(r"python:(3\.\d+)", instructions["FROM"])
    assert version
    assert f"Programming Language :: Python :: {version[1]}" in (ROOT / "pyproject.toml").read_text()


def test_the_container_runs_as_a_user_that_has_a_number() -> None:
    instructions = {words[0]: words[1:] for words in container()}
    (number,) = instructions["USER"]
    assert int(number) > 999
    assert number in instructions["RUN"]


def test_the_base_of_the_container_is_pinned_to_a_release() -> None:
    instructions = {words[0]: words[1:] for words in container()}
    assert re.fullmatch(r"\S+/python:3\.\d+\.\d+-slim-\w+", instructions["FROM"][0])


def test_the_health_check_of_the_container_tells_whether_nannin_serves() -> None:
    (line,) = re.findall(r"^HEALTHCHECK CMD (.*)$", (ROOT / "Containerfile").read_text("utf-8"), re.M)
    python, *words = json.loads(line)
    assert python == "python"

    def check(port: int) -> int:
        env = {**os.environ, "NANNIN_PORT": str(port)}
        command = [sys.executable, *words]
        return subprocess.run(command, env=env, timeout=10, stderr=subprocess.DEVNULL).returncode

    with nannin() as server:
        assert check(server.port) == 0
    assert check(server.port) == 1


# Figures


def test_the_figures_of_the_page_are_those_of_the_code_and_of_the_benchmark() -> None:
    text = read("docs/deploy.md")
    assert f"`max_outbox` bytes waiting ({Settings().max_outbox // 1024} KiB unless set)" in text
    assert (
        f"{Settings().max_payload_bytes(handles_events=True):,} where an application handles events" in text
    )
    assert (
        f"{Settings().max_payload_bytes(handles_events=False) // 1024} KiB where nannin only counts" in text
    )
    assert f"`ping_interval` ({Settings().ping_interval:g} s)" in text
    assert Settings().share == 0.2
    results = (ROOT / "bench" / "RESULTS.md").read_text(encoding="utf-8")
    (row,) = [line for line in results.splitlines() if line.startswith("| nannin | 15,000 |")]
    kilobytes = row.split("|")[9].strip().removesuffix(" KB")
    assert f"a connection took {kilobytes} KB" in text
    assert f"15,000 some {round(15 * float(kilobytes))} MB" in text
