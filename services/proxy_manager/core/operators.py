"""What operators set for a host: a limit, and that it takes no more sessions."""

from msgspec.structs import replace

from proxy_manager.core import reservations
from proxy_manager.core.effects import ForgetHostSettings, KeepHostSettings
from proxy_manager.core.events import HostDrainAsked, HostLimitAsked, HostResumeAsked
from proxy_manager.core.ledger import Stage
from proxy_manager.core.model import HostSettings, HostUnknown
from proxy_manager.core.state import State


def limit(state: State, event: HostLimitAsked) -> None:
    """Sets how many sessions a host takes; what runs above it runs on."""
    settings = _settings(state, event.host_name)
    _set(state, replace(settings, sessions_max=event.sessions_max))


def drain(state: State, event: HostDrainAsked) -> None:
    """Has a host take no more, and its sessions end with the slices that they have."""
    _set(state, replace(_settings(state, event.host_name), draining=True))
    drain_sessions(state, event.host_name)


def resume(state: State, event: HostResumeAsked) -> None:
    """Has a host take sessions again. Whoever says so has seen to it: no quarantine is left."""
    _set(state, replace(_settings(state, event.host_name), draining=False))
    if host := state.hosts.get(event.host_name):
        host.health.lift()
        state.refresh(host.name)


def forget(state: State, host_name: str) -> None:
    """Forgets what was set for a host."""
    _settings(state, host_name)
    state.settings.pop(host_name, None)
    state.effects.append(ForgetHostSettings(host_name))


def drain_sessions(state: State, host_name: str) -> None:
    """Drains what runs on a host. A held place is a promise: it drains when it is initiated."""
    for place in state.ledger.on_host(host_name):
        if place.stage is Stage.RUNNING:
            reservations.drain(state, place.session_id)


def _settings(state: State, host_name: str) -> HostSettings:
    if host_name not in state.hosts and host_name not in state.settings:
        raise HostUnknown(host_name)
    return state.settings.get(host_name, HostSettings(host_name))


def _set(state: State, settings: HostSettings) -> None:
    """Settings are kept even when they are as they were: keeping them may have failed before."""
    state.settings[settings.host_name] = settings
    state.effects.append(KeepHostSettings(settings))
    if host := state.hosts.get(settings.host_name):
        host.settings = settings
        state.changes += 1
        state.refresh(host.name)
