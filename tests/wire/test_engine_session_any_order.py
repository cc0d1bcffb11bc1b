"""One Engine.IO session, whatever comes in whatever order."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from nannin.wire.disconnect_reason import DisconnectReason
from nannin.wire.engine_outputs import Answer, CloseCandidate, Deliver, Ended, Outputs, Refuse, Send, Switch
from nannin.wire.engine_packet import CLOSE, NOOP, PING, Encoded
from nannin.wire.engine_states import State
from support.engine_sessions import (
    REFUSE,
    START_S,
    open_session,
)

KEYS = st.sampled_from(["/", "/news"])
PACKETS = st.sampled_from(["4a", "3", "6", "1", "2", "5", "0", "", "7", b"\x01"])
BODIES = st.sampled_from(
    [b"4a", b"4a\x1e4b", b"3", b"6", b"1", b"4a\x1e1\x1e4b", b"5", b"", b"\xff", b"bAQ=="]
)


class AnyOrder(RuleBasedStateMachine):
    """Feeds a session anything in any order, holds its sockets, and knows what was pushed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START_S
        self.session = open_session()
        self.waiting_gets = 0
        self.has_candidate = False
        self.ends = 0
        self.was_closed = False
        self.pushed: list[Encoded] = []
        self.sent: list[Encoded] = []
        self.newest: dict[str, int] = {}
        self.newest_sent: dict[str, int] = {}

    def perform(self, outputs: Outputs) -> None:
        """Does what the outputs say, and checks each."""
        for output in outputs:
            if self.was_closed:
                assert output == Refuse()
            match output:
                case Deliver():
                    assert self.ends == 0
                case Ended(reason=reason):
                    self.ends += 1
                    assert self.ends == 1
                    assert isinstance(reason, DisconnectReason)
                case Answer(packets=packets):
                    assert self.waiting_gets == 1
                    self.waiting_gets = 0
                    assert isinstance(packets, list)
                    assert packets
                    self.take(packets)
                case Send(packets=packets):
                    assert self.ends == 0
                    assert isinstance(packets, Sequence)
                    self.take(packets)
                case Switch() | CloseCandidate():
                    assert self.has_candidate
                    self.has_candidate = False
        self.was_closed = self.session.state is State.CLOSED

    def take(self, packets: Sequence[Encoded]) -> None:
        """Notes what reached the client."""
        for packet in packets:
            if packet in (PING, NOOP, CLOSE):
                continue
            assert isinstance(packet, str)
            _, key, number = packet.split("|")
            if key:
                assert int(number) > self.newest_sent.get(key, 0)
                self.newest_sent[key] = int(number)
            else:
                self.sent.append(packet)

    @rule()
    def poll(self) -> None:
        outputs = self.session.receive_poll(self.now)
        if REFUSE in outputs:
            self.perform(outputs)
        else:
            self.waiting_gets += 1
            self.perform(outputs)

    @precondition(lambda self: self.waiting_gets)
    @rule()
    def lose_poll(self) -> None:
        self.perform(self.session.receive_poll_lost(self.now))
        assert self.waiting_gets == 0

    @rule()
    def lose_no_poll(self) -> None:
        if not self.waiting_gets:
            assert self.session.receive_poll_lost(self.now) == []

    @rule()
    def begin_post(self) -> None:
        self.perform(self.session.receive_post(self.now))

    @rule(body=BODIES | st.binary(max_size=8))
    def finish_post(self, body: bytes) -> None:
        self.perform(self.session.receive_payload(body, self.now))

    @rule()
    def lose_post(self) -> None:
        self.perform(self.session.receive_post_lost(self.now))

    @precondition(lambda self: self.session.state in (State.WEBSOCKET, State.CLOSED))
    @rule(packet=PACKETS)
    def receive_websocket(self, packet: Encoded) -> None:
        self.perform(self.session.receive_websocket(packet, self.now))

    @rule()
    def lose_websocket(self) -> None:
        self.perform(self.session.receive_websocket_lost(self.now, clean=True))

    @rule()
    def offer_candidate(self) -> None:
        outputs = self.session.receive_candidate(self.now)
        assert outputs in ([], [REFUSE])
        if not outputs:
            assert not self.has_candidate
            self.has_candidate = True

    @rule(packet=st.sampled_from(["2probe", "2probe", "5", "5", "4a", "", b"5"]))
    def receive_candidate_packet(self, packet: Encoded) -> None:
        self.perform(self.session.receive_candidate_packet(packet, self.now))

    @rule()
    def lose_candidate(self) -> None:
        self.has_candidate = False
        self.perform(self.session.receive_candidate_lost(self.now))

    @precondition(lambda self: self.session.state is not State.WEBSOCKET)
    @rule(count=st.integers(1, 3), size=st.sampled_from([1, 1, 1, 400]))
    def push(self, count: int, size: int) -> None:
        first = len(self.pushed)
        packets: list[Encoded] = [f"4{'x' * size}||{number}" for number in range(first, first + count)]
        if self.ends == 0:
            self.pushed += packets
        self.perform(self.session.push(packets, self.now))

    @precondition(lambda self: self.session.state is not State.WEBSOCKET)
    @rule(key=KEYS)
    def push_newest(self, key: str) -> None:
        self.newest[key] = self.newest.get(key, 0) + 1
        self.session.push_newest(key, [f"4|{key}|{self.newest[key]}"])

    @rule(key=KEYS)
    def forget_newest(self, key: str) -> None:
        self.session.forget_newest(key)

    @rule()
    def flush(self) -> None:
        self.perform(self.session.flush())
        if self.waiting_gets:
            assert self.sent == self.pushed

    @rule()
    def block(self) -> None:
        self.session.receive_blocked(self.now)

    @rule()
    def drain(self) -> None:
        self.session.receive_drained()

    @rule(delay_s=st.sampled_from([0.0, 1.0, 30.0, math.inf]))
    def set_timeout(self, delay_s: float) -> None:
        self.session.set_timeout(self.now + delay_s)

    @rule(delay_s=st.sampled_from([0.0, 0.01, 1.0, 10.0, 25.0, 60.0]))
    def wait(self, delay_s: float) -> None:
        self.now += delay_s
        self.perform(self.session.tick(self.now))
        assert self.session.next_deadline() > self.now

    @rule()
    def wait_for_the_next_deadline(self) -> None:
        if self.session.next_deadline() < math.inf:
            self.now = max(self.now, self.session.next_deadline())
            self.perform(self.session.tick(self.now))
            assert self.session.next_deadline() > self.now

    @rule(reason=st.sampled_from(DisconnectReason))
    def finish(self, reason: DisconnectReason) -> None:
        self.perform(self.session.finish(reason, self.now))
        assert self.ends == 1

    @invariant()
    def it_has_ended_once_or_it_lives(self) -> None:
        assert self.ends == (self.session.state in (State.CLOSING, State.CLOSED))

    @invariant()
    def closed_is_final(self) -> None:
        assert self.was_closed == (self.session.state is State.CLOSED)

    @invariant()
    def at_most_one_get_waits_and_none_after_the_end(self) -> None:
        assert self.waiting_gets in ((0,) if self.ends else (0, 1))

    @invariant()
    def the_candidate_is_there_while_the_state_says_so(self) -> None:
        assert self.has_candidate == (self.session.state in (State.PROBING, State.UPGRADING))

    @invariant()
    def what_was_sent_is_what_was_pushed_in_order_and_once(self) -> None:
        assert self.sent == self.pushed[: len(self.sent)]
        if self.session.state is State.WEBSOCKET:
            assert self.sent == self.pushed


def test_any_order_of_inputs_keeps_the_promises() -> None:
    run_state_machine_as_test(
        AnyOrder,
        settings=settings(
            deadline=None,
            max_examples=100,
            stateful_step_count=40,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def test_sixteen_packets_at_most_answer_one_poll() -> None:
    session = open_session(State.POLLING)
    session.push([f"4{number}" for number in range(40)], START_S)
    answers = []
    while (outputs := session.receive_poll(START_S)) != []:
        (output,) = outputs
        assert isinstance(output, Answer)
        answers.append(output.packets)
    assert [len(packets) for packets in answers] == [16, 16, 8]
    assert [packet for packets in answers for packet in packets] == [f"4{number}" for number in range(40)]


def test_a_poll_of_a_server_that_stops_is_told_nothing_final() -> None:
    session = open_session(State.POLLING)
    session.receive_poll(START_S)
    assert Answer([NOOP]) in session.finish(DisconnectReason.SHUTTING_DOWN, START_S)
