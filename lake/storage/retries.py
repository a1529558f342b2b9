"""Requests of obstore that failed for a passing reason, made again.

obstore itself repeats what it may: 5xx, 429, no connection, and reads that broke off, for up to four
minutes, after pauses that grow from 0.1 to 5 seconds; a server that is gone for a minute is waited for.
It gives up where a request that is not idempotent by itself breaks off or takes too long (create-only
and multipart writes, bulk deletion), and where the body of an error ends early. All that is asked
for here may be done twice, so `again` repeats these too, five times over 15 seconds.

One request takes at most `LAKE_REQUEST_SECONDS` (default 120), body included.
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, TypeVar

import zarr.storage
from obstore.exceptions import BaseError, GenericError
from obstore.store import HTTPStore, from_url
from zarr.abc.buffer import Buffer, BufferPrototype
from zarr.abc.store import ByteRequest

from lake.errors import ConfigError
from lake.storage import aws
from lake.storage.urls import redact

T = TypeVar("T")

PATIENCE = timedelta(minutes=4)
"""How long obstore tries a request; its signature and credentials hold for five minutes."""

_PATIENCE: ContextVar[timedelta | None] = ContextVar("patience", default=None)

_BACKOFF = {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=5), "base": 2}
_RETRIES = 200
"""The number of tries: more than fit into the time, so that time alone ends them."""
_PAUSES = (0.1, 0.3, 1.0, 3.0, 10.0)
"""The pauses between the tries of `again`, seconds."""
_LASTING = re.compile(r"status code: 4(?!08|09|29)\d\d|LocalFileSystem")
"""The server understood, and refused; or it is a folder."""


@contextmanager
def patience(time: timedelta) -> Iterator[None]:
    """Stores that are opened and used in this context try no longer than this."""
    token = _PATIENCE.set(time)
    try:
        yield
    finally:
        _PATIENCE.reset(token)


def open_store(url: str) -> Any:  # noqa: ANN401 (obstore has a type for each scheme)
    """The store of obstore for a URL.

    Raises:
        ConfigError: obstore cannot make a place of the URL and the environment.
    """
    options: Any = {
        "client_options": {
            "allow_http": True,
            "connect_timeout": timedelta(seconds=5),
            "timeout": timedelta(seconds=float(os.environ.get("LAKE_REQUEST_SECONDS", "120"))),
        },
        "retry_config": {
            "backoff": _BACKOFF,
            "max_retries": _RETRIES,
            "retry_timeout": _PATIENCE.get() or PATIENCE,
        },
    }
    if url.startswith("s3"):
        options |= aws.options()
    try:
        return (HTTPStore.from_url if url.startswith("http") else from_url)(url, **options)
    except (ValueError, BaseError) as error:
        cause = str(error).partition("\n")[0]
        raise ConfigError(
            f"cannot open {redact(url)}: {cause}; check the URL, and what its server needs in the "
            "environment, such as AZURE_STORAGE_ACCOUNT_NAME"
        ) from error


def again(call: Callable[[], T]) -> T:
    """Call a function until it succeeds, and return its result; it may be called more than once."""
    pauses = _Pauses()
    while True:
        try:
            return call()
        except GenericError as error:
            time.sleep(pauses.after(error))


async def again_async(call: Callable[[], Awaitable[T]]) -> T:
    """Await a coroutine function as `again` calls a function."""
    pauses = _Pauses()
    while True:
        try:
            return await call()
        except GenericError as error:
            await asyncio.sleep(pauses.after(error))


class ZarrStore(zarr.storage.ObjectStore[Any]):
    """A Zarr store in which all that reading and writing ask for is tried again."""

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """One object or a part of it; None if there is none."""
        get = super().get
        return await again_async(lambda: get(key, prototype, byte_range))

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """The asked parts of several objects."""
        get, asked = super().get_partial_values, list(key_ranges)
        return await again_async(lambda: get(prototype, asked))

    async def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        exists = super().exists
        return await again_async(lambda: exists(key))

    async def set(self, key: str, value: Buffer) -> None:
        """Write one object."""
        put = super().set
        await again_async(lambda: put(key, value))

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Write one object if it is not there."""
        put = super().set_if_not_exists
        await again_async(lambda: put(key, value))

    async def delete(self, key: str) -> None:
        """Delete one object; that it is not there is no error."""
        delete = super().delete
        await again_async(lambda: delete(key))

    async def list_dir(self, prefix: str) -> AsyncGenerator[str, None]:
        """The names directly below a folder."""
        names = super().list_dir

        async def listed() -> list[str]:
            return [name async for name in names(prefix)]

        for name in await again_async(listed):
            yield name


class _Pauses:
    def __init__(self) -> None:
        self._left = list(_PAUSES)
        self._end = time.monotonic() + (_PATIENCE.get() or PATIENCE).total_seconds()

    def after(self, error: GenericError) -> float:
        """The seconds to wait before the next try; raises the error if there is to be none."""
        if not self._left or time.monotonic() > self._end or _LASTING.search(str(error)):
            raise error
        return self._left.pop(0)
