"""Every setting, and what it may hold."""

from __future__ import annotations

import dataclasses

import pytest

from nannin.errors import SettingsError
from nannin.settings import SETTINGS, Settings

SECTIONS = {"Server", "TLS", "Nodes", "Sessions", "Telling", "Counting", "Access", "Limits"}


def test_the_outbox_follows_the_payload_unless_it_is_set() -> None:
    assert Settings(max_payload=1_000_000).max_outbox == 4_000_000
    assert Settings(max_payload=1_000_000, max_outbox=5000).max_outbox == 5000


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]


def test_settings_are_shown_without_their_secrets() -> None:
    secret = "hush-hush-hush!!"
    settings = Settings(page_secret=(secret,), emit_token=secret)
    assert (settings.page_secret, settings.emit_token) == ((secret,), secret)
    assert "hush" not in f"{settings} {settings!r}"


def test_a_settings_object_made_by_hand_is_checked_too() -> None:
    with pytest.raises(SettingsError, match=r"^port must be a whole number from 0 to 65535, not -1$"):
        Settings(port=-1)
    with pytest.raises(SettingsError, match=r"^ssl_keyfile needs --ssl-certfile as well$"):
        Settings(ssl_keyfile="key.pem")


def test_each_setting_has_a_help_text_and_a_flag_and_a_variable_of_its_own() -> None:
    for name, setting in SETTINGS.items():
        assert setting.help.strip(), name
        assert setting.section in {
            "Server",
            "TLS",
            "Nodes",
            "Sessions",
            "Telling",
            "Counting",
            "History",
            "Hooks",
            "Access",
            "Limits",
        }
    assert len({setting.flag for setting in SETTINGS.values()}) == len(SETTINGS)
    assert (SETTINGS["ping_interval"].flag, SETTINGS["ping_interval"].variable) == (
        "--ping-interval",
        "NANNIN_PING_INTERVAL",
    )


@pytest.mark.parametrize(("handles_events", "max_bytes"), [(True, 1_000_000), (False, 16_384)])
def test_a_message_may_be_as_large_as_suits_what_is_served(handles_events: bool, max_bytes: int) -> None:
    assert Settings().max_payload_bytes(handles_events=handles_events) == max_bytes
    assert Settings(max_payload=5_000).max_payload_bytes(handles_events=handles_events) == 5_000


def test_emitters_of_other_programs_are_heard_where_the_site_has_redis_to_itself() -> None:
    assert Settings().redis_emitters == ("socketio", "socket.io")
    assert Settings(redis_prefix="blue").redis_emitters == ()
    assert Settings(redis_prefix="blue", redis_emitters=("socketio",)).redis_emitters == ("socketio",)
    assert Settings(redis_emitters=("none",)).redis_emitters == ()
