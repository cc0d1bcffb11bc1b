"""The files of examples/scale do what docs/scale.md says they do: proxies, units, containers, Kubernetes."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shlex
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
import yaml
from lightkube.models import apps_v1, core_v1

from nannin.cli.command import cli
from nannin.settings import Settings
from support.doc_pages import read
from support.proxies import APP, Service, caddy, haproxy, nginx
from support.redis_servers import serving
from support.servers import ROOT, Server, nannin
from whole.clients.conftest import NodeClient, certificate_file

from .test_deploy import check_all

FOLDER = ROOT / "examples" / "scale"
ADDRESSES = ["10.0.0.11:8124", "10.0.0.12:8124"]


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def settings_of(words: list[str]) -> dict[str, Any]:
    """The options of a command line, as nannin reads them."""
    name, command, rest = cli.resolve_command(cli.make_context("nannin", []), words)
    assert name == "serve"
    assert command is not None
    return command.make_context(name, rest).params


def test_every_file_is_on_the_page() -> None:
    for path in FOLDER.iterdir():
        assert path.read_text(encoding="utf-8") in read("docs/scale.md"), path.name


# Several machines


@pytest.fixture
def machines(tmp_path: pathlib.Path) -> Iterator[dict[str, str]]:
    """Two nannins on one Redis; returns the address of each by that in the files."""
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    app = ("--app", f"{tmp_path / 'app.py'}:live")
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(serving("redis"))
        servers = [stack.enter_context(nannin(*app, "--redis", redis.url)) for _ in ADDRESSES]
        yield dict(zip(ADDRESSES, [f"127.0.0.1:{server.port}" for server in servers], strict=True))


@contextlib.contextmanager
def behind_nginx(folder: pathlib.Path, machines: dict[str, str]) -> Iterator[Server]:
    with nginx(folder, None, upstream=changed("upstream.conf", machines)) as server:
        yield server


@contextlib.contextmanager
def behind_caddy(folder: pathlib.Path, machines: dict[str, str]) -> Iterator[Server]:
    with caddy(folder, None, proxy_lines=changed("reverse_proxy.caddy", machines)) as server:
        yield server


def changed(name: str, machines: dict[str, str]) -> str:
    """A file with these machines."""
    text = text_of(name)
    for old, new in machines.items():
        assert old in text
        text = text.replace(old, new)
    return text


PROXIES = pytest.mark.parametrize(
    "proxy", [behind_nginx, behind_caddy, haproxy], ids=["nginx", "Caddy", "HAProxy"]
)
Proxy = Callable[[pathlib.Path, dict[str, str]], contextlib.AbstractContextManager[Server]]


@PROXIES
def test_a_proxy_of_machines_passes_polling_websockets_and_streams(
    proxy: Proxy, tmp_path: pathlib.Path, machines: dict[str, str], guest: NodeClient
) -> None:
    with proxy(tmp_path, machines) as server:
        check_all(server, guest)


@PROXIES
def test_polling_clients_keep_to_one_machine_and_all_are_one_count(
    proxy: Proxy, tmp_path: pathlib.Path, machines: dict[str, str]
) -> None:
    verify = ssl.create_default_context(cafile=certificate_file())
    with proxy(tmp_path, machines) as server, contextlib.ExitStack() as stack:
        for last in range(2, 22):
            way = httpx.HTTPTransport(verify=verify, local_address=f"127.0.0.{last}")
            http = stack.enter_context(httpx.Client(base_url=server.url, transport=way))
            opened = http.get("/socket.io/?EIO=4&transport=polling").text
            [sid] = re.findall(r'"sid":"([^"]+)"', opened)
            url = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
            for _ in range(2):  # the second time over another connection to the machine
                assert http.post(url, content="40").status_code == 200
                assert http.get(url).status_code == 200
        for address in machines.values():
            explained = httpx.get(f"http://{address}/api/explain?page=/").json()
            assert explained["count"]["connections"] == 20
            assert all(part["live_connections"] for part in explained["nodes"]), "one machine got nobody"
            assert explained["check"]["agrees"]


def test_haproxy_goes_on_with_the_machine_that_is_left(tmp_path: pathlib.Path) -> None:
    verify = ssl.create_default_context(cafile=certificate_file())
    with serving("redis") as redis, nannin("--redis", redis.url) as one, contextlib.ExitStack() as stack:
        other = contextlib.ExitStack()
        two = other.enter_context(nannin("--redis", redis.url))
        stack.callback(other.close)
        names = [f"127.0.0.1:{server.port}" for server in (one, two)]
        server = stack.enter_context(haproxy(tmp_path, dict(zip(ADDRESSES, names, strict=True))))
        other.close()
        for last in range(2, 10):
            way = httpx.HTTPTransport(verify=verify, local_address=f"127.0.0.{last}")
            with httpx.Client(base_url=server.url, transport=way, timeout=30) as http:
                assert http.get("/api/count").status_code == 200


def test_the_timeouts_of_haproxy_are_longer_than_the_silence_between_heartbeats() -> None:
    for name in ("client", "server", "tunnel"):
        [seconds] = re.findall(rf"timeout {name} (\d+)s", text_of("haproxy.cfg"))
        assert int(seconds) > Settings().ping_interval + Settings().ping_timeout


# Units


def test_the_units_are_drop_ins_that_nannin_takes() -> None:
    commands = re.findall(r"^ExecStart=(.*)$", text_of("workers.conf"), re.M)
    assert commands[0] == "", "without it a service of this type has two commands, and does not start"
    assert settings_of(shlex.split(commands[1])[1:])["workers"] == "0"
    [port] = re.findall(r"^ListenStream=(\d+)$", text_of("port.conf"), re.M)
    assert int(port) == Settings().port
    variables = dict(re.findall(r"^Environment=(\w+)=(.*)$", text_of("machine.conf"), re.M))
    assert {name.removeprefix("NANNIN_").lower() for name in variables} <= settings_names()


def test_a_reload_of_the_service_replaces_the_workers(
    tmp_path: pathlib.Path, service: Callable[..., Service]
) -> None:
    [kill] = re.findall(r"^ExecReload=(.*)$", text_of("workers.conf"), re.M)
    running = service("--workers", "2")
    process = running._process
    assert process is not None
    before = children(process.pid)
    assert len(before) == 2
    command = kill.replace("$MAINPID", str(process.pid))
    assert subprocess.run(shlex.split(command), timeout=10).returncode == 0
    assert running._news.recv(100).startswith(b"RELOADING=1")
    assert running._news.recv(100) == b"READY=1"
    end = time.monotonic() + 20
    while before & children(process.pid):
        assert time.monotonic() < end, "an old worker is still there"
        time.sleep(0.1)
    way = httpx.HTTPTransport(uds=str(running.path))
    with httpx.Client(transport=way, base_url="http://localhost") as http:
        assert http.get("/readyz").text == "ok"


def children(pid: int) -> set[int]:
    """The processes that a process has started."""
    found = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return {int(child) for child in found.split()}


def settings_names() -> set[str]:
    return set(Settings.__dataclass_fields__)


# Containers


def test_compose_is_read_by_a_real_reader(tmp_path: pathlib.Path) -> None:
    # It asks the engine for its version first, and needs it for nothing else here.
    engine = tmp_path / "podman"
    engine.write_text("#!/bin/sh\necho podman version 5.0.0\n", encoding="ascii")
    engine.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "podman_compose", "-f", str(FOLDER / "compose.yaml"), "config"]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True)
    services = yaml.safe_load(ended.stdout)["services"]
    assert sorted(services) == ["haproxy", "nannin-1", "nannin-2", "postgres", "redis"]
    for name in ("nannin-1", "nannin-2"):
        environment = services[name]["environment"]
        names = {variable.removeprefix("NANNIN_").lower() for variable in environment}
        assert names <= settings_names()
        assert environment["NANNIN_REDIS"] == "redis://redis:6379/0"
        history = urlsplit(environment["NANNIN_HISTORY"])
        database = services["postgres"]["environment"]
        assert (history.hostname, history.path) == ("postgres", f"/{database['POSTGRES_USER']}")
        assert (history.username, history.password) == (
            database["POSTGRES_USER"],
            database["POSTGRES_PASSWORD"],
        )
        grace_s = int(services[name]["stop_grace_period"].removesuffix("s"))
        assert grace_s >= Settings().drain + 2
    assert "noeviction" in services["redis"]["command"]
    image = (ROOT / "Containerfile").read_text(encoding="utf-8")
    assert "[redis,postgres]" in image, "the image speaks to Redis and PostgreSQL"


def strict(document: dict[str, Any], kind: type[Any]) -> Any:
    """Reads an object of Kubernetes as its API describes it, with no field that the API doesn't have."""
    found: Any = msgspec.convert(document, kind)
    assert without_none(msgspec.to_builtins(found)) == document, "a field is unknown"
    return found


def without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_none(each) for key, each in value.items() if each is not None}
    return [without_none(each) for each in value] if isinstance(value, list) else value


def test_kubernetes_knows_every_field_and_the_parts_fit() -> None:
    documents = list(yaml.safe_load_all(text_of("kubernetes.yaml")))
    deployment = strict(documents[0], apps_v1.Deployment)
    service = strict(documents[1], core_v1.Service)
    assert (documents[0]["apiVersion"], documents[1]["apiVersion"]) == ("apps/v1", "v1")
    pod = deployment.spec.template
    assert deployment.spec.selector.matchLabels == pod.metadata.labels == service.spec.selector
    [container] = pod.spec.containers
    assert [port.containerPort for port in container.ports] == [Settings().port]
    assert service.spec.ports[0].targetPort == container.ports[0].name
    assert service.spec.sessionAffinity == "ClientIP"
    names = {variable.name.removeprefix("NANNIN_").lower() for variable in container.env}
    assert names <= settings_names()
    [sleep] = re.findall(r"\d+", container.lifecycle.preStop.exec.command[-1])
    assert pod.spec.terminationGracePeriodSeconds >= int(sleep) + Settings().drain + 2
    assert "USER 10001" in (ROOT / "Containerfile").read_text(encoding="utf-8"), "it is not root"


def test_a_field_that_kubernetes_does_not_have_is_found() -> None:
    deployment, _ = yaml.safe_load_all(text_of("kubernetes.yaml"))
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(AssertionError, match="unknown"):
        strict(deployment, apps_v1.Deployment)


def test_the_probes_ask_addresses_that_there_are() -> None:
    paths = set(re.findall(r"path: (/\w+)", text_of("kubernetes.yaml")))
    assert paths == {"/healthz", "/readyz"}
    with nannin() as server:
        for path in paths:
            assert httpx.get(f"{server.url}{path}", headers={"host": "10.244.1.7:8124"}).text == "ok"


# What it costs: counts of messages, never times


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    yield import_module("scale")
    del sys.modules["scale"]


def test_a_join_of_a_small_page_costs_one_call_however_many_nodes_there_are(scale: Any) -> None:
    for nodes in (2, 10, 100):
        spent = scale.single_joins(nodes, 1)
        assert (spent.calls, spent.answers, spent.tells) == (1, 1, 0)
        assert spent.size_bytes < 100
    assert scale.single_joins(100, 10).tells == 9, "those who have the page are told, and nobody else"


def test_a_batch_on_a_hot_page_costs_no_more_messages_than_one_join(scale: Any) -> None:
    for nodes in (2, 10):
        one, batch = scale.one_batch(nodes, 1), scale.one_batch(nodes, 100)
        assert (one.calls, one.tells) == (batch.calls, batch.tells) == (nodes, nodes * (nodes - 1))


def test_workers_of_one_machine_are_told_of_every_page(scale: Any) -> None:
    assert scale.single_joins(4, 1, everything=True).tells == 3


def test_the_costs_of_redis_are_those_of_the_census(scale: Any) -> None:
    with serving("redis") as server:
        census = scale.RedisCensus(server.url)
        for holders in (1, 3):
            assert scale.redis_joins(census, holders, 10, 40)[1] == holders - 1
        assert scale.redis_fill(census, 3, 10, 100).writes == 10
        assert census.client.dbsize() == 0


def test_the_simulation_runs(
    scale: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scale, "NODES", (2, 10))
    monkeypatch.setattr(scale, "JOINS", 20)
    scale.main(["--visitors", "1000", "--pages", "100"], standalone_mode=False)
    assert "| the supervisor | 1,000 | 100 |" in capsys.readouterr().out


def test_the_figures_of_one_process_are_those_of_the_benchmark() -> None:
    results = (ROOT / "bench" / "RESULTS.md").read_text(encoding="utf-8")
    [row] = [line for line in results.splitlines() if line.startswith("| nannin | 15,000 |")]
    cells = [cell.strip().split()[0] for cell in row.strip("|").split("|")]
    text = read("docs/scale.md")
    assert f"**{cells[1]} clients** on one page" in text
    assert f"{cells[2]} joins a second" in text
    assert f"after {cells[6]} ms" in text
