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


def compile_contracts(protos: Path, *outputs: str) -> None:
    """Runs protoc over every contract below `protos`; its complaint is the program's exit code."""
    files = sorted(str(path.relative_to(protos)) for path in protos.rglob("*.proto"))
    # protoc looks for its plugins on PATH, where neither a venv nor an isolated build puts them.
    packages = [Path(entry) for entry in sys.path if entry.endswith("site-packages")]
    plugins = [str(entry.parents[2] / "bin") for entry in packages]
    os.environ["PATH"] = os.pathsep.join([*plugins, os.environ["PATH"]])
    with tempfile.TemporaryDirectory() as scratch:
        descriptors = Path(scratch, "rules.binpb")
        descriptors.write_bytes(rules())
        inputs = [f"-I{protos}", f"--descriptor_set_in={descriptors}"]
        if code := protoc.main(["protoc", *inputs, *outputs, *files, RULES]):
            raise SystemExit(code)


def generate() -> None:
    """Writes `services/sluicegate/v1` and `services/buf/validate`."""
    compile_contracts(PROTOS, *(f"--{kind}_out={flag}{SERVICES}" for kind, flag in KINDS))


def image(target: str, protos: Path = PROTOS) -> None:
    """Writes the contracts below `protos` as one descriptor set, as `buf` reads it."""
    outputs = ("--include_imports", "--include_source_info", f"--descriptor_set_out={target}")
    compile_contracts(protos, *outputs)


class CustomBuildHook(BuildHookInterface[Any]):
    """Makes the code before hatchling collects the files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling for an editable install and for a wheel alike."""
        generate()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        image(sys.argv[1], *map(Path, sys.argv[2:]))
    else:
        generate()
