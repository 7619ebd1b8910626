"""What the fetching process does with an address: look, choose, fetch, put together; or list the posts of a profile."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import PagedList

from reelscope.errors import InputError, ReelscopeError
from reelscope.media.source.failures import explain
from reelscope.media.source.formats import Choice, choices
from reelscope.media.source.forms import canonical, is_collection, is_short_link, shown
from reelscope.media.source.post import post_of, published, title_of
from reelscope.media.source.site import RAW, Meter, Site, manifest_facts
from reelscope.media.source.slides import Slides, instagram_slides, tiktok_slides
from reelscope.media.source.sniff import kind_of, picture_suffix
from reelscope.net import AddressRules, Limits, install

__all__ = ["Request", "fetch", "list_posts"]

LONGEST_WAIT_S = 60.0  # a site that wants more rest than this is asked again by whoever asked us, not while everybody waits
LOOKS = 4  # an embedded page within a page within a list, and once more
PINNED = 3  # posts that a profile shows first whatever their day
LISTED_MOST = 10_000
# What a part's file may be called while it is fetched; yt-dlp refuses stranger ones.
_SUFFIX = re.compile(r"[a-z0-9]{1,5}")
_INSTEAD = {
    "page": "the site sends a web page instead of a clip",
    "playlist": "the site sends a list of addresses that is named like a clip",
    "picture": "the site sends a still picture, not a clip",
    "text": "the site sends text, not a clip",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What the parent asks for.

    Attributes:
        folder: An empty folder of this fetch alone.
        cookies: The text of a cookies file.
        backoff_s: Wait before the second try; doubled for each one after it.
        limit, since: Of a list: how many posts at most, and the first day (ISO).
    """

    op: str
    url: str
    folder: str
    max_mib: int
    max_duration_s: float
    timeout_s: float
    retries: int
    min_free_mib: int
    backoff_s: float
    allow_private: tuple[str, ...] = ()
    cookies: str | None = None
    limit: int | None = None
    since: str | None = None


Tell = Callable[[float, float | None], None]


def fetch(request: Request, tell: Tell) -> dict[str, Any]:
    """Fetch a post's clip into the request's folder.

    Returns:
        path, url, post, title.

    Raises:
        ReelscopeError: With one of the codes of docs/sources.md.
    """
    site = Site(cookies=request.cookies)
    deadline = time.monotonic() + request.timeout_s
    installed = install(site, AddressRules(tuple(request.allow_private)), Limits(request.max_mib << 20, request.timeout_s))
    meter = Meter(Path(request.folder), request.max_mib << 20, request.min_free_mib, tell)
    site.add_progress_hook(meter.hook)
    where = shown(request.url)
    tries = 0
    try:
        with installed.watch():
            while True:
                tries += 1
                meter.restart()
                try:
                    return _Fetch(request, site, meter).run()
                except Exception as error:
                    wait_s = _wait_s(error, tries, request.backoff_s)
                    last = tries > request.retries or installed.meter.stopped is not None or wait_s > LONGEST_WAIT_S
                    if last or not explain(error, where).retryable or time.monotonic() + wait_s > deadline:
                        raise
                    time.sleep(wait_s)
    except Exception as error:
        raise explain(error, where) from error


def list_posts(request: Request, tell: Tell) -> list[dict[str, Any]]:
    """The posts of a profile, a playlist or a channel, newest first as the site gives them.

    Returns:
        Rows of url, title, published, author.
    """
    site = Site(cookies=request.cookies, entries=LISTED_MOST)
    installed = install(site, AddressRules(tuple(request.allow_private)), Limits(request.max_mib << 20, request.timeout_s))
    where = shown(request.url)
    since = date.fromisoformat(request.since) if request.since else None
    rows: dict[str, dict[str, Any]] = {}
    older = 0
    try:
        with installed.watch():
            for entry in _entries(site, request.url, LOOKS):
                row = _row(entry)
                if row is None or row["url"] in rows:
                    continue
                if since is not None:
                    day = row["published"] or _day(site, row["url"])
                    if day is None:
                        continue
                    row["published"] = day
                    if date.fromisoformat(day) < since:
                        older += 1
                        if older > PINNED:
                            break
                        continue
                    older = 0
                rows[row["url"]] = row
                tell(float(len(rows)), None)
                if len(rows) >= (request.limit or LISTED_MOST):
                    break
    except Exception as error:
        raise explain(error, where) from error
    return list(rows.values())


class _Fetch:
    """One try."""

    def __init__(self, request: Request, site: Site, meter: Meter) -> None:
        self.request, self.site, self.meter = request, site, meter
        self.folder = Path(request.folder)

    def run(self) -> dict[str, Any]:
        url = canonical(self.request.url)
        if is_short_link(url):
            url = canonical(self.site.follow(url))
            if is_short_link(url) or url.endswith((".tiktok.com/", ".instagram.com/")):
                raise InputError("this short link leads to no post", code="post_gone", hint="open it in a browser")
        info = self._post(url)
        raw = info.get(RAW)
        slides = self._slides(info)
        self._check(info)
        if slides is not None:
            path, made = self._stills(slides), None
        else:
            path, made = self._clip(info)
        if info.get("direct") and info.get("webpage_url") in (info.get("url"), *(f.get("url") for f in info.get("formats") or ())):
            # only a file: no page has said anything about it
            name = unquote(urlsplit(url).path.rpartition("/")[2])
            return {"path": str(path), "url": canonical(url), "post": None, "title": title_of({"title": name})}
        post = post_of(info, raw, slides=len(slides.pictures) if slides else None, fetched=made)
        return {"path": str(path), "url": canonical(url), "post": post, "title": title_of(post)}

    def _post(self, url: str) -> dict[str, Any]:
        """The one post at an address."""
        info = self.site.look(url)
        for _ in range(LOOKS):
            entries = info.get("entries")
            if info.get("_type") in ("url", "url_transparent"):
                info = self.site.look(str(info["url"]), info.get("ie_key"))
            elif entries is None or info.get("extractor_key") == "Instagram":
                return info
            elif len(entries) == 1:
                info = {**entries[0]}
            else:
                what = f"{len(entries)} clips are at this address" if entries else "no clip is at this address"
                hint = "give the address of one of them; 'reelscope batch' takes lists and profiles"
                raise InputError(what, code="several_clips" if entries else "no_media", hint=hint)
        raise InputError("the page leads from one page to the next", code="unsupported_url", hint="give the address of the post itself")

    def _slides(self, info: dict[str, Any]) -> Slides | None:
        """The pictures, where it is a post of pictures alone."""
        key, raw = str(info.get("extractor_key")), info.get(RAW)
        if key == "TikTok" and isinstance(raw, Mapping):
            return tiktok_slides(raw)
        if key != "Instagram":
            return None
        parts = info.get("entries") or [info]
        clips = [p for p in parts if p.get("formats") or p.get("url")]
        if not clips:
            return instagram_slides(parts, raw)
        if len(parts) > 1:
            raise InputError(
                f"a post of {len(clips)} clips and {len(parts) - len(clips)} pictures; one clip, or pictures alone, are taken",
                code="several_clips",
                hint="save its parts and analyse each file",
            )
        info |= {k: v for k, v in clips[0].items() if k not in ("id", "title", "description")} if parts[0] is not info else {}
        return None

    def _check(self, info: Mapping[str, Any]) -> None:
        if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming"):
            raise InputError("this is a live stream or has not begun, not a clip", code="live", hint="fetch it once it has ended")
        self._check_length(info.get("duration"))

    def _check_length(self, seconds: Any) -> None:
        most = self.request.max_duration_s
        if isinstance(seconds, int | float) and seconds > most:
            raise InputError(f"lasts {seconds:.0f} s; at most {most:.0f} s are taken", code="too_long", hint="raise system.max_duration_s")

    def _clip(self, info: Mapping[str, Any]) -> tuple[Path, dict[str, Any]]:
        """Fetch the best of the files that the site does not refuse."""
        rows = info.get("formats") or ([info] if info.get("url") else [])
        tiktok = str(info.get("extractor_key")).startswith("TikTok")
        found = choices(rows, max_bytes=self.request.max_mib << 20, tiktok=tiktok)
        for choice in found:
            try:
                return self._take(choice), _described(choice)
            except Exception as error:
                told = explain(error, "it")
                if choice is found[-1] or told.code not in ("refused", "post_gone", "no_file"):
                    raise
                self.meter.restart()
        raise AssertionError("choices gives at least one")

    def _take(self, choice: Choice) -> Path:
        parts = []
        for row in choice.formats:
            row = dict(row)
            if row.get("protocol") in ("m3u8", "m3u8_native"):
                self._look_at_playlist(row)
            name = re.sub(r"\W+", "_", str(row.get("format_id") or "file"), flags=re.ASCII)[:60]
            suffix = str(row.get("ext") or "").lower()
            part = self.folder / f"part-{name}.{suffix if _SUFFIX.fullmatch(suffix) else 'mp4'}"
            parts.append(self.site.save(row, part))
            self.meter.ended(part)
        kinds = [kind_of(part) for part in parts]
        for part, kind in zip(parts, kinds, strict=True):
            if kind in _INSTEAD:
                part.unlink()
                raise InputError(_INSTEAD[kind], code="no_media", hint="open the address in a browser and see what it holds")
        if len(parts) > 1 or kinds[0] == "ts":  # browsers do not play bare transport streams
            from reelscope.media.source.mux import mux

            return mux(parts, self.folder / "clip.mp4")
        suffix = kinds[0] or parts[0].suffix[1:]
        return parts[0].rename(self.folder / f"clip.{suffix}")

    def _look_at_playlist(self, row: dict[str, Any]) -> None:
        """Read a playlist of segments before any of them is fetched; the downloader is given the same text."""
        text, url = self.site.text(str(row["url"]), row.get("http_headers"))
        if not text.lstrip("\ufeff \r\n").startswith("#EXTM3U"):
            raise InputError(_INSTEAD["page"], code="no_media", hint="open the address in a browser and see what it holds")
        seconds, ended, readable = manifest_facts(text)
        if not ended:
            raise InputError("this is a live stream, not a clip", code="live", hint="fetch it once it has ended")
        if not readable:
            raise InputError("this post is protected against copying (DRM)", code="no_media", hint="analyse a recording of your own")
        self._check_length(seconds)
        row |= {"url": url, "hls_media_playlist_data": text}

    def _stills(self, slides: Slides) -> Path:
        """Fetch the pictures of a photo post and its sound, and make a clip of them."""
        from reelscope.config import Settings
        from reelscope.media.stills import stills_clip

        headers = {"Referer": shown(self.request.url)}
        pictures = [
            self._first(addresses, self.folder / f"slide-{number:02}.bin", headers, _is_picture)
            for number, addresses in enumerate(slides.pictures, 1)
        ]
        sound = self._first(slides.sounds, self.folder / "sound.bin", headers, _is_sound) if slides.sounds else None
        settings = Settings.model_validate({"system": {"max_duration_s": self.request.max_duration_s}})
        return stills_clip(pictures, self.folder / "clip.mp4", audio=sound, settings=settings).path

    def _first(self, addresses: tuple[str, ...], path: Path, headers: Mapping[str, str], fits: Callable[[Path], bool]) -> Path:
        """A file by the first of its addresses that gives it."""
        for address in addresses:
            last = address is addresses[-1]
            try:
                found = self.site.save({"url": address, "http_headers": dict(headers), "ext": path.suffix[1:]}, path)
            except Exception as error:
                if last or explain(error, "it").code not in ("refused", "post_gone", "no_file"):
                    raise
                continue
            if fits(found):
                self.meter.ended(found)
                return found
            found.unlink()  # TikTok gives some pictures as HEIC first
        hint = "open the post in a browser and see what it holds"
        raise InputError("a picture or the sound of this post is in no form that can be read", code="no_media", hint=hint)


def _is_picture(path: Path) -> bool:
    with path.open("rb") as file:
        return picture_suffix(file.read(64)) in ("jpg", "png", "gif", "webp", "avif")


def _is_sound(path: Path) -> bool:
    return kind_of(path) not in _INSTEAD


def _described(choice: Choice) -> dict[str, Any]:
    """What was fetched, for the post."""
    picture, sound = choice.formats[0], choice.formats[-1]

    def codec(row: Mapping[str, Any], key: str) -> str | None:
        value = row.get(key)
        return str(value) if value not in (None, "none") else None

    return {
        "id": "+".join(str(f.get("format_id") or "")[:60] for f in choice.formats) or None,
        "video_codec": codec(picture, "vcodec"),
        "audio_codec": codec(sound, "acodec"),
        "width_px": picture.get("width"),
        "height_px": picture.get("height"),
        "watermarked": choice.watermarked,
    }


def _wait_s(error: Exception, tries: int, backoff_s: float) -> float:
    """How long to wait before the next try: what the site asks for, else twice as long each time, by chance a little less."""
    asked = 0.0
    part: Any = error
    for _ in range(6):
        if isinstance(part, HTTPError):
            given = part.response.headers.get("Retry-After") or ""
            asked = float(given) if re.fullmatch(r"\d{1,6}", given) else 0.0
            break
        info = getattr(part, "exc_info", None)
        part = getattr(part, "cause", None) or (info[1] if isinstance(info, tuple) else None) or getattr(part, "__cause__", None)
    own = backoff_s * 2 ** (tries - 1) * random.uniform(0.5, 1.0)
    return asked if asked > LONGEST_WAIT_S else min(max(asked, own), LONGEST_WAIT_S)


def _entries(site: Site, url: str, looks: int) -> Iterator[Mapping[str, Any]]:
    """Entries of a list, as they come: a long profile is not read to its end for its ten newest posts."""
    info = site.extract_info(url, download=False, process=False)
    if not info:
        return
    if info.get("_type") in ("url", "url_transparent") and looks:
        yield from _entries(site, str(info["url"]), looks - 1)
        return
    entries = info.get("entries")
    if entries is None:
        yield info
        return
    for entry in _each(entries):
        target = str(entry.get("url") or entry.get("webpage_url") or "")
        if looks and entry.get("_type") in ("url", "url_transparent") and _many(target):  # a channel's tabs
            yield from _entries(site, target, looks - 1)
        else:
            yield {"uploader": info.get("uploader") or info.get("channel"), **{k: v for k, v in entry.items() if v is not None}}


def _each(entries: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(entries, PagedList):
        for place in range(LISTED_MOST):
            try:
                yield entries[place]
            except IndexError:
                break
        return
    for entry in entries:
        if entry:
            yield entry


def _many(url: str) -> bool:
    try:
        return is_collection(url)
    except InputError:
        return False


def _row(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """A post of a list, None for what is none."""
    if entry.get("live_status") in ("is_live", "is_upcoming") or entry.get("is_live"):
        return None
    try:
        # an entry that holds its files already is known by its page
        url = canonical(str((entry.get("webpage_url") if entry.get("formats") else entry.get("url")) or entry.get("webpage_url") or ""))
    except InputError:
        return None
    title = entry.get("title") or entry.get("description")
    return {
        "url": url,
        "title": " ".join(str(title).split())[:300] if title else None,
        "published": (published(entry) or "")[:10] or None,
        "author": str(entry["uploader"])[:300] if entry.get("uploader") else None,
    }


def _day(site: Site, url: str) -> str | None:
    """The day of a post whose list does not tell it; None where its page does not either, or cannot be had."""
    try:
        return (published(site.look(url)) or "")[:10] or None
    except Exception as error:
        told = explain(error, shown(url))
        if told.retryable or isinstance(error, ReelscopeError):
            raise told from error
        return None
