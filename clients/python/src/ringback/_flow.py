"""
What the client does, without a network: a flow is a generator that asks for requests and pauses and is given their outcome.
The same flows are carried by httpx with and without asyncio.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass
from time import monotonic
from typing import Any, Generic, TypeVar, Union

from ._calls import Answer, Call, at_least
from .errors import RingbackError

T = TypeVar("T")

_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True)
class Send:
    """Make this request; the reply is its Answer. The body of a streamed one is read by Read."""

    call: Call
    streamed: bool = False


@dataclass(frozen=True)
class Read:
    """The next piece of the streamed body; the reply is bytes, or None at its end."""


@dataclass(frozen=True)
class Sleep:
    """Wait."""

    seconds: float


@dataclass(frozen=True)
class Emit:
    """Hand this to the caller; only flows that the caller iterates over do."""

    item: Any


Effect = Union[Send, Read, Sleep, Emit]
Flow = Generator[Effect, Any, T]


class Course(Generic[T]):
    """Where a flow stands: what it wants next, and what it has been given."""

    result: T

    def __init__(self, flow: Flow[T]) -> None:
        self._flow = flow
        self._reply: Any = None
        self._error: RingbackError | None = None

    def advance(self) -> Effect | None:
        """What is to be done next; None at its end, where ``result`` is there."""
        reply, error = self._reply, self._error
        self._reply = self._error = None
        try:
            return self._flow.send(reply) if error is None else self._flow.throw(error)
        except StopIteration as end:
            self.result = end.value
            return None

    def reply(self, value: Any) -> None:
        self._reply = value

    def fail(self, error: RingbackError) -> None:
        self._error = error


@dataclass(frozen=True)
class Policy:
    """How patient a client is."""

    tries: int = 8
    backoff_s: float = 0.25
    timeout_s: float = 30.0
    random: Callable[[], float] = random.random
    now: Callable[[], float] = monotonic

    def __post_init__(self) -> None:
        at_least(0, "tries", self.tries)
        at_least(0, "backoff_s", self.backoff_s)
        at_least(0.001, "timeout_s", self.timeout_s)

    def limit_s(self, call: Call) -> float:
        """Seconds that one try may take."""
        return min(self.timeout_s + call.held_s, call.most_s)

    def pause_s(self, made: int, error: RingbackError, most_s: float = _LONGEST_PAUSE_S) -> float:
        """Before try ``made`` + 1: what the server asked for, else ever longer, with jitter."""
        grown: float = min(self.backoff_s * 2 ** (made - 1), 8.0)
        # So that not everybody comes back at the same time. Half is waited in any case: the tries must outlast a restart.
        jitter = self.random() * grown / 2
        asked = error.retry_after_s
        return min((grown / 2 if asked is None else asked) + jitter, _LONGEST_PAUSE_S, most_s)

    def send(self, call: Call, read: Callable[[Answer], T]) -> Flow[T]:
        """What ``read`` makes of the answer, when that is a 2xx; repeated where that may be and may help."""
        made = 0
        while True:
            made += 1
            try:
                return read((yield from once(call)))
            except RingbackError as error:
                if made >= self.tries or not call.repeatable or not error.passing:
                    raise
                pause = self.pause_s(made, error)
            yield Sleep(pause)

    def json(self, call: Call) -> Flow[Any]:
        return self.send(call, Answer.json)


def once(call: Call, streamed: bool = False) -> Flow[Answer]:
    """One try: the answer, when that is a 2xx."""
    answer: Answer = yield Send(call, streamed)
    if not answer.ok:
        raise answer.error()
    return answer
