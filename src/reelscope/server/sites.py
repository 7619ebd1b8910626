"""Which website a request comes from, and by which name it asks for us. Pure functions over headers.

A page of any website can make the user's browser send requests to a server on the user's machine, and a website whose name suddenly
resolves to 127.0.0.1 (DNS rebinding) can read the answers as its own. Browsers say where a request comes from (Origin, Sec-Fetch-Site) and
which name was asked for (Host); no page can change these headers.
"""

from __future__ import annotations

import ipaddress
import re
import socket

__all__ = ["SAFE", "from_elsewhere", "host_of", "ip_of", "is_loopback", "may_be_asked_for"]

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
PORTS = {"http": 80, "https": 443}

_HOST = re.compile(r"(?:(?P<name>[a-z0-9._-]+)|\[(?P<v6>[0-9a-f:.]+)\])(?::(?P<port>[0-9]{1,5}))?")


def ip_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a text is, an IPv4 one also where it is written as IPv6; None where it is a name."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address


def is_loopback(peer: str | None) -> bool:
    """Whether a peer's address is this machine's own."""
    address = ip_of(peer) if peer is not None else None
    return address is not None and address.is_loopback


def host_of(host: str) -> tuple[str, int | None] | None:
    """Name (lower case, without brackets and final dot) and port of a Host header; None where it is none."""
    found = _HOST.fullmatch(host.strip().lower())
    if found is None:
        return None
    name = (found["name"] or found["v6"]).rstrip(".")
    return (name, int(found["port"]) if found["port"] else None) if name else None


def may_be_asked_for(host: str | None, *, configured: str, loopback: bool) -> bool:
    """Whether who is let in without a token may ask for us by this Host.

    A rebinding website asks by its own name. It has none of: a literal address, `localhost`, the name that we were told to listen on.
    Where we listen on loopback only, an address of another kind came through a forwarder, behind which there may be anybody. Where we
    listen beyond it (`server.without_token`), names of the local network count too: without a dot, under .local, this machine's own.

    Args:
        host: The header; configured: `server.host`; loopback: whether we listen on loopback only.
    """
    asked = host_of(host) if host is not None else None
    if asked is None:
        return False
    name = asked[0]
    address = ip_of(name)
    if address is not None:
        return address.is_loopback or not loopback
    if name == "localhost" or name.endswith(".localhost") or name == configured.lower().rstrip("."):
        return True
    return not loopback and ("." not in name or name.endswith(".local") or name == socket.gethostname().lower())


def from_elsewhere(method: str, *, host: str | None, origin: str | None, site: str | None, mode: str | None, dest: str | None) -> bool:
    """Whether a browser sends this for another website than ours, other than to open one of our pages.

    What is no browser sends none of these headers, and is judged by its token alone. "same-site" is elsewhere too: all ports of localhost
    are one site.

    Args:
        host, origin, site, mode, dest: The headers Host, Origin, Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest.
    """
    if site is not None:  # the browser's own verdict, right also behind a proxy that changes Host
        if site in ("same-origin", "none"):
            return False
        opened = mode == "navigate" and dest == "document"  # a link to a report; never a frame, a picture or a script
        return not (method in SAFE and opened)
    if method in SAFE or origin is None:
        return False
    return not _ours(origin, host)


def _ours(origin: str, host: str | None) -> bool:
    scheme, _, rest = origin.lower().partition("://")
    asked, given = host_of(host) if host is not None else None, host_of(rest)
    if scheme not in PORTS or asked is None or given is None:  # "null": a sandboxed frame, a file
        return False
    port = PORTS[scheme]  # the browser's scheme: behind a proxy ours is another one
    return (asked[0], asked[1] or port) == (given[0], given[1] or port)
