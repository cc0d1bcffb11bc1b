"""Where the server of a benchmark is, and how many clients may be had."""

from __future__ import annotations

import pytest

from nannin.cli.bench.address import Address, raise_descriptor_limit
from nannin.errors import BenchError


@pytest.mark.parametrize("wrong", ["https://127.0.0.1", "ftp://a", "http://", "http://127.0.0.1:port"])
def test_a_wrong_address_is_an_error(wrong: str) -> None:
    with pytest.raises(BenchError, match="is not an "):
        Address(wrong)


def test_an_address_may_be_without_scheme_and_under_a_path() -> None:
    address = Address("127.0.0.1:8124/live/")
    assert address.url == "http://127.0.0.1:8124/live"
    assert address.handshake.startswith(b"GET /live/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n")


def test_the_limit_of_open_files_is_the_hard_one() -> None:
    import resource

    allowed = raise_descriptor_limit()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == hard > allowed
