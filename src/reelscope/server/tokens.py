"""Tokens, what is kept of them, and the page's sessions.

A token is `rs_` and 32 random bytes in base64url. It is shown once, when it is made; the database holds its SHA-256.

No slow hash (bcrypt, argon2) and no salt: those protect passwords, which people choose and which can be guessed from their hash. Of 256
random bits nothing can be guessed, from any hash, and a slow one would make each request slow.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from reelscope.errors import InputError, OutputError
from reelscope.outputs import write_error
from reelscope.server.db import Database, now, tokens

__all__ = ["SESSION_S", "TOKEN", "Scope", "Sessions", "Token", "TokenBook", "Tokens", "digest"]

Scope = Literal["client", "worker"]

TOKEN = re.compile(r"rs_[A-Za-z0-9_-]{43}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # it stands in logs and answers
RANDOM_BYTES = 32

# How long a server goes by what it read: a revoked token works that much longer at most, and a busy server asks once in this time.
BOOK_S = 2.0
# Long enough that a page that is open every day seldom asks for the token; a token that is revoked ends its sessions at once.
SESSION_S = 30 * 24 * 3600
KEY_FILE = "session.key"
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token. sha256: hexadecimal, of its text."""

    name: str
    sha256: str
    scope: Scope
    created_at: float


def digest(token: str) -> str:
    """What is kept of a token's text, whatever it is."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Tokens:
    """The tokens of a database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def create(self, name: str, scope: Scope = "client") -> str:
        """Make a token and return it; nobody can tell it again.

        Raises:
            InputError: The name is none, or there is one of this name.
        """
        if not NAME.fullmatch(name):
            raise InputError(
                f"{name!r} is no name for a token",
                code="bad_name",
                hint="up to 64 letters, digits, '.', '_' and '-', a letter or digit first",
            )
        text = f"rs_{secrets.token_urlsafe(RANDOM_BYTES)}"
        row = tokens.insert().values(name=name, sha256=digest(text), scope=scope, created_at=now())
        try:
            self.database.write(lambda c: c.execute(row))
        except sa.exc.IntegrityError:
            raise InputError(
                f"there is a token named {name}", code="token_exists", hint=f"take another name, or: reelscope token revoke {name}"
            ) from None
        return text

    def revoke(self, name: str) -> bool:
        """Take a token away; False where there is none of this name."""
        return self.database.write(lambda c: c.execute(sa.delete(tokens).where(tokens.c.name == name)).rowcount) == 1

    def all(self) -> list[Token]:
        """Every token, oldest first."""
        query = sa.select(tokens).order_by(tokens.c.created_at, tokens.c.name)
        return self.database.read(lambda c: [Token(r.name, r.sha256, r.scope, r.created_at) for r in c.execute(query)])


class TokenBook:
    """What a web process knows of the tokens. Any thread; `refresh` reads the database.

    Once there was a token, the book stays closed until the process ends: taking the last token away must not open the server to everybody
    that a proxy on this machine brings.

    Attributes:
        closed: Whether a token is needed.
    """

    def __init__(self, source: Tokens, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._clock = source, clock
        self._rows: tuple[Token, ...] = ()
        self._read_at: float | None = None
        self._lock = threading.Lock()
        self.closed = False

    @property
    def fresh(self) -> bool:
        """Whether it need not be read again yet."""
        return self._read_at is not None and self._clock() - self._read_at < BOOK_S

    def refresh(self) -> None:
        """Read the tokens, unless another thread has just done it."""
        with self._lock:
            if self.fresh:
                return
            at = self._clock()  # before reading: what is revoked meanwhile may be missed
            self._rows = tuple(self._source.all())
            self.closed = self.closed or bool(self._rows)
            self._read_at = at

    def find(self, token: str) -> Token | None:
        """The token that this text is.

        Every one is compared, in constant time, whether or not an earlier one was right. What is compared are digests, of which a stranger
        cannot choose a beginning, so that even a comparison that stops early would tell nothing of a token; this way nobody has to argue.
        """
        given = digest(token)
        found = None
        for row in self._rows:
            if hmac.compare_digest(row.sha256, given):
                found = row
        return found

    def named(self, name: str) -> Token | None:
        """The token of this name."""
        return next((row for row in self._rows if row.name == name), None)


class Sessions:
    """Cookies of the page: `NAME.EXPIRES.MAC`, where the MAC covers the name, the time and the token's digest.

    The cookie is not the token: it ends, is of no use as a bearer token, and a token that is revoked or made anew under its name ends it.
    The key is this server's own (a file that its owner alone can read), so that who reads the database can make no sessions.

    Args:
        data_dir: Where the key is kept; it is made at the first use.
    """

    def __init__(self, data_dir: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = data_dir / KEY_FILE, clock
        self._key: bytes | None = None

    def open(self, token: Token) -> str:
        """A cookie's value for who has shown this token."""
        head = f"{token.name}.{int(self._clock()) + SESSION_S}"
        return f"{head}.{self._mac(head, token)}"

    def find(self, cookie: str, book: TokenBook) -> Token | None:
        """The token that a session was opened with; None where it has ended or never was one."""
        head, _, mac = cookie.rpartition(".")
        name, _, expires = head.rpartition(".")
        token = book.named(name)
        if token is None or not re.fullmatch(r"[0-9]{1,12}", expires) or not mac.isascii():
            return None
        if not hmac.compare_digest(mac, self._mac(head, token)) or int(expires) <= self._clock():
            return None
        return token

    def _mac(self, head: str, token: Token) -> str:
        if self._key is None:
            self._key = _key_of(self._path)
        return hmac.new(self._key, f"{head}\0{token.sha256}".encode(), hashlib.sha256).hexdigest()


def _key_of(path: Path) -> bytes:
    """The key in a file, which is made where there is none; processes that come at the same time get the same one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            os.fchmod(fd, 0o600)  # a file that was copied here may be readable by others
            key = os.pread(fd, KEY_BYTES + 1, 0)
            if not key:
                key = secrets.token_bytes(KEY_BYTES)
                os.pwrite(fd, key, 0)
                os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise write_error(path, error) from error
    if len(key) != KEY_BYTES:
        raise OutputError(f"{path} holds no key", code="bad_secret", hint="remove it: a new one is made, and pages must log in again")
    return key
