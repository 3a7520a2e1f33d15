"""Runs operations of declared types: claims them, keeps their leases, and says how they went."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from ._calls import Answer, Call, encoded
from ._carry import AsyncCarrier, Written
from ._flow import Policy, once
from ._leases import MOST_CHARACTERS, Lease, Leases, Said
from .errors import RingbackError

_log = logging.getLogger("ringback.worker")

Handler = Callable[[Any, "Context"], Any]
H = TypeVar("H", bound=Handler)

#: Operations of one claim; the service gives 500 at the most.
_MOST_CLAIMED = 100


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


class Worker:
    """
    Claims operations of the types that handlers were given for, and runs up to ``concurrency`` at once: ``def`` handlers each
    in a thread, ``async def`` handlers in the worker's event loop. A handler may run more than once: make it idempotent.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        concurrency: int = 10,
        name: str | None = None,
        lease_s: int | None = None,
        wait_s: float = 25.0,
        grace_s: float = 30.0,
    ) -> None:
        """
        The key needs the scope ``work``. ``name`` is what people see: the host's and the process's by default. Leases last
        ``lease_s`` seconds (the service's default without it) and are renewed three times in that. When it is stopped, it
        waits ``grace_s`` seconds for what runs, and gives the rest back.
        """
        self._policy = Policy()
        self._written = Written(url, api_key, self._policy)
        self._concurrency = concurrency
        self._wait_s = wait_s
        self._grace_s = grace_s
        self._claim: dict[str, Any] = {"worker": name or f"{socket.gethostname()}-{os.getpid()}"}
        if lease_s is not None:
            self._claim["lease_s"] = lease_s
        self._handlers: dict[str, Handler] = {}
        self._run: _Run | None = None

    def operation(self, type: str) -> Callable[[H], H]:
        """Decorates the handler of an operation type, a function of the input and a Context."""

        def decorate(handler: H) -> H:
            if type in self._handlers:
                raise ValueError(f'two handlers for operation type "{type}": rename one')
            self._handlers[type] = handler
            return handler

        return decorate

    def run(self) -> None:
        """Works until ``stop``, SIGTERM or SIGINT."""

        async def main() -> None:
            loop = asyncio.get_running_loop()
            if threading.current_thread() is threading.main_thread():
                # Windows has none.
                with contextlib.suppress(NotImplementedError):
                    for number in (signal.SIGTERM, signal.SIGINT):
                        loop.add_signal_handler(number, self.stop)
            await self.serve()

        asyncio.run(main())

    async def serve(self) -> None:
        """Works until ``stop``, in the event loop of the caller."""
        if not self._handlers:
            raise ValueError("the worker has no handler: give it one with @worker.operation(…)")
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=8)) as http:
            carrier = AsyncCarrier(self._written, http)
            self._run = _Run(self, carrier)
            await self._run.serve()

    def stop(self) -> None:
        """Claims no more, waits for what runs, and ends; from any thread."""
        if self._run is not None:
            self._run.stop()


class _Run:
    """A worker at work."""

    def __init__(self, worker: Worker, carrier: AsyncCarrier) -> None:
        self._worker = worker
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
            await asyncio.wait(self._tasks, timeout=self._worker._grace_s)
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
            free = self._worker._concurrency - len(self._tasks)
            if free <= 0:
                self._room.clear()
                await self._room.wait()
                continue
            body = {
                **self._worker._claim,
                "types": list(self._worker._handlers),
                "limit": min(free, _MOST_CLAIMED),
                "wait": self._worker._wait_s,
            }
            call = Call("POST", "/v1/work/claim", False, content=encoded(body), held_s=self._worker._wait_s)
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
        handler = self._worker._handlers[operation["type"]]
        try:
            if inspect.iscoroutinefunction(handler):
                outcome = _finished(await handler(operation["input"], context))
            else:
                outcome = _finished(await self._in_thread(handler, operation["input"], context))
        except (Stopped, asyncio.CancelledError):
            # A caller's cancel ends it as Canceled then; otherwise it waits for another worker.
            outcome = {"action": "release"}
        except Failure as failure:
            outcome = _failed(failure.code, failure, failure.retry)
        except Exception as error:
            _log.exception("operation %s failed", operation["id"])
            outcome = _failed("handler_error", error, True)
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


def _json(call: Call) -> Any:
    answer: Answer = yield from once(call)
    return answer.json()


def _finished(given: Any) -> dict[str, Any]:
    done = given if isinstance(given, Done) else Done(given)
    fields = {"result": done.result, "custom": done.custom, "file": done.file, "text": done.text}
    outcome = {"action": "complete", **{name: value for name, value in fields.items() if value is not None}}
    # What JSON can't hold is the handler's failure.
    encoded(outcome)
    return outcome


def _failed(code: str, error: Exception, retry: bool) -> dict[str, Any]:
    message = (str(error) or type(error).__name__)[:MOST_CHARACTERS]
    return {"action": "fail", "code": code[:100], "message": message, "retry": retry}


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
