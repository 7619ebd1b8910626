"""From what somebody asks for to a job as it is handed in: checked at once; and what makes two requests the same."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from reelscope.analyzers.base import Analyzer
from reelscope.analyzers.registry import INSTALLED
from reelscope.api import AnalysisRequest
from reelscope.config import LoadedSettings, Origin, Settings, with_options
from reelscope.document.names import ANALYZER_NAMES
from reelscope.engine.hardware import read_hardware
from reelscope.engine.plan import Lookup, make_plan
from reelscope.errors import InputError, PluginError, nearest
from reelscope.media.source import canonical, is_collection
from reelscope.models.catalog import Catalog
from reelscope.net import AddressRules
from reelscope.plugins import known_names, plugins
from reelscope.server.blobs import BLOCK, LocalBlobs
from reelscope.server.jobs import Handed
from reelscope.usable import lookup
from reelscope.version import VERSION

__all__ = ["Asking", "title_of"]

LONGEST_TITLE = 200
LOOK_S = 2.0  # a model that was pulled is there for the next clip


class Asking:
    """Checks requests against these settings."""

    def __init__(self, settings: Settings, blobs: LocalBlobs) -> None:
        self.settings, self.blobs = settings, blobs
        self.rules = AddressRules(settings.sources.allow_private)
        self._hardware = read_hardware(settings)
        self._known: tuple[float, Lookup] | None = None

    def check(self, asked: AnalysisRequest) -> AnalysisRequest:
        """The request with its options in their types.

        Raises:
            InputError: A name, backend or option that does not exist; the message names it.
        """
        for name in (*(asked.analyzers or ()), *asked.skip, *asked.options, *asked.backends):
            if name not in self._names:
                raise InputError(
                    f"{name!r} is no analyzer{nearest(name, self._names)}", code="unknown_analyzer", hint="GET /analyzers lists them"
                )
        title = title_of(asked.title, "") or None if asked.title is not None else None
        asked = asked.model_copy(update={"options": self._typed(asked.options), "title": title})
        update: dict[str, Any] = {"backends": {**self.settings.analysis.backends, **asked.backends}, "options": asked.options}
        if asked.tier is not None:
            update["tier"] = asked.tier
        settings = self.settings.model_copy(update={"analysis": self.settings.analysis.model_copy(update=update)})
        make_plan(
            only=asked.analyzers, skip=asked.skip, settings=settings, lookup=self._usable(), has_picture=True,
            has_sound=True, hardware=self._hardware,
        )  # fmt: skip
        if asked.callback_url is not None:
            self.rules.check_url(asked.callback_url)
        return asked

    def of_url(self, asked: AnalysisRequest) -> Handed:
        """A post or a file on the web.

        Raises:
            InputError: No address, not one post, or one that must not be connected to.
        """
        assert asked.url is not None
        url = canonical(asked.url)
        self.rules.check_url(url)
        if is_collection(url):
            raise InputError("this is a profile or a list, not one post", code="not_one_post", hint="`reelscope batch URL` takes its posts")
        parts = urlsplit(url)
        name = unquote(parts.path.rstrip("/").rsplit("/", 1)[-1]) or parts.hostname or "clip"
        # A post stays what it is; a file at an address may be another one tomorrow.
        key = self._key(asked, url) if canonical(url) == url and _is_post(url) else None
        return Handed(asked, "url", title_of(name), title_of(asked.title or name), url=url, same_key=key)

    def of_path(self, asked: AnalysisRequest) -> Handed:
        """A file on this machine, copied into the blobs.

        Raises:
            InputError: Not under a root, not there (both look the same), no regular file, or too large.
        """
        assert asked.path is not None
        fd = self._opened(asked.path)
        with os.fdopen(fd, "rb") as file, self.blobs.incoming(most_bytes=self.settings.server.max_upload_mib << 20) as new:
            while block := file.read(BLOCK):
                new.write(block)
            if new.size == 0:
                raise InputError("the file is empty", code="empty_file", hint="send a clip")
            sha256, size = new.keep(), new.size
        return self.of_clip(asked, "path", Path(asked.path).name, sha256, size)

    def of_clip(self, asked: AnalysisRequest, kind: str, name: str, sha256: str, size: int) -> Handed:
        """A file that is in the blobs."""
        shown = title_of(name)
        return Handed(asked, kind, shown, title_of(asked.title or name), clip=(sha256, size), same_key=self._key(asked, sha256))

    def _opened(self, path: str) -> int:
        """A descriptor of a regular file that truly lies under a root."""
        roots = [Path(os.path.realpath(Path(root).expanduser())) for root in self.settings.server.roots]
        if not roots:
            raise InputError(
                "files of the server are not analysed by path", code="paths_not_allowed",
                hint="upload the file, or name folders in server.roots",
            )  # fmt: skip
        refused = InputError("there is no such file under the server's roots", code="path_not_allowed", hint="server.roots names them")
        if "\0" in path:
            raise refused
        real = Path(os.path.realpath(path))
        if not any(real.is_relative_to(root) for root in roots):
            raise refused
        try:
            fd = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            raise refused from None
        # a folder on the way may have become a link since it was looked at: what counts is what was opened
        opened = Path(os.path.realpath(f"/proc/self/fd/{fd}")) if Path("/proc/self/fd").exists() else real
        if not stat.S_ISREG(os.fstat(fd).st_mode) or not any(opened.is_relative_to(root) for root in roots):
            os.close(fd)
            raise refused
        return fd

    def _typed(self, options: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        analysis = self.settings.analysis.model_copy(update={"options": options})
        origins = {f"analysis.options.{n}.{k}": Origin("user", name="options") for n, given in options.items() for k in given}
        loaded = with_options(LoadedSettings(self.settings.model_copy(update={"analysis": analysis}), origins), _options_of)
        return loaded.settings.analysis.options

    def _key(self, asked: AnalysisRequest, clip: str) -> str:
        """What makes two requests the same: clip, what is asked of it, and the versions of all that would answer."""
        made = {
            "clip": clip,
            "analyzers": sorted(asked.analyzers) if asked.analyzers is not None else None,
            "skip": sorted(asked.skip),
            "tier": asked.tier or self.settings.analysis.tier,
            "backends": {**self.settings.analysis.backends, **asked.backends},
            "options": [self.settings.analysis.options, asked.options],
            "licence": self.settings.analysis.licence,
            "version": VERSION,
            "versions": {name: kind.spec.version for name, kind in self._kinds()},
            **({"plugins": [p.origin for p in plugins().named.values()]} if len(self._names) > len(ANALYZER_NAMES) else {}),
            "models": self._models(),
        }
        return hashlib.sha256(json.dumps(made, sort_keys=True, default=str).encode()).hexdigest()

    @property
    def _names(self) -> tuple[str, ...]:
        return known_names() if self.settings.plugins.enabled else ANALYZER_NAMES

    def _kinds(self) -> Iterator[tuple[str, type[Analyzer]]]:
        """Every analyzer that is there with its class; a plugin that is broken has none."""
        for name in self._names:
            with contextlib.suppress(PluginError):
                kind = INSTALLED.analyzer(name)
                if kind is not None:
                    yield name, kind

    def _usable(self) -> Lookup:
        """What can run here, as it was at most `LOOK_S` ago: finding out asks for thousands of files."""
        known, now_s = self._known, time.monotonic()
        if known is None or now_s - known[0] > LOOK_S:
            found = lookup(models=Catalog.of(self.settings))
            known = self._known = (now_s, replace(found, unusable=functools.cache(found.unusable)))
        return known[1]

    def _models(self) -> list[str]:
        """Backends that are usable now: a model that was pulled since answers otherwise."""
        found = self._usable()
        return [f"{name}.{b.name}" for name, k in self._kinds() for b in k.spec.backends if found.unusable(b) is None]


def title_of(name: str, else_: str = "clip") -> str:
    """A name as a title: one line of moderate length, without control characters."""
    shown = "".join(c if c.isprintable() else " " for c in name)
    return " ".join(shown.split())[:LONGEST_TITLE] or else_


def _is_post(url: str) -> bool:
    """Whether an address is a post's: one of the sites that canonical forms are known of."""
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    return host in ("tiktok.com", "instagram.com", "youtube.com")


def _options_of(name: str) -> Any:
    kind = INSTALLED.analyzer(name)
    return None if kind is None else kind.Options
