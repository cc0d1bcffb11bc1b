"""Whom a hook tells: its address or command, with the secrets that files and variables hold."""

from __future__ import annotations

import ipaddress
import os
import shutil
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from nannin.errors import SettingsError
from nannin.hook import Hook, check_secrets, check_url
from nannin.hooks.addresses import Addresses
from nannin.hooks.command import NotRun, run
from nannin.hooks.notices import Notice, encode
from nannin.hooks.posting import Answer, NotPosted, post
from nannin.hooks.signing import sign
from nannin.kinds import WrongValue

__all__ = ["Destination", "Outcome", "make_destination"]

# Seconds that one attempt may take, if the hook doesn't say.
# Source: Standard Webhooks 1.0.0, "Request timeouts".
_TIMEOUT_S: Final = 15.0
# Maximum characters of a file with a secret.
_MOST_CHARACTERS: Final = 65_536
_GONE: Final = 410
# Statuses by which a receiver says that it does not want this request, and might want the next.
_REFUSED: Final = frozenset(range(400, 500)) - {408, 425, 429}

Post = Callable[..., Answer]


class Outcome(NamedTuple):
    """How an attempt ended.

    Attributes:
        is_done: whether the notice has arrived.
        words: why not, for the log; without a secret.
        wait_s: the seconds for which the receiver asked to be left alone; None if it didn't.
        is_refused: whether it may be this notice alone that the receiver does not take.
        is_gone: whether the receiver wants no more of them, ever.
    """

    is_done: bool
    words: str = ""
    wait_s: float | None = None
    is_refused: bool = False
    is_gone: bool = False


class Destination:
    """Whom one hook tells.

    Args:
        hook: says how.
        url: where to post to; "" for a command.
        keys: what is signed with.
        addresses: which may be connected to.
        environ: the environment, of which a command gets a part.
        post: posts a request.
    """

    def __init__(
        self,
        hook: Hook,
        url: str,
        keys: tuple[bytes, ...],
        addresses: Addresses,
        environ: Mapping[str, str],
        post: Post = post,
    ) -> None:
        self.hook = hook
        self._url, self._keys, self._addresses, self._environ = url, keys, addresses, environ
        self._post = post
        self._timeout_s = hook.timeout or _TIMEOUT_S

    def __str__(self) -> str:
        """Where it is, without what may be secret of it."""
        if not self._url:
            return f"the command {os.path.basename(self.hook.command[0])}"
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc}"

    def send(self, notice: Notice, unix_s: float) -> Outcome:
        """Makes one attempt. It blocks, and belongs in a thread of its own.

        Args:
            notice: what to tell.
            unix_s: the time.
        """
        body = encode(notice, self.hook.format, self.hook.language)
        if not self._url:
            try:
                run(self.hook.command, body, self._timeout_s, self._environ)
            except NotRun as error:
                return Outcome(False, str(error))
            return Outcome(True)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "nannin",
            **sign(notice.id, unix_s, body, self._keys),
        }
        try:
            answer = self._post(self._url, body, headers, self._addresses, self._timeout_s, unix_s=unix_s)
        except NotPosted as error:
            return Outcome(False, str(error))
        return _judge(answer, str(self))


def _judge(answer: Answer, place: str) -> Outcome:
    """What an answer means.

    Source: Standard Webhooks 1.0.0, "Delivery success and failure".
    """
    if 200 <= answer.status < 300:
        return Outcome(True)
    words = f"{place} answered {answer.status}"
    if 300 <= answer.status < 400:
        words += ", and redirects are not followed: put the address that it leads to into the hook"
    elif answer.words:
        words += f": {answer.words}"
    return Outcome(
        False,
        words,
        answer.retry_after_s,
        is_refused=answer.status in _REFUSED,
        is_gone=answer.status == _GONE,
    )


def make_destination(hook: Hook, addresses: Addresses, environ: Mapping[str, str]) -> Destination:
    """Reads what files and variables hold, and checks what can be checked before anything is sent.

    Raises:
        SettingsError: one line that names the hook; without a secret.
    """
    if hook.command:
        program = hook.command[0]
        if shutil.which(program) is None:
            raise SettingsError(
                f"the hook {hook}: command must begin with a program, and there is no {program}"
            )
        return Destination(hook, "", (), addresses, environ)
    url = hook.url or _read(hook, "url", environ)
    try:
        check_url(url)
    except WrongValue as error:
        raise SettingsError(
            f"the hook {hook}: url must be an address such as https://example.org/: {error}"
        ) from None
    except ValueError:
        raise SettingsError(f"the hook {hook}: url must be an address such as https://example.org/") from None
    host = str(urlsplit(url).hostname)
    if _is_address(host) and not addresses.permits(host):
        raise SettingsError(
            f"the hook {hook}: {host} is not a public address: set hook_networks to {host} to allow it"
        )
    secrets: tuple[str, ...] = hook.secret
    if hook.secret_file or hook.secret_variable:
        secrets = tuple(_read(hook, "secret", environ).replace(",", " ").split())
    try:
        return Destination(hook, url, tuple(check_secrets(secrets)), addresses, environ)
    except WrongValue as error:
        raise SettingsError(f"the hook {hook}: secret must be whsec_ and Base64: {error}") from None


def _read(hook: Hook, what: str, environ: Mapping[str, str]) -> str:
    """What a file or a variable holds, without the space around it."""
    path: str = getattr(hook, f"{what}_file")
    variable: str = getattr(hook, f"{what}_variable")
    if variable:
        text = environ.get(variable, "").strip()
        if not text:
            raise SettingsError(f"the hook {hook}: {what}_variable names {variable}, which is not set")
        return text
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_MOST_CHARACTERS + 1).strip()
    except OSError as error:
        why = error.strerror or error
        raise SettingsError(f"the hook {hook}: {what}_file {path} can't be read: {why}") from None
    except ValueError:
        raise SettingsError(f"the hook {hook}: {what}_file {path} must be a text in UTF-8") from None
    if not text or len(text) > _MOST_CHARACTERS:
        raise SettingsError(f"the hook {hook}: {what}_file {path} {'is too large' if text else 'is empty'}")
    return text


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
