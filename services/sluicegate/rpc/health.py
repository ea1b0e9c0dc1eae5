"""Whether a service serves, as it says itself by `grpc.health.v1`."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from sluicegate.rpc.refusals import understanding


async def is_serving(channel: grpc.aio.Channel, *, timeout_seconds: float) -> bool:
    """What the server of a channel says of all its services; Unreachable when it says nothing."""
    stub = health_pb2_grpc.HealthStub(channel)
    with understanding():
        told = await stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout_seconds)
    return bool(told.status == health_pb2.HealthCheckResponse.SERVING)
