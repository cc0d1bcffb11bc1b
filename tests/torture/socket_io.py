"""Items 28 and 29: packets and JSON that Socket.IO forbids, or that are meant to hurt."""

from __future__ import annotations

import json
from typing import Final

from support.raw_wire import Closed, WebSocket, websocket
from torture.campaign import item
from torture.ground import Ground

PACKETS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("no CONNECT, but an event", ('42["x"]',)),
    ("a packet type that is none", ("4x",)),
    ("an ack id of 100 digits", ("40", "42" + "9" * 100 + '["x"]')),
    ("a reserved event name", ("40", '42["connect"]')),
    ("another reserved event name", ("40", '42["disconnect"]')),
    ("an event that is no array", ("40", '42{"a":1}')),
    ("an event without a name", ("40", "42[]")),
    ("an event named by a number", ("40", "42[1]")),
    ("an event named by an object", ("40", "42[{}]")),
    ("an attachment that never comes", ("40", '451-["x",{"_placeholder":true,"num":0}]', '42["x"]')),
    ("`450-`", ("40", '450-["x"]')),
    ("`4511-`", ("40", '4511-["x"]')),
    ("`459999999999-`", ("40", '459999999999-["x"]')),
    ("`45-`", ("40", '45-["x"]')),
    ("a placeholder of -1", ("40", '451-["x",{"_placeholder":true,"num":-1}]')),
    ("a placeholder of text", ("40", '451-["x",{"_placeholder":true,"num":"0"}]')),
    ("a placeholder of 99", ("40", '451-["x",{"_placeholder":true,"num":99}]')),
    ("a CONNECT that is an array", ("40[]",)),
    ("a CONNECT that is no JSON", ("40{",)),
    ("an answer to nothing", ("40", '431["x"]')),
    ("a DISCONNECT of nothing", ("41/nowhere,",)),
)
TEXTS: Final[tuple[tuple[str, str], ...]] = (
    ("nesting of 10,000", "[" * 7_000 + "]" * 7_000),
    ("NaN", "[NaN]"),
    ("-Infinity", "[-Infinity]"),
    ("an integer of 10,000 digits", f"[{'9' * 10_000}]"),
    ("a float that no float holds", "[1e999]"),
    ("a lone surrogate", '["\\ud800"]'),
    ("duplicate keys", '[{"a":1,"a":2}]'),
    ("a key of 10 KB", '[{"' + "k" * 10_000 + '":1}]'),
    ("control characters", '["\\u0000\\u001b[31m"]'),
    ("a raw control character", '["\x01"]'),
    ("<script>", '["<script>alert(1)</script>"]'),
    ("__proto__", '[{"__proto__":{"polluted":true}}]'),
    ("trailing text", '["a"] b'),
    ("single quotes", "['a']"),
)


def _say(ground: Ground, *messages: str) -> str:
    """What becomes of a client that sends these: the close code, or that it lives on."""
    link = WebSocket(ground.server, websocket("/socket.io/"))
    try:
        for message in messages:
            link.send(message)
        link.send("40/alive,")
        while True:
            answer = link.receive(5)
            if isinstance(answer, str) and answer.startswith(("40/alive,", "44/alive,")):
                return "alive"
            if answer == "1":
                return "closed"
    except Closed as closed:
        return f"closed {closed.args[0]}"
    finally:
        link.close()


@item(28, "packets that are refused or ignored, and hurt nobody", "--connect-timeout", "2")
def packets(ground: Ground) -> None:
    ended = 0
    for name, messages in PACKETS:
        said = _say(ground, *messages)
        assert said == "alive" or said.startswith("closed"), f"{name}: {said}"
        ended += said != "alive"
    ground.note(f"{len(PACKETS)} cases, {ended} ended their session")


@item(28, "1,000 namespaces of one session")
def namespaces(ground: Ground) -> None:
    link = WebSocket(ground.server, websocket("/socket.io/"))
    link.receive()
    joined = refused = 0
    try:
        for number in range(1_000):
            link.send(f"40/page/{number},")
        while joined + refused < 1_000:
            answer = str(link.receive())
            joined += answer.startswith("40/page/")
            refused += answer.startswith("44/page/")
    except Closed:
        pass  # over the rate of its messages
    link.close()
    assert joined <= 4, f"{joined} pages"
    ground.note(f"{joined} joined, {refused} refused")


@item(29, "JSON as data of an event and of CONNECT", "--connect-timeout", "2")
def texts(ground: Ground) -> None:
    ended = 0
    for name, text in TEXTS:
        for messages in (("40", f'42["x",{text}]'), (f'40{{"a":{text}}}',), (f'40{{"visitor":{text}}}',)):
            said = _say(ground, *messages)
            assert said == "alive" or said.startswith("closed"), f"{name}: {said}"
            ended += said != "alive"
    kinds: tuple[object, ...] = (1, 1.5, True, None, [], {}, "x" * 100)
    for kind in kinds:
        _say(ground, "40" + json.dumps({"visitor": kind, "updates": kind, "token": kind, "visible": kind}))
    ground.note(f"{len(TEXTS) * 3} texts, {ended} ended their session")
