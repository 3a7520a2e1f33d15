"""Drives the client that openapi-python-client makes. Prints what it saw, as JSON."""

import json
import os
import time
from datetime import datetime, timedelta, timezone
from io import BytesIO

from ringback_client import AuthenticatedClient
from ringback_client.api.deliveries import get_delivery
from ringback_client.api.files import get_file_content, upload_file
from ringback_client.api.operations import (
    get_operation,
    get_operation_result,
    list_operation_deliveries,
    list_operations,
    submit_operation,
)
from ringback_client.models import (
    CallbackHeaderRequest,
    CallbackRequest,
    ProblemResponse,
    SubmitOperationRequest,
    UploadFileBody,
)
from ringback_client.types import File

task = json.loads(os.environ["TASK"])
client = AuthenticatedClient(base_url=task["url"], token=task["key"], timeout=60)
began = datetime.now(timezone.utc) - timedelta(minutes=1)

ids = []
for given in task["inputs"]:
    callback = CallbackRequest(
        url=task["callback"], headers=[CallbackHeaderRequest(key="authorization", value="Bearer ours")]
    )
    request = SubmitOperationRequest(type_="echo", input_=given, callback=callback, correlation="order 17")
    ids.append(submit_operation.sync(client=client, body=request).id)

ended = [get_operation.sync(id, client=client, wait=20) for id in ids]
page = list_operations.sync(client=client, type_="echo", created_after=began, limit=50, undelivered=False)


def delivery_of(id):
    while True:
        [owed] = list_operation_deliveries.sync(id, client=client).data
        if owed.status == "Delivered":
            return get_delivery.sync(owed.id, client=client)
        time.sleep(0.1)


delivery = delivery_of(ids[0])
upload = UploadFileBody(
    file=File(payload=BytesIO(task["file"].encode()), file_name="data.txt", mime_type="text/plain")
)
stored = upload_file.sync(client=client, body=upload)
problem = submit_operation.sync(client=client, body=SubmitOperationRequest(type_="nope"))
assert isinstance(problem, ProblemResponse)

print(
    json.dumps(
        {
            "ids": ids,
            "results": [operation.result for operation in ended],
            "statuses": [operation.status for operation in ended],
            "listed": [operation.id for operation in page.data],
            "delivery": {"event": delivery.event, "attempts": [a.http_status for a in delivery.attempts]},
            "file": get_file_content.sync(stored.id, client=client).payload.read().decode(),
            "stored": get_operation_result.sync(ids[0], client=client).payload.read().decode(),
            "problem": {"code": problem.code, "path": problem.errors[0].path},
        }
    )
)
