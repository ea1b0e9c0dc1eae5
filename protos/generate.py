"""Makes the Python code of the contracts, at install and by `make proto`.

protovalidate ships its rules as a descriptor and not as a .proto file, so protoc is handed the
descriptor, and the Python module of the rules is made beside ours.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROTOS = Path(__file__).resolve().parent
SERVICES = PROTOS.parent / "services"
RULES = "buf/validate/validate.proto"
KINDS = (("python", ""), ("grpc_python", ""), ("mypy", "quiet:"), ("mypy_grpc", "quiet:"))


def rules() -> bytes:
    """The FileDescriptorSet of protovalidate's rules and of all that they import."""
    from google.protobuf import descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2
    from protovalidate._gen.buf.validate import validate_pb

    files = descriptor_pb2.FileDescriptorSet()
    for module in (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2):
        module.DESCRIPTOR.CopyToProto(files.file.add())
    files.file.add().ParseFromString(validate_pb._DESC.proto.to_binary())
    return files.SerializeToString()


def compile_contracts(*outputs: str) -> None:
    """Runs protoc over every contract; its complaint is the program's exit code."""
    files = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    # protoc looks for its plugins on PATH, where a build in isolation does not put them.
    path = os.pathsep.join([str(Path(sys.executable).parent), *sys.path, os.environ["PATH"]])
    os.environ["PATH"] = os.pathsep.join([os.path.join(p, "bin") for p in sys.path] + [path])
    with tempfile.TemporaryDirectory() as scratch:
        descriptors = Path(scratch, "rules.binpb")
        descriptors.write_bytes(rules())
        inputs = [f"-I{PROTOS}", f"--descriptor_set_in={descriptors}"]
        if code := protoc.main(["protoc", *inputs, *outputs, *files, RULES]):
            raise SystemExit(code)


def generate() -> None:
    """Writes `services/sluicegate/v1` and `services/buf/validate`."""
    compile_contracts(*(f"--{kind}_out={flag}{SERVICES}" for kind, flag in KINDS))


def image(target: str) -> None:
    """Writes the contracts as one descriptor set, for `buf lint` and `buf breaking`."""
    compile_contracts("--include_imports", "--include_source_info", f"--descriptor_set_out={target}")


class CustomBuildHook(BuildHookInterface[Any]):
    """Makes the code before hatchling collects the files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling for an editable install and for a wheel alike."""
        generate()


if __name__ == "__main__":
    image(sys.argv[1]) if len(sys.argv) > 1 else generate()
