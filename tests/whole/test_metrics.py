"""`/metrics` and the log as JSON of a server with several workers."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pathlib
import re
import signal
from collections.abc import Iterator
from typing import Final

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from nannin.access.tokens import Tokens
from nannin.web.metric_table import METRICS
from support.servers import Server, nannin
from support.waiting import until

PAGE_SECRET: Final = "a page secret of the test"
READ_TOKEN: Final = "a-read-token-of-the-test"
TOKEN: Final = Tokens([PAGE_SECRET]).sign("/")
FORGED: Final = TOKEN[:-4] + "abcd"
GUESSED: Final = "a-guessed-token-of-somebody"
VISITOR: Final = "visitor-7f3a9c51"
ADDRESSES: Final = ("198.51.100.{}", "2001:db8:0:{}::77")
OPENMETRICS: Final = {"accept": "application/openmetrics-text"}

Samples = dict[tuple[str, ...], float]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    env = {
        "NANNIN_PAGE_SECRET": PAGE_SECRET,
        "NANNIN_READ_TOKEN": READ_TOKEN,
        "NANNIN_HISTORY": "on",
        "NANNIN_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "NANNIN_HOOKS": '[{"on": "vacated", "page": "/nobody", "command": ["true"]}]',
        "NANNIN_GROUPS": "/*",
    }
    with nannin("--workers", "2", "--log-format", "json", env=env) as server:
        until(lambda: "with 2 workers" in server.log)
        yield server


def scrape(server: Server, timeout_s: float = 10) -> Samples:
    """Every sample: its name, then its labels."""
    answer = httpx.get(f"{server.url}/metrics", headers=OPENMETRICS, timeout=timeout_s)
    assert answer.status_code == 200
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in parse(answer.text)  # type: ignore[no-untyped-call]
        for sample in family.samples
    }


def total(samples: Samples, name: str, *labels: str) -> float:
    return sum(value for key, value in samples.items() if key[0] == name and {*labels} <= {*key})


@contextlib.contextmanager
def joined(server: Server, **auth: str) -> Iterator[None]:
    """A client on the page `/`."""
    with connect(f"{server.ws_url}/socket.io/?EIO=4&transport=websocket", compression=None) as client:
        client.recv()
        client.send("40" + json.dumps({"token": TOKEN, **auth}))
        assert str(client.recv()).startswith("40")
        yield


def children(server: Server) -> list[int]:
    assert server.process is not None
    pid = server.process.pid
    return [int(number) for number in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_one_page_has_the_numbers_of_all_workers(server: Server) -> None:
    with contextlib.ExitStack() as clients:
        for number in range(12):
            clients.enter_context(joined(server, visitor=f"{VISITOR}-{number // 2}"))
        until(lambda: total(scrape(server), "nannin_cluster_visitors") == 6)
        answers = [scrape(server) for _ in range(3)]
        for samples in answers:
            assert total(samples, "nannin_worker_up") == 2
            assert total(samples, "nannin_connections") == 12
            assert total(samples, "nannin_sessions", "transport=websocket") == 12
            assert total(samples, "nannin_joins_total") >= 12
            assert min(samples["nannin_connections", f"worker={worker}"] for worker in (1, 2)) > 0
            assert total(samples, "nannin_history_leader") == 1
            of_all = [samples[f"nannin_cluster_{name}",] for name in ("pages", "connections", "visitors")]
            assert of_all == [1, 12, 6]
    until(lambda: total(scrape(server), "nannin_connections") == 0)
    until(lambda: scrape(server).get(("nannin_nodes", "worker=1")) == 2)  # known from the first beat on
    names = "\n".join(key[0] for key in scrape(server))
    assert [metric.name for metric in METRICS if metric.sample not in names] == []


def test_nothing_opens_it_but_the_token(server: Server) -> None:
    sent = {"x-forwarded-for": "198.51.100.99", "host": "10.0.0.7:8124"}
    url = f"{server.url}/metrics"
    assert httpx.get(url, headers=sent).status_code == 401
    assert httpx.get(url, headers={**sent, "authorization": f"Bearer {GUESSED}"}).status_code == 401
    assert httpx.get(url, headers={**sent, "authorization": f"Bearer {READ_TOKEN}"}).status_code == 200


def test_a_worker_that_stands_still_is_left_out_and_named(server: Server) -> None:
    stopped = children(server)[0]
    os.kill(stopped, signal.SIGSTOP)
    try:
        # Where the kernel gives the request to the worker that stands still, another one is made.
        samples: Samples = {}
        for _ in range(20):
            with contextlib.suppress(httpx.TimeoutException):
                samples = scrape(server, timeout_s=4)
                break
        ups = sorted(value for key, value in samples.items() if key[0] == "nannin_worker_up")
        assert ups == [0, 1]
        assert len([key for key in samples if key[0] == "nannin_joins_total"]) == 1
    finally:
        os.kill(stopped, signal.SIGCONT)
    until(lambda: total(scrape(server), "nannin_worker_up") == 2)


def test_a_worker_that_is_replaced_begins_anew(server: Server) -> None:
    with contextlib.ExitStack() as clients:
        for _ in range(4):
            clients.enter_context(joined(server))
        before = scrape(server)
        os.kill(children(server)[0], signal.SIGKILL)
        until(lambda: is_replaced(server, before))
    until(lambda: total(scrape(server), "nannin_history_leader") == 1)
    after = scrape(server)
    for worker in ("worker=1", "worker=2"):
        joins, began = ("nannin_joins_total", worker), ("process_start_time_seconds", worker)
        if after[began] > before[began]:
            assert after[joins] < before[joins]
        else:
            assert after[joins] >= before[joins]


def is_replaced(server: Server, before: Samples) -> bool:
    """Whether both workers answer, and one of them has begun since."""
    with contextlib.suppress(httpx.HTTPError):  # a connection to the one that was killed
        after = scrape(server)
        names = [("process_start_time_seconds", f"worker={worker}") for worker in (1, 2)]
        return sum(after.get(name, 0) > before[name] for name in names) == 1
    return False


def say(url: str, headers: dict[str, str], said: str, *then: str) -> None:
    """A client that says this, and more once it has an answer, and then goes."""
    with (
        contextlib.suppress(WebSocketException, OSError),
        connect(url, additional_headers=headers, compression=None) as client,
    ):
        client.recv()
        client.send(said)
        client.recv(timeout=0.2)
        for text in then:
            client.send(text)
        client.recv(timeout=0.2)


def trouble(server: Server) -> None:
    """What goes wrong with ordinary clients and less ordinary ones."""
    ws = f"{server.ws_url}/socket.io/?transport=websocket&EIO=4"
    for address in ADDRESSES:
        number = itertools.count(1)

        def somebody(address: str = address, number: itertools.count[int] = number) -> dict[str, str]:
            """A client that has opened nothing yet."""
            return {"x-forwarded-for": address.format(next(number))}

        for path in ("/api/pages", "/api/explain", "/api/stream?page=*", "/metrics", "/api/emit"):
            for token in (GUESSED, READ_TOKEN + "x"):
                headers = {**somebody(), "authorization": f"Bearer {token}"}
                httpx.request("POST" if "emit" in path else "GET", server.url + path, headers=headers)
        for query, headers in (
            ("&EIO=3", {}),
            ("&EIO=4&sid=" + "x" * 20, {}),
            ("&EIO=4", {"origin": "https://elsewhere.example"}),
            ("&EIO=4", {"host": "evil.example"}),
        ):
            url = server.url + f"/socket.io/?transport=polling{query}&visitor={VISITOR}&token={TOKEN}"
            httpx.get(url, headers={**somebody(), **headers})
        for said in (
            '40{"token":"' + FORGED + '","visitor":"' + VISITOR + '"}',
            '40{"token":"' + TOKEN + '","visitor":["' + VISITOR + '"]}',
            '40{"token":"' + TOKEN + '","visitor":"' + VISITOR,
            '40/missing,{"token":"' + TOKEN + '","visitor":"' + VISITOR + '"}',
            '40{"token":"' + TOKEN + '","visitor":"' + VISITOR + '","observe":7}',
            '42["before it joined","' + VISITOR + '"]',
            f"9{TOKEN}",
            "4" + VISITOR,
            "40" + "x" * 20_000 + VISITOR,
        ):
            say(ws, somebody(), said)
        events = ['42["nobody handles this","' + VISITOR + '"]'] * 200
        say(ws, somebody(), '40{"token":"' + TOKEN + '","visitor":"' + VISITOR + '"}', *events)
        sent = somebody()
        with contextlib.ExitStack() as crowd, contextlib.suppress(WebSocketException, OSError):
            for _ in range(30):
                crowd.enter_context(connect(ws, additional_headers=sent, compression=None, close_timeout=0.1))


def test_the_log_is_json_and_names_no_address_no_token_and_no_visitor(server: Server) -> None:
    trouble(server)
    lines = [json.loads(line) for line in server.log.splitlines()]
    assert {"time", "level", "logger", "message"} <= set.intersection(*(set(line) for line in lines))
    assert {line.get("worker") for line in lines} >= {None, "worker 1", "worker 2"}
    levels = {line["level"] for line in lines}
    assert levels <= {"INFO", "WARNING", "ERROR"}
    assert len({line["message"] for line in lines if line["level"] == "WARNING"}) > 8
    said = server.log
    for secret in (PAGE_SECRET, READ_TOKEN, TOKEN, FORGED, GUESSED, VISITOR, "198.51.100.", "2001:db8:"):
        assert secret not in said
    assert not re.search(rf"127\.0\.0\.1:(?!{server.port}\b)\d+", said)
    samples = scrape(server)
    for reason in ("token", "payload", "list", "metrics", "messages", "size"):
        assert total(samples, "nannin_refusals_total", f"reason={reason}") > 0, reason
