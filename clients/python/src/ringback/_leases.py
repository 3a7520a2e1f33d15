"""What a worker owes for its leases: renewals and outcomes, put together into few requests. Nothing here waits or sends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._calls import encoded

#: Actions and bytes of one request; the service takes 500 and 1 MiB.
_MOST_ACTIONS = 250
_MOST_BYTES = 900_000
#: Lines of one renewal.
_MOST_LINES = 100
#: Characters that a line, a text or a message may have.
MOST_CHARACTERS = 4_000
#: Seconds between two tellings of news of one lease: they are gathered meanwhile.
_GATHER_S = 0.5


@dataclass(eq=False)
class Lease:
    """One claimed operation, and what is to be said of it. Handlers write from any thread."""

    id: str
    lease_s: float
    renew_at: float
    #: News are told no sooner.
    news_at: float = 0.0
    #: Set when the work is of no use any more: a caller canceled it, or the lease is over.
    stopped: threading.Event = field(default_factory=threading.Event)
    lost: bool = False
    progress: float | None = None
    text: str | None = None
    log: list[str] = field(default_factory=list)
    #: How it went, once the handler has ended.
    outcome: dict[str, Any] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    #: Told that the work is of no use any more.
    on_stop: Callable[[], object] | None = None

    def stop(self, lost: bool) -> None:
        self.lost = self.lost or lost
        if not self.stopped.is_set():
            self.stopped.set()
            if self.on_stop:
                self.on_stop()

    @property
    def due_at(self) -> float:
        """When it is to be renewed, which tells its news too."""
        has_news = self.progress is not None or self.text is not None or self.log
        return min(self.renew_at, self.news_at) if has_news else self.renew_at


@dataclass(frozen=True)
class Said:
    """An action that was put into a request, and what it takes away from the lease when it arrived."""

    lease: Lease
    action: Mapping[str, Any]
    size: int
    lines: int = 0


class Leases:
    """All leases of a worker, by one thread; what handlers add is under each lease's lock."""

    def __init__(self) -> None:
        self._all: list[Lease] = []

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Any:
        return iter(list(self._all))

    def add(self, lease: Lease) -> None:
        self._all.append(lease)

    def next_at(self, now: float) -> float:
        """When something is to be said next."""
        if any(lease.outcome is not None for lease in self._all):
            return now
        return min((lease.due_at for lease in self._all), default=now + 60.0)

    def due(self, now: float) -> Sequence[Said]:
        """The actions of one request: outcomes first, then renewals that are due or have news."""
        said: list[Said] = []
        size = 0
        for lease in sorted(self._all, key=lambda lease: lease.outcome is None):
            one = self._say(lease, now)
            if one is None:
                continue
            if said and (size + one.size > _MOST_BYTES or len(said) >= _MOST_ACTIONS):
                break
            said.append(one)
            size += one.size
        return said

    def heard(self, said: Said, item: Mapping[str, Any], now: float) -> str | None:
        """Takes the answer to an action; a line for the log where something is wrong."""
        lease = said.lease
        status, problem = item["status"], item.get("problem") or {}
        if status in (429, 503):
            return None
        if status == 200 and said.action["action"] == "renew":
            self._renewed(said, now)
            if item.get("cancel"):
                lease.stop(lost=False)
            return None
        if status in (404, 409):
            self._all.remove(lease)
            lease.stop(lost=True)
            return f"the lease {lease.id} is over: {problem.get('detail')}"
        if status == 200:
            self._all.remove(lease)
            return None
        return self._refused(said, problem, now)

    def _say(self, lease: Lease, now: float) -> Said | None:
        with lease.lock:
            if lease.outcome is not None:
                # What was logged comes before the end, which leaves nothing to add to.
                if not lease.log:
                    return _said(lease, lease.outcome)
            elif now < lease.due_at:
                return None
            lines = lease.log[:_MOST_LINES]
            news = {"progress": lease.progress, "text": lease.text, "log": lines or None}
            action = {"action": "renew", **{key: value for key, value in news.items() if value is not None}}
            return _said(lease, action, len(lines))

    def _renewed(self, said: Said, now: float) -> None:
        lease = said.lease
        with lease.lock:
            lease.renew_at = now + lease.lease_s / 3
            lease.news_at = now + _GATHER_S
            del lease.log[: said.lines]
            # What has changed meanwhile is said next time.
            if lease.progress == said.action.get("progress"):
                lease.progress = None
            if lease.text == said.action.get("text"):
                lease.text = None

    def _refused(self, said: Said, problem: Mapping[str, Any], now: float) -> str:
        """What can't be taken is told as the operation's failure, rather than sent for ever."""
        lease = said.lease
        detail = str(problem.get("detail"))[:MOST_CHARACTERS]
        if said.action["action"] == "renew":
            self._renewed(said, now)
        elif said.action["action"] == "complete":
            lease.outcome = {"action": "fail", "code": "result_refused", "message": detail, "retry": False}
        else:
            self._all.remove(lease)
        return f"what was said of the lease {lease.id} is refused: {detail}"


def _said(lease: Lease, action: Mapping[str, Any], lines: int = 0) -> Said:
    whole = {"lease": lease.id, **action}
    return Said(lease, whole, len(encoded(whole)), lines)
