"""Single calls to a service that runs, and what follows when it does not answer or refuses."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from sluicegate.cli.failures import CommandError
from sluicegate.rpc.channel import connect
from sluicegate.rpc.refusals import Refusal, Unreachable, understanding
from sluicegate.rpc.retries import retrying
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import data_manager_service_pb2_grpc as data_grpc
from sluicegate.v1 import proxy_manager_service_pb2_grpc as proxy_grpc

if TYPE_CHECKING:
    import grpc

    from sluicegate.v1.data_manager_service_pb2_grpc import DataManagerServiceAsyncStub
    from sluicegate.v1.proxy_manager_service_pb2_grpc import ProxyManagerServiceAsyncStub

CALL_SECONDS = 10.0
ANSWER_SECONDS = 5.0
T = TypeVar("T")


@asynccontextmanager
async def data_manager(address: str) -> "AsyncIterator[DataManagerServiceAsyncStub]":
    """A data manager; inside the block CommandError says that it does not answer, or refuses."""
    async with _reached(address, "data manager") as channel:
        yield data_grpc.DataManagerServiceStub(channel)


@asynccontextmanager
async def proxy_manager(address: str) -> "AsyncIterator[ProxyManagerServiceAsyncStub]":
    """A proxy manager, in the same way."""
    async with _reached(address, "proxy manager") as channel:
        yield proxy_grpc.ProxyManagerServiceStub(channel)


async def answer(call: Callable[[], Awaitable[T]]) -> T:
    """The answer of an idempotent call, asked again for five seconds while nobody answers.

    Raises Unreachable or Refusal.
    """

    async def once() -> T:
        with understanding():
            return await call()

    return await retrying(once, deadline_seconds=ANSWER_SECONDS)


@asynccontextmanager
async def _reached(address: str, who: str) -> "AsyncIterator[grpc.aio.Channel]":
    async with connect(address, Tracing()) as channel:
        try:
            yield channel
        except Unreachable as error:
            raise CommandError(f"no {who} answers at {address} ({error})") from error
        except Refusal as refusal:
            raise CommandError(f"the {who} refuses: {refusal.message}") from refusal
