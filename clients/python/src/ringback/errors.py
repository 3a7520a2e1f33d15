"""What Ringback refuses or cannot do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

#: Statuses that say "not now" of a server or of what stands before it.
_NOT_NOW = (408, 429, 502, 503, 504)


class FieldFault(TypedDict):
    """One field of a request that is wrong, and what would be right."""

    path: str
    message: str


class RingbackError(Exception):
    """Told by ``code``, which is stable; docs/api.md lists the codes. ``unreachable``, status 0, is no answer at all."""

    def __init__(self, problem: Mapping[str, Any], retry_after_s: float | None = None) -> None:
        super().__init__(str(problem["detail"]))
        #: The whole problem (RFC 9457), with members that only some codes have.
        self.problem: Mapping[str, Any] = problem
        self.status = int(problem["status"])
        self.code = str(problem["code"])
        #: Which fields are wrong; empty where it isn't about fields.
        self.errors: Sequence[FieldFault] = problem.get("errors") or ()
        #: Seconds after which it may be tried again; None where nothing was said.
        self.retry_after_s = retry_after_s

    @property
    def passing(self) -> bool:
        """True for what another try may mend: no answer at all, or one that says "not now"."""
        return self.code == "unreachable" or self.status in _NOT_NOW


def unreachable(cause: BaseException | str) -> RingbackError:
    """No answer came, or a part of one."""
    error = RingbackError(
        {"status": 0, "code": "unreachable", "detail": f"no answer from Ringback: {cause}"}
    )
    if isinstance(cause, BaseException):
        error.__cause__ = cause
    return error
