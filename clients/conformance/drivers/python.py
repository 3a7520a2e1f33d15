"""Drives the Python client, without asyncio or with it: a line of JSON in for each call, a line out for what came of it."""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import islice
from typing import Any

from ringback import AsyncClient, Client, RingbackError, WebhookVerificationError, verify


def told(error: BaseException) -> dict[str, Any]:
    if isinstance(error, RingbackError):
        return {
            "status": error.status,
            "code": error.code,
            "detail": str(error),
            "errors": error.errors,
            "retry_after_s": error.retry_after_s,
        }
    if isinstance(error, WebhookVerificationError):
        return {"code": error.code}
    if isinstance(error, (ValueError, TypeError)):
        return {"code": "argument", "detail": str(error)}
    raise error


def items(batch: Any) -> list[dict[str, Any]]:
    return [{"error": told(item.error)} if item.error else {"operation": item.operation} for item in batch]


def stored(result: Any) -> dict[str, Any]:
    return {"text": result.content.decode(), "content_type": result.content_type}


def verified(args: dict[str, Any]) -> Any:
    options = {"now": args["now_s"]} if "now_s" in args else {}
    if "tolerance_s" in args:
        options["tolerance_s"] = args["tolerance_s"]
    return verify(args["body"], args["headers"], args["secrets"], **options)


def made(call: str, args: dict[str, Any], options: dict[str, Any]) -> Any:
    if call == "verify":
        return verified(args)
    with Client(**options) as client:
        if call == "batch":
            return items(client.batch(args.pop("requests"), **args))
        if call == "submit":
            return client.submit(args.pop("request"), **args)
        if call in ("list", "deliveries"):
            return list(islice(getattr(client, call)(args["filter"]), args.get("take")))
        if call == "stream":
            return list(client.stream(**args))
        if call == "result":
            return stored(client.result(**args))
        if call == "redeliver":
            return client.redeliver(args.pop("id"), **args)
        return getattr(client, call)(**args)


async def made_async(call: str, args: dict[str, Any], options: dict[str, Any]) -> Any:
    if call == "verify":
        return verified(args)
    async with AsyncClient(**options) as client:
        if call == "batch":
            return items(await client.batch(args.pop("requests"), **args))
        if call == "submit":
            return await client.submit(args.pop("request"), **args)
        if call in ("list", "deliveries"):
            taken: list[Any] = []
            async for item in getattr(client, call)(args["filter"]):
                taken.append(item)
                if len(taken) == args.get("take"):
                    break
            return taken
        if call == "stream":
            return [entry async for entry in client.stream(**args)]
        if call == "result":
            return stored(await client.result(**args))
        if call == "redeliver":
            return await client.redeliver(args.pop("id"), **args)
        return await getattr(client, call)(**args)


def outcome(task: dict[str, Any], with_asyncio: bool) -> dict[str, Any]:
    updates: list[Any] = []
    call, args = task["call"], task["args"]
    if call == "wait":
        args["on_update"] = updates.append
    try:
        if with_asyncio:
            value = asyncio.run(made_async(call, args, task["options"]))
        else:
            value = made(call, args, task["options"])
    except Exception as error:
        return {"error": told(error)}
    return {"value": value, "updates": updates}


for line in sys.stdin:
    print(json.dumps(outcome(json.loads(line), "async" in sys.argv[1:])), flush=True)
