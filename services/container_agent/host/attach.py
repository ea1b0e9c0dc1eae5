"""Keeps this host attached to its proxy manager."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator

import grpc

from container_agent.host.control_group import ControlGroup
from container_agent.host.load import GroupMeter, LoadMeter
from container_agent.host.outgoing import Outgoing
from container_agent.host.sessions import Sessions
from sluicegate.rpc.channel import connect
from sluicegate.rpc.refusals import Unreachable, understanding
from sluicegate.rpc.tasks import task_group
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import host_service_pb2 as pb
from sluicegate.v1 import host_service_pb2_grpc as pb_grpc
from sluicegate.v1 import session_service_pb2 as session_pb

log = logging.getLogger(__name__)
LOAD_SECONDS = 2.0
WELCOME_SECONDS = 10.0
FIRST_SECONDS = 0.1
LONGEST_SECONDS = 5.0


class Attachment:
    """Dials the proxy manager again and again, and does what it says.

    What is said while nobody is there is not kept here: the next call begins with all there is.
    """

    def __init__(
        self,
        proxy_manager: str,
        host_name: str,
        sessions_max: int,
        tracing: Tracing,
        cgroup: str = "",
    ) -> None:
        self.welcomed = asyncio.Event()
        self._proxy_manager = proxy_manager
        self._host_name = host_name
        self._sessions_max = sessions_max
        self._tracing = tracing
        self._cgroup = cgroup
        self._messages: Outgoing | None = None

    def say(self, message: pb.AttachRequest) -> None:
        """Tells the proxy manager, if it is there."""
        if self._messages is not None and not self._messages.put(message):
            self._messages.close()

    def say_goodbye(self) -> None:
        """Tells that this host takes no more."""
        self.say(pb.AttachRequest(goodbye=pb.HostGoodbye()))

    async def keep(self, sessions: Sessions) -> None:
        """Stays attached until cancelled. A Refusal ends it: dialling again would not help."""
        failures = 0
        while True:
            self.welcomed.clear()
            try:
                await self._attach(sessions)
            except Unreachable as error:
                log.warning("proxy manager %s: %s", self._proxy_manager, error)
            except grpc.aio.AioRpcError as error:
                log.warning("proxy manager %s: %s", self._proxy_manager, error.details())
            failures = 0 if self.welcomed.is_set() else failures + 1
            longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(failures, 10))
            # Full jitter: hosts that lost the same proxy manager do not all come back at once.
            await asyncio.sleep(random.uniform(0, longest))

    async def _attach(self, sessions: Sessions) -> None:
        channel = connect(self._proxy_manager, self._tracing)
        messages = Outgoing()
        try:
            hosted, again = sessions.report()
            hello = pb.HostHello(
                host_name=self._host_name,
                sessions_max=self._sessions_max,
                sessions=hosted,
                takes_batches=True,
            )
            for message in (pb.AttachRequest(hello=hello), *again):
                messages.put(message)
            self._messages = messages
            call = pb_grpc.HostServiceStub(channel).Attach(messages)
            with understanding():
                await self._obey(sessions, aiter(call))
        finally:
            self._messages = None
            messages.close()
            await channel.close()

    async def _obey(self, sessions: Sessions, call: AsyncIterator[pb.AttachResponse]) -> None:
        try:
            async with asyncio.timeout(WELCOME_SECONDS):
                await anext(call)
        except (TimeoutError, StopAsyncIteration) as error:
            raise Unreachable("it does not welcome this host") from error
        self.welcomed.set()
        log.info("attached to proxy manager %s", self._proxy_manager)
        async with task_group() as tasks:
            loading = tasks.create_task(self._tell_load(sessions))
            async for response in call:
                obey(sessions, response)
            loading.cancel()

    async def _tell_load(self, sessions: Sessions) -> None:
        meter = GroupMeter(ControlGroup(self._cgroup)) if self._cgroup else LoadMeter()
        while True:
            await asyncio.sleep(LOAD_SECONDS)
            load = meter.read()
            load.sessions.extend(sessions.usage())
            self.say(pb.AttachRequest(load=load))


def obey(sessions: Sessions, response: pb.AttachResponse) -> None:
    """Does what the proxy manager says."""
    match response.WhichOneof("command"):
        case "create":
            sessions.create(response.create.session_id, response.create.data_manager_id)
        case "start":
            sessions.start(response.start)
        case "feed":
            food = response.feed.food
            sessions.tell(food.session_id, session_pb.RunResponse(feed=food))
        case "drain":
            sessions.drain(response.drain.session_id)
        case "kill":
            sessions.stop(response.kill.session_id, response.kill.grace_seconds)
        case "acknowledge":
            acknowledge = response.acknowledge
            sessions.acknowledge(acknowledge.session_id, acknowledge.through_outcome_number)
        case "batch":
            for command in response.batch.commands:
                obey(sessions, command)
