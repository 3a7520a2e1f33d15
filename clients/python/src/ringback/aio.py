"""The client for asyncio and trio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Any

import httpx

from . import _api, _stream
from ._api import UNSET, Unset
from ._calls import Call, encoded, segment
from ._carry import AsyncCarrier, Written
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


class AsyncClient:
    """What Client does, with ``await``: its methods are described there. Cancel the task to stop one."""

    def __init__(
        self,
        url: str,
        api_key: str | None,
        *,
        tries: int = 8,
        backoff_s: float = 0.25,
        timeout_s: float = 30.0,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._policy = Policy(tries, backoff_s, timeout_s)
        written = Written(url, api_key, self._policy)
        self._own = http is None
        self._http = http if http is not None else httpx.AsyncClient()
        self._carrier = AsyncCarrier(written, self._http)

    async def submit(self, request: SubmitRequest, *, idempotency_key: str | None = None) -> Operation:
        call = _api.keyed("/v1/operations", request, idempotency_key)
        operation: Operation = await self._carrier.run(self._policy.json(call))
        return operation

    async def batch(
        self, requests: Sequence[SubmitRequest], *, idempotency_key: str | None = None
    ) -> Sequence[BatchItem]:
        return await self._carrier.run(_api.batch(self._policy, requests, idempotency_key))

    async def find(self, id: str, *, account: str | None = None) -> Operation:
        call = _api.get(_api.operation_path(id), {"account": account})
        operation: Operation = await self._carrier.run(self._policy.json(call))
        return operation

    async def wait(
        self,
        id: str,
        *,
        timeout_s: float | None = None,
        outage_s: float = 300.0,
        on_update: Callable[[Operation], object] | None = None,
    ) -> Operation:
        return await self._carrier.run(_api.wait(self._policy, id, timeout_s, outage_s, on_update))

    def stream(
        self, id: str, *, after: int = 0, account: str | None = None, poll_s: float = 1.0
    ) -> AsyncIterator[HistoryEntry]:
        return self._carrier.iterate(_stream.history(self._policy, id, after, account, poll_s))

    async def cancel(self, id: str) -> Operation:
        return await self._carrier.run(_api.cancel(self._policy, id))

    async def rerun(
        self,
        id: str,
        *,
        input: Any = UNSET,
        callback: Callback | None | Unset = UNSET,
        idempotency_key: str | None = None,
    ) -> Operation:
        changes = {"input": input, "callback": callback}
        return await self._carrier.run(_api.rerun(self._policy, id, changes, idempotency_key))

    async def result(self, id: str) -> Result:
        return await self._carrier.run(_api.result(self._policy, id))

    def list(self, filter: OperationFilter | None = None) -> AsyncIterator[Operation]:
        return self._carrier.iterate(_api.pages(self._policy, "/v1/operations", dict(filter or {})))

    def deliveries(self, filter: DeliveryFilter | None = None) -> AsyncIterator[Delivery]:
        return self._carrier.iterate(_api.pages(self._policy, "/v1/deliveries", dict(filter or {})))

    async def redeliver(self, delivery_id: str, *, again: bool = False) -> Delivery:
        delivery: Delivery = await self._carrier.run(_api.redeliver(self._policy, delivery_id, again))
        return delivery

    async def declare(self, name: str, declaration: TypeDeclaration) -> None:
        path = f"/v1/operation-types/{segment(name)}"
        await self._carrier.run(self._policy.json(Call("PUT", path, True, content=encoded(declaration))))

    async def aclose(self) -> None:
        if self._own:
            await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
