import errno

import aiohttp
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from yarl import URL

from ingest.source import retries
from ingest.source.retries import Retry
from lake.errors import MissingError, UnreachableError


class Flaky:
    """Fails as often as told, then gives what was asked for."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "here"


def response(status: int) -> aiohttp.ClientResponseError:
    info = aiohttp.RequestInfo(URL("http://there"), "GET", {}, URL("http://there"))
    return aiohttp.ClientResponseError(info, (), status=status)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("reset by peer"),
        TimeoutError("too slow"),
        OSError(errno.EIO, "503 Service Unavailable"),
        EndpointConnectionError(endpoint_url="http://there"),
        response(500),
        response(503),
        response(429),
        aiohttp.ClientPayloadError("short"),
    ],
    ids=repr,
)
def test_error_that_may_pass_is_tried_again_until_it_does(error):
    slept = []
    work = Flaky(error, error)
    assert retries.call("get", work, Retry(sleep=slept.append)) == "here"
    assert (work.calls, len(slept)) == (3, 2)


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("gone"),
        PermissionError("no"),
        NoCredentialsError(),
        OSError(errno.ENOSPC, "full"),
        response(404),
        MissingError("gone"),
        UnreachableError("tried already"),
    ],
    ids=repr,
)
def test_error_that_lasts_is_raised_at_once(error):
    slept = []
    work = Flaky(error)
    with pytest.raises(type(error)):
        retries.call("get", work, Retry(sleep=slept.append))
    assert (work.calls, slept) == (1, [])


def test_error_of_the_program_is_not_tried_again():
    work = Flaky(KeyError("name"))
    with pytest.raises(KeyError):
        retries.call("get", work, Retry(sleep=lambda _: None))
    assert work.calls == 1


def test_server_that_keeps_failing_is_an_error_that_says_how_often():
    slept = []
    work = Flaky(*[ConnectionResetError("reset")] * 9)
    with pytest.raises(UnreachableError, match=r"cannot list s3://x: failed 4 times.*reset"):
        retries.call("list s3://x", work, Retry(attempts=4, sleep=slept.append))
    assert (work.calls, len(slept)) == (4, 3)


def test_waits_double_up_to_the_longest_and_differ_between_requests():
    retry = Retry(attempts=8, first_s=0.5, longest_s=4)
    longest = [0.5, 1, 2, 4, 4, 4, 4]
    waits = list(retry.waits("a"))
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))
    assert len({next(retry.waits(f"request {n}")) for n in range(50)}) == 50
