"""Files of served datasets, below `<warehouse>/_served/<dataset>/`, on disks or S3.

Small files are written whole or not at all. The pointer to the active version is replaced by compare-and-swap: under a
lock of the folder on a disk, by If-Match on S3.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from matinee.errors import VersionGoneError
from matinee.foreign import translating
from matinee.private import FILE, private_folder, write_private
from matinee.settings import Settings
from matinee.table.objects import error_code, s3_client

FOLDER = "_served"
_LOCK = ".lock"
#: Error codes of S3 where the object is missing, or is not the version that the condition names.
_MISSING = frozenset({"NoSuchKey", "404"})
_OTHERS = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "409", "412", *_MISSING})


class Files(Protocol):
    """The files of a folder, by names with `/` between parts."""

    def read(self, name: str) -> tuple[bytes, str] | None:
        """Return the content of a small file and the tag of this content; None where there is no such file."""

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, whole or not at all, in place of an earlier file."""

    def swap(self, name: str, content: bytes, tag: str | None) -> bool:
        """Replace the content that has a tag (None: no file); return False, without a change, where it has another."""

    def upload(self, local: Path, name: str) -> None:
        """Put a file of this machine in place, whole or not at all."""

    def download(self, name: str, local: Path) -> None:
        """Fetch a file to a path of this machine where nothing is yet; on a disk a link may do.

        Raises:
            VersionGoneError: there is no such file.
        """

    def names(self, folder: str = "") -> list[str]:
        """Return the names of all files below a folder, sorted."""

    def delete(self, folder: str) -> None:
        """Delete what lies below a folder, or a single file."""


def files_of(settings: Settings, dataset: str) -> Files:
    """Return the files of a served dataset."""
    base = f"{settings.warehouse_uri}/{FOLDER}/{dataset}"
    parts = urlsplit(base)
    if parts.scheme.startswith("s3"):
        return Objects(parts.netloc, parts.path.strip("/"), settings.aws_region, settings.s3_endpoint)
    return Disk(Path(base.removeprefix("file://")))


@dataclass(frozen=True)
class Disk:
    """Files below a folder of a disk."""

    folder: Path

    def read(self, name: str) -> tuple[bytes, str] | None:
        try:
            content = (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
        return content, hashlib.sha256(content).hexdigest()

    def write(self, name: str, content: bytes) -> None:
        with translating(str(self.folder / name)):
            write_private(self._place(name), content)

    def swap(self, name: str, content: bytes, tag: str | None) -> bool:
        with translating(str(self.folder / name)), self._locked():
            known = self.read(name)
            if (known[1] if known else None) != tag:
                return False
            write_private(self._place(name), content)
        return True

    def upload(self, local: Path, name: str) -> None:
        place = self._place(name)
        waiting = place.with_name(f".{place.name}.{os.getpid()}")
        with translating(str(place)):
            try:
                shutil.copyfile(local, waiting)
                waiting.chmod(FILE)
                waiting.replace(place)
            finally:
                waiting.unlink(missing_ok=True)

    def download(self, name: str, local: Path) -> None:
        if not (self.folder / name).is_file():
            raise _gone(str(self.folder / name))
        with translating(str(local)):
            try:
                os.link(self.folder / name, local)
            except OSError:  # Another disk.
                shutil.copyfile(self.folder / name, local)

    def names(self, folder: str = "") -> list[str]:
        below = self.folder / folder
        files = (path for path in below.rglob("*") if path.is_file() and not path.name.startswith("."))
        return sorted(path.relative_to(self.folder).as_posix() for path in files)

    def delete(self, folder: str) -> None:
        path = self.folder / folder
        with suppress(FileNotFoundError):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _place(self, name: str) -> Path:
        place = self.folder / name
        private_folder(place.parent)
        return place

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._place(_LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@dataclass(frozen=True)
class Objects:
    """Objects of a bucket whose keys begin with a prefix."""

    bucket: str
    prefix: str
    region: str
    endpoint: str | None

    def read(self, name: str) -> tuple[bytes, str] | None:
        from botocore.exceptions import ClientError

        with translating(self._uri(name)):
            try:
                answer = self._client.get_object(**self._place(name))
            except ClientError as error:
                if error_code(error) not in _MISSING:
                    raise
                return None
            return answer["Body"].read(), answer["ETag"]

    def write(self, name: str, content: bytes) -> None:
        with translating(self._uri(name)):
            self._client.put_object(**self._place(name), Body=content)

    def swap(self, name: str, content: bytes, tag: str | None) -> bool:
        from botocore.exceptions import ClientError

        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        with translating(self._uri(name)):
            try:
                self._client.put_object(**self._place(name), Body=content, **condition)
            except ClientError as error:
                if error_code(error) not in _OTHERS:
                    raise
                return False
        return True

    def upload(self, local: Path, name: str) -> None:
        with translating(self._uri(name)):
            self._client.upload_file(str(local), *self._place(name).values())

    def download(self, name: str, local: Path) -> None:
        from botocore.exceptions import ClientError

        with translating(self._uri(name)):
            try:
                self._client.download_file(*self._place(name).values(), str(local))
            except ClientError as error:
                if error_code(error) not in _MISSING:
                    raise
                raise _gone(self._uri(name)) from error

    def names(self, folder: str = "") -> list[str]:
        with translating(self._uri(folder)):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=f"{self.prefix}/{folder}"
            )
            keys = [content["Key"] for page in pages for content in page.get("Contents", ())]
        return sorted(key.removeprefix(f"{self.prefix}/") for key in keys)

    def delete(self, folder: str) -> None:
        with translating(self._uri(folder)):
            for name in (folder, *self.names(f"{folder}/")):
                self._client.delete_object(**self._place(name))

    @property
    def _client(self) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        return s3_client(self.region, self.endpoint)

    def _place(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": f"{self.prefix}/{name}"}

    def _uri(self, name: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}/{name}"


def _gone(path: str) -> VersionGoneError:
    return VersionGoneError(
        f"{path} is not there: the version was removed, or is damaged.",
        next_step="`matinee kv list DATASET` shows what is there; `matinee kv rollback`, or build the version again.",
        facts={"file": path},
    )
