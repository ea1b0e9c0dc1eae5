"""A connection to a service."""

import grpc

from sluicegate.rpc.limits import CHANNEL_OPTIONS
from sluicegate.rpc.tracing import Tracing


def connect(address: str, tracing: Tracing) -> grpc.aio.Channel:
    """A channel to `unix:/path` or `host:port`. It connects by itself, again and again, and a
    peer that is silent for seven seconds counts as gone."""
    return grpc.aio.insecure_channel(
        address, options=CHANNEL_OPTIONS, interceptors=tracing.client_interceptors()
    )
