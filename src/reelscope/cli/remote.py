"""What commands that talk to a server share: its address, the token, what to compute."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from reelscope.client import Client
    from reelscope.document.schema import Document

__all__ = [
    "PATIENT",
    "PROMPT",
    "SERVER_VARIABLE",
    "TOKEN_VARIABLE",
    "Server",
    "TokenFile",
    "connect",
    "corrections_of",
    "read_token",
    "request_of",
    "save",
]

SERVER_VARIABLE = "REELSCOPE_SERVER"
TOKEN_VARIABLE = "REELSCOPE_TOKEN_FILE"
FILE_NAME = "corrections.json"  # as text, because the help imports no document; a test holds it against the name that is looked for
TOKEN_MAX_BYTES = 4096  # tokens have some dozen characters; somebody's video given as a token file is refused before it is read

Server = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", help=f"The server's address. Without: ${SERVER_VARIABLE}, else http://127.0.0.1:8003."),
]
# A file, never the token itself: command lines are seen by everybody on the machine and kept in the shell's history.
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file", metavar="FILE", help=f"File with the server's token. Without: ${TOKEN_VARIABLE}, else ~/.config/reelscope/token."
    ),
]

# Somebody sits in front of the one; the other goes on by itself, and a server that is being restarted must not end it.
PROMPT = {"times": 2}
PATIENT = {"times": 10, "patience_s": 300.0}

# No folder: settings files here are this machine's, and say nothing of the server's.
NOWHERE = Path(os.devnull)


def connect(
    server: str | None,
    token_file: Path | None,
    *,
    retries: Mapping[str, Any] = PROMPT,
    sleep: Callable[[float], None] = time.sleep,
    timeout_s: float = 30.0,
    env: Mapping[str, str] = os.environ,
) -> Client:
    """A client of the server that the options and the environment name.

    Raises:
        InputError: The token's file cannot be read. ConfigError: the address is none.
    """
    from reelscope.client import Client, Retries
    from reelscope.client.client import DEFAULT_SERVER
    from reelscope.client.errors import is_loopback
    from reelscope.client.transport import address_of

    named = server or env.get(SERVER_VARIABLE) or DEFAULT_SERVER
    token = read_token(token_file, env)
    client = Client(named, token=token, timeout_s=timeout_s, retries=Retries(**retries), sleep=sleep)
    address = address_of(named)
    if token is not None and address.scheme == "http" and not is_loopback(address.host):
        sys.stderr.write(f"note: the token goes to {address.host} unencrypted; an https address would hide it\n")
    return client


def read_token(given: Path | None, env: Mapping[str, str]) -> str | None:
    """The token in a file, by the option, the variable or the user's own file; None where only the last is meant and is not there.

    Raises:
        InputError: A file that was named cannot be read, or holds no token. Nothing of what it holds is shown.
    """
    from reelscope.cli.terminal import home_folder
    from reelscope.config import user_file
    from reelscope.errors import InputError

    named = given or (Path(env[TOKEN_VARIABLE]) if env.get(TOKEN_VARIABLE) else None)
    path = named or user_file(env, home_folder()).with_name("token")
    hint = "the file holds the token, on one line"
    try:
        if not path.is_file():
            if named is None and not path.exists():
                return None
            why = "is no file" if path.exists() else "no such file"
            raise InputError(f"{path}: {why}", code="no_token", hint=hint)
        if path.stat().st_size > TOKEN_MAX_BYTES:
            raise InputError(f"{path}: holds no token, it is too large", code="no_token", hint=hint)
        token = path.read_bytes().strip()
    except OSError as error:
        if named is None and isinstance(error, PermissionError) and not os.access(path.parent, os.X_OK):
            return None  # somebody else's home
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", code="no_token", hint=hint) from error
    if not token or any(not 0x21 <= byte < 0x7F for byte in token):
        raise InputError(f"{path}: holds no token", code="no_token", hint=hint)
    return token.decode("ascii")


def request_of(
    *,
    analyzers: Sequence[str] | None,
    skip: Sequence[str] | None,
    tier: str | None,
    backend: Sequence[str] | None,
    option: Sequence[str] | None,
    fresh: bool,
) -> dict[str, Any]:
    """What to compute, as keywords of `Client.submit`; only what was asked for on the command line.

    Raises:
        ConfigError: A name or a value that is not known.
    """
    from pydantic_core import to_jsonable_python

    from reelscope.cli.analyze import names_of, settings_flags
    from reelscope.cli.options import checked_options
    from reelscope.config import load_settings

    flags = settings_flags(tier=tier, backend=backend or (), option=option or ())
    asked = checked_options(load_settings(flags, env={}, cwd=NOWHERE, home=NOWHERE)).settings.analysis
    return {
        "analyzers": list(names_of(analyzers, "--analyzers")) if analyzers else None,
        "skip": list(names_of(skip or (), "--skip")),
        "tier": None if tier is None else asked.tier,
        "backends": dict(asked.backends),
        "options": to_jsonable_python(asked.options),
        "fresh": fresh,
    }


def save(client: Client, id: str, folder: Path) -> dict[str, Path]:
    """Fetch the results of an analysis that is done into a folder: document, report, keyframes, and what was corrected of the clip, so that
    exports made here show the same as those of the server. Return where document, report and corrections lie, by kind.

    Raises:
        ApiError: The server refused. InputError: the folder cannot be written to. OutputError: the disk is full.
    """
    from reelscope.client.errors import bad_answer
    from reelscope.document.schema import Document
    from reelscope.outputs import out_folder, write_files

    with out_folder(folder):
        data = client.document_json(id)
        try:
            document = Document.model_validate_json(data)
        except ValueError as error:
            raise bad_answer("a document") from error
        files = dict(_keyframes(client, id, document))
        corrections = corrections_of(client, id)
        if corrections is not None:
            files[FILE_NAME] = corrections
        # without what it takes to mend, which only works where the server shows it
        files |= {"report.html": client.export(id, "html"), "analysis.json": data}
        write_files(folder, files)
    found = {"document": folder / "analysis.json", "report": folder / "report.html"}
    return found | ({"corrections": folder / FILE_NAME} if corrections is not None else {})


def corrections_of(client: Client, id: str) -> bytes | None:
    """The file of what was corrected of an analysis's clip; None where nothing was.

    Raises:
        ApiError: The server refused, or answered with something else.
    """
    from reelscope.client.errors import bad_answer
    from reelscope.document.corrections.shapes import Corrections

    data = client.corrections_file(id)
    try:
        found = Corrections.model_validate_json(data)
    except ValueError as error:
        raise bad_answer("a file of corrections") from error
    return data if found.edits else None


def _keyframes(client: Client, id: str, document: Document) -> Iterator[tuple[str, bytes]]:
    """Pictures of the shots. One that the server has no more, or whose name would lead out of the folder, is left out: exports say so."""
    from reelscope.client import ApiError
    from reelscope.client.client import KEYFRAME

    for name in dict.fromkeys(shot.keyframe for shot in document.shots if shot.keyframe):
        if not name.startswith("keyframes/") or not KEYFRAME.fullmatch(name.removeprefix("keyframes/")):
            continue
        try:
            data = client.keyframe(id, name)
        except ApiError as error:
            if error.status not in (404, 410):
                raise
            continue
        yield name, data
