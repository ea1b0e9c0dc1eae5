"""A tiny session: speaks SessionService as the real one does, and does what its slices' ids say.

`ok` ends well, `hang` waits to be cancelled, `stuck` does not even listen, `die` dies. It runs as
`python session_program.py`, as a parent of sessions.
"""

import asyncio
import os
import sys

import grpc

from container_agent.host.forking import born
from sluicegate.v1 import outcome_pb2
from sluicegate.v1 import session_service_pb2 as pb
from sluicegate.v1.session_service_pb2_grpc import SessionServiceStub


class Program:
    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.slices: asyncio.Queue = asyncio.Queue()
        self.cancelled = asyncio.Event()
        self.committed = asyncio.Event()
        self.leaving = False
        self.said = self.acknowledged = 0

    async def run(self, socket: str, token: str) -> None:
        async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
            self.call = SessionServiceStub(channel).Run()
            hello = pb.SessionHello(session_id=self.session_id, token=token)
            await self.call.write(pb.RunRequest(hello=hello))
            listening = asyncio.create_task(self.listen())
            while (slice_id := await self.slices.get()) is not None:
                await self.work(slice_id)
            while self.acknowledged < self.said:
                self.committed.clear()
                await self.committed.wait()
            self.leaving = True
            await self.call.write(pb.RunRequest(goodbye=pb.SessionGoodbye()))
            await self.call.done_writing()
            await self.call.code()
            await listening

    async def listen(self) -> None:
        try:
            await self.obey()
            if self.leaving:
                return
        except grpc.aio.AioRpcError as error:
            print(f"broken: {error.code().name}", file=sys.stderr, flush=True)
        os._exit(1)

    async def obey(self) -> None:
        while (command := await self.call.read()) is not grpc.aio.EOF:
            match command.WhichOneof("command"):
                case "start":
                    self.take(command.start.work.slices)
                    if command.start.work.drain:
                        self.slices.put_nowait(None)
                case "feed":
                    self.take(command.feed.slices)
                case "drain":
                    self.slices.put_nowait(None)
                case "cancel":
                    self.cancelled.set()
                    self.slices.put_nowait(None)
                case "acknowledge":
                    self.acknowledged = command.acknowledge.through_outcome_number
                    self.committed.set()

    def take(self, slices) -> None:
        for slice_ in slices:
            self.slices.put_nowait(slice_.slice_id)

    async def work(self, slice_id: str) -> None:
        failure = outcome_pb2.FAILURE_REASON_UNSPECIFIED
        match slice_id.split(":")[0]:
            case "die":
                sys.exit("it died of itself")
            case "stuck":
                os.kill(os.getpid(), 19)
            case "hang":
                await self.cancelled.wait()
                failure = outcome_pb2.FAILURE_REASON_CANCELLED
        self.said += 1
        end = outcome_pb2.SliceEnd(slice_id=slice_id, attempt=1, failure=failure)
        outcome = outcome_pb2.Outcome(
            session_id=self.session_id, outcome_number=self.said, slice_end=end
        )
        batch = pb.OutcomeBatch(outcomes=[outcome])
        await self.call.write(pb.RunRequest(outcomes=batch))


def main() -> None:
    birth = born()
    if birth.session_id.startswith("unborn"):
        sys.exit("it cannot even begin")
    token = birth.token
    if birth.session_id.startswith("imposter"):
        token = "x" * len(token)
    asyncio.run(Program(birth.session_id).run(birth.socket, token))


if __name__ == "__main__":
    main()
