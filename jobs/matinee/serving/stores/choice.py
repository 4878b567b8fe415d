"""The store of a version, by the name that its plan has."""

from urllib.parse import urlsplit

from matinee.serving.settings import StoreSettings
from matinee.serving.stores.dynamodb import DynamoDb
from matinee.serving.stores.protocol import Store
from matinee.serving.stores.redis import Redis
from matinee.serving.stores.remote import Remote
from matinee.serving.stores.rocksdb import RocksDb
from matinee.serving.versions import Versions


def store_of(versions: Versions, name: str) -> Store:
    """Return a store of a dataset's versions: `rocksdb`, `redis` or `dynamodb`.

    Raises:
        SettingsError: the settings do not say where the store is.
    """
    if name == "rocksdb":
        return RocksDb(versions.files)
    settings, stores = versions.settings, StoreSettings()
    base = urlsplit(settings.warehouse_uri)
    space = f"{base.netloc}{base.path}/{versions.dataset}"
    if name == "redis":
        return Remote(Redis(stores.redis, stores.redis_connection, space))
    return Remote(DynamoDb(settings.aws_region, stores.dynamodb_endpoint, stores.dynamodb_table, space))
