"""Carries flows: requests by httpx, with and without asyncio."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeVar

import anyio
import httpx

from ._calls import Answer, Call, base_of, header_value
from ._flow import Course, Effect, Emit, Flow, Policy, Send, Sleep
from ._stream import SILENCE_S
from .errors import RingbackError, unreachable

T = TypeVar("T")

_FAILURES = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError)


class Written:
    """Calls as httpx takes them."""

    def __init__(self, url: str, api_key: str | None, policy: Policy) -> None:
        self.base = base_of(url)
        self.policy = policy
        self.headers = {"accept": "application/json"}
        if api_key is not None:
            self.headers["authorization"] = f"Bearer {header_value('api_key', api_key)}"

    def request(self, client: httpx.Client | httpx.AsyncClient, call: Call, streamed: bool) -> httpx.Request:
        headers = {**self.headers, **call.headers}
        if call.content is not None:
            headers["content-type"] = "application/json"
        limit = self.policy.limit_s(call)
        timeout = httpx.Timeout(limit, read=SILENCE_S if streamed else limit)
        return client.build_request(
            call.method, self.base + call.target(), content=call.content, headers=headers, timeout=timeout
        )


def _answer(response: httpx.Response, content: bytes = b"") -> Answer:
    return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, content)


def _in_time(deadline: float) -> None:
    # httpx bounds each read; a body that drips must end all the same.
    if time.monotonic() > deadline:
        raise unreachable("the answer took too long")


class Carrier:
    """Blocks while it waits. One streamed body at a time for each flow."""

    def __init__(self, written: Written, client: httpx.Client) -> None:
        self.written = written
        self.client = client

    def run(self, flow: Flow[T]) -> T:
        course = Course(flow)
        open_body = _Body()
        while (effect := course.advance()) is not None:
            self._perform(course, effect, open_body)
        return course.result

    def iterate(self, flow: Flow[None]) -> Iterator[Any]:
        course = Course(flow)
        with _Body() as open_body:
            while (effect := course.advance()) is not None:
                if isinstance(effect, Emit):
                    yield effect.item
                else:
                    self._perform(course, effect, open_body)

    def _perform(self, course: Course[Any], effect: Effect, body: _Body) -> None:
        try:
            if isinstance(effect, Send):
                course.reply(self._stream(effect.call, body) if effect.streamed else self._send(effect.call))
            elif isinstance(effect, Sleep):
                time.sleep(effect.seconds)
            else:
                course.reply(next(body.pieces, None))
        except RingbackError as error:
            course.fail(error)
        except _FAILURES as error:
            course.fail(unreachable(error))

    def _send(self, call: Call) -> Answer:
        deadline = time.monotonic() + self.written.policy.limit_s(call)
        response = self.client.send(self.written.request(self.client, call, False), stream=True)
        try:
            content = bytearray()
            for piece in response.iter_bytes():
                content += piece
                _in_time(deadline)
            return _answer(response, bytes(content))
        finally:
            response.close()

    def _stream(self, call: Call, body: _Body) -> Answer:
        body.close()
        response = self.client.send(self.written.request(self.client, call, True), stream=True)
        body.hold(response)
        return _answer(response) if response.is_success else _answer(response, response.read())


class _Body:
    """The streamed body that is open."""

    def __init__(self) -> None:
        self._response: httpx.Response | None = None
        self.pieces: Iterator[bytes] = iter(())

    def hold(self, response: httpx.Response) -> None:
        self._response = response
        self.pieces = response.iter_bytes()

    def close(self) -> None:
        if self._response is not None:
            self._response.close()

    def __enter__(self) -> _Body:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncCarrier:
    """The same with asyncio or trio."""

    def __init__(self, written: Written, client: httpx.AsyncClient) -> None:
        self.written = written
        self.client = client

    async def run(self, flow: Flow[T]) -> T:
        course = Course(flow)
        body = _AsyncBody()
        while (effect := course.advance()) is not None:
            await self._perform(course, effect, body)
        return course.result

    async def iterate(self, flow: Flow[None]) -> AsyncIterator[Any]:
        course = Course(flow)
        body = _AsyncBody()
        try:
            while (effect := course.advance()) is not None:
                if isinstance(effect, Emit):
                    yield effect.item
                else:
                    await self._perform(course, effect, body)
        finally:
            await body.close()

    async def _perform(self, course: Course[Any], effect: Effect, body: _AsyncBody) -> None:
        try:
            if isinstance(effect, Send):
                call = effect.call
                course.reply(await self._stream(call, body) if effect.streamed else await self._send(call))
            elif isinstance(effect, Sleep):
                await anyio.sleep(effect.seconds)
            else:
                course.reply(await anext(body.pieces, None))
        except RingbackError as error:
            course.fail(error)
        except _FAILURES as error:
            course.fail(unreachable(error))

    async def _send(self, call: Call) -> Answer:
        deadline = time.monotonic() + self.written.policy.limit_s(call)
        response = await self.client.send(self.written.request(self.client, call, False), stream=True)
        try:
            content = bytearray()
            async for piece in response.aiter_bytes():
                content += piece
                _in_time(deadline)
            return _answer(response, bytes(content))
        finally:
            await response.aclose()

    async def _stream(self, call: Call, body: _AsyncBody) -> Answer:
        await body.close()
        response = await self.client.send(self.written.request(self.client, call, True), stream=True)
        body.hold(response)
        return _answer(response) if response.is_success else _answer(response, await response.aread())


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


class _AsyncBody:
    def __init__(self) -> None:
        self._response: httpx.Response | None = None
        self.pieces: AsyncIterator[bytes] = _nothing()

    def hold(self, response: httpx.Response) -> None:
        self._response = response
        self.pieces = response.aiter_bytes()

    async def close(self) -> None:
        if self._response is not None:
            await self._response.aclose()
