"""Runs operations of declared types: claims them, keeps their leases, and says how they went."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from ._carry import AsyncCarrier, Written
from ._context import Context, Done, Failure, Stopped
from ._flow import Policy
from ._run import Handler, Order, Run

__all__ = ["Context", "Done", "Failure", "Stopped", "Worker"]

H = TypeVar("H", bound=Handler)


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
        self._written = Written(url, api_key, Policy())
        claim: dict[str, Any] = {"worker": name or f"{socket.gethostname()}-{os.getpid()}"}
        if lease_s is not None:
            claim["lease_s"] = lease_s
        self._handlers: dict[str, Handler] = {}
        self._order = Order(self._handlers, concurrency, wait_s, grace_s, claim)
        self._run: Run | None = None

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
            self._run = Run(self._order, carrier)
            await self._run.serve()

    def stop(self) -> None:
        """Claims no more, waits for what runs, and ends; from any thread."""
        if self._run is not None:
            self._run.stop()
