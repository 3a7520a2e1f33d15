"""A worker with the Python package that runs the types of the conformance suite: TASK says where Ringback is."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from typing import Any

from ringback import Context, Done, Failure, Worker

task = json.loads(os.environ["TASK"])
worker = Worker(
    task["url"],
    task["key"],
    name=task["name"],
    concurrency=task["concurrency"],
    lease_s=5,
    grace_s=task["grace_s"],
)
logging.getLogger("ringback").setLevel(logging.CRITICAL)


@worker.operation("conformance.echo")
def echo(input: Any, context: Context) -> Any:
    return input


@worker.operation("conformance.steps")
async def steps(input: Any, context: Context) -> Done:
    for step in range(1, 4):
        context.progress(step * 25, f"step {step}")
        context.log(f"line {step}")
        await asyncio.sleep(0.6)
    return Done({"steps": 3}, custom={"by": task["name"]}, text="all three")


@worker.operation("conformance.endless")
def endless(input: Any, context: Context) -> None:
    context.progress(1, f"begun by {task['name']}")
    context.stopped.wait()
    context.check()


@worker.operation("conformance.refused")
def refused(input: Any, context: Context) -> None:
    raise Failure("no_such_report", "there is no report 17")


@worker.operation("conformance.flaky")
def flaky(input: Any, context: Context) -> int:
    if context.operation["attempt"] == 1:
        raise RuntimeError("the source did not answer")
    return int(context.operation["attempt"])


@worker.operation("conformance.large")
def large(input: Any, context: Context) -> str:
    return "x" * 2_000_000


print("{}", flush=True)
worker.run()
