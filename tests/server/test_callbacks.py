"""Callbacks: signed, one attempt at a time, to permitted addresses only."""

from __future__ import annotations

import json
import re
import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from reelscope.errors import InputError, OutputError, ReelscopeError
from reelscope.server.callbacks import ANSWER_BYTES, DELAYS_S, SIGNATURE_HEADER, TOLERANCE_S, Delivery, deliver, secret_of, sign, verify
from tests.net.hostile import URLS
from tests.net.stubs import PUBLIC, RULES, Answer, Handler, Names, Site, Trap, trap

SECRET = b"0" * 64
BODY = b'{"id":"a","state":"done"}'
NOW = 1_790_000_000


class TestSignature:
    def test_a_known_one(self) -> None:
        """From `printf %s '1790000000.{"id":"a","state":"done"}' | openssl dgst -sha256 -hmac 000...`."""
        assert sign(SECRET, NOW, BODY) == "t=1790000000,v1=9ff0133d1d1d26691431f97a5e1dc0173325fa41e7033239d4eb2be5f948ef74"

    def test_a_good_one_is_taken(self) -> None:
        assert verify(SECRET, sign(SECRET, NOW, BODY), BODY, now=NOW + TOLERANCE_S)
        assert verify(SECRET, sign(SECRET, int(time.time()), BODY), BODY)

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "t=1790000000",
            "v1=00",
            sign(SECRET, NOW, BODY).replace("v1=", "v0="),
            sign(SECRET, NOW, BODY).replace("t=1", "t=2"),
            sign(SECRET, NOW, BODY)[:-1],
            sign(SECRET, NOW, BODY) + "0",
            sign(SECRET, NOW, BODY).upper(),
            sign(SECRET, NOW + 1, BODY).replace(str(NOW + 1), str(NOW)),
            sign(b"1" * 64, NOW, BODY),
            sign(SECRET, NOW, BODY + b" "),
            "t=" + "9" * 400 + ",v1=00",
            "t=-1,v1=00",
            "t=1790000000,v1=ü\ud800",
            "t=١٧٩,v1=00",
        ],
    )
    def test_others_are_not(self, header: str) -> None:
        assert not verify(SECRET, header, BODY, now=NOW)

    @pytest.mark.parametrize("late", [TOLERANCE_S + 1, -TOLERANCE_S - 1])
    def test_an_old_one_is_not(self, late: int) -> None:
        assert not verify(SECRET, sign(SECRET, NOW, BODY), BODY, now=NOW + late)

    def test_time_and_body_cannot_be_moved_against_each_other(self) -> None:
        assert sign(SECRET, 1, b"2.x") != sign(SECRET, 12, b".x")


def test_the_example_of_the_docs_verifies() -> None:
    text = (Path(__file__).parents[2] / "docs" / "network.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    now = int(time.time())
    assert names["verify"](SECRET, sign(SECRET, now, BODY), BODY) is True
    for header in (sign(SECRET, now - 301, BODY), sign(b"1", now, BODY), sign(SECRET, now, b""), "", "t=1,v1=0"):
        assert names["verify"](SECRET, header, BODY) is False
    assert f"Reelscope-Signature: {sign(SECRET, NOW, BODY)}" in text


class TestSecret:
    def test_it_is_made_once_and_for_its_owner_only(self, tmp_path: Path) -> None:
        key = secret_of(tmp_path / "data")
        path = tmp_path / "data" / "callback.key"
        assert key == secret_of(tmp_path / "data") == path.read_bytes().strip() and len(bytes.fromhex(key.decode())) == 32
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert secret_of(tmp_path / "other") != key

    def test_many_at_once_get_the_same(self, tmp_path: Path) -> None:
        start = threading.Barrier(8)

        def ask(_: int) -> bytes:
            start.wait(120)
            return secret_of(tmp_path)

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(ask, range(8)))) == 1

    def test_an_empty_file_of_a_crash_is_filled(self, tmp_path: Path) -> None:
        (tmp_path / "callback.key").touch(mode=0o644)
        assert len(secret_of(tmp_path)) == 64
        assert stat.S_IMODE((tmp_path / "callback.key").stat().st_mode) == 0o600

    def test_something_else_is_not_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "callback.key").write_text("my own words")
        with pytest.raises(OutputError) as caught:
            secret_of(tmp_path)
        assert caught.value.code == "bad_secret" and "words" not in caught.value.message
        assert (tmp_path / "callback.key").read_text() == "my own words"

    def test_a_link_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "callback.key").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(ReelscopeError):
            secret_of(tmp_path)
        assert not (tmp_path / "elsewhere").exists()

    def test_a_place_that_takes_no_files(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(InputError):
            secret_of(tmp_path / "file")


class TestDeliver:
    @pytest.fixture
    def site(self) -> Iterator[Site]:
        with Site() as made:
            yield made

    @pytest.fixture
    def forbidden(self) -> Iterator[Trap]:
        with trap() as made:
            yield made
            assert made.caught() == 0

    def send(self, url: str, **more: Any) -> Delivery:
        resolver = Names(**{"cdn.example": [PUBLIC], "loopback.example": ["127.0.0.1"]})
        asked = {"secret": SECRET, "rules": RULES, "timeout_s": 120.0, "job_id": "a1", "attempt": 2, "resolver": resolver, **more}
        return deliver(url, {"id": "a1", "title": "Füße"}, **asked)

    def test_what_comes_can_be_verified(self, site: Site) -> None:
        site.pages["/hook"] = (200, {}, b"thanks")
        assert self.send(site.url("/hook?token=x")) == Delivery("delivered", 200)
        [(method, path, headers, body)] = site.asked
        assert (method, path, headers["Content-Type"]) == ("POST", "/hook?token=x", "application/json")
        assert (headers["Reelscope-Job"], headers["Reelscope-Attempt"]) == ("a1", "2")
        assert verify(SECRET, headers[SIGNATURE_HEADER], body) and json.loads(body) == {"id": "a1", "title": "Füße"}

    @pytest.mark.parametrize(
        ("status", "outcome"),
        [
            (204, "delivered"),
            (299, "delivered"),
            (301, "retry"),
            (400, "retry"),
            (404, "retry"),
            (410, "give_up"),
            (429, "retry"),
            (503, "retry"),
        ],
    )
    def test_what_the_status_means(self, site: Site, forbidden: Trap, status: int, outcome: str) -> None:
        site.pages["/"] = (status, {"Location": f"http://127.0.0.1:{forbidden.port}/"}, b"")
        came = self.send(site.url("/"))
        assert (came.outcome, came.status) == (outcome, status) and len(site.asked) == 1
        assert (came.error is None) == came.delivered

    @pytest.mark.parametrize("url", [*URLS.values()][:60:4] + ["http://loopback.example:{port}/"])
    def test_forbidden_addresses_are_given_up(self, forbidden: Trap, url: str) -> None:
        assert self.send(url.format(port=forbidden.port)).outcome == "give_up"

    @pytest.mark.parametrize("url", ["http://unknown.example/", "http://cdn.example:{port}/"])
    def test_nobody_there_is_tried_again(self, forbidden: Trap, url: str) -> None:
        came = self.send(url.format(port=forbidden.port))
        assert came.outcome == "retry" and came.status is None and came.error

    def test_errors_do_not_repeat_the_address(self, site: Site, forbidden: Trap) -> None:
        for place in (
            site.url("/hunter2"),
            f"http://127.0.0.1:{forbidden.port}/hunter2",
            "ftp://x/hunter2",
            "http://unknown.example/hunter2",
        ):
            assert "hunter2" not in str(self.send(place))

    def test_a_receiver_that_drips_is_left(self, site: Site) -> None:
        def drip(handler: Handler) -> Answer | None:
            while not left.wait(0.02):
                try:
                    handler.wfile.write(b"H")
                except OSError:
                    break
            return None

        left = threading.Event()
        site.pages["/"] = drip
        came = self.send(site.url("/"), timeout_s=0.3)
        left.set()
        assert came.outcome == "retry" and came.error == "no answer within 0.3 s"

    def test_an_endless_answer_is_not_read(self, site: Site) -> None:
        def endless(handler: Handler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", str(1 << 40))
            handler.end_headers()
            try:
                while True:
                    sent.append(handler.wfile.write(bytes(65536)))
            except OSError:
                ended.set()

        sent: list[int] = []
        ended = threading.Event()
        site.pages["/"] = endless
        assert self.send(site.url("/")).delivered
        assert ended.wait(120) and sum(sent) < 64 * 1024 * 1024 and ANSWER_BYTES < 65536

    def test_an_answer_that_breaks_off_was_an_answer(self, site: Site) -> None:
        site.pages["/"] = (200, {"Content-Length": "100", "Connection": "close"}, b"short")
        assert self.send(site.url("/")).delivered


def test_the_waits_grow_and_span_a_night() -> None:
    assert list(DELAYS_S) == sorted(DELAYS_S) and 8 * 3600 < sum(DELAYS_S) < 24 * 3600
