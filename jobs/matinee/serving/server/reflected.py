"""What reflection tells: the interfaces of the service, and the messages of the values of the open versions."""

from collections.abc import Iterable

from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from matinee.serving.messages import new_pool
from matinee.serving.values import Value

#: Services of gRPC's own packages.
OWN = (health_pb2, reflection_pb2)


class Reflected(reflection.ReflectionServicer):  # type: ignore[misc]
    """Reflection over a pool of descriptors that is replaced when the message of a value changes."""

    def __init__(self, services: Iterable[str]) -> None:
        super().__init__(services, pool=_pool({}))
        self._values: dict[str, Value] = {}

    def tell(self, dataset: str, value: Value) -> None:
        """Tell of the message of a dataset's values from now on."""
        if self._values.get(dataset) != value:
            self._values = {**self._values, dataset: value}
            self._pool = _pool(self._values)


def _pool(values: dict[str, Value]) -> descriptor_pool.DescriptorPool:
    pool = new_pool()
    for known in OWN:
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    for value in values.values():
        pool.AddSerializedFile(value.file.SerializeToString())
    return pool
