"""The table of a session's states: it is whole, and its rows agree with what the protocol asks."""

from __future__ import annotations

import ast
import inspect
import itertools

import pytest

from nannin.wire import engine_states
from nannin.wire.engine_states import TABLE, Action, Event, State

ALIVE = [State.POLLING, State.PROBING, State.UPGRADING, State.WEBSOCKET]
OVER = {State.CLOSING, State.CLOSED}
WITH_CANDIDATE = {State.PROBING, State.UPGRADING}
ENDS = {Action.END, Action.END_LOST, Action.END_BY_CLIENT, Action.END_AND_REFUSE}


def reachable(start: State) -> set[State]:
    """The states that some events lead to from `start`."""
    found, unseen = {start}, [start]
    while unseen:
        state = unseen.pop()
        after = {TABLE[state, event][0] for event in Event} - found
        found |= after
        unseen += after
    return found


def test_every_state_has_one_row_for_every_event() -> None:
    assert set(TABLE) == set(itertools.product(State, Event))


def named_rows(rows: ast.Dict, shared: dict[str, ast.Dict]) -> list[str]:
    """The events that a state's literal names, with those of the shared rows that it spreads."""
    names = []
    for key, value in zip(rows.keys, rows.values, strict=True):
        if key is None:
            names += named_rows(shared[ast.unparse(value)], shared)
        else:
            names.append(ast.unparse(key))
    return names


def test_no_state_names_a_row_twice_so_that_none_overrides_another() -> None:
    tree = ast.parse(inspect.getsource(engine_states))
    literals = {
        ast.unparse(node.target): node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict)
    }
    for rows in literals["STATES"].values:
        assert isinstance(rows, ast.Dict)
        names = named_rows(rows, literals)
        assert sorted(names) == sorted(f"Event.{event.name}" for event in Event)


def test_every_action_is_some_rows_action() -> None:
    assert {action for _, action in TABLE.values()} == set(Action)


def test_every_state_is_reached_from_polling() -> None:
    assert reachable(State.POLLING) == set(State)


def test_a_websocket_never_goes_back_to_polling() -> None:
    assert reachable(State.WEBSOCKET) <= {State.WEBSOCKET, *OVER}


def test_closed_is_final() -> None:
    assert reachable(State.CLOSED) == {State.CLOSED}


def test_closing_leads_to_closed_only() -> None:
    assert reachable(State.CLOSING) == OVER


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0].name}-{row[1].name}")
def test_a_session_is_over_exactly_after_an_ending_action(row: tuple[State, Event]) -> None:
    after, action = TABLE[row]
    ends = row[0] in ALIVE and after in OVER
    assert ends == (action in ENDS)


def test_messages_are_delivered_in_life_and_never_after() -> None:
    delivering = {state for (state, _), (_, action) in TABLE.items() if action is Action.DELIVER}
    assert delivering == set(ALIVE)


def test_nothing_happens_in_closed_but_refusals() -> None:
    actions = {TABLE[State.CLOSED, event][1] for event in Event}
    assert actions == {Action.IGNORE, Action.REFUSE}


def test_polls_and_posts_are_refused_once_the_websocket_is_in_force_or_all_is_over() -> None:
    for state, event in itertools.product((State.WEBSOCKET, State.CLOSED), (Event.POLL, Event.POST)):
        assert TABLE[state, event] == (state, Action.REFUSE)


def test_a_candidate_is_taken_in_polling_only() -> None:
    taking = {state for state in State if TABLE[state, Event.CANDIDATE][1] is Action.TAKE_CANDIDATE}
    assert taking == {State.POLLING}


@pytest.mark.parametrize("state", [state for state in State if state is not State.POLLING])
def test_a_candidate_is_refused_everywhere_else_and_changes_nothing(state: State) -> None:
    assert TABLE[state, Event.CANDIDATE] == (state, Action.REFUSE)


def test_only_a_candidates_upgrade_packet_switches() -> None:
    switching = {row for row, (_, action) in TABLE.items() if action is Action.SWITCH}
    assert switching == {(state, Event.UPGRADE) for state in WITH_CANDIDATE}
    assert TABLE[State.PROBING, Event.PROBE] == (State.UPGRADING, Action.ANSWER_PROBE)


def test_a_candidate_that_fails_leaves_the_session_polling() -> None:
    for state, event in itertools.product(
        WITH_CANDIDATE, (Event.STRAY, Event.UPGRADE_DUE, Event.CANDIDATE_LOST)
    ):
        assert TABLE[state, event][0] is State.POLLING


def test_the_candidate_is_left_only_by_a_switch_a_drop_or_the_end() -> None:
    for (state, _), (after, action) in TABLE.items():
        if state in WITH_CANDIDATE and after not in WITH_CANDIDATE:
            assert action in {Action.SWITCH, Action.DROP_CANDIDATE, Action.FORGET_CANDIDATE, *ENDS}


@pytest.mark.parametrize("state", ALIVE, ids=lambda state: state.name)
def test_every_living_session_can_be_ended_from_each_side_and_by_time(state: State) -> None:
    for event in (Event.CLOSE, Event.BAD, Event.PONG_DUE, Event.TIMEOUT, Event.END):
        assert TABLE[state, event][0] in OVER


def test_a_session_that_polls_is_ended_softly_by_the_server_alone() -> None:
    softly = {row for row, (after, _) in TABLE.items() if row[0] in ALIVE and after is State.CLOSING}
    assert softly == {(state, Event.END) for state in ALIVE if state is not State.WEBSOCKET}
