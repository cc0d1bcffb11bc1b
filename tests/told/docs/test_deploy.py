"""The files of examples/deploy and the Containerfile do what docs/deploy.md says they do."""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Callable
from typing import Any

import httpx

from nannin.cli.command import cli
from nannin.history.place import data_dir
from nannin.settings import Settings
from support.doc_pages import read
from support.proxies import FOLDER, SOCKET_FILE, Service, caddy, has_ipv6, nginx, service_words
from support.servers import ROOT, Server, nannin
from whole.clients.conftest import NodeClient, certificate_file


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
    assert command.make_context(name, rest).params["forwarded_allow_ips"] == (), "a socket needs none"
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
    text = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", "")
    lines = text.splitlines()
    return [shlex.split(line) for line in lines if line and not line.startswith("#")]


def test_the_container_copies_all_that_a_build_needs() -> None:
    copies = [words[1:-1] for words in container() if words[0] == "COPY" and words[1] != "--from=build"]
    copied = {word for words in copies for word in words}
    assert [path for path in copied if not (ROOT / path).exists()] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = {
        "pyproject.toml",
        "setup.py",
        project["project"]["readme"],
        *project["project"]["license-files"],
        *project["tool"]["setuptools"]["packages"]["find"]["where"],
    }
    assert needed == copied


def test_the_container_starts_what_there_is_on_the_port_that_it_names() -> None:
    instructions = {words[0]: " ".join(words[1:]) for words in container()}
    assert instructions["CMD"] == "[nannin, serve]"  # no shell, which would keep SIGTERM to itself
    assert instructions["EXPOSE"] == str(Settings().port)
    variables = dict(words[1].split("=") for words in container() if words[0] == "ENV")
    assert Settings(host=variables["NANNIN_HOST"])
    assert data_dir(Settings(), variables) == instructions["VOLUME"]
    assert variables["STATE_DIRECTORY"] in instructions["RUN"], "the user may write there"
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
    kilobytes = row.split("|")[10].split()[0]
    assert f"a connection took {kilobytes} KB" in text
    assert f"15,000 some {round(15 * float(kilobytes))} MB" in text
