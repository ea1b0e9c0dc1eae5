"""What the tests of sessions that are fed share."""

from data_manager.core import events
from data_manager.core.effects import Drain, Feed
from data_manager.core.model import Failure, Session
from data_manager.core.options import Method

FED = {"method": Method.CONTINUOUS}


def fed(asked) -> list[tuple[str, int]]:
    """What each session was fed."""
    return [
        (task.run.run_id, task.slice.number)
        for effect in asked
        if isinstance(effect, Feed)
        for task in effect.tasks
    ]


def drained(asked) -> list[str]:
    return [effect.session_id for effect in asked if isinstance(effect, Drain)]


def run(talk, count: int) -> tuple[list[Session], list]:
    """So many sessions, granted and running; what followed from their start."""
    sessions = talk.capacity(count)
    asked = talk.grant(sessions)
    for session in sessions:
        asked += talk.tell(events.Initiated(session.session_id))
    return sessions, asked


def holds(talk, session: Session) -> list[str]:
    return list(talk.disk.sessions[session.session_id].slice_ids)


def crawl(talk, run_ids: str, count: int, seconds: float = 60.0, **options: object) -> None:
    """Backups by this method whose crawls are over, with slices that take so long; those that are
    not begun yet are begun."""
    for run_id in run_ids.split():
        if run_id not in talk.disk.runs:
            talk.begin(run_id, **FED, **options)
    crawls, _ = run(talk, len(run_ids.split()))
    past_ms = round(seconds * 1000)
    for run_id in run_ids.split():
        talk.cut(run_id, count, past_ms=past_ms)
    for crawl in crawls:
        talk.tell(events.SessionEnded(crawl.session_id, Failure.SESSION_LOST, "gone"))
    talk.pass_time(5.0)
