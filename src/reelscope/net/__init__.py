"""The network: which addresses may be connected to, and the connector that all traffic goes through (docs/network.md).

`client` gives an httpx client, `reelscope.net.ytdlp.install` puts yt-dlp behind the same connector.
"""

from reelscope.net.addresses import AddressRules, Target, canonical_host, why_not_public
from reelscope.net.connector import MOST_REDIRECTS, Resolver, client, connect, system_resolver
from reelscope.net.guard import only_connector
from reelscope.net.ytdlp import Installed, Limits, install

__all__ = [
    "MOST_REDIRECTS",
    "AddressRules",
    "Installed",
    "Limits",
    "Resolver",
    "Target",
    "canonical_host",
    "client",
    "connect",
    "install",
    "only_connector",
    "system_resolver",
    "why_not_public",
]
