"""A receiver with the Python package, whose work fails now and then after it has written: TASK says where everything is."""

from __future__ import annotations

import itertools
import json
import logging
import os
import sqlite3
import threading
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import psycopg
from ringback import Client, Event, Receiver

task = json.loads(os.environ["TASK"])
database: str = task["database"]
is_file = database.startswith("/")
insert = "INSERT INTO handled (operation, correlation) VALUES " + ("(?, ?)" if is_file else "(%s, %s)")
count = itertools.count(1)
logging.getLogger("ringback").setLevel(logging.CRITICAL)


def connect() -> Any:
    return sqlite3.connect(database) if is_file else psycopg.connect(database)


def handle(event: Event, connection: Any) -> None:
    connection.execute(insert, (event["data"]["id"], event["data"]["correlation"]))
    if next(count) % 7 == 0:
        raise RuntimeError("the work failed")


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


receiver = Receiver(connect, task["secret"], handle)
receiver.create_tables()
server = make_server("127.0.0.1", task["port"], receiver.wsgi, Server, Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("{}", flush=True)
receiver.keep_up(Client(task["url"], task["key"]), every_s=task["every_s"])
