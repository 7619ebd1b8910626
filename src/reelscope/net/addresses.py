"""Which addresses may be connected to: public ones, and what `sources.allow_private` names.

The judgement is about the IP address that a socket is opened to, never about how an address is spelled: `connector.connect` asks it on
every connection really made. `AddressRules.check_url` refuses early what cannot become right, and what two programs would read differently.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import urlsplit

from reelscope.errors import ConfigError, InputError

__all__ = ["AddressRules", "IPAddress", "Target", "canonical_host", "unmapped", "why_not_public"]

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

SCHEMES = {"http": 80, "https": 443}
# Signed addresses of media servers have 1 to 4 KiB; what is longer is no address but a way to fill a log.
LONGEST_URL = 16 * 1024
LONGEST_NAME = 253  # RFC 1035, section 2.3.4, without the root's dot
ALLOW_HINT = "if this address is meant, name it in sources.allow_private (a host name, or a network such as 192.168.1.0/24)"

# Python's is_global is not enough. Python 3.11.7 calls each of these public: multicast, ::7f00:1 (IPv4-compatible), fec0::1 (site-local),
# 2002:7f00:1:: (6to4), 64:ff9b::7f00:1 and 64:ff9b:1::1 (NAT64), 3fff::1 (documentation), 5f00::1 (SRv6). So of IPv6 only the block that
# registries hand out is public, less what in it is a tunnel or for examples; of IPv4 the blocks for protocols are not, as a whole.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
NEVER_PUBLIC: tuple[tuple[IPNetwork, str], ...] = tuple(
    (ipaddress.ip_network(network), what)
    for network, what in (
        ("192.0.0.0/24", "a block for protocols"),
        ("192.88.99.0/24", "a relay of 6to4 tunnels"),
        ("2001::/32", "a Teredo tunnel"),
        ("2001::/23", "a block for protocols"),
        ("2002::/16", "a 6to4 tunnel"),
        ("3fff::/20", "a block for examples"),
    )
)

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
# Underscores and hyphens at the ends are no host names by the letter of the standard, but such hosts exist and resolve.
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
# Format and control characters, separators, halves of pairs: nobody sees them, and programs drop them at different places.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart. host: lower-case ASCII, an IPv6 address without brackets; port: 1-65535."""

    url: str
    scheme: str
    host: str
    port: int


@dataclass(frozen=True)
class AddressRules:
    """What may be connected to.

    Args:
        allow_private: Besides public addresses: host names (each is trusted to lead anywhere), IP addresses, networks (192.168.1.0/24).

    Raises:
        ConfigError: An entry is none of them; the message names it.
    """

    allow_private: tuple[str, ...] = ()
    hosts: frozenset[str] = field(init=False, repr=False, compare=False, default=frozenset())
    networks: tuple[IPNetwork, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        hosts, networks = set(), []
        for entry in self.allow_private:
            found = _entry(entry)
            if isinstance(found, str):
                hosts.add(found)
            else:
                networks.append(found)
        object.__setattr__(self, "hosts", frozenset(hosts))
        object.__setattr__(self, "networks", tuple(networks))

    def permits(self, address: IPAddress, host: str = "") -> bool:
        """Whether a connection to `address` may be made, which `host` (as of `canonical_host`) led to."""
        address = unmapped(address)
        return why_not_public(address) is None or host in self.hosts or any(address in network for network in self.networks)

    def check_url(self, url: str) -> Target:
        """Take an address apart and refuse what must not be connected to; looks up no name and opens nothing.

        A name that passes may still lead to a forbidden address: only `connector.connect` sees that.

        Raises:
            InputError: `scheme_not_allowed`, `bad_url` (malformed, ambiguous or with credentials in it) or `address_not_allowed`.
                The message repeats no more than scheme and host: the rest may hold secrets.
        """
        target = _taken_apart(url)
        self.check_host(target.host)
        return target

    def check_host(self, host: str) -> None:
        """Refuse an IP address that is not permitted, and names that by RFC 6761 always mean this machine.

        Raises:
            InputError: `address_not_allowed`.
        """
        if host == "localhost" or host.endswith(".localhost"):
            if not any(self.permits(ipaddress.ip_address(own), host) for own in ("127.0.0.1", "::1")):
                refuse(host, "this machine")
            return
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return
        if not self.permits(address, host):
            refuse(host, why_not_public(address) or "")


def refuse(host: str, what: str = "") -> NoReturn:
    """Raise that `host` must not be connected to; `what` it is, where that tells a stranger nothing about our network."""
    message = f"{host} is {what}, not a public address" if what else f"{host} does not lead to a public address"
    raise InputError(message, code="address_not_allowed", hint=ALLOW_HINT)


def unmapped(address: IPAddress) -> IPAddress:
    """The IPv4 address that ::ffff:a.b.c.d stands for: a socket opened to either talks to the same machine."""
    return getattr(address, "ipv4_mapped", None) or address


def why_not_public(address: IPAddress) -> str | None:
    """What kind of address it is, in words, where it is not one of the public internet; None where it is."""
    address = unmapped(address)
    if isinstance(address, ipaddress.IPv6Address) and address in NAT64:  # a gateway forwards to the IPv4 address in it
        return why_not_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if address.is_unspecified or address.is_loopback:
        return "this machine"
    if address.is_link_local:
        return "an address of the local link (cloud machines keep their secrets at 169.254.169.254)"
    if address.is_multicast:
        return "a multicast address"
    for network, what in NEVER_PUBLIC:
        if address in network:
            return what
    if not address.is_global:
        return "a private or reserved address"
    if isinstance(address, ipaddress.IPv6Address) and address not in GLOBAL_UNICAST:
        return "a reserved address"
    return None


def canonical_host(host: str) -> str:
    """A host as it is looked up, in the one spelling that every program reads alike.

    Names: lower-case ASCII (IDNA), without the root's dot. Addresses: four decimal numbers, or IPv6 as Python writes it; ::ffff:a.b.c.d
    becomes a.b.c.d. Other spellings of numbers (2130706433, 0x7f.1, 0177.0.0.1, 127.1) are refused, whatever they mean: inet_aton takes
    0177.0.0.1 for 127.0.0.1, other programs take it for 177.0.0.1, and no post's address is written so.

    Raises:
        InputError: `bad_url`.
    """
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if ":" in host:
        try:
            if "%" in host:  # a zone belongs to an address of the local link
                raise ValueError
            return str(unmapped(ipaddress.IPv6Address(host)))
        except ValueError:
            raise _bad("its host is not an IPv6 address without a zone") from None
    name = _ascii(host).lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad("its host is not a name of letters, digits and hyphens")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise _bad("its host is a number in an ambiguous spelling", hint="write it as four decimal numbers: 203.0.113.9") from None
    return name


def _ascii(host: str) -> str:
    """A name in ASCII, as a browser would look it up. Full-width digits and ideographic dots become plain ones before any judgement."""
    if host.isascii():
        return host
    import idna  # loads tables of a megabyte

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise _bad("its host is not a name in any script") from None


def _taken_apart(url: str) -> Target:
    if len(url) > LONGEST_URL:
        raise _bad(f"it has {len(url)} characters, more than {LONGEST_URL}")
    if "\\" in url or any(unicodedata.category(c) in _UNSEEN for c in url):
        # Browsers read a backslash as a slash and drop tabs and line ends; Python reads http://a\@b/ as host b.
        raise _bad("it has a space, a backslash or an invisible character in it", hint="write those as %20, %5C and so on")
    scheme = _SCHEME.match(url)
    name = scheme[1].lower() if scheme else ""
    if scheme is None or name not in SCHEMES:
        what = f"addresses of the kind {name}: are not fetched" if scheme else "the address says no kind (https://)"
        raise InputError(what, code="scheme_not_allowed", hint="give an address that begins with https:// or http://")
    if not re.match(r"//[^/]", url[scheme.end() :]):
        raise _bad("it has no host")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _bad("its host or port is malformed") from None
    if "@" in parts.netloc:
        # http://good.example@evil.example/ deceives people, and a password in an address ends up in logs and documents.
        raise _bad("it has credentials in it", hint="leave out user:password@; for posts that want a login set sources.cookies")
    if port == 0:
        raise _bad("no server listens on port 0")
    host = canonical_host(parts.hostname or "")
    if ("[" in parts.netloc) != (":" in (parts.hostname or "")):
        raise _bad("only an IPv6 address stands in brackets")
    return Target(url, name, host, port or SCHEMES[name])


def _bad(what: str, *, hint: str | None = None) -> InputError:
    return InputError(f"the address is not usable: {what}", code="bad_url", hint=hint)


def _entry(entry: str) -> str | IPNetwork:
    try:
        if "/" in entry:
            network = ipaddress.ip_network(entry)
            if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped and network.prefixlen >= 96:
                return ipaddress.IPv4Network((network.network_address.ipv4_mapped, network.prefixlen - 96))
            return network
        host = canonical_host(entry)
        try:
            return ipaddress.ip_network(host)
        except ValueError:
            return host
    except (ValueError, InputError):
        raise ConfigError(
            f"sources.allow_private: {entry!r} is not a host name, an IP address or a network",
            hint="write nas.example, 192.168.1.20 or 192.168.1.0/24 (the address part of a network ends in zeros); no scheme, no port",
        ) from None
