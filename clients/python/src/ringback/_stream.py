"""An operation's history, live: server-sent events, read and resumed."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._api import operation_path
from ._calls import Answer, Call, at_least
from ._flow import Emit, Flow, Policy, Read, Sleep, once
from .errors import RingbackError
from .model import has_ended

#: Heartbeats come every 15 s: three that are missing mean a dead connection.
SILENCE_S = 45.0
#: Failures in a row after which an outage is no longer waited out.
_MAX_FAILURES = 60
_PAGE = 250


@dataclass(frozen=True)
class StreamEvent:
    """One event of ``text/event-stream``."""

    event: str
    data: str


class EventParser:
    """
    Pieces of a body in, events out. An event that is cut off is dropped, as the standard says.
    https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, piece: bytes) -> Iterator[StreamEvent]:
        self._rest += self._decoder.decode(piece)
        *blocks, self._rest = re.split(r"\r\n\r\n|\n\n|\r\r", self._rest)
        for block in blocks:
            event = _event_of(block)
            if event:
                yield event


def _event_of(block: str) -> StreamEvent | None:
    name, data = "message", []
    for line in re.split(r"\r\n|\n|\r", block):
        key, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if key == "event":
            name = value
        elif key == "data":
            data.append(value)
    return StreamEvent(name, "\n".join(data)) if data else None


class _Seen:
    """What the caller has had: never an entry twice."""

    def __init__(self, after: int) -> None:
        self.last = after
        self.ended = False
        self.fresh = False

    def take(self, entry: Mapping[str, Any]) -> Iterator[Emit]:
        if entry["id"] > self.last:
            self.last = entry["id"]
            self.fresh = True
            yield Emit(entry)
        # A page begins before what has been seen.
        self.ended = self.ended or (entry["kind"] == "transition" and has_ended(entry["status"]))


def history(policy: Policy, id: str, after: int, account: str | None, poll_s: float) -> Flow[None]:
    """Streamed where the server can, else polled; until the operation has ended."""
    at_least(0, "after", after)
    at_least(0, "poll_s", poll_s)
    seen = _Seen(after)
    cursor: str | None = None
    failures = 0
    while not seen.ended:
        headers = {"accept": "text/event-stream, application/json;q=0.5"}
        if seen.last > 0:
            headers["last-event-id"] = str(seen.last)
        # A stream starts by Last-Event-ID; a page, where the server has only those, by the cursor.
        query = {"account": account, "limit": _PAGE, "cursor": cursor}
        call = Call("GET", f"{operation_path(id)}/history", False, query=query, headers=headers)
        seen.fresh = False
        try:
            answer = yield from once(call, streamed=True)
            if answer.status == 204:
                # It has ended, and its last entry had been seen before.
                return
            if answer.headers.get("content-type", "").lower().startswith("text/event-stream"):
                yield from _streamed(seen)
                more = False
            else:
                cursor, more = yield from _paged(seen, answer, cursor)
            failures = 0
            pause = 0.0 if more else poll_s
        except RingbackError as error:
            failures = 1 if seen.fresh else failures + 1
            if not error.passing or failures >= _MAX_FAILURES:
                raise
            pause = policy.pause_s(failures, error)
        if not seen.ended and pause > 0:
            yield Sleep(pause)


def _streamed(seen: _Seen) -> Flow[None]:
    parser = EventParser()
    while not seen.ended:
        piece: bytes | None = yield Read()
        if piece is None:
            return
        for event in parser.feed(piece):
            entry = None if event.event == "heartbeat" else _entry_of(event.data)
            if entry:
                yield from seen.take(entry)


def _paged(seen: _Seen, answer: Answer, cursor: str | None) -> Flow[tuple[str | None, bool]]:
    content = b""
    while True:
        piece: bytes | None = yield Read()
        if piece is None:
            break
        content += piece
    page = Answer(answer.status, answer.headers, content).json()
    for entry in page["data"]:
        yield from seen.take(entry)
    # Only where there is a next page the cursor moves, so that the last one is read again.
    following: str | None = page["next_cursor"]
    return (cursor, False) if following is None else (following, True)


def _entry_of(data: str) -> Mapping[str, Any] | None:
    """The entry that an event carries; None for one that a newer server tells and that isn't for us."""
    try:
        entry = json.loads(data)
    except ValueError:
        return None
    if isinstance(entry, dict) and isinstance(entry.get("id"), int) and isinstance(entry.get("kind"), str):
        return entry
    return None
