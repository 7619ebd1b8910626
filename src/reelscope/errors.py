"""Every error that reelscope raises on purpose, as one tree.

ReelscopeError                 code, retryable, hint
├── InputError                 the clip, the path or an argument is not usable       -> exit code 2
│   └── ConfigError            a setting, an option or a name is not known or valid  -> exit code 2
├── OutputError                the result cannot be written (disk, permission)       -> exit code 1
├── MediaError                 the clip stopped being readable while it was analysed -> exit code 1
├── EngineError                a worker, a deadline or our own bug                   -> exit code 1
└── AnalyzerError              one analyzer cannot go on; the document is written with the rest
    ├── ModelError             a model is missing, damaged or does not load
    ├── PluginError            an analyzer that another package brings cannot be used
    └── NotApplicable          the clip has nothing for this analyzer to measure (no audio track, say)
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable

__all__ = [
    "AnalyzerError",
    "ConfigError",
    "EngineError",
    "InputError",
    "MediaError",
    "ModelError",
    "NotApplicable",
    "OutputError",
    "PluginError",
    "ReelscopeError",
    "nearest",
]


class ReelscopeError(Exception):
    """Base of all errors; the message says what is wrong, `hint` says what to do about it.

    Args:
        message: One line, naming the value that is wrong.
        code: Stable snake_case word for programs.
        hint: What the user can do, as a sentence or a command.
        retryable: Whether the same call may succeed later without any change.
    """

    default_code = "error"
    exit_code = 1

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None, retryable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint
        self.retryable = retryable

    def __reduce__(self) -> tuple[object, ...]:  # keyword-only arguments do not survive pickling by themselves
        return (_rebuild, (type(self), self.message, self.code, self.hint, self.retryable))


class InputError(ReelscopeError):
    """The clip, the path or an argument is not usable."""

    default_code = "bad_input"
    exit_code = 2


class ConfigError(InputError):
    """A setting, an option or a name is not known or not valid."""

    default_code = "bad_setting"


class OutputError(ReelscopeError):
    """The result cannot be written."""

    default_code = "output_failed"


class MediaError(ReelscopeError):
    """The clip stopped being readable while it was analysed."""

    default_code = "media_failed"


class EngineError(ReelscopeError):
    """A worker, a deadline or our own bug."""

    default_code = "engine_failed"


class AnalyzerError(ReelscopeError):
    """One analyzer cannot go on."""

    default_code = "analyzer_failed"


class ModelError(AnalyzerError):
    """A model is missing, damaged or does not load; the message names it."""

    default_code = "model_failed"


class PluginError(AnalyzerError):
    """An analyzer that another package brings cannot be used; the message names the package."""

    default_code = "plugin_broken"


class NotApplicable(AnalyzerError):
    """The clip has nothing for this analyzer to measure; the message is the reason."""

    default_code = "not_applicable"


def _rebuild(kind: type[ReelscopeError], message: str, code: str, hint: str | None, retryable: bool) -> ReelscopeError:
    return kind(message, code=code, hint=hint, retryable=retryable)


# Share of letters in common, in their order. A slip of one in three is over it ("vvt" of "vtt"); two letters of four that happen to be the
# same are not ("foo" of "otio"): a guess that is far off sends people elsewhere.
NEAR = 0.6
BEGINS = 3  # letters at the beginning that two words must share, and half of what was written: "text" of "text_overlay"


def nearest(word: str, known: Iterable[str], *, stem: str = "") -> str:
    """Return ", did you mean 'x'?" for the known word closest to `word`, or an empty string where none is near.

    Args:
        stem: What all of them begin with, which makes none nearer than another.
    """
    bare = word.removeprefix(stem)
    names = {name.removeprefix(stem): name for name in known}
    found = difflib.get_close_matches(bare, names, n=1, cutoff=NEAR)
    if not found:
        alike = [name for name in names if len(os.path.commonprefix([bare, name])) >= max(BEGINS, len(bare) / 2)]
        found = difflib.get_close_matches(bare, alike, n=1, cutoff=0.0)
    return f", did you mean {names[found[0]]!r}?" if found else ""
