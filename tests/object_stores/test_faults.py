"""Networks and stores that do what they should not: it is done all the same, or said in a line."""

import hashlib
import itertools
import random
import time
from collections.abc import Callable

import pytest

from container_agent.repository import errors
from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import StorageAway
from container_agent.repository.locations import LocationInvalid, store_at
from container_agent.repository.locks import Lock
from container_agent.repository.object_failures import AccessDenied
from container_agent.repository.repository import Repository
from container_agent.repository.stores import Store
from container_agent.session.failures import failure_of
from object_stores.proxy import Fault, Plan, Proxy, no_fault
from object_stores.seaweed import (
    READING_KEY,
    READING_SECRET,
    Seaweed,
    credentials,
    free_ports,
)
from object_stores.seaweed import (
    SECRET as KEY_SECRET,
)
from repositories import put
from sluicegate.v1 import outcome_pb2 as pb

SECRET = b"correct horse"
PASSING = [
    Fault.RESET, Fault.CUT, Fault.CUT_ANSWER, Fault.LOST, Fault.THROTTLED, Fault.TOO_MANY,
]  # fmt: skip


def first(count: int, fault: Fault) -> Plan:
    """The fault befalls so many requests; the proxy asks one at a time."""
    left = [fault] * count
    return lambda method, path: left.pop() if left else Fault.NONE


def each(store: Store, data: bytes) -> dict[str, Callable[[], object]]:
    """Every call of a store, and what it answers after all."""
    name = f"data/{hashlib.sha256(data).hexdigest()}"
    return {
        "write": lambda: store.write(name, [data[:9], data[9:]]),
        "write new": lambda: store.write("config", b"config", new=True),
        "read": lambda: store.read(name) == data,
        "read range": lambda: store.read_range(name, 5, len(data) - 9) == data[5:-4],
        "names": lambda: store.names("data") == [name[5:]],
        "exists": lambda: store.exists(name) and not store.exists("data/" + "0" * 64),
        "remove": lambda: store.remove(name),
    }


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name)
def test_a_fault_that_passes_costs_time_alone(proxy: Proxy, behind: str, fault: Fault):
    store = store_at(behind, budget_seconds=20.0)
    for call, do in each(store, random.Random(3).randbytes(300_000)).items():
        proxy.plan = first(2, fault)
        assert do() in (None, True), call
    assert proxy.faults() >= 7
    assert not store.names("data")


def test_a_writer_writes_through_a_storm_and_a_half_is_never_there(proxy: Proxy, behind: str):
    Repository.create(store_at(behind), SECRET)
    repository = Repository.open(store_at(behind, budget_seconds=30.0), SECRET)
    rng = random.Random(11)
    storm = itertools.cycle(each for fault in PASSING for each in (fault, Fault.NONE, Fault.NONE))
    proxy.plan = lambda method, path: next(storm)
    with repository.shared_lock():
        repository.load_index()
        writer = repository.writer()
        blobs = {}
        for _ in range(30):
            data = rng.randbytes(1 << 20)
            blobs[put(writer, BlobKind.DATA, data)] = data
        writer.flush()
        writer.close()
    proxy.plan = no_fault
    assert proxy.faults() > 3
    again = Repository.open(store_at(behind), SECRET)
    again.load_index()
    for blob_id, data in blobs.items():
        assert again.read_blob(BlobKind.DATA, blob_id) == data
    assert not any(again.verify_pack(pack).errors for pack in again.packs())
    assert store_at(behind).names("locks") == []


def test_an_upload_that_is_cut_for_good_leaves_nothing_that_counts(proxy: Proxy, behind: str):
    store = store_at(behind, budget_seconds=1.0)
    proxy.plan = lambda method, path: Fault.CUT if method == "PUT" else Fault.NONE
    with pytest.raises(StorageAway, match=r"does not answer: connection reset\.$"):
        store.write("data/" + "a" * 64, random.Random(1).randbytes(4 << 20))
    assert not store.exists("data/" + "a" * 64)
    assert store.names("data") == []


def test_an_answer_that_is_late_is_waited_for_or_asked_for_again(proxy: Proxy, behind: str):
    store_at(behind).write("config", b"config")
    proxy.plan = first(1, Fault.LATE)
    assert store_at(behind).read("config") == b"config"
    assert len(proxy.seen) == 2
    proxy.plan = first(1, Fault.LATE)
    assert store_at(behind, budget_seconds=0.5).read("config") == b"config"
    assert len(proxy.seen) == 4


@pytest.mark.parametrize(
    ("fault", "told"),
    [(Fault.THROTTLED, "503 SlowDown"), (Fault.TOO_MANY, "429 TooManyRequests")],
)
def test_a_store_that_never_has_time_is_given_up_within_the_budget(proxy, behind, fault, told):
    proxy.plan = lambda method, path: fault
    begun = time.monotonic()
    with pytest.raises(StorageAway, match=told) as given_up:
        store_at(behind, budget_seconds=1.0).read("config")
    assert time.monotonic() - begun < 10
    assert failure_of(given_up.value)[0] == pb.FAILURE_REASON_STORAGE_AWAY
    assert 3 < len(proxy.seen) < 30, "it waits longer each time"


def test_a_quota_is_a_full_storage_and_is_not_asked_again(proxy: Proxy, behind: str):
    proxy.plan = lambda method, path: Fault.FULL
    with pytest.raises(errors.StorageFull, match="quota") as full:
        store_at(behind).write("index/" + "a" * 64, b"x")
    assert failure_of(full.value)[0] == pb.FAILURE_REASON_STORAGE_FULL
    assert len(proxy.seen) == 1


def test_a_server_that_is_not_there_is_said(path: str):
    [port] = free_ports(1)
    with pytest.raises(StorageAway, match="connection refused"):
        store_at(Seaweed(port).location(path), budget_seconds=0.5).exists("config")
    with pytest.raises(StorageAway, match="name is not known"):
        store_at("s3:http://nowhere.invalid/bucket/a", budget_seconds=0.5).exists("config")


def test_a_server_without_tls_is_said(server: Seaweed):
    location = f"s3:https://127.0.0.1:{server.port}/backups/a"
    with pytest.raises(StorageAway, match="TLS"):
        store_at(location, budget_seconds=0.5).exists("config")


def test_a_bucket_that_is_not_there_is_said_by_whatever_asks(server: Seaweed):
    store = store_at(server.location("a", bucket="no-such-bucket"))
    calls = [
        store.create,
        lambda: store.exists("config"),
        lambda: store.read("config"),
        lambda: store.names("data"),
        lambda: store.write("config", b"x"),
        lambda: store.write("config", b"x", new=True),
    ]
    for call in calls:
        with pytest.raises(errors.RepositoryMissing, match="no bucket no-such-bucket"):
            call()


def refused(location: str) -> str:
    """The line that tells why we are not let in."""
    with pytest.raises(AccessDenied) as denied:
        store_at(location, budget_seconds=2.0).exists("config")
    reason, line = failure_of(denied.value)
    assert reason == pb.FAILURE_REASON_REPOSITORY_MISSING, "the run ends"
    assert "\n" not in line and "AWS_SECRET_ACCESS_KEY" in line
    assert KEY_SECRET not in line and "canary" not in line
    return line


def test_who_is_not_let_in_is_told_what_to_see_to(location: str, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-that-is-wrong")
    assert "SignatureDoesNotMatch" in refused(location)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDNOBODY")
    assert "InvalidAccessKeyId" in refused(location)


def test_who_may_only_read_reads_and_is_refused_to_write(location: str, monkeypatch):
    Repository.create(store_at(location), SECRET)
    for name, value in credentials(READING_KEY, READING_SECRET).items():
        monkeypatch.setenv(name, value)
    store = store_at(location)
    repository = Repository.open(store, SECRET)
    assert repository.snapshots() == []
    for call in (lambda: store.write("index/" + "a" * 64, b"x"), lambda: store.remove("config")):
        with pytest.raises(AccessDenied, match=r"denied \(AccessDenied\)"):
            call()
    with pytest.raises(AccessDenied), repository.shared_lock():
        pass


def test_a_location_that_names_nothing_ends_a_run():
    with pytest.raises(LocationInvalid) as invalid:
        store_at("s3:host")
    assert failure_of(invalid.value)[0] == pb.FAILURE_REASON_REPOSITORY_MISSING


def test_a_lock_that_cannot_be_removed_costs_nobody_its_work(proxy: Proxy, behind: str):
    store = store_at(behind, budget_seconds=0.2)
    Repository.create(store, SECRET)
    repository = Repository.open(store, SECRET)
    with Lock(store, repository._sealer) as lock:
        proxy.plan = lambda method, path: Fault.FULL if method == "DELETE" else Fault.NONE
        assert lock.renew() and lock.renew()
        lock.check()
        assert len(store.names("locks")) == 3
        proxy.plan = no_fault
        assert lock.renew()
        assert len(store.names("locks")) == 1
        proxy.plan = lambda method, path: Fault.FULL if method == "DELETE" else Fault.NONE
    proxy.plan = no_fault
    assert len(store.names("locks")) == 1
