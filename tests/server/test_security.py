"""Who is let in: by token, by being on this machine, by nothing; and from which website."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from reelscope.api import ErrorBody
from reelscope.server import security as module
from reelscope.server.shield import HEADERS
from reelscope.server.sites import from_elsewhere, host_of, ip_of, is_loopback, may_be_asked_for
from reelscope.server.web import POLICY
from tests.server.guard import DEADLINE_S, HERE, Clock, Guarded, guarded, serving

ELSEWHERE = "203.0.113.9"


@pytest.fixture
def make() -> Iterator[Any]:
    made: list[Guarded] = []

    def one(**server: Any) -> Guarded:
        made.append(guarded(**server))
        return made[-1]

    yield one
    for g in made:
        g.database.close()


def refused(response: httpx.Response, status: int, code: str) -> ErrorBody:
    assert response.status_code == status, response.text
    body = ErrorBody.model_validate_json(response.content)
    assert body.code == code
    return body


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def cookie(value: str) -> dict[str, str]:
    return {"Cookie": f"theme=dark; reelscope_session={value}"}


# --- without tokens -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("peer", [ELSEWHERE, "192.168.1.7", "2001:db8::1", "::ffff:203.0.113.9", "testclient", ""])
def test_without_a_token_nobody_from_elsewhere_comes_in(make: Any, peer: str) -> None:
    response = make().ask("GET", "/analyses", peer=peer)
    assert "reelscope token create" in (refused(response, 401, "token_needed").hint or "")


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_without_a_token_this_machine_comes_in(make: Any, peer: str) -> None:
    assert make().ask("GET", "/analyses", peer=peer).json() == {"name": None, "trusted": True}


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Host"])
def test_who_comes_through_a_proxy_is_not_on_this_machine(make: Any, name: str) -> None:
    refused(make().ask("GET", "/analyses", headers={name: "127.0.0.1"}), 401, "token_needed")


def test_a_setting_lets_everybody_in(make: Any) -> None:
    g = make(without_token=True, host="0.0.0.0")
    assert g.ask("GET", "/analyses", peer=ELSEWHERE).status_code == 200
    assert g.ask("GET", "/blobs/a", peer=ELSEWHERE).status_code == 200


@pytest.mark.parametrize("host", ["evil.example:8003", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.7", "", "a b"])
def test_a_name_that_was_rebound_is_refused(make: Any, host: str) -> None:
    for path in ("/analyses", "/"):
        refused(make().ask("GET", path, headers={"Host": host}), 421, "wrong_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8003", "localhost.", "page.localhost", "127.0.0.1:1", "[::1]:8003", "127.1.2.3"])
def test_names_of_this_machine_are_taken(make: Any, host: str) -> None:
    assert make().ask("GET", "/analyses", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("host", "loopback", "taken"),
    [
        ("192.168.1.7:8003", False, True),  # an address cannot be rebound
        ("server:8003", False, True),  # nobody can register a name without a dot
        ("studio.local", False, True),
        ("studio.local", True, False),
        ("server", True, False),
        ("reels.example.org", True, True),  # what it was told to listen on
        ("REELS.example.org.", False, True),
        ("evil.example", False, False),
        (None, False, False),
    ],
)  # fmt: skip
def test_hosts_without_a_token(host: str | None, loopback: bool, taken: bool) -> None:
    assert may_be_asked_for(host, configured="reels.example.org", loopback=loopback) is taken


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("A.example:80", ("a.example", 80)), ("[::1]", ("::1", None)), ("[::1]:9", ("::1", 9)), ("::1", None), ("a:b", None), (".", None),
        ("a/b", None), ("a@b", None), ("[::1", None), ("a:123456", None),
    ],
)  # fmt: skip
def test_host_headers(text: str, parsed: Any) -> None:
    assert host_of(text) == parsed


def test_addresses() -> None:
    assert str(ip_of("::ffff:10.0.0.1")) == "10.0.0.1"
    assert str(ip_of("fe80::1%eth0")) == "fe80::1"
    assert ip_of("localhost") is None
    assert not is_loopback(None)
    assert not is_loopback("localhost")  # only an address is proof


# --- with tokens --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "token_needed"),
        ({"Authorization": "Bearer"}, "token_unknown"),
        ({"Authorization": "Bearer rs_" + "A" * 43}, "token_unknown"),
        ({"Authorization": "Bearer " + "A" * 20_000}, "token_unknown"),
        ({"Authorization": "Bearer \xe9\xff"}, "token_unknown"),
        ({"Authorization": "Basic cmVlbHM6cmVlbHM="}, "token_needed"),
        ({"Cookie": "reelscope_session=a.99999999999.00"}, "token_needed"),
        ({"Cookie": "reelscope_session=laptop.99999999999." + "0" * 64}, "token_needed"),
        ({"Cookie": "reelscope_session=laptop.99999999999.\xe9"}, "token_needed"),
    ],
)  # fmt: skip
def test_with_tokens_everybody_needs_one(make: Any, headers: dict[str, str], code: str) -> None:
    g = make()
    g.tokens.create("laptop")
    raw = [(k.encode(), v.encode("latin-1")) for k, v in headers.items()]
    for path in ("/analyses", "/metrics", "/blobs/a", "/nothing-there", "/openapi.json"):
        response = g.ask("GET", path, headers=raw)
        refused(response, 401, code)
        assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_token_opens(make: Any) -> None:
    g = make()
    text = g.tokens.create("laptop")
    for value in (f"Bearer {text}", f"bearer  {text} "):
        assert g.ask("GET", "/analyses", headers={"Authorization": value}, peer=ELSEWHERE).json() == {"name": "laptop", "trusted": True}
    for bad in (text[:-1], text + "A", text.upper(), f"{text[:-1]}{'A' if text[-1] != 'A' else 'B'}"):
        refused(g.ask("GET", "/analyses", headers=bearer(bad)), 401, "token_unknown")
    # who has a token may ask by any name: another website has none
    assert g.ask("GET", "/analyses", headers={**bearer(text), "Host": "reels.example.org"}).status_code == 200


def test_scopes(make: Any) -> None:
    g = make()
    client, worker = g.tokens.create("laptop"), g.tokens.create("gpu", "worker")
    assert g.ask("GET", "/blobs/a", headers=bearer(worker)).status_code == 200
    assert g.ask("PUT", "/blobs/a", headers=bearer(worker), content=b"x" * 300_000).json() == {"size": 300_000}
    for method, path in (("GET", "/analyses"), ("POST", "/analyses"), ("GET", "/metrics"), ("GET", "/blobs")):
        refused(g.ask(method, path, headers=bearer(worker), json={} if method == "POST" else None), 403, "wrong_scope")
    for path in ("/blobs/a", "/%62lobs/a"):
        refused(g.ask("GET", path, headers=bearer(client)), 403, "wrong_scope")
        refused(g.ask("PUT", path, headers=bearer(client), content=b"x"), 403, "wrong_scope")


def test_open_paths_tell_nothing(make: Any) -> None:
    g = make()
    text = g.tokens.create("laptop")
    for headers in ({}, bearer("rs_wrong")):
        for path in ("/health", "/assets/page.js"):
            assert g.ask("GET", path, headers=headers, peer=ELSEWHERE).json() == {"name": None, "trusted": False}
        assert g.ask("GET", "/ready", headers=headers).json() == {"trusted": False}
        assert g.ask("GET", "/", headers=headers).status_code == 200
    assert g.ask("GET", "/ready", headers=bearer(text)).json() == {"trusted": True}
    refused(g.ask("GET", "/assets", headers={}), 401, "token_needed")


def test_a_revoked_token_opens_nothing_within_seconds(make: Any) -> None:
    g, clock = make(), Clock()
    g.set_clock(clock)
    text = g.tokens.create("laptop")
    g.tokens.create("other")
    assert g.ask("GET", "/analyses", headers=bearer(text)).status_code == 200
    assert g.tokens.revoke("laptop")
    clock.now += 2.0
    refused(g.ask("GET", "/analyses", headers=bearer(text)), 401, "token_unknown")


def test_a_first_token_closes_within_seconds_and_the_last_one_opens_nothing(make: Any) -> None:
    g, clock = make(), Clock()
    g.set_clock(clock)
    assert g.ask("GET", "/analyses").status_code == 200
    g.tokens.create("laptop")
    clock.now += 2.0
    refused(g.ask("GET", "/analyses"), 401, "token_needed")
    g.tokens.revoke("laptop")
    clock.now += 2.0
    refused(g.ask("GET", "/analyses"), 401, "token_needed")


def test_a_database_that_does_not_answer_lets_nobody_in(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    g = make()
    text = g.tokens.create("laptop")

    def fails(*args: Any) -> None:
        raise OperationalError("SELECT secret", {}, Exception("gone"))

    monkeypatch.setattr(g.database, "read", fails)
    response = g.ask("GET", "/analyses", headers=bearer(text))
    assert refused(response, 503, "database_failed").retryable
    assert response.headers["retry-after"] == "5"
    assert g.ask("GET", "/health").status_code == 200


# --- sessions -----------------------------------------------------------------------------------------------------------------------------


def logged_in(g: Guarded, text: str, **more: Any) -> httpx.Response:
    return g.ask("POST", "/session", json={"token": text}, **more)


def test_a_session_of_the_page(make: Any) -> None:
    g = make()
    text = g.tokens.create("laptop")
    response = logged_in(g, text, peer=ELSEWHERE)
    assert response.status_code == 204
    set_cookie = response.headers["set-cookie"]
    attributes = {part.strip().lower() for part in set_cookie.split(";")[1:]}
    assert attributes == {"httponly", "samesite=strict", "path=/", f"max-age={module.SESSION_S}"}
    assert text not in set_cookie
    value = response.cookies["reelscope_session"]
    assert g.ask("GET", "/analyses", headers=cookie(value), peer=ELSEWHERE).json() == {"name": "laptop", "trusted": True}
    refused(g.ask("GET", "/analyses", headers=bearer(value)), 401, "token_unknown")  # of no use elsewhere
    refused(g.ask("GET", "/blobs/a", headers=cookie(value)), 403, "wrong_scope")
    out = g.ask("DELETE", "/session", headers=cookie(value))
    assert out.status_code == 204
    assert 'reelscope_session=""' in out.headers["set-cookie"]
    assert "max-age=0" in out.headers["set-cookie"].lower()


def test_a_session_over_https_is_for_https_alone(make: Any) -> None:
    g = make()
    text = g.tokens.create("laptop")
    assert "Secure" in logged_in(g, text, base="https://reels.example.org").headers["set-cookie"]
    proxied = logged_in(g, text, base="http://reels.example.org", headers={"Origin": "https://reels.example.org"})
    assert "Secure" in proxied.headers["set-cookie"]
    assert "Secure" not in logged_in(g, text).headers["set-cookie"]


def test_a_session_ends(make: Any) -> None:
    g, clock, calendar = make(), Clock(), Clock()
    g.set_clock(clock)
    g.security.sessions._clock = calendar
    text = g.tokens.create("laptop")
    value = logged_in(g, text).cookies["reelscope_session"]

    def ask(value: str) -> int:
        return g.ask("GET", "/analyses", headers=cookie(value)).status_code

    name, expires, mac = value.split(".")
    assert ask(value) == 200
    for wrong in (
        f"{name}.{int(expires) + 1}.{mac}",
        f"other.{expires}.{mac}",
        f"{name}.{expires}.{mac[:-1]}",
        f"{name}.-1.{mac}",
        mac,
        "..",
        "",
    ):
        assert ask(wrong) == 401
    calendar.now += module.SESSION_S - 1
    assert ask(value) == 200
    calendar.now += 1
    assert "session has ended" in refused(g.ask("GET", "/analyses", headers=cookie(value)), 401, "token_needed").message
    again = logged_in(g, text).cookies["reelscope_session"]
    g.tokens.revoke("laptop")
    g.tokens.create("laptop")  # another token of the same name
    clock.now += 2
    assert ask(again) == 401


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"token": "rs_hush"}', 401, "token_unknown"), (b'{"token": 5}', 400, "bad_request"), (b'{"tok": "rs_hush"}', 400, "bad_request"),
        (b"rs_hush", 400, "bad_request"), (b"", 400, "bad_request"), (b"\xff\xfe", 400, "bad_request"), (b"[" * 5000, 400, "bad_request"),
        (b'{"token": "' + b"A" * 262_144 + b'"}', 413, "too_large"),
    ],
)  # fmt: skip
def test_bad_logins_are_told_without_what_was_sent(make: Any, body: bytes, status: int, code: str) -> None:
    response = make().ask("POST", "/session", content=body, headers={"Content-Type": "application/json"})
    refused(response, status, code)
    assert "hush" not in response.text
    assert "set-cookie" not in response.headers


def test_a_worker_has_no_session(make: Any) -> None:
    g = make()
    refused(logged_in(g, g.tokens.create("gpu", "worker")), 403, "wrong_scope")


# --- other websites -----------------------------------------------------------------------------------------------------------------------

US = "127.0.0.1:8003"


@pytest.mark.parametrize(
    ("method", "origin", "site", "mode", "dest", "elsewhere"),
    [
        ("POST", None, None, None, None, False),  # no browser
        ("GET", None, None, None, None, False),
        ("POST", "http://127.0.0.1:8003", "same-origin", "cors", "empty", False),
        ("POST", "http://127.0.0.1:8003", None, None, None, False),
        ("POST", "http://127.0.0.1:3000", None, None, None, True),  # another port is another site
        ("POST", "http://127.0.0.1:3000", "same-site", "cors", "empty", True),
        ("DELETE", "https://evil.example", "cross-site", "cors", "empty", True),
        ("POST", "null", None, None, None, True),
        ("POST", "", None, None, None, True),
        ("POST", "http://127.0.0.1", None, None, None, True),
        ("POST", "chrome-extension://abc", None, None, None, True),
        ("POST", "https://evil.example", "none", None, None, False),  # the user himself, as the browser vouches
        ("POST", None, "cross-site", "navigate", "document", True),  # a form
        ("GET", None, "cross-site", "navigate", "document", False),  # a link
        ("GET", None, "cross-site", "navigate", "iframe", True),
        ("GET", None, "cross-site", "no-cors", "image", True),
        ("GET", None, "same-site", "cors", "empty", True),
        ("GET", None, "same-origin", "cors", "empty", False),
        ("GET", "https://evil.example", None, None, None, False),  # an old browser: it gets nothing to read (no CORS)
    ],
)  # fmt: skip
def test_where_requests_come_from(method: str, origin: Any, site: Any, mode: Any, dest: Any, elsewhere: bool) -> None:
    assert from_elsewhere(method, host=US, origin=origin, site=site, mode=mode, dest=dest) is elsewhere


def test_our_origin_behind_a_proxy_that_ends_https() -> None:
    none: dict[str, Any] = {"site": None, "mode": None, "dest": None}
    assert not from_elsewhere("POST", host="reels.example.org", origin="https://reels.example.org", **none)
    assert not from_elsewhere("POST", host="reels.example.org:443", origin="https://Reels.example.org", **none)
    assert from_elsewhere("POST", host="reels.example.org:8443", origin="https://reels.example.org", **none)
    assert from_elsewhere("POST", host=None, origin="https://reels.example.org", **none)


def test_another_website_starts_no_job(make: Any) -> None:
    g = make()
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        refused(g.ask("POST", "/analyses", json={"url": "https://a.example"}, headers=headers), 403, "cross_site")
        refused(g.ask("DELETE", "/session", headers=headers), 403, "cross_site")
    # what a form can send without asking first is no JSON
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a"):
        refused(g.ask("POST", "/analyses", content=b'{"url": "https://a.example"}', headers={"Content-Type": kind}), 415, "not_json")
    assert g.ask("POST", "/analyses", json={"url": "u"}, headers={"Origin": HERE}).status_code == 202


def test_no_website_may_read(make: Any) -> None:
    g = make()
    asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for response in (g.ask("OPTIONS", "/analyses", headers=asks), g.ask("GET", "/analyses", headers=asks)):
        assert not [name for name in response.headers if name.startswith("access-control")]
    assert g.ask("OPTIONS", "/analyses", headers=asks).status_code == 405


# --- headers ------------------------------------------------------------------------------------------------------------------------------


def test_every_answer_wears_the_headers(make: Any) -> None:
    g = make()
    text = g.tokens.create("laptop")
    with_token = {"headers": bearer(text)}
    answers = {
        200: g.ask("GET", "/analyses", **with_token),
        404: g.ask("GET", "/nothing", **with_token),
        405: g.ask("PUT", "/analyses", **with_token),
        401: g.ask("GET", "/analyses"),
        415: g.ask("POST", "/analyses", content=b"x", **with_token),
        422: g.ask("POST", "/analyses", json={"url": 5}, **with_token),
        500: g.ask("GET", "/fails", **with_token),
        204: logged_in(g, text),
    }
    for status, response in answers.items():
        assert response.status_code == status
        assert {name: response.headers.get(name) for name in HEADERS} == HEADERS, status
        assert response.headers["cache-control"] == "no-store", status
        assert "server" not in response.headers
    page = g.ask("GET", "/")
    assert page.headers["content-security-policy"] == POLICY
    assert page.headers["cache-control"] == "private, no-cache"
    assert "cache-control" not in g.ask("GET", "/assets/page.js").headers


def test_a_route_keeps_its_own(make: Any) -> None:
    response = make().ask("GET", "/report")
    assert response.headers.get_list("content-security-policy") == ["default-src data:"]
    assert response.headers.get_list("cache-control") == ["max-age=5"]
    assert response.headers["x-frame-options"] == "DENY"


def test_what_fails_is_logged_and_not_told(make: Any, caplog: pytest.LogCaptureFixture) -> None:
    response = make().ask("GET", "/fails?token=hush")
    refused(response, 500, "internal_error")
    assert "secret of the machine" not in response.text
    assert "secret of the machine" in caplog.text
    assert "GET /fails failed" in caplog.text
    assert "hush" not in caplog.text


def test_over_a_socket(make: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "uvicorn.error")  # it complains of the answer that breaks off, as it should
    with serving(make().app) as (host, port), httpx.Client(base_url=f"http://{host}:{port}", timeout=DEADLINE_S) as client:
        response = client.get("/analyses")
        assert response.status_code == 200
        assert "server" not in response.headers
        refused(client.get("/analyses", headers={"X-Forwarded-For": "127.0.0.1"}), 401, "token_needed")
        with client.stream("GET", "/stream") as stream:  # comes as it is made
            pieces = stream.iter_raw()
            assert next(pieces) == b"data: tick\n\n"
            assert next(pieces).startswith(b"data: tick\n\n")
        with pytest.raises(httpx.RemoteProtocolError):  # an answer that fails in its middle does not look whole
            client.get("/breaks")


@pytest.mark.parametrize("path", ["/stream", "/events"])
def test_a_stream_ends_when_its_token_is_revoked(
    make: Any, path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "uvicorn.error")
    for where in ("reelscope.server.security.BOOK_S", "reelscope.server.tokens.BOOK_S"):
        monkeypatch.setattr(where, 0.1)
    g = make()
    text = g.tokens.create("laptop")
    kept = g.tokens.create("other")
    with serving(g.app) as (host, port), httpx.Client(base_url=f"http://{host}:{port}", timeout=DEADLINE_S) as client:
        with client.stream("GET", path, headers=bearer(text)) as stream:
            pieces = stream.iter_raw()
            next(pieces)
            g.tokens.revoke("laptop")
            with pytest.raises(httpx.RemoteProtocolError):
                for _ in pieces:
                    pass
        refused(client.get("/analyses", headers=bearer(text)), 401, "token_unknown")
        assert client.get("/analyses", headers=bearer(kept)).status_code == 200
    assert "failed" not in caplog.text


# --- how often ----------------------------------------------------------------------------------------------------------------------------


def test_too_many_requests(make: Any) -> None:
    g, clock = make(requests_per_minute=3), Clock()
    g.set_clock(clock)
    a, b = g.tokens.create("a"), g.tokens.create("b")
    for _ in range(3):
        assert g.ask("GET", "/analyses", headers=bearer(a)).status_code == 200
    response = g.ask("GET", "/analyses", headers=bearer(a), peer=ELSEWHERE)  # a token is one client, wherever it comes from
    body = refused(response, 429, "too_many_requests")
    assert body.retryable
    assert response.headers["retry-after"] == "20"
    assert g.ask("GET", "/analyses", headers=bearer(b)).status_code == 200
    for _ in range(10):
        assert g.ask("GET", "/health", headers=bearer(a)).status_code == 200
    clock.now += 20
    assert g.ask("GET", "/analyses", headers=bearer(a)).status_code == 200
    refused(g.ask("GET", "/analyses", headers=bearer(a)), 429, "too_many_requests")


def test_who_has_no_token_is_counted_by_address(make: Any) -> None:
    g = make(requests_per_minute=2)
    g.set_clock(Clock())
    g.tokens.create("a")
    for peer, statuses in (
        (ELSEWHERE, [401, 401, 429]), ("203.0.113.10", [401]), ("2001:db8:1:1::1", [401]), ("2001:db8:1:1::2", [401]),
        ("2001:db8:1:1:ffff::3", [429]), ("2001:db8:1:2::1", [401]),
    ):  # fmt: skip
        assert [g.ask("GET", "/analyses", peer=peer).status_code for _ in statuses] == statuses


def test_wrong_tokens_are_not_tried_for_long(make: Any) -> None:
    g, clock = make(), Clock()
    g.set_clock(clock)
    text = g.tokens.create("a")
    tries = [g.ask("GET", "/analyses", headers=bearer(f"rs_{n}")) for n in range(module.FAILED_PER_MINUTE // 2)]
    tries += [logged_in(g, f"rs_{n}") for n in range(module.FAILED_PER_MINUTE // 2)]
    assert {r.status_code for r in tries} == {401}
    for response in (g.ask("GET", "/analyses", headers=bearer("rs_x")), logged_in(g, "rs_x")):
        refused(response, 429, "too_many_failures")
        assert response.headers["retry-after"] == "3"
    assert g.ask("GET", "/analyses", headers=bearer("rs_x"), peer=ELSEWHERE).status_code == 401
    assert g.ask("GET", "/ready", headers=bearer("rs_x")).status_code == 200
    assert g.ask("GET", "/analyses", headers=bearer(text)).status_code == 200  # behind the same address
    clock.now += 3
    refused(g.ask("GET", "/analyses", headers=bearer("rs_x")), 401, "token_unknown")


def test_no_thread_waits_for_another_ones_book(make: Any) -> None:
    """Many at once read the tokens once."""
    g = make()
    g.set_clock(Clock())  # it stands: after two seconds they would be read again
    g.tokens.create("a")
    reads: list[int] = []
    real = g.tokens.all
    g.security.book._source.all = lambda: (reads.append(1), real())[1]
    threads = [threading.Thread(target=g.security.book.refresh) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 1
