"""Sees a run through: begins it, follows it, and ends it well when somebody presses Ctrl-C."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TYPE_CHECKING

from sluicegate.cli.client import Run, Standing
from sluicegate.cli.failures import CommandError, say
from sluicegate.cli.reporting import Reporter
from sluicegate.rpc.channel import connect
from sluicegate.rpc.refusals import Refusal, Unreachable, understanding
from sluicegate.rpc.retries import retrying
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import data_manager_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from sluicegate.v1.data_manager_service_pb2_grpc import DataManagerServiceAsyncStub as Stub

BEGIN_SECONDS = 5.0
LOST_SECONDS = 60.0
STOP_SECONDS = 10.0
TICK_SECONDS = 0.25
# A data manager that is started again goes on with its runs; so often it may go away unheard.
LOST_TIMES = 10
# A person's Ctrl-C, a system's wish, a terminal that was closed.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Conductor:
    """One run at one data manager, from the first call to the last word about it.

    A run that is only looked at goes on after an interrupt.
    """

    def __init__(
        self,
        run: Run,
        where: AbstractAsyncContextManager[str],
        report: Reporter,
        *,
        looks: bool = False,
    ) -> None:
        self._run = run
        self._looks = looks
        self._where = where
        self._report = report
        self._stub: Stub | None = None
        self._last: Standing | None = None
        self.interrupted = False

    async def result(self) -> Standing:
        """How the run ended. After an interrupt it is cancelled and given ten seconds; the second
        interrupt ends the process at once."""
        with _interrupts() as interrupted:
            work = asyncio.create_task(self._work())
            asked = asyncio.create_task(interrupted.wait())
            await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await self._stop(work)
            asked.cancel()
            return await work

    async def _work(self) -> Standing:
        async with self._where as address, connect(address, Tracing()) as channel:
            stub = pb_grpc.DataManagerServiceStub(channel)
            try:
                # From here on the run may be there, also when its answer is still on its way.
                self._stub = stub
                await retrying(lambda: self._create(stub), deadline_seconds=BEGIN_SECONDS)
                return await self._follow(stub)
            except Unreachable as error:
                raise CommandError(
                    f"no data manager answers at {address} ({error});"
                    " is `sluicegate up` running there?"
                ) from error
            except Refusal as refusal:
                raise CommandError(f"the data manager refuses: {refusal.message}") from refusal

    async def _create(self, stub: "Stub") -> None:
        with understanding():
            await self._run.create(stub)

    async def _follow(self, stub: "Stub") -> Standing:
        ticking = asyncio.create_task(self._tick())
        try:
            async for standing in self._watch(stub):
                self._last = standing
                self._report.show(standing)
                if standing.terminal:
                    break
            return standing
        finally:
            ticking.cancel()
            await asyncio.wait({ticking})

    async def _tick(self) -> None:
        """Time goes on, also when nothing changes."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if self._last is not None:
                self._report.show(self._last)

    async def _watch(self, stub: "Stub") -> AsyncIterator[Standing]:
        lost = 0
        while True:
            try:
                with understanding():
                    async for standing in self._run.watch(stub):
                        lost = 0
                        yield standing
                        if standing.terminal:
                            return
                raise Unreachable("the data manager ended the call")
            except Unreachable:
                lost += 1
                if lost > LOST_TIMES:
                    raise
                # The same again is no error, so this waits for whoever can answer it.
                await retrying(lambda: self._create(stub), deadline_seconds=LOST_SECONDS)

    async def _stop(self, work: "asyncio.Task[Standing]") -> None:
        self.interrupted = True
        if self._stub is None or self._looks:
            work.cancel()
            await asyncio.wait({work}, timeout=STOP_SECONDS)
            return
        say("interrupted; stopping the run (once more leaves at once)")
        try:
            async with asyncio.timeout(STOP_SECONDS):
                with understanding():
                    await self._run.cancel(self._stub)
                await asyncio.wait({work})
        except (TimeoutError, Unreachable, Refusal):
            work.cancel()


@contextmanager
def _interrupts() -> Iterator[asyncio.Event]:
    """Set by the first signal to end. The second is not waited for by anybody."""
    loop = asyncio.get_running_loop()
    interrupted = asyncio.Event()

    def interrupt(number: int) -> None:
        if interrupted.is_set():
            os._exit(128 + number)
        interrupted.set()

    # Under nohup a hangup stays ignored.
    heard = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heard:
        loop.add_signal_handler(number, interrupt, number)
    try:
        yield interrupted
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
