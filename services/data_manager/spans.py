"""The traces of runs: one each, with a span for every reservation and every session."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from data_manager.core.model import Request, Run, RunState, Session
from sluicegate.rpc.tracing import Span, Tracing


class Spans:
    """The spans that are open. A run's traceparent is stored with it and outlives this process."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._runs: dict[str, Span] = {}
        self._parents: dict[str, str] = {}
        self._sessions: dict[str, tuple[str, Span]] = {}

    def begin_run(self, run_id: str, request: Request) -> str:
        """Begins a run's trace, below the call that asked for it; its traceparent."""
        span = self._tracing.start(request.kind, attributes={"run_id": run_id})
        self._runs[run_id] = span
        self._parents[run_id] = span.traceparent
        return span.traceparent

    def resume_run(self, run: Run) -> None:
        """Goes on with the trace of a run that an earlier process began."""
        attributes = {"run_id": run.run_id}
        self._runs[run.run_id] = self._tracing.start(
            f"{run.request.kind} resumed", parent=run.traceparent, attributes=attributes
        )
        self._parents[run.run_id] = run.traceparent

    def end_run(self, run: Run) -> None:
        """Ends a run's trace."""
        self._parents.pop(run.run_id, None)
        if span := self._runs.pop(run.run_id, None):
            span.set("state", run.state)
            span.end(run.message if run.state is RunState.FAILED else "")

    @contextmanager
    def reserving(self, run_ids: Iterable[str], sessions: int) -> Iterator[None]:
        """Around a reservation: a span in the trace of each run that it is for."""
        attributes = {"sessions": sessions}
        with ExitStack() as stack:
            for run_id in run_ids:
                parent = self._parents.get(run_id, "")
                stack.enter_context(
                    self._tracing.span("reserve", parent=parent, attributes=attributes)
                )
            yield

    @contextmanager
    def initiating(self, run: Run, session: Session) -> Iterator[None]:
        """Around an Initiate: within the session's span, which lasts till its end."""
        if session.session_id not in self._sessions:
            attributes = {"session_id": session.session_id}
            span = self._tracing.start("session", parent=run.traceparent, attributes=attributes)
            self._sessions[session.session_id] = session.run_id, span
        _, span = self._sessions[session.session_id]
        with self._tracing.span("initiate", parent=span.traceparent):
            yield

    def parent(self, session_id: str, run: Run) -> str:
        """The traceparent of a slice: its session's span, in the trace of its own run."""
        run_id, span = self._sessions.get(session_id, ("", None))
        return span.traceparent if span is not None and run_id == run.run_id else run.traceparent

    def end_session(self, session_id: str, message: str) -> None:
        """Ends a session's span."""
        if entry := self._sessions.pop(session_id, None):
            entry[1].end(message)

    def close(self) -> None:
        """Ends what is open: nothing more will be heard of it here."""
        for session_id in list(self._sessions):
            self.end_session(session_id, "")
