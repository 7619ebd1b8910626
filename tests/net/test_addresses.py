"""Which addresses may be connected to."""

from __future__ import annotations

import ipaddress
import pickle

import pytest

from reelscope.errors import ConfigError, InputError
from reelscope.net import AddressRules, canonical_host, why_not_public
from tests.net.hostile import NAMES, URLS

REFUSED = {"scheme_not_allowed", "address_not_allowed", "bad_url"}


def test_there_are_enough_of_them() -> None:
    assert len(URLS) >= 100 and len(set(URLS.values())) == len(URLS)


@pytest.mark.parametrize("url", [url for way, url in URLS.items() if not way.startswith("name")], ids=[w for w in URLS if w[:4] != "name"])
def test_hostile_addresses_are_refused_by_their_form(url: str) -> None:
    with pytest.raises(InputError) as caught:
        AddressRules().check_url(url.format(port=8003))
    assert caught.value.code in REFUSED


def test_a_name_passes_by_its_form_since_only_a_look_up_tells_where_it_leads() -> None:
    for name in NAMES:
        assert AddressRules().check_url(f"http://{name}/").host == name


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://www.tiktok.com/@a/video/1?x=%20", "www.tiktok.com", 443),
        ("HTTP://Example.COM.:8080", "example.com", 8080),
        ("https://münchen.example/ü?q=ü#ü", "xn--mnchen-3ya.example", 443),
        ("http://ＥＸＡＭＰＬＥ.com/", "example.com", 80),
        ("http://8.8.8.8/", "8.8.8.8", 80),
        ("http://[2606:4700::1111]:81/", "2606:4700::1111", 81),
        ("http://[::ffff:8.8.8.8]/", "8.8.8.8", 80),
        ("http://[64:ff9b::808:808]/", "64:ff9b::808:808", 80),
        ("https://r1---sn_a-.example/", "r1---sn_a-.example", 443),
        ("https://a.example:/x", "a.example", 443),
    ],
)
def test_public_addresses_pass(url: str, host: str, port: int) -> None:
    target = AddressRules().check_url(url)
    assert (target.host, target.port, target.url) == (host, port, url)


@pytest.mark.parametrize("address", [a for addresses in NAMES.values() for a in addresses if "%" not in a])
def test_what_the_names_lead_to_is_not_public(address: str) -> None:
    assert why_not_public(ipaddress.ip_address(address))


def test_messages_do_not_repeat_what_may_be_secret() -> None:
    for url in ("http://user:hunter2@cdn.example/", "ftp://cdn.example/hunter2", "http://127.0.0.1/?token=hunter2", "http://a b/hunter2"):
        with pytest.raises(InputError) as caught:
            AddressRules().check_url(url)
        assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


def test_an_endless_address_is_refused() -> None:
    with pytest.raises(InputError, match="characters"):
        AddressRules().check_url("https://a.example/" + "x" * 20_000)


class TestAllowPrivate:
    @pytest.mark.parametrize(
        ("entry", "url"),
        [
            ("192.168.1.0/24", "http://192.168.1.7/"),
            ("192.168.1.7", "http://192.168.1.7/"),
            ("192.168.1.7", "http://[::ffff:192.168.1.7]/"),
            ("::ffff:192.168.1.0/120", "http://192.168.1.7/"),
            ("fd00::/8", "http://[fd00::7]/"),
            ("[::1]", "http://[::1]/"),
            ("127.0.0.0/8", "http://localhost/"),
            ("localhost", "http://localhost:9/"),
            ("NAS.example.", "http://nas.example/"),
            ("0.0.0.0/0", "http://10.0.0.1/"),
        ],
    )
    def test_what_is_named_gets_in(self, entry: str, url: str) -> None:
        AddressRules((entry,)).check_url(url)

    @pytest.mark.parametrize("url", ["http://192.168.2.1/", "http://127.0.0.1/", "http://[fd00::7]/", "http://localhost/"])
    def test_nothing_else_does(self, url: str) -> None:
        with pytest.raises(InputError) as caught:
            AddressRules(("192.168.1.0/24", "nas.example")).check_url(url)
        assert caught.value.code == "address_not_allowed" and "sources.allow_private" in (caught.value.hint or "")

    def test_a_name_lets_in_where_it_leads_but_not_the_address_itself_nor_names_below(self) -> None:
        rules = AddressRules(("nas.example",))
        inside = ipaddress.ip_address("10.0.0.5")
        assert rules.permits(inside, "nas.example")
        assert not rules.permits(inside) and not rules.permits(inside, "a.nas.example")

    @pytest.mark.parametrize(
        "entry",
        [
            "",
            "192.168.1.1/24",
            "10.0.0.0/33",
            "http://nas.example",
            "nas.example:80",
            "2130706433",
            "10.1",
            "*.example",
            "fe80::1%eth0",
            "a b",
            "a/b",
        ],
    )
    def test_an_entry_that_is_nothing_is_named(self, entry: str) -> None:
        with pytest.raises(ConfigError) as caught:
            AddressRules((entry,))
        assert repr(entry) in caught.value.message and "sources.allow_private" in caught.value.message

    def test_rules_reach_another_process(self) -> None:
        rules = pickle.loads(pickle.dumps(AddressRules(("10.0.0.0/8", "nas.example"))))
        assert rules == AddressRules(("10.0.0.0/8", "nas.example")) and rules.permits(ipaddress.ip_address("10.0.0.1"))


@pytest.mark.parametrize("host", ["", ".", "a..b", ".a", "a" * 64, "a." * 150, "a/b", "a:b", "1.2.3", "256.1.1.1", "xn--é\ud800"])
def test_hosts_that_are_none(host: str) -> None:
    with pytest.raises(InputError):
        canonical_host(host)
