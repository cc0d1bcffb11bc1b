"""Which web pages may read counts, and what CORS says to them."""

from __future__ import annotations

from collections.abc import Collection

from starlette.types import Scope

from nannin.access.origin import find_header, is_allowed


class Cors:
    """Which web pages may read counts. No cookies are read, hence no credentials are allowed.

    Args:
        public: whether the pages of every site may read.
        allow_origins: the origins that may read if not every site may, besides the server's own.

    Source: the Fetch standard, "CORS protocol" and "Cross-Origin-Resource-Policy header".
    """

    def __init__(self, *, public: bool, allow_origins: Collection[str]) -> None:
        self.public = public
        self._allow_origins = allow_origins

    def is_allowed(self, scope: Scope) -> bool:
        """Whether the web page that asks may read the answer. A program names no origin and always may."""
        headers = scope["headers"]
        return self.public or is_allowed(
            find_header(headers, b"origin"), find_header(headers, b"host"), self._allow_origins
        )

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
        if self.public or "*" in self._allow_origins:
            return ""
        # `null` can't be named there.
        named = [origin.replace("file://", "file:") for origin in self._allow_origins if origin != "null"]
        return " ".join(["; frame-ancestors 'self'", *named])
