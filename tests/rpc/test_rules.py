"""What is passed without protovalidate would have passed it, and nearly all that is valid does."""

import importlib
import pkgutil
import random
import string

import protovalidate
import pytest
from google.protobuf.descriptor import FieldDescriptor

import sluicegate.v1
from sluicegate.rpc.rules import plainly_valid
from sluicegate.v1 import data_manager_service_pb2 as data
from sluicegate.v1 import host_service_pb2 as host
from sluicegate.v1 import proxy_manager_service_pb2 as proxies

TRIES = 60
LENGTHS = (0, 1, 4, 32, 63, 64, 65, 100, 101, 4096, 4097)
TEXTS = (string.digits + "abcdef", string.ascii_letters + "._-:", "a\n", "\u00e9$ ")
INTEGERS = (0, 1, 2, 4, 64, 1000, 1001, 10_000, 10_001, 1 << 20, (1 << 31) - 1)
FLOATS = (0.0, 0.5, 1.0, 1.5, -1.0, float("nan"), float("inf"))


def modules():
    for found in pkgutil.iter_modules(sluicegate.v1.__path__):
        if found.name.endswith("_pb2"):
            yield importlib.import_module(f"sluicegate.v1.{found.name}")


MESSAGES = {
    descriptor.full_name: getattr(module, name)
    for module in modules()
    for name, descriptor in module.DESCRIPTOR.message_types_by_name.items()
}


def text(rng: random.Random) -> str:
    if rng.random() < 0.1:
        return "latest"
    value = "".join(rng.choices(rng.choice(TEXTS), k=rng.choice(LENGTHS)))
    return value + "\n" if rng.random() < 0.1 else value


def scalar(field: FieldDescriptor, rng: random.Random) -> object:
    if field.enum_type is not None:
        return rng.randrange(len(field.enum_type.values) + 2)
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
            return rng.choice((b"/", b"")) + rng.randbytes(rng.choice(LENGTHS))
        case FieldDescriptor.CPPTYPE_STRING:
            return text(rng)
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return rng.choice(FLOATS)
        case FieldDescriptor.CPPTYPE_BOOL:
            return rng.random() < 0.5
        case _:
            return rng.choice(INTEGERS)


def fill(message, rng: random.Random, depth: int = 0) -> None:
    """Sets some fields of a message to values near the bounds that rules have."""
    for field in message.DESCRIPTOR.fields:
        if rng.random() < 0.2 or depth > 5:
            continue
        times = rng.choice((0, 1, 2, 3)) if field.is_repeated else 1
        for _ in range(times):
            if field.message_type is None:
                value = scalar(field, rng)
                if field.is_repeated:
                    getattr(message, field.name).append(value)
                else:
                    setattr(message, field.name, value)
            elif field.is_repeated:
                fill(getattr(message, field.name).add(), rng, depth + 1)
            else:
                getattr(message, field.name).SetInParent()
                fill(getattr(message, field.name), rng, depth + 1)


@pytest.mark.parametrize("name", MESSAGES)
def test_t6_nothing_passes_that_protovalidate_would_refuse(name: str):
    rng = random.Random(name)
    for _ in range(TRIES):
        message = MESSAGES[name]()
        fill(message, rng)
        if plainly_valid(message):
            assert protovalidate.collect_violations(message) == [], message


@pytest.mark.parametrize("name", MESSAGES)
def test_every_rule_of_the_contracts_is_known(name: str):
    """Whatever protovalidate passes is passed without it."""
    rng = random.Random(name)
    for _ in range(TRIES):
        message = MESSAGES[name]()
        fill(message, rng)
        if not protovalidate.collect_violations(message):
            assert plainly_valid(message), message


@pytest.mark.parametrize(
    ("message", "valid"),
    [
        (data.CreateAssetRequest(asset=data.Asset(asset_id="a", path=b"/a")), True),
        (data.CreateAssetRequest(asset=data.Asset(asset_id="a", path=b"a")), False),
        (data.CreateAssetRequest(asset=data.Asset(asset_id="a\n", path=b"/a")), False),
        (data.CreateAssetRequest(), False),
        (proxies.ReserveRequest(data_manager_id="dm", session_ids=["a", "b"]), True),
        (proxies.ReserveRequest(data_manager_id="dm", session_ids=["a", "a"]), False),
        (proxies.ReserveRequest(data_manager_id="dm"), False),
        (host.AttachRequest(), False),
        (host.AttachRequest(load=host.HostLoad(cpu=0.5)), True),
        (host.AttachRequest(load=host.HostLoad(cpu=float("nan"))), False),
    ],
)
def test_each_kind_of_rule_passes_and_refuses(message, valid: bool):
    assert plainly_valid(message) is valid
    assert (protovalidate.collect_violations(message) == []) is valid
