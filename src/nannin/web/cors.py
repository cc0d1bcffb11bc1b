"""Which web pages may read counts, and what CORS says to them."""

from __future__ import annotations

from starlette.types import Scope

from nannin.access.gate import Gate
from nannin.access.origin import find_header


class Cors:
    """Which web pages may read counts. No cookies are read, hence no credentials are allowed.

    Args:
        public: whether the pages of every site may read.
        gate: whose pages may read if not every site's may.

    Source: the Fetch standard, "CORS protocol" and "Cross-Origin-Resource-Policy header".
    """

    def __init__(self, *, public: bool, gate: Gate) -> None:
        self.public = public
        self._gate = gate

    def is_allowed(self, scope: Scope) -> bool:
        """Whether the web page that asks may read the answer. A program names no origin and always may."""
        return self.public or self._gate.admits_page(scope["headers"])

    def turn_away(self, scope: Scope) -> None:
        """Tallies a web page that may not read the answer."""
        self._gate.turn_away_page(scope["headers"])

    def headers(self, scope: Scope) -> dict[str, str]:
        """The headers of an answer or a refusal."""
        if self.public:
            return {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
        headers = {"vary": "Origin", "cross-origin-resource-policy": "same-origin"}
        origin = find_header(scope["headers"], b"origin")
        if origin and self.is_allowed(scope):
            headers["access-control-allow-origin"] = origin
        return headers

    def frame_ancestors(self) -> str:
        """The directive that names the sites which may show a page of ours in a frame; empty for all.

        All means no directive: `*` would leave out the schemes of web views, such as capacitor.
        """
        allow_origins = self._gate.allow_origins
        if self.public or "*" in allow_origins:
            return ""
        # `null` can't be named there.
        named = [origin.replace("file://", "file:") for origin in allow_origins if origin != "null"]
        return " ".join(["; frame-ancestors 'self'", *named])
