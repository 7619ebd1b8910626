"""Every connection goes to an address that was judged, and httpx makes no other."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from reelscope.errors import InputError
from reelscope.net import MOST_REDIRECTS, AddressRules, client, connect, connector, transport
from tests.net.hostile import NAMES, URLS
from tests.net.stubs import PUBLIC, RULES, Answer, Handler, Names, Site, Trap

TLS = httpx.create_ssl_context(trust_env=False)  # made once: reading the certificates takes longer than most tests
# A header cannot say the others: they have line ends or no ASCII in them, or nothing at all.
REDIRECTS = {way: url for way, url in URLS.items() if url and url.isascii() and not set(url) & {"\r", "\n", "\0"}}
REFUSED = {"scheme_not_allowed", "address_not_allowed", "bad_url"}
WAIT_S = 60.0


def names(**more: Any) -> Names:
    return Names(**{name: addresses for name, addresses in NAMES.items() if addresses}, **{"cdn.example": [PUBLIC]}, **more)


def redirect(place: str) -> Answer:
    return 302, {"Location": place}, b"moved"


class TestConnect:
    def test_a_name_is_looked_up_once_and_connected_to_as_judged(self, site: Site, no_other_lookups: None, connected: list[Any]) -> None:
        resolver = names()
        with connect("cdn.example", site.port, RULES, WAIT_S, resolver=resolver) as connection:
            assert connection.getpeername() == (PUBLIC, site.port)
        assert resolver.asked == ["cdn.example"] and connected == [(PUBLIC, site.port)]

    @pytest.mark.parametrize("host", [*NAMES, "127.0.0.1", "::1", "[::1]", "::ffff:127.0.0.1", "localhost", "2130706433", "0", "0.0.0.0"])
    def test_forbidden_hosts(self, forbidden: Trap, no_other_lookups: None, connected: list[Any], host: str) -> None:
        with pytest.raises(InputError) as caught:
            connect(host, forbidden.port, RULES, WAIT_S, resolver=Names(**NAMES))
        assert caught.value.code in REFUSED and connected == []

    def test_the_error_does_not_tell_where_a_name_leads_but_the_log_does(self, caplog: pytest.LogCaptureFixture) -> None:
        with pytest.raises(InputError) as caught:
            connect("intranet.example", 80, RULES, WAIT_S, resolver=names())
        assert "10.0.0.5" not in f"{caught.value.message}{caught.value.hint}" and "10.0.0.5" in caplog.text

    def test_of_several_addresses_only_permitted_ones_are_tried(self, site: Site, forbidden: Trap, connected: list[Any]) -> None:
        resolver = Names(mixed_example=["127.0.0.1", "::1", "fe80::1%lo", PUBLIC])
        connect("mixed.example", site.port, RULES, WAIT_S, resolver=resolver).close()
        with pytest.raises(OSError):  # nobody listens there, and the forbidden ones, where somebody does, are no way out
            connect("mixed.example", forbidden.port, RULES, WAIT_S, resolver=resolver)
        assert {address for address, _ in connected} == {PUBLIC}

    def test_the_next_address_is_tried_where_one_does_not_answer(self, site: Site) -> None:
        rules = AddressRules((PUBLIC, "127.0.0.9"))
        connect("two.example", site.port, rules, WAIT_S, resolver=Names(two_example=["127.0.0.9", PUBLIC])).close()

    def test_hundreds_of_addresses_are_not_all_tried(self, forbidden: Trap, connected: list[Any]) -> None:
        rules = AddressRules(("127.0.1.0/24",))
        resolver = Names(many_example=[f"127.0.1.{i}" for i in range(1, 200)])
        with pytest.raises(ConnectionRefusedError):
            connect("many.example", forbidden.port, rules, WAIT_S, resolver=resolver)
        assert len(connected) == connector.MOST_ADDRESSES

    def test_an_answer_that_changes_is_judged_anew_each_time(self, site: Site, forbidden: Trap, connected: list[Any]) -> None:
        resolver = Names(rebinding_example=[[PUBLIC], ["127.0.0.1"]])
        connect("rebinding.example", site.port, RULES, WAIT_S, resolver=resolver).close()
        with pytest.raises(InputError):
            connect("rebinding.example", forbidden.port, RULES, WAIT_S, resolver=resolver)
        assert connected == [(PUBLIC, site.port)]

    def test_a_peer_that_is_another_is_hung_up_on(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[socket.socket] = []
        monkeypatch.setattr(socket.socket, "getpeername", lambda self: (opened.append(self), ("127.0.0.1", 1))[1])
        with pytest.raises(InputError) as caught:
            connect("cdn.example", site.port, RULES, WAIT_S, resolver=names())
        assert caught.value.code == "address_not_allowed" and opened[0].fileno() == -1

    def test_allowed_names_and_networks_get_in(self) -> None:
        with Site(address="127.0.0.3") as inside:
            for entry in ("third.example", "127.0.0.3", "127.0.0.0/30"):
                connect("third.example", inside.port, AddressRules((entry,)), WAIT_S, resolver=names()).close()

    def test_localhost_by_the_system_where_it_is_allowed(self) -> None:
        with Site(address="127.0.0.1") as inside:
            connect("localhost", inside.port, AddressRules(("127.0.0.1",)), WAIT_S).close()

    def test_a_resolver_that_hangs_is_left_behind(self, connected: list[Any]) -> None:
        held = threading.Event()

        def slow(host: str) -> list[str]:
            held.wait(WAIT_S)
            return [PUBLIC]

        with pytest.raises(TimeoutError, match=r"slow\.example"):
            connect("slow.example", 80, RULES, 0.05, resolver=slow)
        held.set()
        assert connected == []

    def test_too_many_hanging_resolvers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connector, "_lookups", threading.BoundedSemaphore(1))
        held = threading.Event()

        def slow(host: str) -> list[str]:
            held.wait(WAIT_S)
            return [PUBLIC]

        for message in ("took too long", "too many names"):
            with pytest.raises(TimeoutError, match=message):
                connect("slow.example", 80, RULES, 0.05, resolver=slow)
        held.set()

    def test_an_unknown_name_is_no_refusal(self) -> None:
        with pytest.raises(socket.gaierror):
            connect("unknown.example", 80, RULES, WAIT_S, resolver=names())

    def test_a_resolver_that_answers_nonsense(self) -> None:
        with pytest.raises(ValueError):
            connect("odd.example", 80, RULES, WAIT_S, resolver=Names(odd_example=["not an address"]))

    @pytest.mark.parametrize("port", [0, -1, 65536])
    def test_ports_that_are_none(self, port: int) -> None:
        with pytest.raises(InputError):
            connect("cdn.example", port, RULES, WAIT_S, resolver=names())


class TestClient:
    @pytest.fixture
    def web(self) -> Iterator[httpx.Client]:
        with client(RULES, timeout_s=WAIT_S, resolver=names(), tls=TLS) as made:
            yield made

    def test_it_fetches(self, web: httpx.Client, site: Site, no_other_lookups: None) -> None:
        site.pages["/"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(b"hello"))
        answer = web.get(site.url("/"))
        assert answer.text == "hello" and site.asked[0][2]["Host"] == f"cdn.example:{site.port}"
        assert site.asked[0][2]["User-Agent"].startswith("reelscope/")

    @pytest.mark.parametrize("url", URLS.values(), ids=URLS)
    def test_hostile_addresses(self, web: httpx.Client, forbidden: Trap, connected: list[Any], no_other_lookups: None, url: str) -> None:
        with pytest.raises((InputError, httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.ConnectError)) as caught:
            web.get(url.format(port=forbidden.port))
        assert connected == []
        # httpx itself takes no address that it cannot read; and it may read one as another name, which is not known then
        assert not isinstance(caught.value, httpx.ConnectError) or "no such name" in str(caught.value)

    @pytest.mark.parametrize("url", REDIRECTS.values(), ids=REDIRECTS)
    def test_redirects_to_hostile_addresses(self, web: httpx.Client, site: Site, forbidden: Trap, connected: list[Any], url: str) -> None:
        site.pages["/"] = redirect(url.format(port=forbidden.port))
        with pytest.raises((InputError, httpx.HTTPError, httpx.InvalidURL)):
            web.get(site.url("/")).raise_for_status()
        assert {address for address, *_ in connected} == {PUBLIC}

    def test_a_chain_that_ends_inside(self, web: httpx.Client, site: Site, forbidden: Trap) -> None:
        site.pages |= {"/1": redirect("/2"), "/2": redirect(site.url("/3")), "/3": redirect(f"//third.example:{forbidden.port}/")}
        with pytest.raises(InputError) as caught:
            web.get(site.url("/1"))
        assert caught.value.code == "address_not_allowed" and site.paths() == ["/1", "/2", "/3"]

    def test_an_endless_chain(self, web: httpx.Client, site: Site) -> None:
        site.pages["/"] = redirect("/")
        with pytest.raises(httpx.TooManyRedirects):
            web.get(site.url("/"))
        assert len(site.asked) == MOST_REDIRECTS + 1

    def test_rebinding_between_two_requests(self, site: Site, forbidden: Trap, connected: list[Any]) -> None:
        site.pages["/"] = (200, {"Connection": "close"}, b"")
        with client(RULES, timeout_s=WAIT_S, resolver=Names(rebinding_example=[[PUBLIC], ["127.0.0.1"]])) as web:
            assert web.get(site.url("/", "rebinding.example")).status_code == 200
            with pytest.raises(InputError):
                web.get(f"http://rebinding.example:{forbidden.port}/")
        assert connected == [(PUBLIC, site.port)]

    def test_proxies_of_the_environment_are_ignored(self, site: Site, forbidden: Trap, monkeypatch: pytest.MonkeyPatch) -> None:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{forbidden.port}")
        site.pages["/"] = (200, {}, b"")
        with client(RULES, timeout_s=WAIT_S, resolver=names()) as web:
            assert web.get(site.url("/")).status_code == 200

    def test_nobody_there_is_httpx_s_own_error(self, web: httpx.Client, forbidden: Trap) -> None:
        with pytest.raises(httpx.ConnectError):
            web.get(f"http://cdn.example:{forbidden.port}/")

    def test_a_server_that_drips_is_left_at_the_end_of_the_time(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = [0.0]  # it goes when something has come: the time ends while it drips, and not before
        monkeypatch.setattr(transport, "time", SimpleNamespace(monotonic=lambda: clock[0]))
        read = transport._Stream.read

        def timed(*args: Any, **more: Any) -> bytes:
            got = read(*args, **more)
            clock[0] += 1.0
            return got

        monkeypatch.setattr(transport._Stream, "read", timed)

        def drip(handler: Handler) -> None:
            while not left.wait(0.02):
                with contextlib.suppress(ConnectionError):
                    handler.wfile.write(b"H")

        left = threading.Event()
        site.pages["/"] = drip
        with client(RULES, timeout_s=WAIT_S, total_s=WAIT_S, resolver=names()) as web, pytest.raises(httpx.ReadTimeout):
            web.get(site.url("/"))
        left.set()
        assert clock[0] == WAIT_S

    def test_sockets_of_the_file_system_are_not_opened(self) -> None:
        with client(RULES) as web, pytest.raises(Exception, match="only addresses of hosts"):
            web._transport._pool._network_backend.connect_unix_socket("/run/docker.sock")


class TestTls:
    def test_the_name_that_was_asked_for_is_verified(self, secure: Site, trusted: ssl.SSLContext) -> None:
        resolver = names(**{"other.example": [PUBLIC]})
        with client(RULES, timeout_s=WAIT_S, resolver=resolver, tls=trusted) as web:
            assert web.get(secure.url("/")).text == "secret"
            with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
                web.get(secure.url("/", "other.example"))
            with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
                web.get(secure.url("/", PUBLIC))

    def test_an_unknown_issuer_is_refused(self, secure: Site) -> None:
        with client(RULES, timeout_s=WAIT_S, resolver=names()) as web, pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            web.get(secure.url("/"))

    def test_https_to_a_private_address_ends_before_tls(self, forbidden: Trap, trusted: ssl.SSLContext) -> None:
        with client(RULES, resolver=names(), tls=trusted) as web, pytest.raises(InputError):
            web.get(f"https://loopback.example:{forbidden.port}/")
