"""Requests and answers as values: nothing here knows how they are carried."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from time import time
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from .errors import RingbackError, unreachable

_HEADER = re.compile(r"[\t\x20-\x7e]*[\x21-\x7e]")


@dataclass(frozen=True)
class Call:
    """One request, the same for every try."""

    method: str
    path: str
    #: Whether making it twice is as good as once.
    repeatable: bool
    query: Mapping[str, Any] = field(default_factory=dict)
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Seconds that the server was asked to hold the answer.
    held_s: float = 0.0
    #: Seconds that it may take at the most, also where it may be held for longer.
    most_s: float = float("inf")

    def target(self) -> str:
        """Path and query."""
        given = {name: _query_text(value) for name, value in self.query.items() if value is not None}
        return f"{self.path}?{urlencode(given)}" if given else self.path


@dataclass(frozen=True)
class Answer:
    """An answer with its body read, or with a body that is read piece by piece; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes = b""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body's JSON; one that is none is no answer of Ringback's."""
        try:
            return json.loads(self.content)
        except ValueError as error:
            raise unreachable(error) from error

    def retry_after_s(self) -> float | None:
        """Seconds of a Retry-After, which is a number or a date (RFC 9110, 10.2.3)."""
        given = self.headers.get("retry-after", "")
        if re.fullmatch(r"[0-9]+", given):
            return float(given)
        try:
            return max(0.0, parsedate_to_datetime(given).timestamp() - time())
        except (TypeError, ValueError):
            return None

    def error(self) -> RingbackError:
        """The problem of an answer; one that isn't Ringback's, a proxy's page for instance, is told by its status."""
        try:
            body = json.loads(self.content)
        except ValueError:
            body = None
        if isinstance(body, dict) and isinstance(body.get("code"), str) and isinstance(body.get("detail"), str):
            return RingbackError({**body, "status": self.status}, self.retry_after_s())
        text = self.content.decode("utf-8", "replace")[:200]
        problem = {"status": self.status, "code": "unexpected-answer", "detail": f"HTTP {self.status} {text}"}
        return RingbackError(problem, self.retry_after_s())


def encoded(body: Any) -> bytes:
    """A body's JSON; what JSON can't hold is a mistake in the caller's code."""
    return json.dumps(body, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def segment(text: str) -> str:
    """A piece of a path."""
    return quote(text, safe="")


def base_of(url: str) -> str:
    """The URL that paths are appended to."""
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc:
        return url.rstrip("/")
    # A password must not get into logs.
    shown = re.sub(r"//.*@", "//…@", url)
    raise ValueError(
        f'url "{shown}" can\'t be called: give one that begins with http:// or https:// and holds no user name or password'
    )


def header_value(name: str, value: str) -> str:
    """A header's value, refused where it can't be sent (RFC 9110, 5.5)."""
    if isinstance(value, str) and _HEADER.fullmatch(value):
        return value
    raise ValueError(f"{name} is missing or can't be the value of a header: give ASCII characters on one line")


def at_least(least: float, name: str, value: float) -> None:
    """Refuses what is below, and NaN: compared with that, no time is ever up."""
    if not value >= least:
        raise ValueError(f"{name} is {value}: give a number that is {least} or more")


def _query_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
