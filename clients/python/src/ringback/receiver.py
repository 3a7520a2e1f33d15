"""
Takes callbacks, each event once, in the transaction of what you do with it; and finds those that were missed.
It works with any DB-API connection to PostgreSQL or SQLite: ``psycopg``, ``psycopg2``, ``sqlite3``.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Generic, TypeVar, cast

from .client import Client
from .model import Event, Operation, OperationFilter
from .verify import Secrets, WebhookVerificationError, verify

#: A DB-API connection.
C = TypeVar("C")

_log = logging.getLogger("ringback")

#: What is remembered: text and times in RFC 3339, so that both databases have the same.
TABLES = (
    "CREATE TABLE IF NOT EXISTS ringback_events"
    " (event text PRIMARY KEY, webhook_id text UNIQUE, seen_at text NOT NULL)",
    "CREATE TABLE IF NOT EXISTS ringback_caught_up (receiver text PRIMARY KEY, began text NOT NULL)",
)
_REMEMBER = (
    "INSERT INTO ringback_events (event, webhook_id, seen_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
)
_LAST_LOOK = "SELECT began FROM ringback_caught_up WHERE receiver = %s"
_KEEP_LOOK = (
    "INSERT INTO ringback_caught_up (receiver, began) VALUES (%s, %s)"
    " ON CONFLICT (receiver) DO UPDATE SET began = excluded.began"
)
_ENDS = ("operation.finished", "operation.failed", "operation.canceled")
_OWN_FAULTS = ("no_secret", "malformed_secret", "malformed_options")
_REASONS = {204: "No Content", 401: "Unauthorized", 405: "Method Not Allowed", 413: "Content Too Large"}


@dataclass(frozen=True)
class _Named:
    """An event, and what it is remembered by: ``name`` is the same whichever way it came."""

    event: Event
    name: str
    webhook_id: str | None


class Receiver(Generic[C]):
    """Takes callbacks: verifies each, and works through each event once. Threads may share it."""

    def __init__(
        self,
        connect: Callable[[], C],
        secrets: Secrets,
        handle: Callable[[Event, C], object],
        *,
        name: str = "default",
        max_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        """
        ``connect`` opens a connection, one for each thread, in which a transaction begins by itself, as DB-API has it.
        ``secrets`` are ``whsec_…`` secrets and ``whpk_…`` public keys of which one must have signed. ``handle`` is what you do
        with an event: what you write through the connection is committed together with the memory of the event, or, when it
        raises, neither is, and the event comes again. Leave committing to the receiver. ``name`` tells receivers apart that
        share the tables.
        """
        self._databases = _Connections(connect)
        self._secrets = secrets
        self._handle = handle
        self._name = name
        self._max_bytes = max_bytes

    def create_tables(self) -> None:
        """Makes the two tables where they aren't there. Call it before the first event, or make them by a migration of yours."""

        def create(database: _Database[C]) -> None:
            for sql in TABLES:
                database.change(sql)

        try:
            self._databases.transaction(create)
        except Exception:
            # PostgreSQL refuses one of two that create at the same moment; the second look finds the other's.
            self._databases.transaction(create)

    def receive(self, body: bytes, headers: Mapping[str, str]) -> int:
        """
        The status to answer a callback with: 204 once its event is worked through and remembered, also when that was before;
        401 where nobody of ``secrets`` signed it; 500 where something failed, so that it comes again. Never raises.
        """
        try:
            event = verify(body, headers, self._secrets)
            webhook_id = next(value for name, value in headers.items() if name.lower() == "webhook-id")
            self._take(_Named(event, _name_of(event, webhook_id), webhook_id))
            return 204
        except WebhookVerificationError as error:
            _log.warning("a callback was refused: %s", error)
            return 500 if error.code in _OWN_FAULTS else 401
        except Exception:
            _log.exception("a callback failed; it comes again")
            return 500

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Takes a request of any WSGI server."""
        status = self._wsgi_status(environ)
        start_response(f"{status} {_REASONS.get(status, 'Internal Server Error')}", [])
        return []

    def catch_up(self, client: Client, *, filter: OperationFilter | None = None, overlap_s: float = 600) -> int:
        """
        Looks once for events whose callback didn't arrive, works through them, and gives how many were new. What fails is
        logged, stops no other, and is found again by the next look. ``overlap_s`` is how far each look reaches back before
        the last one began: take more where Ringback's PostgreSQL may be away for longer, or clocks differ more.
        """
        began = datetime.now(timezone.utc)
        last = self._databases.transaction(lambda database: database.value(_LAST_LOOK, self._name))
        missed: OperationFilter = {**(filter or {}), "undelivered": True}
        if last is not None:
            since = datetime.fromisoformat(last.replace("Z", "+00:00")) - timedelta(seconds=overlap_s)
            missed["finished_after"] = _instant(since)
        taken, failed = 0, False
        for operation in client.list(missed):
            if operation["finished_at"] is None or operation.get("erased_at"):
                continue
            try:
                event = _end_of(operation)
                taken += self._take(_Named(event, _name_of(event, ""), None))
            except Exception:
                failed = True
                _log.exception("operation %s failed; it is found again", operation["id"])
        if not failed:
            # Only a look that came to its end, with nothing left behind, moves on.
            text = _instant(began)
            self._databases.transaction(lambda database: database.change(_KEEP_LOOK, self._name, text))
        return taken

    def keep_up(
        self,
        client: Client,
        *,
        every_s: float = 60,
        filter: OperationFilter | None = None,
        overlap_s: float = 600,
        stop: threading.Event | None = None,
    ) -> None:
        """Looks at once and then every ``every_s`` seconds until ``stop`` is set; an outage is waited out."""
        stop = stop if stop is not None else threading.Event()
        while not stop.is_set():
            try:
                self.catch_up(client, filter=filter, overlap_s=overlap_s)
            except Exception:
                _log.exception("catching up failed; the next look is in %s s", every_s)
            stop.wait(every_s)

    def _take(self, named: _Named) -> bool:
        """Works through an event, unless it has been; False where it has."""

        def take(database: _Database[C]) -> bool:
            # First: who else has this event waits here, and then finds it remembered.
            now = _instant(datetime.now(timezone.utc))
            if database.change(_REMEMBER, named.name, named.webhook_id, now) == 0:
                return False
            self._handle(named.event, database.connection)
            return True

        return self._databases.transaction(take)

    def _wsgi_status(self, environ: dict[str, Any]) -> int:
        if environ["REQUEST_METHOD"] != "POST":
            return 405
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > self._max_bytes:
            return 413
        headers = {
            key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")
        }
        return self.receive(environ["wsgi.input"].read(length), headers)


class _Database(Generic[C]):
    """A connection, and its module's way to write parameters."""

    def __init__(self, connection: C) -> None:
        self.connection = connection
        self._raw: Any = connection
        if _commits_by_itself(connection):
            raise ValueError(
                "the connection commits by itself: open it without autocommit, so that event and work are committed together"
            )
        module = sys.modules[type(connection).__module__.partition(".")[0]]
        self._mark = "?" if getattr(module, "paramstyle", "pyformat") == "qmark" else "%s"

    def change(self, sql: str, *values: str | None) -> int:
        return int(self._execute(sql, values).rowcount)

    def value(self, sql: str, *values: str | None) -> str | None:
        row = self._execute(sql, values).fetchone()
        return None if row is None else cast(str, row[0])

    def commit(self) -> None:
        self._raw.commit()

    def roll_back(self) -> bool:
        """After a failure; False where the connection is of no use any more."""
        try:
            self._raw.rollback()
            return True
        except Exception:
            _log.debug("the connection was broken", exc_info=True)
            return False

    def _execute(self, sql: str, values: tuple[str | None, ...]) -> Any:
        cursor = self._raw.cursor()
        cursor.execute(sql.replace("%s", self._mark), values)
        return cursor


T = TypeVar("T")


class _Connections(Generic[C]):
    """One connection for each thread; a new one after a failure."""

    def __init__(self, connect: Callable[[], C]) -> None:
        self._connect = connect
        self._local = threading.local()

    def transaction(self, work: Callable[[_Database[C]], T]) -> T:
        database: _Database[C] | None = getattr(self._local, "database", None)
        if database is None:
            database = _Database(self._connect())
        self._local.database = None
        try:
            done = work(database)
            database.commit()
        except BaseException:
            if database.roll_back():
                self._local.database = database
            raise
        self._local.database = database
        return done


def _commits_by_itself(connection: Any) -> bool:
    given = getattr(connection, "autocommit", None)
    if type(connection).__module__ == "sqlite3" and given is not False:
        # Without an isolation level, nothing begins a transaction; since Python 3.12 `autocommit` may say so instead.
        return given is True or connection.isolation_level is None
    return given is True


def _name_of(event: Any, webhook_id: str) -> str:
    """
    An operation ends once, so its end is one event, whether its callback, an endpoint's or a list tells it. Only what is
    signed counts: the body and ``webhook-id``, no other header.
    """
    if isinstance(event, dict) and event.get("type") in _ENDS and isinstance(event.get("data"), dict):
        id = event["data"].get("id")
        if isinstance(id, str):
            return f"{id} {event['type']}"
    return webhook_id


def _end_of(operation: Operation) -> Event:
    """The event that an ended operation's callback tells."""
    return {
        "type": f"operation.{operation['status'].lower()}",
        "timestamp": cast(str, operation["finished_at"]),
        "data": operation,
    }


def _instant(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
