"""Drives the client that openapi-generator makes for Python. Prints what it saw, as JSON."""

import json
import os
import time
from datetime import datetime, timedelta, timezone

import ringback_client as rb

task = json.loads(os.environ["TASK"])
client = rb.ApiClient(rb.Configuration(host=task["url"], access_token=task["key"]))
operations, deliveries, files = rb.OperationsApi(client), rb.DeliveriesApi(client), rb.FilesApi(client)
began = datetime.now(timezone.utc) - timedelta(minutes=1)

ids = []
for given in task["inputs"]:
    callback = rb.CallbackRequest(
        url=task["callback"], headers=[rb.CallbackHeaderRequest(key="authorization", value="Bearer ours")]
    )
    submitted = operations.submit_operation(
        rb.SubmitOperationRequest(type="echo", input=given, callback=callback, correlation="order 17")
    )
    ids.append(submitted.id)

ended = [operations.get_operation(id, wait=20) for id in ids]
page = operations.list_operations(type="echo", created_after=began, limit=50, undelivered=False)


def delivery_of(id):
    while True:
        [owed] = operations.list_operation_deliveries(id).data
        if owed.status == "Delivered":
            return deliveries.get_delivery(owed.id)
        time.sleep(0.1)


delivery = delivery_of(ids[0])
stored = files.upload_file(file=("data.txt", task["file"].encode()))
try:
    operations.submit_operation(rb.SubmitOperationRequest(type="nope"))
    problem = None
except rb.ApiException as error:
    problem = error.data

print(
    json.dumps(
        {
            "ids": ids,
            "results": [operation.result for operation in ended],
            "statuses": [operation.status for operation in ended],
            "listed": [operation.id for operation in page.data],
            "delivery": {"event": delivery.event, "attempts": [a.http_status for a in delivery.attempts]},
            "file": files.get_file_content(stored.id).decode(),
            "stored": operations.get_operation_result(ids[0]).decode(),
            "problem": {"code": problem.code, "path": problem.errors[0].path},
        }
    )
)
