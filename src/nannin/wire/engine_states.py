"""The states of an Engine.IO session and what happens in each: the table that `EngineSession` follows.

The table says which state follows an event, and with which action. What an action puts out, the session
decides: `EngineSession._end`, say, what it still sends to a client whose session ends.

Besides its state, a session remembers:

- whether a GET waits for its answer,
- whether a POST is being read,
- whether a ping waits for its pong.

These are not states of their own: six states would become forty-eight, most of which behave alike. Where one
of them matters, the session says so by the event that it feeds in: a GET is a SECOND_POLL while another one
waits, the server's end is END_POLLED while a GET waits, and a deadline of the heartbeat is PING_DUE or
PONG_DUE.

Source: Engine.IO protocol, 4th revision, "Protocol" and "Transports".
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class State(enum.Enum):
    """Where a session is. The transport in force is polling up to UPGRADING, then WebSocket."""

    # Enum's own is written in Python, and a member that keys a table is hashed for each message.
    __hash__ = object.__hash__

    POLLING = "polling"
    PROBING = "polling, and a WebSocket is open beside it"
    UPGRADING = "polling, and the WebSocket's probe is answered"
    WEBSOCKET = "websocket"
    CLOSING = "ended; the last packets wait for a poll"
    CLOSED = "closed"


class Event(enum.Enum):
    """What can happen to a session."""

    __hash__ = object.__hash__

    POLL = "a GET"
    SECOND_POLL = "a GET while one waits"
    POLL_LOST = "the waiting GET is cancelled"
    POST = "a POST begins"
    SECOND_POST = "a POST while one is read"
    MESSAGE = "a message packet"
    PONG = "a pong packet"
    NOOP = "a noop packet, or one of a type that means nothing from this side"
    CLOSE = "a close packet"
    BAD = "anything else on the transport in force"
    CANDIDATE = "a WebSocket with this session's sid"
    PROBE = "the candidate's probe"
    UPGRADE = "the candidate's upgrade packet"
    STRAY = "anything else from the candidate"
    CANDIDATE_LOST = "the candidate is gone"
    UPGRADE_DUE = "the candidate's time is over"
    TIMEOUT = "the application's own deadline, or the client's to read what was sent"
    WEBSOCKET_LOST = "the WebSocket in force is gone"
    PING_DUE = "time for a ping"
    PONG_DUE = "no pong in time"
    END = "the server ends the session"
    END_POLLED = "the server ends the session while a GET waits"
    LINGER_OVER = "no poll for the last packets in time"


class Action(enum.Enum):
    """What the session does then."""

    IGNORE = "nothing"
    REFUSE = "refuse the request, or close the WebSocket, that is in hand"
    ANSWER = "answer the GET with what waits, or let it wait"
    ANSWER_AT_ONCE = "answer the GET with what waits, or with a noop"
    ANSWER_LAST = "answer the GET with what waits, and a close packet"
    BEGIN_POST = "read the POST's body"
    DELIVER = "give the message to the application"
    PING_LATER = "put the next ping one interval later"
    PING_NOW = "send a ping"
    TAKE_CANDIDATE = "give the WebSocket its time to upgrade"
    ANSWER_PROBE = "answer the probe, and the waiting GET"
    SWITCH = "put the candidate in force, answer the waiting GET, and send what waits over the WebSocket"
    DROP_CANDIDATE = "close the candidate"
    FORGET_CANDIDATE = "go on without the candidate"
    FORGET_REST = "drop the last packets"
    END = "end the session, and close its WebSocket"
    END_LOST = "end the session, whose WebSocket is gone"
    END_BY_CLIENT = "end the session, as its client asked"
    END_AND_REFUSE = "end the session, and refuse the request in hand"


# What follows an event in some state: an action after which the state is the same, or a new state and an
# action.
Row = Action | tuple[State, Action]
Rows = Mapping[Event, Row]

# Rows that several states share. No state overrides one: a name stands once in each state's rows.

_ALIVE: Rows = {
    Event.MESSAGE: Action.DELIVER,
    Event.PONG: Action.PING_LATER,
    Event.NOOP: Action.IGNORE,
    Event.CLOSE: (State.CLOSED, Action.END_BY_CLIENT),
    Event.BAD: (State.CLOSED, Action.END),
    Event.PING_DUE: Action.PING_NOW,
    Event.PONG_DUE: (State.CLOSED, Action.END),
    Event.TIMEOUT: (State.CLOSED, Action.END),
    Event.LINGER_OVER: Action.IGNORE,
}

_BY_POLLING: Rows = {
    Event.SECOND_POLL: (State.CLOSED, Action.END_AND_REFUSE),
    Event.POLL_LOST: (State.CLOSED, Action.END),
    Event.POST: Action.BEGIN_POST,
    Event.SECOND_POST: (State.CLOSED, Action.END_AND_REFUSE),
    # What waits for the client is still delivered: a DISCONNECT, say, is sent right before the end.
    Event.END: (State.CLOSING, Action.END),
    Event.END_POLLED: (State.CLOSED, Action.END),
    Event.WEBSOCKET_LOST: Action.IGNORE,
}

_WITH_CANDIDATE: Rows = {
    Event.CANDIDATE: Action.REFUSE,
    Event.STRAY: (State.POLLING, Action.DROP_CANDIDATE),
    Event.CANDIDATE_LOST: (State.POLLING, Action.FORGET_CANDIDATE),
    Event.UPGRADE_DUE: (State.POLLING, Action.DROP_CANDIDATE),
}

# A candidate that was dropped may still say something, and is lost at last.
_WITHOUT_CANDIDATE: Rows = {
    Event.PROBE: Action.IGNORE,
    Event.UPGRADE: Action.IGNORE,
    Event.STRAY: Action.IGNORE,
    Event.CANDIDATE_LOST: Action.IGNORE,
    Event.UPGRADE_DUE: Action.IGNORE,
}

_OVER: Rows = {
    Event.SECOND_POLL: Action.IGNORE,
    Event.POLL_LOST: Action.IGNORE,
    Event.SECOND_POST: Action.REFUSE,
    Event.MESSAGE: Action.IGNORE,
    Event.PONG: Action.IGNORE,
    Event.NOOP: Action.IGNORE,
    Event.BAD: Action.IGNORE,
    Event.CANDIDATE: Action.REFUSE,
    Event.TIMEOUT: Action.IGNORE,
    Event.WEBSOCKET_LOST: Action.IGNORE,
    Event.PING_DUE: Action.IGNORE,
    Event.PONG_DUE: Action.IGNORE,
    Event.END: Action.IGNORE,
    Event.END_POLLED: Action.IGNORE,
}

STATES: Mapping[State, Rows] = {
    State.POLLING: {
        **_ALIVE,
        **_BY_POLLING,
        **_WITHOUT_CANDIDATE,
        Event.POLL: Action.ANSWER,
        Event.CANDIDATE: (State.PROBING, Action.TAKE_CANDIDATE),
    },
    State.PROBING: {
        **_ALIVE,
        **_BY_POLLING,
        **_WITH_CANDIDATE,
        Event.POLL: Action.ANSWER,
        Event.PROBE: (State.UPGRADING, Action.ANSWER_PROBE),
        # Some clients send no probe. Source: the reference server, which takes their upgrade packet as well.
        Event.UPGRADE: (State.WEBSOCKET, Action.SWITCH),
    },
    State.UPGRADING: {
        **_ALIVE,
        **_BY_POLLING,
        **_WITH_CANDIDATE,
        Event.POLL: Action.ANSWER_AT_ONCE,
        Event.PROBE: (State.POLLING, Action.DROP_CANDIDATE),
        Event.UPGRADE: (State.WEBSOCKET, Action.SWITCH),
    },
    State.WEBSOCKET: {
        **_ALIVE,
        **_WITHOUT_CANDIDATE,
        Event.POLL: Action.REFUSE,
        Event.SECOND_POLL: Action.IGNORE,
        Event.POLL_LOST: Action.IGNORE,
        Event.POST: Action.REFUSE,
        Event.SECOND_POST: Action.REFUSE,
        Event.CANDIDATE: Action.REFUSE,
        Event.WEBSOCKET_LOST: (State.CLOSED, Action.END_LOST),
        Event.END: (State.CLOSED, Action.END),
        Event.END_POLLED: Action.IGNORE,
    },
    State.CLOSING: {
        **_OVER,
        **_WITHOUT_CANDIDATE,
        Event.POLL: (State.CLOSED, Action.ANSWER_LAST),
        Event.POST: Action.BEGIN_POST,
        Event.CLOSE: (State.CLOSED, Action.FORGET_REST),
        Event.LINGER_OVER: (State.CLOSED, Action.FORGET_REST),
    },
    State.CLOSED: {
        **_OVER,
        **_WITHOUT_CANDIDATE,
        Event.POLL: Action.REFUSE,
        Event.POST: Action.REFUSE,
        Event.CLOSE: Action.IGNORE,
        Event.LINGER_OVER: Action.IGNORE,
    },
}

# The same rows, each as the state and the action that follow: what a session looks up.
TABLE: Mapping[tuple[State, Event], tuple[State, Action]] = {
    (state, event): row if isinstance(row, tuple) else (state, row)
    for state, rows in STATES.items()
    for event, row in rows.items()
}
