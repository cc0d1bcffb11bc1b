"""The states of an Engine.IO session and what happens in each: the table that `EngineSession` follows.

Source: Engine.IO protocol, 4th revision, "Protocol" and "Transports".
"""

from __future__ import annotations

import enum


class State(enum.Enum):
    """Where a session is. The transport in force is polling up to UPGRADING, then WebSocket."""

    POLLING = "polling"
    PROBING = "polling, and a WebSocket is open beside it"
    UPGRADING = "polling, and the WebSocket's probe is answered"
    WEBSOCKET = "websocket"
    CLOSING = "ended; the last packets wait for a poll"
    CLOSED = "closed"


class Event(enum.Enum):
    """What can happen to a session."""

    POLL = "a GET"
    SECOND_POLL = "a GET while one waits"
    POLL_LOST = "the waiting GET is cancelled"
    POST = "a POST begins"
    SECOND_POST = "a POST while one is read"
    MESSAGE = "a message packet"
    PONG = "a pong packet"
    NOOP = "a noop packet"
    CLOSE = "a close packet"
    BAD = "anything else on the transport in force"
    CANDIDATE = "a WebSocket with this session's sid"
    PROBE = "the candidate's probe"
    UPGRADE = "the candidate's upgrade packet"
    STRAY = "anything else from the candidate"
    CANDIDATE_LOST = "the candidate is gone"
    UPGRADE_DUE = "the candidate's time is over"
    TIMEOUT = "the application's own deadline"
    WEBSOCKET_LOST = "the WebSocket in force is gone"
    PING_DUE = "time for a ping"
    PONG_DUE = "no pong in time"
    END = "the server ends the session"


class Action(enum.Enum):
    """What the session does then."""

    IGNORE = enum.auto()
    REFUSE = enum.auto()
    ANSWER = enum.auto()
    ANSWER_AT_ONCE = enum.auto()
    ANSWER_LAST = enum.auto()
    BEGIN_POST = enum.auto()
    DELIVER = enum.auto()
    PING_LATER = enum.auto()
    PING_NOW = enum.auto()
    TAKE_CANDIDATE = enum.auto()
    ANSWER_PROBE = enum.auto()
    SWITCH = enum.auto()
    DROP_CANDIDATE = enum.auto()
    FORGET_CANDIDATE = enum.auto()
    END = enum.auto()
    END_BY_CLIENT = enum.auto()
    END_AND_REFUSE = enum.auto()


class Reason(enum.StrEnum):
    """Why a session ended, in Socket.IO's words where it has some."""

    TRANSPORT_CLOSE = "transport close"
    TRANSPORT_ERROR = "transport error"
    PARSE_ERROR = "parse error"
    PING_TIMEOUT = "ping timeout"
    FORCED_CLOSE = "forced close"
    CONNECT_TIMEOUT = "connect timeout"
    SLOW_CLIENT = "slow client"
    SHUTTING_DOWN = "server shutting down"

    @property
    def close_code(self) -> int:
        """The WebSocket close code that says the same. Source: RFC 6455, 7.4.1, and IANA's registry."""
        return _CLOSE_CODES.get(self, 1000)


_CLOSE_CODES = {
    Reason.TRANSPORT_ERROR: 1002,
    Reason.PARSE_ERROR: 1002,
    Reason.SLOW_CLIENT: 1008,
    Reason.SHUTTING_DOWN: 1012,
}

_P, _B, _U = State.POLLING, State.PROBING, State.UPGRADING
_W, _L, _C = State.WEBSOCKET, State.CLOSING, State.CLOSED


def _rows() -> dict[tuple[State, Event], tuple[State, Action]]:
    """Every state has a row for every event: what is not named below is ignored where it stands."""
    rows = {(state, event): (state, Action.IGNORE) for state in State for event in Event}
    for state in (_P, _B, _U, _L, _C):
        rows[state, Event.POST] = (state, Action.BEGIN_POST)
    for state in (_P, _B, _U):
        rows[state, Event.POLL] = (state, Action.ANSWER)
        rows[state, Event.SECOND_POLL] = (_C, Action.END_AND_REFUSE)
        rows[state, Event.SECOND_POST] = (_C, Action.END_AND_REFUSE)
        rows[state, Event.POLL_LOST] = (_C, Action.END)
    for state in (_P, _B, _U, _W):
        rows[state, Event.MESSAGE] = (state, Action.DELIVER)
        rows[state, Event.PONG] = (state, Action.PING_LATER)
        rows[state, Event.CLOSE] = (_C, Action.END_BY_CLIENT)
        rows[state, Event.BAD] = (_C, Action.END)
        rows[state, Event.PING_DUE] = (state, Action.PING_NOW)
        rows[state, Event.PONG_DUE] = (_C, Action.END)
        rows[state, Event.TIMEOUT] = (_C, Action.END)
        rows[state, Event.END] = (_C, Action.END)
    for state in (_P, _B, _U):
        # What waits for a polling client is still delivered: a DISCONNECT is sent right before the end.
        rows[state, Event.END] = (_L, Action.END)
    for state in (_B, _U, _W, _L, _C):
        rows[state, Event.CANDIDATE] = (state, Action.REFUSE)
    for state in (_B, _U):
        rows[state, Event.STRAY] = (_P, Action.DROP_CANDIDATE)
        rows[state, Event.UPGRADE_DUE] = (_P, Action.DROP_CANDIDATE)
        rows[state, Event.CANDIDATE_LOST] = (_P, Action.FORGET_CANDIDATE)
    rows |= {
        (_P, Event.CANDIDATE): (_B, Action.TAKE_CANDIDATE),
        (_B, Event.PROBE): (_U, Action.ANSWER_PROBE),
        (_B, Event.UPGRADE): (_P, Action.DROP_CANDIDATE),
        (_U, Event.PROBE): (_P, Action.DROP_CANDIDATE),
        (_U, Event.UPGRADE): (_W, Action.SWITCH),
        (_U, Event.POLL): (_U, Action.ANSWER_AT_ONCE),
        (_W, Event.POLL): (_W, Action.REFUSE),
        (_W, Event.POST): (_W, Action.REFUSE),
        (_W, Event.SECOND_POST): (_W, Action.REFUSE),
        (_W, Event.WEBSOCKET_LOST): (_C, Action.END),
        (_L, Event.POLL): (_C, Action.ANSWER_LAST),
        (_L, Event.CLOSE): (_C, Action.IGNORE),
        (_L, Event.PONG_DUE): (_C, Action.IGNORE),
        (_C, Event.POLL): (_C, Action.REFUSE),
        (_C, Event.POST): (_C, Action.REFUSE),
        (_L, Event.SECOND_POST): (_L, Action.REFUSE),
        (_C, Event.SECOND_POST): (_C, Action.REFUSE),
    }
    return rows


TABLE = _rows()
