"""Submits an operation, shows what happens to it, and prints its result."""

import os

from ringback import Client, SubmitRequest

with Client(os.environ["RB"], os.environ["KEY"]) as client:
    request: SubmitRequest = {"type": "report.build", "input": {"pages": 3}}
    if "CALLBACK" in os.environ:
        request["callback"] = {"url": os.environ["CALLBACK"]}
    # The key makes one of this submit and its repeats, also when this program is started again.
    submitted = client.submit(request, idempotency_key=os.environ.get("ORDER"))
    for entry in client.stream(submitted["id"]):
        print(entry["text"])
    operation = client.wait(submitted["id"])
    print(operation["status"], operation["result"])
