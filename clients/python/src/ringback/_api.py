"""The native API: each method as a flow."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ._calls import Answer, Call, at_least, encoded, header_value, segment
from ._flow import Emit, Flow, Policy, Sleep, once
from .errors import RingbackError
from .model import BatchItem, Operation, Result, has_ended

#: Seconds that one request is held; proxies often cut off what is silent for 30 s.
_HOLD_S = 25.0
#: The least that a request is held, however short the outage that is waited out: else it would be made again and again.
_MIN_HOLD_S = 1.0
#: How much longer than all the time that is left one request may take: its answer has a way to go.
_LATE_S = 2.0
_PAGE = 250


class Unset:
    """What wasn't given, where None means null."""


UNSET = Unset()


def operation_path(id: str) -> str:
    return f"/v1/operations/{segment(id)}"


def keyed(path: str, body: Any, key: str | None) -> Call:
    """A POST that may be repeated, since its Idempotency-Key makes one of them all."""
    name = "idempotency-key"
    headers = {name: header_value("idempotency_key", key if key is not None else secrets.token_hex(16))}
    return Call("POST", path, True, content=None if body is None else encoded(body), headers=headers)


def get(path: str, query: Mapping[str, Any] | None = None) -> Call:
    return Call("GET", path, True, query=query or {})


def batch(policy: Policy, requests: Sequence[Any], key: str | None) -> Flow[Sequence[BatchItem]]:
    items: list[BatchItem] | None = None

    def read(answer: Answer) -> list[BatchItem]:
        nonlocal items
        items = [_batch_item(item) for item in answer.json()["data"]]
        for item in items:
            if item.error and item.error.passing:
                raise item.error
        return items

    try:
        return (yield from policy.send(keyed("/v1/operations/batch", {"operations": list(requests)}, key), read))
    except RingbackError as error:
        # What "not now" refused to the last is told beside what was accepted.
        if items is None or not error.passing:
            raise
        return items


def wait(
    policy: Policy,
    id: str,
    timeout_s: float | None,
    outage_s: float,
    on_update: Callable[[Operation], object] | None,
) -> Flow[Operation]:
    at_least(0, "timeout_s", 0 if timeout_s is None else timeout_s)
    at_least(0, "outage_s", outage_s)
    until = policy.now() + (float("inf") if timeout_s is None else timeout_s)
    outage_until = policy.now() + outage_s
    seen: Operation | None = None
    failures = 0
    while True:
        asked_at = policy.now()
        left = max(0.0, min(until - asked_at, max(outage_until - asked_at, _MIN_HOLD_S)))
        held = min(_HOLD_S, left)
        # `wait` repeats by itself, with a patience of its own.
        call = Call(
            "GET", operation_path(id), False, query={"wait": f"{held:.3f}"}, held_s=held, most_s=left + _LATE_S
        )
        try:
            operation, pause = _standing((yield from once(call)))
        except RingbackError as error:
            now = policy.now()
            if not error.passing:
                raise
            if seen is not None and now >= until:
                return seen
            ends_at = min(until, outage_until)
            if now >= ends_at:
                raise
            failures += 1
            pause = policy.pause_s(failures, error, ends_at - now)
        else:
            now = policy.now()
            if has_ended(operation["status"]) or now >= until:
                return operation
            seen = operation
            if on_update:
                on_update(operation)
            failures = 0
            outage_until = now + outage_s
            # A server that did not hold the request says when to ask again.
            if held - (now - asked_at) <= min(1.0, held / 2):
                continue
            pause = min(pause, until - now)
        yield Sleep(max(0.0, pause))


def cancel(policy: Policy, id: str) -> Flow[Operation]:
    call = Call("POST", f"{operation_path(id)}/cancel", True, held_s=_HOLD_S)
    try:
        while True:
            asked_at = policy.now()
            operation, pause = yield from policy.send(call, _standing)
            if has_ended(operation["status"]):
                return operation
            # Its handler may take longer to stop than an answer is held, and a server that shuts down leaves the end to others.
            yield Sleep(max(0.0, asked_at + pause - policy.now()))
    except RingbackError as error:
        if error.code != "operation-ended":
            raise
        # Canceled already: by us, when the answer to an earlier try was lost.
        found: Operation = yield from policy.json(get(operation_path(id)))
        if found["status"] == "Canceled":
            return found
        raise


def rerun(policy: Policy, id: str, changes: Mapping[str, Any], key: str | None) -> Flow[Operation]:
    body = {name: value for name, value in changes.items() if not isinstance(value, Unset)}
    return policy.json(keyed(f"{operation_path(id)}/rerun", body or None, key))


def result(policy: Policy, id: str) -> Flow[Result]:
    call = Call("GET", f"{operation_path(id)}/result", True, headers={"accept": "*/*"})
    return policy.send(call, lambda answer: Result(answer.content, answer.headers.get("content-type")))


def redeliver(policy: Policy, id: str, again: bool) -> Flow[Any]:
    # Never repeated by itself: that could make two attempts.
    query = {"again": True} if again else {}
    return policy.json(Call("POST", f"/v1/deliveries/{segment(id)}/redeliver", False, query=query))


def pages(policy: Policy, path: str, filter: Mapping[str, Any]) -> Flow[None]:
    cursor: str | None = None
    while True:
        page = yield from policy.json(get(path, {**filter, "limit": _PAGE, "cursor": cursor}))
        for item in page["data"]:
            yield Emit(item)
        cursor = page["next_cursor"]
        if cursor is None:
            return


def _standing(answer: Answer) -> tuple[Operation, float]:
    """An operation as it stands, and when to ask again where it has not ended."""
    pause = answer.retry_after_s()
    return answer.json(), 1.0 if pause is None else pause


def _batch_item(item: Mapping[str, Any]) -> BatchItem:
    if "operation" in item:
        return BatchItem(item["operation"], None)
    return BatchItem(None, RingbackError(item["problem"]))
