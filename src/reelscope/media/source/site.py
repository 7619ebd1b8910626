"""yt-dlp as it is used here: its extractors and its downloader, without programs, plugins, caches, configuration files and faked origins.

Imports yt-dlp: only the fetching process does (`child`).
"""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from yt_dlp import YoutubeDL
from yt_dlp.downloader.common import FileDownloader
from yt_dlp.extractor.instagram import InstagramIE as _InstagramIE
from yt_dlp.extractor.tiktok import TikTokIE as _TikTokIE
from yt_dlp.networking.exceptions import HTTPError

from reelscope.errors import InputError, MediaError, OutputError

__all__ = ["RAW", "Meter", "Site", "manifest_facts"]

RAW = "reelscope_raw"  # where our extractors leave the platform's own object in yt-dlp's dict
MIB = 1 << 20
# A site that says nothing for so long will not; the whole fetch has its own limit (sources.timeout_s).
SOCKET_TIMEOUT_S = 20.0
BLOCK_BYTES = 64 * 1024
PROGRESS_EVERY_S = 0.2
ROOM_EVERY_S = 1.0
ENTRIES_MOST = 60  # parts of one post: as many as a photo post may have


class TikTokIE(_TikTokIE):
    """yt-dlp's, keeping TikTok's object: yt-dlp takes the sound of a photo post and drops its pictures."""

    def _parse_aweme_video_web(self, aweme_detail: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {**super()._parse_aweme_video_web(aweme_detail, *args, **kwargs), RAW: aweme_detail}

    def _parse_aweme_video_app(self, aweme_detail: Any) -> dict[str, Any]:
        return {**super()._parse_aweme_video_app(aweme_detail), RAW: aweme_detail}


class InstagramIE(_InstagramIE):
    """yt-dlp's, keeping Instagram's object: it names the music."""

    def _extract_product(self, product_info: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        raw = product_info[0] if isinstance(product_info, list) else product_info
        return {**super()._extract_product(product_info, *args, **kwargs), RAW: raw}


class Meter:
    """Watches what is written: progress, size, room on the disk. Sizes add up over the files of a post.

    Args:
        tell: Takes bytes so far and in all (None where not known).
    """

    def __init__(self, folder: Path, max_bytes: int, min_free_mib: int, tell: Callable[[float, float | None], None]) -> None:
        self._folder, self._max, self._min_free, self._tell = folder, max_bytes, min_free_mib, tell
        self._before = 0
        self._told = self._looked = 0.0

    def hook(self, state: Mapping[str, Any]) -> None:
        """yt-dlp's progress hook.

        Raises:
            InputError: `too_large`. OutputError: `disk_full`.
        """
        done = self._before + int(state.get("downloaded_bytes") or 0)
        total = state.get("total_bytes")
        if done > self._max or (total and self._before + total > self._max):
            raise self.too_large()
        now = time.monotonic()
        if now - self._looked >= ROOM_EVERY_S:
            self._looked = now
            free = shutil.disk_usage(self._folder).free // MIB
            if free < self._min_free:
                raise OutputError(
                    f"{free} MiB are free on the disk, at least {self._min_free} MiB are wanted",
                    code="disk_full",
                    hint="free some space, choose another folder, or lower system.min_free_disk_mib",
                )
        if now - self._told >= PROGRESS_EVERY_S or state.get("status") == "finished":
            self._told = now
            whole = total or state.get("total_bytes_estimate")
            self._tell(float(done), float(self._before + whole) if whole else None)

    def ended(self, path: Path) -> None:
        """A file is complete: the next one's bytes come on top."""
        self._before += path.stat().st_size
        if self._before > self._max:
            raise self.too_large()

    def restart(self) -> None:
        """Another way of fetching the post begins."""
        self._before = 0

    def too_large(self) -> InputError:
        """The error to raise."""
        return InputError(f"larger than the {self._max >> 20} MiB taken", code="too_large", hint="raise sources.max_mib")


class Site(YoutubeDL):
    """One yt-dlp for one fetch.

    Args:
        cookies: The text of a cookies file, or None. It is only read: what sites set goes no further than this object.
        entries: How many entries of a list are looked at, at most.
    """

    def __init__(self, *, cookies: str | None = None, entries: int = ENTRIES_MOST, **more: Any) -> None:
        super().__init__(
            {
                "quiet": True,
                "no_warnings": True,
                "noprogress": True,
                "logger": _Quiet(),
                "color": "never",
                "cachedir": False,
                "cookiefile": None if cookies is None else io.StringIO(cookies),
                "js_runtimes": {},
                "remote_components": (),
                "external_downloader": {"default": "native"},
                "hls_prefer_native": True,
                "fixup": "never",
                "geo_bypass": False,
                "usenetrc": False,
                # Which file is fetched is decided by `formats`, and photo posts have none at all.
                "format": lambda _: (),
                "ignore_no_formats_error": True,
                "noplaylist": True,
                "playlist_items": f"1:{entries}",
                "extract_flat": "in_playlist",
                "socket_timeout": SOCKET_TIMEOUT_S,
                # Tries are counted in one place (`child`): each begins with the page, whose addresses of files expire.
                "retries": 0,
                "fragment_retries": 0,
                "extractor_retries": 0,
                "file_access_retries": 0,
                "skip_unavailable_fragments": False,
                "continuedl": True,
                "updatetime": False,
                "buffersize": BLOCK_BYTES,
                "noresizebuffer": True,
                **more,
            },
            auto_init=False,
        )
        self.add_default_info_extractors()
        for own in (TikTokIE, InstagramIE):
            self.add_info_extractor(own(self))

    def urlopen(self, req: Any) -> Any:
        """As yt-dlp's, without the date of a file: its extractors would take the day a server was filled for the day of the post."""
        response = super().urlopen(req)
        del response.headers["Last-Modified"]
        return response

    def look(self, url: str, ie_key: str | None = None) -> dict[str, Any]:
        """What is at an address, nothing fetched yet.

        Raises:
            YoutubeDLError and others, for `failures.explain`.
        """
        found = self.extract_info(url, download=False, ie_key=ie_key)
        if not found:
            raise InputError("nothing was found at this address", code="no_media", hint="open it in a browser and see what it holds")
        found = dict(found)
        if "entries" in found:
            found["entries"] = [e for e in found["entries"] or () if e]
        return found

    def save(self, row: Mapping[str, Any], path: Path) -> Path:
        """Fetch one file.

        Args:
            row: A row of yt-dlp's formats, or {"url": ...}.

        Raises:
            YoutubeDLError and others, for `failures.explain`; MediaError: `no_file`.
        """
        row = {"id": "clip", "title": "clip", "ext": path.suffix[1:], "http_headers": {}, **row}
        if row.get("protocol") == "m3u8":
            row["protocol"] = "m3u8_native"
        done, _ = self.dl(str(path), row)
        if not done or not path.is_file() or path.stat().st_size == 0:
            path.unlink(missing_ok=True)
            raise MediaError("the fetch ended without a file", code="no_file", hint="try again later", retryable=True)
        return path

    def text(self, url: str, headers: Mapping[str, str] | None = None) -> tuple[str, str]:
        """A small file as text, and the address that it came from in the end."""
        from yt_dlp.networking import Request

        with self.urlopen(Request(url, headers=dict(headers or {}))) as response:
            return response.read().decode("utf-8", "replace"), response.url

    def follow(self, url: str) -> str:
        """The address that a short link leads to. The page there is not read."""
        from yt_dlp.networking import Request

        try:
            with self.urlopen(Request(url, headers={"User-Agent": "facebookexternalhit/1.1"})) as response:
                return str(response.url)
        except HTTPError as error:  # the page may want a login, which tells its address all the same
            if error.status in (404, 410, 429) or error.status >= 500:
                raise
            return str(error.response.url)


def _give_up(downloader: Any, error: Exception, count: int, retries: int, *place: Any, **more: Any) -> None:
    """Stands for FileDownloader.report_retry, which makes a sentence of the error: what it was tells whether another try is worth it."""
    raise error


FileDownloader.report_retry = _give_up


class _Quiet:
    """yt-dlp's messages name signed addresses: they go nowhere."""

    def debug(self, message: str) -> None: ...
    def info(self, message: str) -> None: ...
    def warning(self, message: str, **_: Any) -> None: ...
    def error(self, message: str) -> None: ...


def manifest_facts(text: str) -> tuple[float, bool, bool]:
    """Of a media playlist (HLS): its length in seconds, whether it is complete, whether it can be decrypted.

    A playlist without its end belongs to a live stream: what it lists is a piece of it.
    """
    seconds, ended, readable = 0.0, False, True
    for line in text.splitlines():
        if line.startswith("#EXTINF:"):
            try:
                seconds += float(line[8:].split(",", 1)[0])
            except ValueError:
                continue
        elif line.startswith(("#EXT-X-ENDLIST", "#EXT-X-PLAYLIST-TYPE:VOD")):
            ended = True
        elif line.startswith(("#EXT-X-KEY:", "#EXT-X-SESSION-KEY:")):
            open_key = ("METHOD=NONE" in line or "METHOD=AES-128" in line) and "skd://" not in line and 'KEYFORMAT="com.' not in line
            readable = readable and open_key
    return seconds, ended, readable
