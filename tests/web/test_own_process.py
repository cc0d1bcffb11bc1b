"""What the system says of this process."""

from __future__ import annotations

import os
import resource
import sys
import time

import pytest

from nannin.web.own_process import (
    cpu_s,
    memory_bytes,
    most_descriptors,
    open_descriptors,
    started_unix_s,
)


@pytest.mark.skipif(sys.platform != "linux", reason="the others don't tell")
def test_the_system_tells_how_much_is_in_use() -> None:
    memory = memory_bytes()
    assert memory is not None
    assert 2**20 < memory < 2**40
    before = open_descriptors()
    if before is not None:  # an older kernel doesn't tell
        descriptor = os.open(os.devnull, os.O_RDONLY)
        assert open_descriptors() == before + 1
        os.close(descriptor)


def test_what_the_system_does_not_tell_is_nothing() -> None:
    assert memory_bytes("/nowhere") is None
    assert open_descriptors("/nowhere") is None


def test_time_and_limits() -> None:
    assert 0 < cpu_s() < time.monotonic()
    assert time.time() >= started_unix_s()
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert most_descriptors() == (None if soft == resource.RLIM_INFINITY else soft)


def test_no_limit_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert most_descriptors() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no forks")
def test_a_fork_begins_when_it_is_made() -> None:
    """As a host's workers do that are forked from a process that has loaded nannin."""
    before, (reading, writing) = started_unix_s(), os.pipe()
    if not (pid := os.fork()):
        os.write(writing, str(started_unix_s()).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(writing)
    with open(reading) as file:
        assert float(file.read()) > before
    assert started_unix_s() == before
