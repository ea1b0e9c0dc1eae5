"""The windows of the queues: the next part of each is fetched before it is needed."""

from data_manager.core.effects import LoadSlices
from data_manager.core.events import SlicesLoaded
from data_manager.core.live import Live
from data_manager.core.queues import Key
from data_manager.core.state import State


def load(state: State, live: Live) -> None:
    """Asks for the next part of a run's queue when little of it is left here."""
    if live.run.stopping is None and live.queue.wants_loading():
        after, most = live.queue.begin_loading()
        state.ask(LoadSlices(live.run.run_id, after, most))


def loaded(state: State, event: SlicesLoaded) -> None:
    """Takes in a part of a queue."""
    live = state.lives.get(event.run_id)
    if live is None or live.run.stopping is not None or not live.queue.loading:
        return
    for slice_ in event.slices:
        live.slices.setdefault(slice_.slice_id, slice_)
    keys = [Key(s.turn, s.number, s.slice_id) for s in event.slices]
    last = len(keys) < event.asked
    state.forget(live, live.queue.loaded(keys, all_of_them=last))
    state.touch(event.run_id)
