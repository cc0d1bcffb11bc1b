"""Counts as lines: for people, and as JSON."""

from __future__ import annotations

import json
import re

import pytest

from nannin.cli.watch.events import EventParser
from nannin.cli.watch.lines import JsonLines, Lines
from support.told_counts import FIRST, SECOND, count, event


def test_a_line_says_when_where_and_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    Lines().update(FIRST)
    assert re.fullmatch(r"\d\d:\d\d:\d\d /x 3 visitors 4 connections 2 visible\n", capsys.readouterr().out)


def test_a_line_says_that_a_count_may_be_old(capsys: pytest.CaptureFixture[str]) -> None:
    Lines().update(count("/x", 3, 4, 2, stale=True))
    assert capsys.readouterr().out.endswith(" /x 3 visitors 4 connections 2 visible, stale\n")


def test_a_line_says_that_a_count_is_that_of_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    (told,) = EventParser().feed(event(count("/shop/*", 3, group=True)))
    Lines().update(told)
    assert capsys.readouterr().out.endswith(" /shop/* (group) 3 visitors 3 connections 0 visible\n")


def test_a_line_of_json_is_what_came(capsys: pytest.CaptureFixture[str]) -> None:
    JsonLines().update(SECOND)
    assert capsys.readouterr().out == SECOND.text + "\n"


def test_no_page_key_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    (told,) = EventParser().feed(event(count("/\x9b2J\u202e\U000e0001", 1)))
    Lines().update(told)
    JsonLines().update(told)
    line, object_ = capsys.readouterr().out.splitlines()
    assert r"/\u009b2J\u202e\udb40\udc01 1 visitor 1 connection 0 visible" in line
    assert json.loads(object_)["page"] == "/\x9b2J\u202e\U000e0001"
    assert line.isprintable()
    assert object_.isprintable()


def test_what_is_lost_is_said_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    Lines().lost("the server ended the stream")
    assert capsys.readouterr() == ("", "nannin: the server ended the stream; trying again\n")
