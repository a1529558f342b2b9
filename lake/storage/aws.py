"""The endpoint, region and credentials by which this process reaches S3, from its environment.

obstore reads keys, web identities and container credentials from the environment by itself. Profiles
(`~/.aws/config`, `~/.aws/credentials`, `AWS_PROFILE`: keys, SSO, assumed roles, `credential_process`)
and the metadata server of a machine are asked through botocore, which knows within seconds that there
is nothing.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from lake.errors import ConfigError

ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_OWN = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
"""Variables whose credentials obstore takes by itself."""
_UNSIGNED = ("AWS_SKIP_SIGNATURE", "AWS_NO_SIGN_REQUEST")
_LIFETIME = timedelta(minutes=15)
"""After which botocore is asked again; it renews what expires."""

Credentials = dict[str, Any]


def options() -> dict[str, Any]:
    """The settings that obstore needs beside the environment.

    Raises:
        ConfigError: an endpoint that is no URL, or no credentials anywhere.
    """
    check_endpoints()
    return {"skip_signature": True} if is_unsigned() else credentials()


def credentials(profile: str | None = None) -> dict[str, Any]:
    """What obstore is told to sign its requests.

    Args:
        profile: of `~/.aws`, whatever keys the environment has; None: the environment's credentials.

    Raises:
        ConfigError: no credentials anywhere, or no such profile.
    """
    if profile is None and any(os.environ.get(name) for name in _OWN):
        return {}
    return _by_botocore(profile)


def profile_config(profile: str) -> dict[str, Any]:
    """The settings of a profile of `~/.aws`: `region`, `endpoint_url`, ...

    Raises:
        ConfigError: there is no such profile.
    """
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 (slow to load, and mostly not needed)
    from botocore.session import Session  # noqa: PLC0415

    try:
        return dict(Session(profile=profile).get_scoped_config())
    except BotoCoreError as error:
        raise ConfigError(f"the profile {profile!r} of ~/.aws cannot be read: {error}") from error


def is_unsigned() -> bool:
    """Whether requests carry no signature, as public buckets want it."""
    return any(os.environ.get(name, "").lower() in {"true", "1", "yes"} for name in _UNSIGNED)


def check_endpoints() -> None:
    """Forget endpoints that are set to nothing, as templates leave them; refuse what is no URL.

    Raises:
        ConfigError: an endpoint without `http://` or `https://`, or without a host.
    """
    for name in ENDPOINTS:
        endpoint = os.environ.get(name)
        if endpoint is None:
            continue
        if not endpoint.strip():
            del os.environ[name]
            continue
        check_endpoint(name, endpoint)


def check_endpoint(name: str, endpoint: str) -> None:
    """Refuse an endpoint that is no URL; `name` is the setting that has it.

    Raises:
        ConfigError: it lacks `http://` or `https://`, or a host.
    """
    scheme, _, rest = endpoint.partition("://")
    if scheme not in {"http", "https"} or not rest.strip("/"):
        raise ConfigError(
            f"{name} is {endpoint!r}: wanted http:// or https:// and a host, "
            f"e.g. http://{endpoint.rpartition('/')[2] or 'minio:9000'}"
        )


def _by_botocore(profile: str | None) -> dict[str, Any]:
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 (slow to load, and mostly not needed)
    from botocore.session import Session  # noqa: PLC0415

    try:
        session = Session(profile=profile)
        if metadata := os.environ.get("AWS_METADATA_ENDPOINT"):  # obstore's name for it
            session.set_config_variable("ec2_metadata_service_endpoint", metadata)
        credentials = session.get_credentials()
        region = session.get_config_variable("region")
        endpoint = session.get_scoped_config().get("endpoint_url")
    except BotoCoreError as error:
        raise ConfigError(f"credentials for S3 cannot be read: {error}") from error
    if credentials is None:
        raise ConfigError(
            "there are no credentials for S3: not in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of "
            "the environment, not in a profile of ~/.aws (AWS_PROFILE), not from a role of this "
            "machine or pod; set one of them, or AWS_SKIP_SIGNATURE=true for a public bucket"
        )
    settings: dict[str, Any] = {"credential_provider": _provider(credentials)}
    if region and not os.environ.get("AWS_REGION"):
        settings["region"] = region
    if endpoint and not any(os.environ.get(name) for name in ENDPOINTS):
        settings["endpoint"] = endpoint
    return settings


def _provider(credentials: Any) -> Callable[[], Credentials]:  # noqa: ANN401 (botocore has no types)
    """The function that obstore calls when it needs credentials; errors of botocore become this project's."""

    def provide() -> Credentials:
        frozen = credentials.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + _LIFETIME,
        }

    return provide
