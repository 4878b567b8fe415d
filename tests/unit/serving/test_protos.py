"""The compiled interfaces are what the compiler makes of the `.proto` files, and the wheel has both."""

import subprocess
import sys
from pathlib import Path

from google.protobuf import descriptor_pb2

from matinee.serving.messages import PROTOS


def test_the_compiled_interfaces_are_those_of_the_files(tmp_path: Path) -> None:
    root = PROTOS.parents[2]
    for file in sorted(PROTOS.glob("*.proto")):
        made = tmp_path / f"{file.stem}.binpb"
        name = str(file.relative_to(root))
        command = [sys.executable, "-m", "grpc_tools.protoc", "-I", ".", f"--descriptor_set_out={made}", name]
        subprocess.run(command, cwd=root, check=True)
        kept = file.with_suffix(".binpb").read_bytes()
        read = descriptor_pb2.FileDescriptorSet.FromString
        assert read(kept) == read(made.read_bytes()), "make protos"
    assert len([*PROTOS.glob("*.proto")]) == len([*PROTOS.glob("*.binpb")])
