"""Errors that explain an object store's refusal: no or expired credentials, no bucket, a wrong clock.

Stores tell in the body of an answer, and say nothing in that to a HEAD. What a later try, or a pod on
another machine, can mend ends with exit code 1; what only the user can, with 64.
"""

import re
from datetime import UTC, datetime

from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

from lake.errors import ConfigError, LakeError, UnreachableError

_SKEWED = re.compile(
    r"RequestTimeTooSkewed|RequestExpired|request time.*too (large|skewed)", re.IGNORECASE
)
_EXPIRED = re.compile(
    r"ExpiredToken|TokenRefreshRequired|ExpiredAuthenticationToken|token (has|is) expired|invalid_grant",
    re.IGNORECASE,
)
_SILENT = re.compile(r"performing HEAD .* status code: 40[03]")
"""Whatever the reason is, this answer has no body that tells it."""
_NONE = re.compile(
    r"/latest/(api/token|meta-data)|computeMetadata|metadata/identity|NoCredentials|locate credentials"
)
"""Signs of missing credentials: without others, clients ask the machine's metadata server."""
_NO_BUCKET = re.compile(r"NoSuchBucket|ContainerNotFound|bucket does not exist")
_REFUSED = re.compile(r"(os error|Errno) (13|20|30)\b|AccessDenied|401 Unauthorized|403 Forbidden")
"""Permission denied, not a directory, read-only file system; a server's refusal."""


def is_silent(error: Exception) -> bool:
    """Whether the answer to a HEAD was a refusal."""
    return _SILENT.search(str(error)) is not None


def explain(
    doing: str, url: str, error: Exception, unsigned: str = "AWS_SKIP_SIGNATURE=true"
) -> LakeError | None:
    """The error that tells the user what to do about a refusal; None if it is none.

    Args:
        doing: what was refused: `read`, `write`, `list`.
        url: URL.
        error: what the client raised.
        unsigned: the setting with which requests carry no credentials.
    """
    text = str(error)
    return _passing(doing, url, text) or _lasting(doing, url, error, text, unsigned)


def _passing(doing: str, url: str, text: str) -> LakeError | None:
    """The error for a refusal that a later try can mend; None if it is another."""
    cause = text.partition("\n")[0]
    if _SKEWED.search(text):
        return UnreachableError(
            f"cannot {doing} {url}: its server's clock and the one here, {datetime.now(UTC):%FT%TZ}, "
            "differ by more than it allows (S3: 15 minutes): set the clock (NTP), then run it again"
        )
    if _EXPIRED.search(text):
        return UnreachableError(
            f"cannot {doing} {url}: the credentials have expired ({cause}); what was finished is "
            "kept: renew them, or let a workload identity do so, then run it again"
        )
    return None


def _lasting(doing: str, url: str, error: Exception, text: str, unsigned: str) -> LakeError | None:
    """The error for a refusal that only the user can mend; None if it is another."""
    cause = text.partition("\n")[0]
    if _NONE.search(text):
        return ConfigError(
            f"cannot {doing} {url}: there are no credentials ({cause}); set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, bind the pod's service account to a role, or set "
            f"{unsigned} for a public bucket"
        )
    if _NO_BUCKET.search(text):
        return ConfigError(
            f"cannot {doing} {url}: there is no such bucket: make it, or correct the URL"
        )
    if is_silent(error):
        return ConfigError(
            f"cannot {doing} {url}: {cause}, and it does not say why: credentials that may not, or "
            "that have expired, another region, or a clock that is off; see 'aws s3 ls', 'date -u'"
        )
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or _REFUSED.search(text):
        return ConfigError(
            f"cannot {doing} {url}: {cause}; give a place that you may {doing}, or other credentials"
        )
    return None
