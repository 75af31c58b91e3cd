"""Sends the requests of the control API. Uses the standard library only."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

# pytest shows the line of the test whose request was refused, and no line of this file.
__tracebackhide__ = True

# The simulator holds a waiting request for 60 s at most; a busy machine may need longer.
_TIMEOUT_S = 300
# The simulator is on this machine or in this network, never behind a proxy.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ControlError(Exception):
    """A request that the simulator refused, or did not answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        # The HTTP status, or None if there was no answer.
        self.status = status


class Transport:
    """Sends requests to one simulator, for one corp."""

    def __init__(self, base_url: str, corp_id: str | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        # None stands for the first corp.
        self.corp_id = corp_id

    def _json(self, method: str, path: Sequence[Any], query: Mapping[str, Any], body: Any) -> Any:
        return json.loads(self._bytes(method, path, query, body))

    def _text(self, method: str, path: Sequence[Any], query: Mapping[str, Any], body: Any) -> str:
        return self._bytes(method, path, query, body).decode()

    def _bytes(self, method: str, path: Sequence[Any], query: Mapping[str, Any], body: Any) -> bytes:
        place = "/sim/v1/" + "/".join(urllib.parse.quote(str(part), safe="") for part in path)
        query = _present({**query, "corp_id": self.corp_id})
        url = f"{self.base_url}{place}?{urllib.parse.urlencode(query)}".removesuffix("?")
        request = urllib.request.Request(url, method=method)
        if isinstance(body, bytes):
            request.data = body
            request.add_header("Content-Type", "application/octet-stream")
        elif body is not None:
            request.data = json.dumps(_present(body)).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with _OPENER.open(request, timeout=_TIMEOUT_S) as reply:
                return reply.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise ControlError(f"{method} {place} was refused: {_why(refusal)}", refusal.code) from None
        except urllib.error.URLError as error:
            raise ControlError(f"the simulator at {self.base_url} does not answer: {error.reason}") from error


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves out what was not given: the control API takes no null."""
    return {name: value for name, value in members.items() if value is not None}


def _why(refusal: urllib.error.HTTPError) -> str:
    try:
        return json.loads(refusal.read())["error"]
    except (ValueError, KeyError, TypeError):
        return f"HTTP status {refusal.code}"
