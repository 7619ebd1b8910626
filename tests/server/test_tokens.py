"""Tokens as they are made, kept, compared and taken away; the key of sessions; the command."""

from __future__ import annotations

import hmac
import json
import re
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer

from reelscope.cli import token as command
from reelscope.config import Settings
from reelscope.errors import InputError, OutputError
from reelscope.server import tokens as module
from reelscope.server.db import Database, meta, open_database
from reelscope.server.db import tokens as table
from reelscope.server.tokens import TOKEN, Sessions, Token, TokenBook, Tokens, digest
from tests.server.guard import Clock


@pytest.fixture
def database() -> Iterator[Database]:
    made = open_database(Settings())
    made.write(meta.create_all)
    yield made
    made.close()


@pytest.fixture
def tokens(database: Database) -> Tokens:
    return Tokens(database)


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a\n", "ä", "a" * 65, "a/b", "'; drop table x; --", "--scope"])
def test_names_that_are_none(tokens: Tokens, name: str) -> None:
    with pytest.raises(InputError) as caught:
        tokens.create(name)
    assert caught.value.code == "bad_name"
    assert tokens.all() == []


def test_a_name_is_taken_once(tokens: Tokens) -> None:
    tokens.create("laptop")
    with pytest.raises(InputError) as caught:
        tokens.create("laptop", "worker")
    assert caught.value.code == "token_exists"
    assert [(t.name, t.scope) for t in tokens.all()] == [("laptop", "client")]


def test_only_a_hash_is_kept(tokens: Tokens, database: Database) -> None:
    made = [tokens.create(f"t{n}") for n in range(20)]
    assert len(set(made)) == 20
    assert all(TOKEN.fullmatch(text) for text in made)
    rows = database.read(lambda c: c.execute(sa.select(table)).all())
    assert {r.sha256 for r in rows} == {digest(text) for text in made}
    for text in made:
        assert not any(text in str(value) or text[3:] in str(value) for row in rows for value in row)


def test_revoking(tokens: Tokens) -> None:
    tokens.create("a")
    assert not tokens.revoke("b")
    assert tokens.revoke("a")
    assert not tokens.revoke("a")
    assert tokens.all() == []


def test_every_token_is_compared_in_constant_time(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [tokens.create(f"t{n}") for n in range(5)]
    book = TokenBook(tokens)
    book.refresh()
    compared: list[str] = []
    real = hmac.compare_digest

    def counting(a: Any, b: Any) -> bool:
        compared.append(a)
        return real(a, b)

    monkeypatch.setattr(module.hmac, "compare_digest", counting)
    for text, name in ((made[0], "t0"), (made[4], "t4"), ("rs_wrong", None), ("", None), ("\ud800", None)):
        compared.clear()
        found = book.find(text)
        assert (found.name if found else None) == name
        assert compared == [t.sha256 for t in tokens.all()]  # all of them, whichever it was


def test_the_book_is_read_again_after_two_seconds(tokens: Tokens) -> None:
    clock = Clock()
    book = TokenBook(tokens, clock=clock)
    book.refresh()
    assert not book.closed
    text = tokens.create("a")
    clock.now += module.BOOK_S - 0.01
    book.refresh()
    assert book.find(text) is None
    clock.now += 0.01
    book.refresh()
    assert book.find(text) is not None
    assert book.closed


A = Token("a", "0" * 64, "client", 0.0)


class Book:
    def __init__(self, *rows: Token) -> None:
        self.rows = rows

    def named(self, name: str) -> Token | None:
        return next((r for r in self.rows if r.name == name), None)


def test_the_key_of_sessions_is_this_servers_own(tmp_path: Path) -> None:
    one, other = Sessions(tmp_path / "one"), Sessions(tmp_path / "other")
    value = one.open(A)
    path = tmp_path / "one" / "session.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Sessions(tmp_path / "one").find(value, Book(A)) == A  # type: ignore[arg-type]
    assert other.find(value, Book(A)) is None  # type: ignore[arg-type]
    assert one.find(value, Book()) is None  # type: ignore[arg-type]
    path.chmod(0o644)
    assert Sessions(tmp_path / "one").find(value, Book(A)) == A  # type: ignore[arg-type]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_damaged_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "session.key").write_bytes(b"short")
    with pytest.raises(OutputError) as caught:
        Sessions(tmp_path).open(A)
    assert caught.value.code == "bad_secret"


def test_the_key_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"x" * 32)
    (tmp_path / "session.key").symlink_to(tmp_path / "target")
    with pytest.raises((InputError, OutputError)):
        Sessions(tmp_path).open(A)


def test_processes_that_come_together_have_one_key(tmp_path: Path) -> None:
    values: list[str] = []
    threads = [threading.Thread(target=lambda: values.append(Sessions(tmp_path, clock=lambda: 5.0).open(A))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(values) == 8
    assert len(set(values)) == 1


# --- the command --------------------------------------------------------------------------------------------------------------------------


def call(*args: str) -> None:
    command.app(list(args), standalone_mode=False)


def test_the_command_shows_a_token_once(capsys: pytest.CaptureFixture[str]) -> None:
    call("create", "laptop")
    out, err = capsys.readouterr()
    assert TOKEN.fullmatch(out.strip())
    assert out.count("\n") == 1  # alone on stdout
    assert "only time" in err and "it opens the server of sqlite:///" in err
    assert "rs_" not in err
    call("create", "gpu", "--scope", "worker")
    capsys.readouterr()
    call("list")
    listed = capsys.readouterr().out
    assert re.fullmatch(r"laptop  client  \S+\+00:00\ngpu     worker  \S+\+00:00\n", listed)
    call("list", "--json")
    rows = json.loads(capsys.readouterr().out)
    assert [(r["name"], r["scope"]) for r in rows] == [("laptop", "client"), ("gpu", "worker")]
    assert set(rows[0]) == {"name", "scope", "created_at"}


def test_the_command_takes_tokens_away(capsys: pytest.CaptureFixture[str]) -> None:
    call("create", "a")
    call("create", "b")
    capsys.readouterr()
    call("revoke", "a")
    assert capsys.readouterr() == ("revoked: a\n", "")
    call("revoke", "b")
    assert "the last one" in capsys.readouterr().err
    call("list")
    assert capsys.readouterr().out.startswith("no tokens")
    with pytest.raises(InputError) as caught:
        call("revoke", "b")
    assert caught.value.code == "no_token"


def test_the_command_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    for args, code in ((("create", "a b"), "bad_name"), (("create", "a", "--scope", "root"), "bad_input")):
        with pytest.raises(InputError) as caught:
            call(*args)
        assert caught.value.code == code
    with pytest.raises(typer.BadParameter.__mro__[1]):
        call("create")
    assert capsys.readouterr().out == ""
