"""The store of a served dataset, by its name."""

from matinee.serving.files import Files
from matinee.serving.stores.protocol import Store
from matinee.serving.stores.rocksdb import RocksDb


def store_of(files: Files) -> Store:
    """Return the store of a dataset."""
    return RocksDb(files)
