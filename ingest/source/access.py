"""How the object store of a source is reached, which is often not the one of the lake.

NOAA's buckets, and the mirrors of them at Google and Microsoft, are public. They are read without
credentials from where they are, whatever the environment says of the lake's object store:

    s3://noaa-goes16                    Amazon S3, us-east-1
    gs://gcp-public-data-goes-16        Google Cloud Storage
    abfs://noaa-goes16, az://...        Azure Blob Storage, account goeseuwest

Every other source is reached as the environment says (`AWS_ENDPOINT_URL`, `AWS_REGION`, ...). Settings
of its own come before both, in this process and in every worker:

    LAKE_SOURCE_ENDPOINT_URL   server, e.g. http://minio:9000
    LAKE_SOURCE_REGION         region of the bucket (S3)
    LAKE_SOURCE_ANONYMOUS      true: without credentials; false: with them
    LAKE_SOURCE_PROFILE        profile of ~/.aws with the credentials (S3)
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lake.errors import ConfigError
from lake.storage import aws

PREFIX = "LAKE_SOURCE_"
S3, GOOGLE, AZURE = ("s3", "s3a"), ("gs",), ("az", "abfs", "abfss")
CLOUDS = (*S3, *GOOGLE, *AZURE)
"""Schemes of object stores."""

_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class Access:
    """Server, region and credentials of a source; what is None is as the environment says."""

    endpoint: str | None = None
    region: str | None = None
    account: str | None = None
    """Storage account (Azure)."""
    is_anonymous: bool | None = None
    """True: requests carry no credentials."""
    profile: str | None = None
    """Name of a profile of ~/.aws."""


PUBLIC = {
    **dict.fromkeys(
        [("s3", "noaa-goes"), ("s3a", "noaa-goes")],
        Access("https://s3.us-east-1.amazonaws.com", "us-east-1", is_anonymous=True),
    ),
    ("gs", "gcp-public-data-goes-"): Access("https://storage.googleapis.com", is_anonymous=True),
    **dict.fromkeys(
        [("az", "noaa-goes"), ("abfs", "noaa-goes"), ("abfss", "noaa-goes")],
        Access("https://goeseuwest.blob.core.windows.net", None, "goeseuwest", is_anonymous=True),
    ),
}
"""How public buckets are reached, by scheme and begin of the bucket's name."""


def scheme_of(url: str) -> str:
    """The scheme of the file system that a URL, or chain of URLs, reads from; empty for a path."""
    return url.rpartition("://")[0].rpartition("::")[2]


def access(url: str) -> Access:
    """How the source at a URL is reached.

    Raises:
        ConfigError: a setting of the source has no meaning.
    """
    scheme, bucket = scheme_of(url), url.rpartition("://")[2]
    matches = (
        public_access
        for (of_scheme, name), public_access in PUBLIC.items()
        if scheme == of_scheme and bucket.startswith(name)
    )
    return _overridden(next(matches, Access()), os.environ)


def s3fs_options(reached: Access) -> dict[str, Any]:
    """The options of `s3fs.S3FileSystem`."""
    options: dict[str, Any] = {}
    if _is_unsigned(reached):
        options["anon"] = True
    elif reached.profile:
        options["profile"] = reached.profile
    if reached.endpoint:
        options["endpoint_url"] = reached.endpoint
    if reached.region:
        options["client_kwargs"] = {"region_name": reached.region}
    return options


def obstore_options(url: str, reached: Access) -> dict[str, Any]:
    """The options of `obstore.store.from_url`, which otherwise asks the environment.

    Raises:
        ConfigError: S3 asks for credentials, and there are none.
    """
    scheme = scheme_of(url)
    if scheme in S3:
        return _s3(reached)
    options: dict[str, Any] = {}
    if reached.endpoint:
        options["base_url" if scheme in GOOGLE else "endpoint"] = reached.endpoint
    if reached.account:
        options["account_name"] = reached.account
    if reached.is_anonymous is not None:
        options["skip_signature"] = reached.is_anonymous
    return options


def _s3(reached: Access) -> dict[str, Any]:
    options: dict[str, Any] = {"skip_signature": _is_unsigned(reached)}
    if not options["skip_signature"]:
        options |= aws.credentials(reached.profile)
    if reached.endpoint:
        options |= {"endpoint": reached.endpoint, "virtual_hosted_style_request": False}
    if reached.region:
        options["region"] = reached.region
    return options


def _is_unsigned(reached: Access) -> bool:
    return aws.is_unsigned() if reached.is_anonymous is None else reached.is_anonymous


def _overridden(default: Access, environment: Mapping[str, str]) -> Access:
    """The access with the settings of the environment in place of its own."""
    settings = {
        name: text
        for name in ("ENDPOINT_URL", "REGION", "ANONYMOUS", "PROFILE")
        if (text := environment.get(PREFIX + name, "").strip())
    }
    reached = default
    if endpoint := settings.get("ENDPOINT_URL"):
        aws.check_endpoint(f"{PREFIX}ENDPOINT_URL", endpoint)
        reached = replace(reached, endpoint=endpoint.rstrip("/"))
    if region := settings.get("REGION"):
        reached = replace(reached, region=region)
    if profile := settings.get("PROFILE"):
        config = aws.profile_config(profile)
        reached = replace(
            reached,
            endpoint=settings.get("ENDPOINT_URL") or config.get("endpoint_url") or reached.endpoint,
            region=settings.get("REGION") or config.get("region") or reached.region,
            profile=profile,
            is_anonymous=False,
        )
    if anonymous := settings.get("ANONYMOUS"):
        if anonymous.lower() not in _WORDS:
            raise ConfigError(f"{PREFIX}ANONYMOUS is {anonymous!r}: wanted true or false")
        reached = replace(reached, is_anonymous=_WORDS[anonymous.lower()])
    return reached
