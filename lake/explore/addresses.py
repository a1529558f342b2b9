"""Where the server listens, by which names it may be called, and the address that people open.

A page of another site reaches a server of this machine by a name that its owner points here (DNS
rebinding). An address in numbers cannot be pointed anywhere, so whoever gives one is answered. So is
`localhost`, and the name of this machine.
"""

import errno
import re
import socket
from ipaddress import IPv6Address, ip_address
from typing import Any

from lake.errors import ConfigError

Place = tuple[socket.AddressFamily, tuple[Any, ...]]
"""Family and address of a socket."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+)(?::[0-9]*)?")
_HTTP_PORT = 80
_ADVICE = {
    errno.EADDRINUSE: "another program listens there: give another --port, 0 for any free one",
    errno.EACCES: "ports below 1024 are for the administrator: give a --port above 1023",
    errno.EADDRNOTAVAIL: "it is no address of this machine: give another --host",
    errno.EAFNOSUPPORT: "this machine has no addresses of that kind: give another --host",
}


def places(host: str, port: int) -> list[Place]:
    """The places at which a host's name or address can be listened on.

    Raises:
        ConfigError: it is none.
    """
    try:
        known = socket.getaddrinfo(host.strip("[]") or None, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        known = []
        cause = getattr(error, "strerror", None) or str(error)
    else:
        cause = "it is empty"
    if not known or not host:
        raise ConfigError(
            f"cannot listen on {host!r}: {cause}; give a name or an address of this machine by --host, "
            "0.0.0.0 or :: for all of them"
        )
    return list(dict.fromkeys((family, address) for family, _, _, _, address in known))


def refusal(host: str, port: int, error: OSError) -> ConfigError:
    """The error to raise where a place cannot be listened on."""
    cause = error.strerror or str(error)
    advice = _ADVICE.get(error.errno or 0, "give another --host or --port")
    return ConfigError(f"cannot listen on {host} port {port}: {cause}; {advice}")


def url(host: str, port: int, token: str) -> str:
    """The URL of the page; a host that means all addresses is called `localhost`."""
    name = host.strip("[]")
    address = _address(name)
    if address is not None and address.is_unspecified:
        name = "localhost"
    elif isinstance(address, IPv6Address):
        name = f"[{name}]"
    place = name if port == _HTTP_PORT else f"{name}:{port}"
    return f"http://{place}/{token}/" if token else f"http://{place}/"


def is_open(host: str) -> bool:
    """Whether other machines may reach a server that listens on this host."""
    address = _address(host.strip("[]"))
    return host != "localhost" and (address is None or not address.is_loopback)


def name_in(header: str) -> str:
    """The name in the header `Host` of a request, without port; empty: it is no such header."""
    match = _HOST.fullmatch(header.strip())
    return match[1].strip("[]").rstrip(".").lower() if match else ""


def is_trusted(name: str, names: frozenset[str]) -> bool:
    """Whether nobody else can have pointed a name here: an address, or one of our names."""
    return bool(name) and (_address(name) is not None or name in names)


def names(*given: str) -> frozenset[str]:
    """The names by which this machine knows itself, and those given."""
    return frozenset(
        name.strip("[]").rstrip(".").lower() for name in ("localhost", socket.gethostname(), *given)
    )


def _address(name: str) -> Any:  # noqa: ANN401 (IPv4Address | IPv6Address | None)
    try:
        return ip_address(name)
    except ValueError:
        return None
