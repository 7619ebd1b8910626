"""Answers of the platforms, written after their forms with invented people and numbers, and a yt-dlp that gets nothing else."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from yt_dlp.networking import RequestDirector, RequestHandler
from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import HTTPError

from reelscope.media.source import fetching
from reelscope.media.source.fetching import Request, fetch
from reelscope.media.source.site import Site

__all__ = ["Web", "instagram_page", "recorded", "tiktok_page"]

FOLDER = Path(__file__).parent / "recorded"


def recorded(name: str) -> dict[str, Any]:
    """One recorded object."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def tiktok_page(item: dict[str, Any] | None, status: int = 0) -> bytes:
    """TikTok's page of a post."""
    detail = {"statusCode": status, **({"itemInfo": {"itemStruct": item}} if item else {})}
    data = json.dumps({"__DEFAULT_SCOPE__": {"webapp.video-detail": detail}})
    return f'<html><script id="__UNIVERSAL_DATA_FOR_REHYDRATION__" type="application/json">{data}</script></html>'.encode()


def instagram_page(product: dict[str, Any]) -> bytes:
    """Instagram's page of a post for those who are not logged in."""
    media = {"__bbox": {"result": {"data": {"xig_polaris_media": {"if_not_gated_logged_out": product}}}}}
    inner = {"__bbox": {"require": [["RelayPrefetchedStreamCache", "next", [], ["adp_x", media]]]}}
    data = json.dumps({"require": [["ScheduledServerJS", "handle", None, [inner]]]})
    return f'<html><script type="application/json" data-sjs>{data}</script></html>'.encode()


class Web:
    """All that yt-dlp can reach: answers by the beginning of the address, the longest first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self._answers: dict[str, tuple[int, bytes, str, str]] = {}
        monkeypatch.setattr(fetching, "install", self._install)

    def put(self, start: str, body: bytes = b"", *, kind: str = "text/html", status: int = 200, at: str = "") -> None:
        """Answer addresses that begin so. at: the address after redirects."""
        self._answers[start] = (status, body, kind, at)

    def fetch(self, url: str, **more: Any) -> dict[str, Any]:
        """Fetch a post in this process."""
        asked: dict[str, Any] = {
            "max_mib": 50,
            "max_duration_s": 600.0,
            "timeout_s": 60.0,
            "retries": 0,
            "min_free_mib": 0,
            "backoff_s": 0.0,
        }
        return fetch(Request("fetch", url, str(self.folder), **(asked | more)), lambda done, total: None)

    def _install(self, site: Site, *_: Any) -> SimpleNamespace:
        web = self

        class RecordedRH(RequestHandler):
            _SUPPORTED_URL_SCHEMES = ("http", "https")

            def _check_extensions(self, extensions: dict[str, Any]) -> None:
                extensions.clear()

            def _send(self, request: Any) -> Response:
                web.asked.append(request.url)
                start = max((s for s in web._answers if request.url.startswith(s)), key=len, default=None)
                status, body, kind, at = web._answers[start] if start is not None else (404, b"", "text/html", "")
                response = Response(io.BytesIO(body), at or request.url, {"Content-Type": kind, "Content-Length": str(len(body))}, status)
                if status >= 400:
                    raise HTTPError(response)
                return response

        def director(*_: Any) -> RequestDirector:
            made = RequestDirector(logger=SimpleNamespace(stdout=print, error=print))
            made.add_handler(RecordedRH(logger=None, headers=site.params["http_headers"], cookiejar=site.cookiejar))
            return made

        site.build_request_director = director
        return SimpleNamespace(watch=_nothing, meter=SimpleNamespace(stopped=None))


@contextmanager
def _nothing() -> Iterator[None]:
    yield
