"""The kinds of runs that a data manager keeps, each as one thing that can be listed and shown."""

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from sluicegate.cli.calls import CALL_SECONDS, answer
from sluicegate.cli.client import BackupRun, MaintenanceRun, RestoreRun, Run, Standing, VerifyRun
from sluicegate.cli.failures import CommandError
from sluicegate.cli.maintenance import check_lines, forget_lines, prune_lines
from sluicegate.cli.summary import backup_lines, drill_lines, restore_lines, verify_lines
from sluicegate.rpc.refusals import Reason, Refusal
from sluicegate.v1 import data_manager_service_pb2 as pb

if TYPE_CHECKING:
    from sluicegate.v1.data_manager_service_pb2_grpc import DataManagerServiceAsyncStub as Stub

PAGE_RUNS = 100
MAINTENANCE_LINES = {"forget": forget_lines, "prune": prune_lines, "check": check_lines}


class Known(Struct, frozen=True):
    """A run that a data manager has told of."""

    kind: "Kind"
    message: Any

    @property
    def run_id(self) -> str:
        """Its id."""
        found: str = getattr(self.message, f"{self.kind.name}_id")
        return found

    @property
    def standing(self) -> Standing:
        """How it stands."""
        message = self.message
        return Standing(
            message.status,
            getattr(message, "snapshot_id", ""),
            getattr(message, "parent_snapshot_id", ""),
            dry_run=self._dry_run,
        )

    @property
    def _dry_run(self) -> bool:
        dry: bool = self.kind is RESTORE and self.message.plan.dry_run
        return dry or (self.kind is MAINTENANCE and self.message.work.forget.dry_run)

    @property
    def run(self) -> Run:
        """The same as something to watch or to stop."""
        return self.kind.run(self.run_id, self.message.repository.location, self.message)

    @property
    def what(self) -> bytes:
        """What it is of, or where to, in a path or a word."""
        return self.kind.what(self.message)

    @property
    def lines(self) -> Callable[[Standing], list[str]]:
        """How its end is told to a person."""
        return self.kind.lines(self.message)


class Kind(Struct, frozen=True, eq=False):
    """A kind of run. Its calls and messages have its name in them."""

    name: str
    plural: str
    run: Callable[[str, str, Any], Run]
    what: Callable[[Any], bytes]
    lines: Callable[[Any], Callable[[Standing], list[str]]]

    async def get(self, stub: "Stub", run_id: str) -> Known:
        """One of them; Refusal when there is none of this id."""
        response = await self._ask(stub, f"Get{self.name.title()}", **{f"{self.name}_id": run_id})
        return Known(self, getattr(response, self.name))

    async def all(self, stub: "Stub") -> AsyncIterator[Known]:
        """All of them, newest first."""
        token = ""
        while True:
            call = f"List{self.plural.title()}"
            page = await self._ask(stub, call, page_size=PAGE_RUNS, page_token=token)
            for message in getattr(page, self.plural):
                yield Known(self, message)
            if not (token := page.next_page_token):
                return

    async def _ask(self, stub: "Stub", call: str, **fields: object) -> Any:  # noqa: ANN401
        request = getattr(pb, f"{call}Request")(**fields)
        return await answer(lambda: getattr(stub, call)(request, timeout=CALL_SECONDS))


BACKUP = Kind(
    "backup",
    "backups",
    lambda id_, repo, of: BackupRun(id_, of.path, repo, of.options),
    lambda of: bytes(of.path),
    lambda of: backup_lines,
)
RESTORE = Kind(
    "restore",
    "restores",
    lambda id_, repo, of: RestoreRun(id_, repo, of.plan, 0),
    lambda of: bytes(of.plan.target),
    lambda of: restore_lines,
)
VERIFY = Kind(
    "verify",
    "verifies",
    lambda id_, repo, of: VerifyRun(id_, repo, of.verify, 0),
    lambda of: b"drill" if of.verify.restore_files else b"verify",
    lambda of: drill_lines if of.verify.restore_files else verify_lines,
)
MAINTENANCE = Kind(
    "maintenance",
    "maintenances",
    lambda id_, repo, of: MaintenanceRun(id_, repo, of.work),
    lambda of: (of.work.WhichOneof("work") or "").encode(),
    lambda of: MAINTENANCE_LINES.get(of.work.WhichOneof("work"), forget_lines),
)
KINDS = (BACKUP, RESTORE, VERIFY, MAINTENANCE)


async def find(stub: "Stub", run_id: str) -> Known:
    """The run of that id, of whatever kind; CommandError when there is none."""
    for kind in KINDS:
        try:
            return await kind.get(stub, run_id)
        except Refusal as refusal:
            if refusal.reason is not Reason.RUN_UNKNOWN:
                raise
    raise CommandError(f"no backup, restore, verify or maintenance is called {run_id}")
