"""Submits operations and follows them to their end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any

import httpx

from . import _api, _stream
from ._api import UNSET, Unset
from ._calls import Call, encoded, segment
from ._carry import Carrier, Written
from ._flow import Policy
from .model import (
    BatchItem,
    Callback,
    Delivery,
    DeliveryFilter,
    HistoryEntry,
    Operation,
    OperationFilter,
    Result,
    SubmitRequest,
    TypeDeclaration,
)


class Client:
    """
    Talks to Ringback's native API. What may be repeated is, on network errors, 408, 429, 502, 503 and 504: reads, ``cancel``, and
    ``submit``, ``batch`` and ``rerun``, which always carry an Idempotency-Key. Every method raises RingbackError, or before
    any try ValueError or TypeError for an argument that can't be sent. Threads may share a client.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None,
        *,
        tries: int = 8,
        backoff_s: float = 0.25,
        timeout_s: float = 30.0,
        http: httpx.Client | None = None,
    ) -> None:
        """
        ``url`` is where Ringback is. A call is made ``tries`` times at most, ``backoff_s`` before the second, doubled for each
        after it up to 8 s. ``timeout_s`` is what one request may take, beyond what it was asked to wait. ``http`` is a client
        of your own, with a proxy for instance, which you close.
        """
        self._policy = Policy(tries, backoff_s, timeout_s)
        written = Written(url, api_key, self._policy)
        self._own = http is None
        self._http = http if http is not None else httpx.Client()
        self._carrier = Carrier(written, self._http)

    def submit(self, request: SubmitRequest, *, idempotency_key: str | None = None) -> Operation:
        """
        Submits an operation. When this returns, it is stored durably and will run: keep its id, then ``wait``. The key makes
        one of this call and its repeats within 24 hours, also over restarts of yours; by default it is random.
        """
        call = _api.keyed("/v1/operations", request, idempotency_key)
        operation: Operation = self._carrier.run(self._policy.json(call))
        return operation

    def batch(
        self, requests: Sequence[SubmitRequest], *, idempotency_key: str | None = None
    ) -> Sequence[BatchItem]:
        """Submits up to 500 operations; one that is refused doesn't stop the others."""
        return self._carrier.run(_api.batch(self._policy, requests, idempotency_key))

    def find(self, id: str, *, account: str | None = None) -> Operation:
        """The operation as it stands."""
        call = _api.get(_api.operation_path(id), {"account": account})
        operation: Operation = self._carrier.run(self._policy.json(call))
        return operation

    def wait(
        self,
        id: str,
        *,
        timeout_s: float | None = None,
        outage_s: float = 300.0,
        on_update: Callable[[Operation], object] | None = None,
    ) -> Operation:
        """
        The operation once it has ended, in whatever way, or as last seen when ``timeout_s`` is over: look at its ``status``.
        It goes on through outages of up to ``outage_s`` seconds.
        """
        return self._carrier.run(_api.wait(self._policy, id, timeout_s, outage_s, on_update))

    def stream(
        self, id: str, *, after: int = 0, account: str | None = None, poll_s: float = 1.0
    ) -> Iterator[HistoryEntry]:
        """What happens to the operation, as it happens, until it has ended; ``after`` is the id of the last entry seen."""
        return self._carrier.iterate(_stream.history(self._policy, id, after, account, poll_s))

    def cancel(self, id: str) -> Operation:
        """Ends a live operation as Canceled; one that has ended otherwise is the error ``operation-ended``."""
        return self._carrier.run(_api.cancel(self._policy, id))

    def rerun(
        self,
        id: str,
        *,
        input: Any = UNSET,
        callback: Callback | None | Unset = UNSET,
        idempotency_key: str | None = None,
    ) -> Operation:
        """Submits the same once more, as a new operation, with another input or callback where they are given."""
        changes = {"input": input, "callback": callback}
        return self._carrier.run(_api.rerun(self._policy, id, changes, idempotency_key))

    def result(self, id: str) -> Result:
        """The stored bytes of a result, or its JSON."""
        return self._carrier.run(_api.result(self._policy, id))

    def list(self, filter: OperationFilter | None = None) -> Iterator[Operation]:
        """The account's operations, page after page, the oldest first unless ``order`` says otherwise."""
        return self._carrier.iterate(_api.pages(self._policy, "/v1/operations", dict(filter or {})))

    def deliveries(self, filter: DeliveryFilter | None = None) -> Iterator[Delivery]:
        """The account's deliveries, page after page."""
        return self._carrier.iterate(_api.pages(self._policy, "/v1/deliveries", dict(filter or {})))

    def redeliver(self, delivery_id: str, *, again: bool = False) -> Delivery:
        """One attempt now, with the same id and bytes; ``again`` of a Delivered one too. Never repeated by itself."""
        delivery: Delivery = self._carrier.run(_api.redeliver(self._policy, delivery_id, again))
        return delivery

    def declare(self, name: str, declaration: TypeDeclaration) -> None:
        """Declares an operation type that workers run, or changes it; for keys with the scope ``admin``."""
        path = f"/v1/operation-types/{segment(name)}"
        self._carrier.run(self._policy.json(Call("PUT", path, True, content=encoded(declaration))))

    def close(self) -> None:
        """Closes the connections, but for those of an ``http`` that you gave."""
        if self._own:
            self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
