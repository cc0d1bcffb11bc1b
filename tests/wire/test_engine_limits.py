"""What an engine's sessions tell their clients when they open."""

from __future__ import annotations

import json

from nannin.wire.engine_limits import Limits, open_packet


def test_the_packet_over_polling_has_exactly_the_keys_of_the_protocol() -> None:
    packet = open_packet(Limits(max_payload_bytes=1_000_000), "abc", upgradable=True)
    assert packet[0] == "0"
    assert json.loads(packet[1:]) == {
        "sid": "abc",
        "upgrades": ["websocket"],
        "pingInterval": 25_000,
        "pingTimeout": 20_000,
        "maxPayload": 1_000_000,
    }


def test_the_packet_over_websocket_offers_no_upgrade() -> None:
    assert json.loads(open_packet(Limits(), "abc", upgradable=False)[1:])["upgrades"] == []


def test_it_tells_fractions_of_a_second_in_whole_milliseconds() -> None:
    limits = Limits(ping_interval_s=0.3, ping_timeout_s=0.2)
    assert '"pingInterval":300,"pingTimeout":200,' in open_packet(limits, "abc", upgradable=True)


def test_each_session_has_its_own_sid_in_it() -> None:
    sids = ("one", "other")
    packets = [open_packet(Limits(), sid, upgradable=True) for sid in sids]
    assert [json.loads(packet[1:])["sid"] for packet in packets] == list(sids)
