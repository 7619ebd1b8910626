"""The way out: every connection that the program makes to a host on the network is opened here.

A name is looked up once, each address that it leads to is judged, and the socket is opened to a judged address itself. Nothing looks the
name up a second time, so an answer that changes in between (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import ipaddress
import logging
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reelscope.errors import InputError
from reelscope.net.addresses import AddressRules, IPAddress, canonical_host, refuse, unmapped, why_not_public
from reelscope.net.guard import ours

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["MOST_REDIRECTS", "Resolver", "client", "connect", "system_resolver"]

log = logging.getLogger(__name__)

Resolver = Callable[[str], Sequence[str]]
"""Takes a name, returns IP addresses as text, best first; raises OSError where there is none."""

# Short links take two or three hops, sites that change host and scheme as many again. Browsers stop at 20.
MOST_REDIRECTS = 10
# Large sites answer with up to 8. Somebody's name with hundreds must not make us knock at hundreds of doors.
MOST_ADDRESSES = 8
# A look-up cannot be stopped, only left behind. So many may hang at once; more wait for one to end, within their time.
MOST_LOOKUPS = 32

_lookups = threading.BoundedSemaphore(MOST_LOOKUPS)


def system_resolver(host: str) -> list[str]:
    """The addresses of a name as the system knows them (hosts file, DNS), in the system's order of preference.

    Raises:
        OSError: There is none (socket.gaierror).
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def connect(host: str, port: int, rules: AddressRules, timeout_s: float, *, resolver: Resolver = system_resolver) -> socket.socket:
    """Open a TCP connection to a host, if the rules permit the very address that is connected to.

    A name may lead to permitted and forbidden addresses: only the permitted ones are tried. That is as safe as refusing the name, since no
    forbidden one is ever connected to, and names in home networks do lead to an allowed IPv4 address and a link-local IPv6 one.

    Args:
        timeout_s: For all of it: look-up and every address tried.

    Returns:
        A connected socket with that timeout set. TLS is the caller's, with `host` as the name to verify.

    Raises:
        InputError: `address_not_allowed` or `bad_url`; no connection was made.
        TimeoutError: Look-up or connection took too long.
        OSError: The name is not known (socket.gaierror), or no address answers.
    """
    deadline = time.monotonic() + timeout_s
    name = canonical_host(host)
    if not 0 < port < 65536:
        raise InputError(f"port {port} is not between 1 and 65535", code="bad_url")
    addresses = _permitted(name, rules, timeout_s, resolver)[:MOST_ADDRESSES]
    error: OSError = TimeoutError(f"{name} did not answer in time")
    for i, address in enumerate(addresses):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            connection = _open(name, address, port, left / (len(addresses) - i))
        except OSError as failed:
            error = failed
        else:
            connection.settimeout(timeout_s)
            return connection
    raise error


def client(
    rules: AddressRules,
    *,
    timeout_s: float = 20.0,
    total_s: float | None = None,
    follow_redirects: bool = True,
    resolver: Resolver = system_resolver,
    tls: ssl.SSLContext | None = None,
) -> httpx.Client:
    """An httpx client whose every connection goes through `connect`, those of redirects too.

    Proxies, certificates and .netrc of the environment are ignored: a proxy would look names up where nobody judges them.

    Args:
        timeout_s: Longest wait for a connection and for each piece of an answer.
        total_s: Seconds that one connection may live, whatever comes; a server that sends a byte now and then is not waited for longer.
        tls: Instead of the usual one, which verifies names against the certificates of the package certifi.

    Returns:
        A client to use in a `with` block. Its calls raise InputError where an address is not permitted, else httpx's errors.
    """
    from reelscope.net.transport import make_client  # httpx takes a tenth of a second to import

    return make_client(rules, timeout_s=timeout_s, total_s=total_s, follow_redirects=follow_redirects, resolver=resolver, tls=tls)


def _permitted(name: str, rules: AddressRules, timeout_s: float, resolver: Resolver) -> list[IPAddress]:
    """The addresses of a host that may be connected to, at least one."""
    rules.check_host(name)
    try:
        return [ipaddress.ip_address(name)]
    except ValueError:
        pass
    found = [unmapped(ipaddress.ip_address(text)) for text in _looked_up(name, timeout_s, resolver)]
    permitted = [address for address in found if rules.permits(address, name)]
    if not permitted:
        # Which addresses, and of what kind, is for our log only: the error goes to whoever asked, who could map our network with it.
        log.warning("%s leads to %s: refused", name, ", ".join(f"{a} ({why_not_public(a)})" for a in found[:MOST_ADDRESSES]) or "nothing")
        refuse(name)
    return permitted


def _looked_up(name: str, timeout_s: float, resolver: Resolver) -> Sequence[str]:
    deadline = time.monotonic() + timeout_s
    places = _lookups
    if not places.acquire(timeout=timeout_s):
        raise TimeoutError(f"too many names are being looked up, {name} was not")
    answer: queue.SimpleQueue[Sequence[str] | BaseException] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answer.put(resolver(name))
        except BaseException as error:  # handed to the caller
            answer.put(error)
        finally:
            places.release()

    threading.Thread(target=look_up, name=f"lookup {name}", daemon=True).start()
    try:
        found = answer.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise TimeoutError(f"looking up {name} took too long") from None
    if isinstance(found, BaseException):
        raise found
    return found


def _open(name: str, address: IPAddress, port: int, timeout_s: float) -> socket.socket:
    connection = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        with ours():
            connection.connect((str(address), port))
        peer, peer_port = connection.getpeername()[:2]
        if (unmapped(ipaddress.ip_address(peer)), peer_port) != (address, port):
            log.warning("%s: asked for %s port %d, connected to %s port %d: refused", name, address, port, peer, peer_port)
            refuse(name)
    except BaseException:
        connection.close()
        raise
    return connection
