"""Takes callbacks, each event once, into a SQLite database; and finds those that it missed."""

import os
import sqlite3
import threading
from wsgiref.simple_server import make_server

from ringback import Client, Event, Receiver


def connect() -> sqlite3.Connection:
    return sqlite3.connect("reports.db")


def handle(event: Event, connection: sqlite3.Connection) -> None:
    # Committed together with the memory of the event: this row is written once, however often the callback comes.
    operation = event["data"]
    connection.execute("INSERT INTO reports (operation, status) VALUES (?, ?)", (operation["id"], operation["status"]))
    print(event["type"], operation["id"], flush=True)


with connect() as database:
    database.execute("CREATE TABLE IF NOT EXISTS reports (operation text, status text)")
receiver = Receiver(connect, os.environ["RINGBACK_SIGNING_SECRET"], handle)
receiver.create_tables()

client = Client(os.environ["RB"], os.environ["KEY"])
threading.Thread(target=receiver.keep_up, args=(client,), daemon=True).start()
make_server("127.0.0.1", int(os.environ.get("PORT", "9000")), receiver.wsgi).serve_forever()
