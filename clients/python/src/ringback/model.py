"""What goes over the wire, named as there. Times are RFC 3339 in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from .errors import RingbackError

OperationStatus = Literal["Waiting", "Executing", "Finished", "Failed", "Canceled"]
DeliveryStatus = Literal["Pending", "Delivered", "Exhausted", "Canceled"]
Order = Literal["asc", "desc"]


class OperationError(TypedDict):
    """Why an operation failed."""

    code: str
    message: str


class OperationCallback(TypedDict):
    """An operation's own callback, and how it stands; a query string is not shown."""

    url: str
    state: DeliveryStatus


class _FlowKey(TypedDict):
    key: str


class Flow(_FlowKey, total=False):
    """A key, and how many of its operations run or start at once; the newest values hold for all of them."""

    #: How many run at once.
    parallelism: int | None
    #: How many start in any window of ``period_s`` seconds, 1 by default.
    rate: int | None
    period_s: float | None


class _Operation(TypedDict):

    id: str
    request_id: int
    type: str
    status: OperationStatus
    status_text: str
    status_info: str | None
    progress: float
    attempt: int
    correlation: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    expires_at: str | None
    result: Any
    custom: Any
    error: OperationError | None
    file: str | None
    callback: OperationCallback | None
    rerun_of: str | None
    links: dict[str, str]


class Operation(_Operation, total=False):
    """An operation, as polling shows it and as a callback's ``data`` carries it."""

    #: Whoever POSTs to it ends the operation; only in the answer to a submit or rerun of what is done elsewhere.
    completion_url: str
    #: Its flow key, and the values that were given with it.
    flow: Flow


class CallbackHeader(TypedDict):
    """A header that callbacks carry."""

    key: str
    value: str


class _CallbackUrl(TypedDict):
    url: str


class Callback(_CallbackUrl, total=False):
    """Where the end is told."""

    headers: Sequence[CallbackHeader]
    #: Bytes: a larger body leaves ``result`` out, and says so by ``result_omitted``.
    thin_over: int | None


class _SubmitType(TypedDict):
    type: str


class SubmitRequest(_SubmitType, total=False):
    """What is submitted."""

    input: Any
    callback: Callback | None
    #: Yours, echoed in every answer and callback; at most 512 characters.
    correlation: str | None
    #: -100 to 100; higher goes first among the account's own waiting operations.
    priority: int
    #: Not before this time, at most 366 days ahead.
    run_at: str | None
    #: Seconds a run may take; at most what the type allows.
    timeout_s: float | None
    retention: str | None
    #: Whether reading the end ends its own callback's attempts.
    ack_by_poll: bool | None
    #: The key that the operation shares with others, of which only so many run or start at once.
    flow: Flow | None


class HistoryEntry(TypedDict):
    """One row of an operation's history."""

    id: int
    kind: Literal["transition", "progress", "log"]
    status: OperationStatus | None
    progress: float | None
    text: str
    created_at: str


class Delivery(TypedDict):
    """One event owed to one destination; its id is the ``webhook-id`` of every attempt."""

    id: str
    operation_id: str | None
    endpoint_id: str | None
    url: str
    event: str
    status: DeliveryStatus
    attempt_count: int
    next_attempt_at: str | None
    created_at: str
    delivered_at: str | None
    reason: str | None
    error: str | None


class OperationFilter(TypedDict, total=False):
    """Which operations are listed; ``status``, ``type`` and ``callback_state`` take several by comma."""

    status: str
    type: str
    correlation: str
    request_id: int | str
    error_code: str
    callback_state: str
    origin: str
    created_after: str
    created_before: str
    finished_after: str
    finished_before: str
    undelivered: bool
    order: Order
    account: str


class DeliveryFilter(TypedDict, total=False):
    """Which deliveries are listed; ``status`` takes several by comma."""

    operation: str
    endpoint: str
    status: str
    origin: str
    event: str
    error: str
    since: str
    until: str
    order: Order
    account: str


class RetryRules(TypedDict, total=False):
    """When a failed run is tried again."""

    #: Seconds before try 2, 3, …; the last one repeats.
    backoff_s: Sequence[float]
    #: Error codes that another try may mend, also where the worker says no.
    retry_on: Sequence[str]
    #: Error codes that no other try mends, also where the worker says yes.
    no_retry_on: Sequence[str]


class _TypeTitle(TypedDict):
    title: str


class TypeDeclaration(_TypeTitle, total=False):
    """An operation type whose work is done by workers that claim it."""

    #: JSON Schema 2020-12 of the input; any JSON is taken without one.
    input_schema: dict[str, Any]
    #: How often an operation may be tried, first try included.
    tries: int
    #: Seconds a run may take.
    timeout_s: float
    retry: RetryRules
    #: Route of the trm face.
    path: str | None
    #: Milliseconds that the answer to a submit is held for the end.
    inline_ms: int


class Event(TypedDict):
    """The body of a callback."""

    type: str
    timestamp: str
    data: Any


@dataclass(frozen=True)
class BatchItem:
    """What became of one operation of a batch: it, or why it was refused."""

    operation: Operation | None
    error: RingbackError | None


@dataclass(frozen=True)
class Result:
    """The stored bytes of a result, or its JSON."""

    content: bytes
    content_type: str | None


def has_ended(status: str | None) -> bool:
    """True when the operation has ended."""
    return status in ("Finished", "Failed", "Canceled")
