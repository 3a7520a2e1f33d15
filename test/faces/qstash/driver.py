"""Makes calls with Upstash's Python client, one a line: {"call": "queue.get", "args": {"queue": "a"}}."""

import ast
import contextlib
import dataclasses
import enum
import json
import os
import pathlib
import sys

import qstash


def plain(value):
    """What JSON can hold of an answer."""
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return value


def verify(current, next, signature, body, url):
    receiver = qstash.Receiver(current_signing_key=current, next_signing_key=next)
    receiver.verify(signature=signature, body=body, url=url)


def routes():
    """Every request that the sources of the package make, as `GET /v2/queues/:queue`."""
    found = set()
    for file in pathlib.Path(qstash.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            if "path" in given and isinstance(given.get("method"), ast.Constant):
                found.add(f"{given['method'].value} {path_of(given['path'])}")
    return sorted(found)


def path_of(node):
    if isinstance(node, ast.Constant):
        return node.value
    parts = (part.value if isinstance(part, ast.Constant) else ":" + part.value.id for part in node.values)
    return "".join(parts)


def main():
    client = qstash.QStash(os.environ["TOKEN"], base_url=os.environ["BASE_URL"], retry=False)
    own = {"verify": verify, "routes": routes}
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            call = own.get(asked["call"])
            if call is None:
                api, method = asked["call"].split(".")
                call = getattr(getattr(client, api), method)
            # Some calls print what they were answered.
            with contextlib.redirect_stdout(sys.stderr):
                answer = {"value": plain(call(**asked["args"]))}
        except Exception as error:
            answer = {"error": {"name": type(error).__name__, "message": str(error)}}
        print(json.dumps(answer), flush=True)


main()
