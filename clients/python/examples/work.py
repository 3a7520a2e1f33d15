"""Declares a type and runs its operations until it is stopped."""

import os
from typing import Any

from ringback import Client, Context, Failure, Worker

with Client(os.environ["RB"], os.environ["KEY"]) as client:
    schema = {"type": "object", "required": ["pages"], "properties": {"pages": {"type": "integer"}}}
    client.declare("report.build", {"title": "Build a report", "input_schema": schema})

worker = Worker(os.environ["RB"], os.environ["KEY"], concurrency=10)


@worker.operation("report.build")
def build(input: Any, context: Context) -> Any:
    if input["pages"] > 100:
        raise Failure("too_long", "a report has 100 pages at most")
    for page in range(input["pages"]):
        context.check()  # raises where a caller has canceled it
        context.progress(100 * page / input["pages"], f"page {page + 1}")
    return {"pages": input["pages"]}


worker.run()
