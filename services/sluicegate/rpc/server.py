"""A gRPC server as every service of Sluicegate is one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import (  # type: ignore[import-untyped]
    health,
    health_pb2,
    health_pb2_grpc,
)

from sluicegate.rpc.guard import Guard
from sluicegate.rpc.limits import CALLS_AT_ONCE, SERVER_OPTIONS
from sluicegate.rpc.tracing import Tracing

SERVING = health_pb2.HealthCheckResponse.SERVING


@dataclass(frozen=True)
class Served:
    """A servicer, how it is added to a server, and the full name of its service.

    Streaming methods are async generators over the request or its iterator.
    """

    servicer: object
    add: Callable[[Any, grpc.aio.Server], None]
    name: str


class CannotListen(Exception):
    """An address cannot be served on."""


class Server:
    """Services on some addresses, with health, reflection, limits, keepalive, traces and one
    translation of refusals.

    An address is `unix:/path` or `host:port`; port 0 takes a free one.
    """

    def __init__(
        self,
        services: Sequence[Served],
        listen: Sequence[str],
        tracing: Tracing,
        *,
        reflection: bool = True,
    ) -> None:
        self._names = [service.name for service in services]
        self._listen = listen
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            interceptors=[*tracing.server_interceptors(), Guard()],
            options=SERVER_OPTIONS,
            maximum_concurrent_rpcs=CALLS_AT_ONCE,
        )
        for service in services:
            service.add(service.servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if reflection:
            self._reflect()

    async def start(self) -> list[str]:
        """Begins to serve; the addresses as clients dial them. From here on health is SERVING."""
        addresses = [self._bind(address) for address in self._listen]
        await self._server.start()
        for name in ("", *self._names):
            await self._health.set(name, SERVING)
        return addresses

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Tells health watchers, takes no more calls, lets those that run end, and cancels what
        is left after the grace."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_seconds)

    def _bind(self, address: str) -> str:
        try:
            port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise CannotListen(
                f"cannot listen on {address}: in use or not an address of this machine;"
                " choose another one"
            ) from error
        host, _, asked = address.rpartition(":")
        return f"{host}:{port}" if asked == "0" else address

    def _reflect(self) -> None:
        # Takes time to import, which embedded use has not.
        from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]

        names = (*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)
