"""Trying again what a network did wrong: which errors may pass, how often to try, how long to wait."""

import errno
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
from botocore import exceptions as botocore
from obstore import exceptions as obstore

from lake.errors import LakeError, UnreachableError

Result = TypeVar("Result")

ERRORS = (OSError, botocore.BotoCoreError, aiohttp.ClientError, obstore.BaseError)
"""What file systems raise."""

_LASTING = (
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
_LASTING_NUMBERS = (
    errno.EDQUOT,
    errno.EFBIG,
    errno.EINVAL,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.EPERM,
    errno.EROFS,
)
_BUSY = (408, 429)
"""HTTP's request timeout and too many requests."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often to try, and how long to wait in between."""

    attempts: int = 9
    """With the waits below about a minute: a server may be restarted."""
    first_s: float = 0.5
    """Longest wait before the second attempt; doubled before each further one."""
    longest_s: float = 20.0
    sleep: Callable[[float], None] = time.sleep

    def waits(self, action: str) -> Iterator[float]:
        """Seconds before each attempt but the first: half to all of the longest, as `action` has it.

        So many clients that failed at one moment do not come back at one moment.
        """
        for number in range(self.attempts - 1):
            longest = min(self.first_s * 2**number, self.longest_s)
            yield longest * (1 + zlib.crc32(f"{number} {action}".encode()) / 2**32) / 2


def call(action: str, work: Callable[[], Result], retry: Retry) -> Result:
    """What `work` returns, tried again while it fails with an error that may pass.

    Args:
        action: is done, for the message: `list s3://noaa-goes16`.
        work: may be called any number of times.
        retry: how often.

    Raises:
        UnreachableError: it failed every time.
    """
    waits = retry.waits(action)
    while True:
        try:
            return work()
        except ERRORS as error:
            if not may_pass(error):
                raise
            wait = next(waits, None)
            if wait is None:
                raise UnreachableError(
                    f"cannot {action}: failed {retry.attempts} times, at last with "
                    f"{type(error).__name__}: {error}; see whether the server works, then run again"
                ) from error
            retry.sleep(wait)


def may_pass(error: Exception) -> bool:
    """Whether the same request may succeed a little later."""
    if isinstance(error, (LakeError, *_LASTING)):
        return False
    if isinstance(error, aiohttp.ClientResponseError):
        return error.status >= 500 or error.status in _BUSY
    if isinstance(error, botocore.BotoCoreError):
        return isinstance(error, (botocore.HTTPClientError, botocore.ConnectionError))
    if isinstance(error, obstore.BaseError):
        return isinstance(error, obstore.GenericError)
    return not (isinstance(error, OSError) and error.errno in _LASTING_NUMBERS)
