"""The messages of the service, made at run time from the compiled interfaces of `serving/protos/`."""

from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

PROTOS = Path(__file__).with_name("protos")
PACKAGE = "matinee.serving.v1"
KEY_VALUE, IMPRESSION_STORE = f"{PACKAGE}.KeyValue", f"{PACKAGE}.ImpressionStore"


@cache
def files() -> tuple[descriptor_pb2.FileDescriptorProto, ...]:
    """Return the descriptors of the interfaces; each stands after those that it imports."""
    compiled = sorted(PROTOS.glob("*.binpb"))
    sets = (descriptor_pb2.FileDescriptorSet.FromString(file.read_bytes()) for file in compiled)
    every = {file.name: file for each in sets for file in each.file}
    return tuple(sorted(every.values(), key=lambda file: any(name in every for name in file.dependency)))


def new_pool() -> descriptor_pool.DescriptorPool:
    """Return a pool of descriptors that knows the interfaces, and what they import."""
    pool = descriptor_pool.DescriptorPool()
    for known in (any_pb2, timestamp_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    for file in files():
        pool.AddSerializedFile(file.SerializeToString())
    return pool


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    return new_pool()


@cache
def message(name: str) -> Any:  # noqa: ANN401 - a class that is made here
    """Return the class of a message of the interfaces, such as `GetRequest`."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


@cache
def methods(service: str) -> dict[str, tuple[Any, Any]]:
    """Return the methods of a service by name, with the classes of their requests and answers."""
    described = _pool().FindServiceByName(service).methods
    return {
        method.name: tuple(map(message_factory.GetMessageClass, (method.input_type, method.output_type)))
        for method in described
    }
