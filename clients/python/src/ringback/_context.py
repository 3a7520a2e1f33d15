"""What a handler is given, and what it may give back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ._calls import encoded
from ._leases import MOST_CHARACTERS, Lease


class Failure(Exception):
    """Raise it to fail the operation with a code; with ``retry`` it is tried again while tries are left."""

    def __init__(self, code: str, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retry = retry


class Stopped(Exception):
    """Raised by ``Context.check`` where the work is of no use any more; let it pass."""


@dataclass(frozen=True)
class Done:
    """What a handler returns that has more to give than a result."""

    result: Any = None
    #: JSON: what a caller needs to go on.
    custom: Any = None
    #: Id of a file of the operation's account: what ``GET …/result`` serves.
    file: str | None = None
    #: The last line shown to people.
    text: str | None = None


class Context:
    """One run of an operation. Its methods may be called from any thread, and don't wait."""

    def __init__(self, operation: Mapping[str, Any], lease: Lease, wake: Callable[[], object]) -> None:
        #: The operation as the API shows it, with ``input``, ``account_id``, ``tries``, ``timeout_s`` and ``traceparent``.
        self.operation = operation
        self._lease = lease
        self._wake = wake

    @property
    def stopped(self) -> threading.Event:
        """Set when the work is of no use any more: a caller canceled it, its lease is over, or the worker ends."""
        return self._lease.stopped

    def check(self) -> None:
        """Raises Stopped where the work is of no use any more: call it in a loop."""
        if self._lease.stopped.is_set():
            raise Stopped

    def progress(self, percent: float, text: str | None = None) -> None:
        """Shows how far the operation has come, 0 to 100, with a line for people."""
        with self._lease.lock:
            self._lease.progress = min(100.0, max(0.0, percent))
            self._lease.text = self._lease.text if text is None else text[:MOST_CHARACTERS]
        self._wake()

    def log(self, line: str) -> None:
        """Adds a line to the operation's history."""
        with self._lease.lock:
            self._lease.log.append(line[:MOST_CHARACTERS])
        self._wake()


def finished(given: Any) -> dict[str, Any]:
    done = given if isinstance(given, Done) else Done(given)
    fields = {"result": done.result, "custom": done.custom, "file": done.file, "text": done.text}
    outcome = {"action": "complete", **{name: value for name, value in fields.items() if value is not None}}
    # What JSON can't hold is the handler's failure.
    encoded(outcome)
    return outcome


def failed(code: str, error: Exception, retry: bool) -> dict[str, Any]:
    message = (str(error) or type(error).__name__)[:MOST_CHARACTERS]
    return {"action": "fail", "code": code[:100], "message": message, "retry": retry}
