"""docs/redis.md names what Redis needs as the code has it."""

from __future__ import annotations

import re

from nannin.nodes.redis_calls import COMMANDS
from support.places import ROOT

PAGE = (ROOT / "docs" / "redis.md").read_text(encoding="utf-8")


def test_the_rights_are_those_that_a_user_needs() -> None:
    [block] = re.findall(r"```text\n(ACL SETUSER.*?)```", PAGE, re.DOTALL)
    assert re.findall(r"\+([a-z|]+)", block) == list(COMMANDS)
