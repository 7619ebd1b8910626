"""A file as the body of a form, read piece by piece while it is sent."""

from __future__ import annotations

import mimetypes
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from reelscope.errors import InputError

__all__ = ["Upload"]

PIECE_BYTES = 256 * 1024  # some pieces a second on a slow line, some thousand on a fast one
Progress = Callable[[int, int | None], None]


class Upload:
    """A form with two fields, `request` (JSON) and `file`, in this order; may be read as often as its file can be rewound.

    Args:
        file: A path, or something open for reading in binary. request: the JSON of the first field.
        progress: Told bytes sent and bytes in all (None where that is not known), from within the sending.

    Attributes:
        name: The file's name. length: bytes of the whole body; None where the file does not tell its own.

    Raises:
        InputError: There is no such file, or it cannot be read.
    """

    def __init__(self, file: str | os.PathLike[str] | BinaryIO, request: bytes, *, progress: Progress | None = None) -> None:
        self._file = file
        self._progress = progress
        self._boundary = secrets.token_hex(16)
        self._started = False
        size: int | None
        if isinstance(file, (str, os.PathLike)):
            self.name = Path(file).name
            with _opened(Path(file)) as opened:
                size = os.fstat(opened.fileno()).st_size
            self._start, self._again = 0, True
        else:
            self.name = Path(str(getattr(file, "name", "") or "clip")).name
            self._again = file.seekable()
            self._start = file.tell() if self._again else 0
            size = file.seek(0, os.SEEK_END) - self._start if self._again else None
        self._size = size
        self._head = self._part('name="request"', "application/json") + request + b"\r\n"
        kind = mimetypes.guess_type(self.name)[0] or "application/octet-stream"
        self._head += self._part(f'name="file"; filename="{_quoted(self.name)}"', kind)
        self._tail = f"\r\n--{self._boundary}--\r\n".encode()
        self.length = None if size is None else len(self._head) + size + len(self._tail)

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self._boundary}"

    @property
    def repeatable(self) -> bool:
        """Whether the body can be sent (once more)."""
        return self._again or not self._started

    def __iter__(self) -> Iterator[bytes]:
        """The body.

        Raises:
            InputError: The file has changed its size, or cannot be read any more.
        """
        self._started = True
        yield self._head
        sent = 0
        if isinstance(self._file, (str, os.PathLike)):
            with _opened(Path(self._file)) as opened:
                for piece in self._pieces(opened):
                    sent += len(piece)
                    yield piece
                    self._tell(sent)
        else:
            if self._again:
                self._file.seek(self._start)
            for piece in self._pieces(self._file):
                sent += len(piece)
                yield piece
                self._tell(sent)
        if self._size is not None and sent != self._size:
            raise InputError(f"{self.name}: became shorter while it was sent", code="file_changed", hint="send it when it is complete")
        yield self._tail

    def _pieces(self, opened: BinaryIO) -> Iterator[bytes]:
        """The file to its end, or as much as was promised: what is appended meanwhile is not sent."""
        left = self._size
        while left is None or left > 0:
            try:
                piece = opened.read(PIECE_BYTES if left is None else min(PIECE_BYTES, left))
            except OSError as error:
                raise _unreadable(self.name, error) from error
            if not piece:
                return
            if left is not None:
                left -= len(piece)
            yield piece

    def _tell(self, sent: int) -> None:
        if self._progress is not None:
            self._progress(sent, self._size)

    def _part(self, names: str, kind: str) -> bytes:
        return f"--{self._boundary}\r\nContent-Disposition: form-data; {names}\r\nContent-Type: {kind}\r\n\r\n".encode()


def _quoted(name: str) -> str:
    """A file's name as the form encoding of the HTML standard writes it; bytes that are no text become question marks."""
    text = name.encode("utf-8", "replace").decode()
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _opened(path: Path) -> BinaryIO:
    try:
        # not waited for: opening a pipe that nobody writes to would hang
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise InputError(f"{path}: is no file", code="not_a_file", hint="give a video file")
            return os.fdopen(fd, "rb", buffering=0)
        except BaseException:
            os.close(fd)
            raise
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file", code="no_file", hint="check the path") from error
    except OSError as error:
        raise _unreadable(str(path), error) from error
    except ValueError as error:  # a NUL in the name
        raise InputError(f"{path!s}: {error}", code="no_file") from error


def _unreadable(name: str, error: OSError) -> InputError:
    return InputError(f"{name}: cannot be read: {error.strerror or error}", code="unreadable", hint="check the file and its permissions")
