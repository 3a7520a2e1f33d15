"""A worker at work: claims, runs handlers, and says how they went."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._calls import Answer, Call, encoded
from ._carry import AsyncCarrier
from ._context import Context, Failure, Stopped, failed, finished
from ._flow import Flow, once
from ._leases import Lease, Leases, Said
from .errors import RingbackError

_log = logging.getLogger("ringback.worker")

Handler = Callable[[Any, Context], Any]

#: Operations of one claim; the service gives 500 at the most.
_MOST_CLAIMED = 100


@dataclass(frozen=True)
class Order:
    """What a worker was told to do."""

    handlers: Mapping[str, Handler]
    concurrency: int
    wait_s: float
    grace_s: float
    #: What each claim says of the worker.
    claim: Mapping[str, Any]


class Run:
    """A worker at work."""

    def __init__(self, order: Order, carrier: AsyncCarrier) -> None:
        self._order = order
        self._carrier = carrier
        self._loop = asyncio.get_running_loop()
        self._leases = Leases()
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads: set[asyncio.Future[Any]] = set()
        self._stopping = asyncio.Event()
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def serve(self) -> None:
        reporting = asyncio.create_task(self._report())
        claiming = asyncio.create_task(self._claim())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({reporting, claiming, stopping}, return_when=asyncio.FIRST_COMPLETED)
        failed = next((task for task in (reporting, claiming) if task.done()), None)
        # The service takes back what it had just given to a claim whose connection ends.
        await _ended(claiming)
        await self._finish()
        await _ended(reporting)
        await _ended(stopping)
        if failed is not None:
            failed.result()

    async def _finish(self) -> None:
        """Waits for what runs, then gives back the rest, and waits until all has been said."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._order.grace_s)
        for lease in self._leases:
            if lease.outcome is None:
                lease.outcome = {"action": "release"}
                lease.stop(lost=False)
        self._news.set()
        until = time.monotonic() + 10.0
        while len(self._leases) > 0 and time.monotonic() < until:
            await asyncio.sleep(0.02)
        # Threads that don't stop are left behind.
        for thread in list(self._threads):
            thread.cancel()

    async def _claim(self) -> None:
        failures = 0
        ever = False
        while True:
            free = self._order.concurrency - len(self._tasks)
            if free <= 0:
                self._room.clear()
                await self._room.wait()
                continue
            body = {
                **self._order.claim,
                "types": list(self._order.handlers),
                "limit": min(free, _MOST_CLAIMED),
                "wait": self._order.wait_s,
            }
            call = Call("POST", "/v1/work/claim", False, content=encoded(body), held_s=self._order.wait_s)
            try:
                claimed = (await self._carrier.run(_json(call)))["data"]
            except RingbackError as error:
                # What is wrong from the start is told; later it may pass.
                if not ever and not error.passing:
                    raise
                failures += 1
                _log.warning("nothing could be claimed: %s", error)
                await asyncio.sleep(self._carrier.written.policy.pause_s(min(failures, 8), error))
                continue
            ever, failures = True, 0
            for work in claimed:
                self._begin(work)

    def _begin(self, work: Mapping[str, Any]) -> None:
        lease_s = float(work["lease_s"])
        lease = Lease(work["lease"], lease_s, time.monotonic() + lease_s / 3)
        self._leases.add(lease)
        task = asyncio.create_task(self._work(work["operation"], lease))
        lease.on_stop = lambda: self._loop.call_soon_threadsafe(task.cancel)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        # Its renewal may be the next.
        self._news.set()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.set()

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._news.set)

    async def _work(self, operation: Mapping[str, Any], lease: Lease) -> None:
        context = Context(operation, lease, self._wake)
        handler = self._order.handlers[operation["type"]]
        try:
            if inspect.iscoroutinefunction(handler):
                outcome = finished(await handler(operation["input"], context))
            else:
                outcome = finished(await self._in_thread(handler, operation["input"], context))
        except (Stopped, asyncio.CancelledError):
            # A caller's cancel ends it as Canceled then; otherwise it waits for another worker.
            outcome = {"action": "release"}
        except Failure as failure:
            outcome = failed(failure.code, failure, failure.retry)
        except Exception as error:
            _log.exception("operation %s failed", operation["id"])
            outcome = failed("handler_error", error, True)
        if lease.outcome is None:
            lease.outcome = outcome
        self._news.set()

    async def _in_thread(self, handler: Handler, input: Any, context: Context) -> Any:
        """Runs it in a thread of its own, which keeps no process alive that is done with it."""
        loop = self._loop
        done: asyncio.Future[Any] = loop.create_future()
        self._threads.add(done)
        done.add_done_callback(self._threads.discard)

        def settle(value: Any, error: BaseException | None) -> None:
            if done.cancelled():
                return
            if error is None:
                done.set_result(value)
            else:
                done.set_exception(error)

        def work() -> None:
            value, error = None, None
            try:
                value = handler(input, context)
            except BaseException as caught:
                error = caught
            try:
                loop.call_soon_threadsafe(settle, value, error)
            except RuntimeError:
                # The worker has ended without waiting for it.
                pass

        threading.Thread(target=work, daemon=True).start()
        # Canceling doesn't stop a thread: its place is taken until it has seen `stopped`.
        return await _uncanceled(done)

    async def _report(self) -> None:
        failures = 0
        while True:
            pause = self._leases.next_at(time.monotonic()) - time.monotonic()
            if pause > 0:
                self._news.clear()
                try:
                    await asyncio.wait_for(self._news.wait(), pause)
                except asyncio.TimeoutError:
                    pass
            # Handlers that end in the same turn are told of together.
            await asyncio.sleep(0)
            said = self._leases.due(time.monotonic())
            if not said:
                continue
            try:
                await self._say(said)
                failures = 0
            except RingbackError as error:
                failures += 1
                _log.warning("leases could not be renewed or settled: %s", error)
                await asyncio.sleep(self._carrier.written.policy.pause_s(min(failures, 5), error))

    async def _say(self, said: Sequence[Said]) -> None:
        body = encoded({"actions": [one.action for one in said]})
        call = Call("POST", "/v1/work/batch", False, content=body)
        try:
            items = (await self._carrier.run(_json(call)))["data"]
        except RingbackError as error:
            if error.passing:
                raise
            if len(said) > 1:
                # One of them is at fault: alone, it is told from the others.
                for one in said:
                    await self._say([one])
                return
            items = [{"status": error.status, "problem": error.problem}]
        for one, item in zip(said, items):
            line = self._leases.heard(one, item, time.monotonic())
            if line:
                _log.warning(line)
        if any(item["status"] in (429, 503) for item in items):
            await asyncio.sleep(1.0)


def _json(call: Call) -> Flow[Any]:
    answer: Answer = yield from once(call)
    return answer.json()


async def _uncanceled(done: asyncio.Future[Any]) -> Any:
    while True:
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            if done.done():
                raise


async def _ended(task: asyncio.Task[Any]) -> None:
    while not task.done():
        # `wait_for` of Python 3.11 loses a cancel that comes together with what it waits for.
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)
