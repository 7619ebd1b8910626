"""The forms that addresses of posts have: one address for each post, whatever form it was given in. Pure: nothing is looked up."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

from reelscope.errors import InputError

__all__ = ["LONGEST_URL", "canonical", "direct_suffix", "is_collection", "is_short_link", "shown"]

LONGEST_URL = 4096  # as the server's requests: longer than any post's address
PORTS = {"http": 80, "https": 443}

_TIKTOK = frozenset({"tiktok.com", "www.tiktok.com", "m.tiktok.com", "tiktokv.com", "www.tiktokv.com", "m.tiktokv.com"})
_TIKTOK_SHORT = frozenset({"vm.tiktok.com", "vt.tiktok.com"})
_INSTAGRAM = frozenset({"instagram.com", "www.instagram.com", "m.instagram.com", "instagr.am", "www.instagr.am"})
_YOUTUBE = frozenset(
    {"youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com", "youtube-nocookie.com", "www.youtube-nocookie.com"}
)

# A TikTok post is its number: the handle in front may change or be left out, and photo posts answer under /video/ too.
_TIKTOK_POST = re.compile(
    r"/(?:@[\w.-]*/(?:video|photo)|v|embed(?:/v\d+)?|player/v\d+|(?:i18n/)?share/(?:video|photo))/(\d+)(?:\.html)?/?", re.ASCII
)
_TIKTOK_CODE = re.compile(r"/(?:t/)?([A-Za-z0-9]+)/?")
_TIKTOK_MANY = re.compile(r"/(?:@[\w.-]+(?:/(?:collection|playlist)/[^/]+)?|music/[^/]+|tag/[^/]+|sticker/[^/]+)/?")
_INSTAGRAM_POST = re.compile(r"(?:/(?!share/)[\w.]+)?/(?:p|tv|reels?)/(?!audio(?:/|$))([\w-]+)(?:/.*)?", re.ASCII)
_INSTAGRAM_CODE = re.compile(r"/share/(?:(?:p|reel|tv)/)?[\w-]+/?", re.ASCII)
_INSTAGRAM_MANY = re.compile(r"/(?!(?:p|tv|reels?|share|stories|accounts|explore|direct)(?:/|$))[\w.]+(?:/(?:reels|tagged))?/?", re.ASCII)
_INSTAGRAM_TAG = re.compile(r"/explore/tags/[^/]+/?")
_YOUTUBE_POST = re.compile(r"/(?:shorts|embed|live|v|e)/([\w-]{11})(?:[/&].*)?", re.ASCII)
_YOUTUBE_ID = re.compile(r"[\w-]{11}", re.ASCII)
_YOUTUBE_MANY = re.compile(r"/(?:@[^/]+|(?:channel|c|user)/[^/]+)(?:/(?:videos|shorts|streams|live|playlists|featured))?/?")

# Added by whoever shared a link; they name the sharer, never the post.
_SHARERS = re.compile(r"utm_\w+|fbclid|gclid|igsh|igshid|mc_[ce]id", re.ASCII)

# Suffixes of files that are clips themselves.
_FILES = frozenset({"mp4", "m4v", "mov", "webm", "mkv", "avi", "ts", "3gp", "flv", "mp3", "m4a", "aac", "wav", "ogg", "opus", "flac"})


def canonical(url: str) -> str:
    """The one address of a post, the same for every form of it.

    Short links (vm.tiktok.com and the like) hide the post's number: they are only cleaned, and have to be followed first.

    Raises:
        InputError: `bad_url`, not an address of the web.
    """
    parts = _split(url)
    return _tiktok(parts) or _instagram(parts) or _youtube(parts) or _plain(parts)


def is_collection(url: str) -> bool:
    """Whether an address is, by its form, one of many posts: a profile, a playlist, a channel or a tab of it.

    Raises:
        InputError: As `canonical`.
    """
    parts = _split(url)
    host, path = parts.hostname, parts.path
    if host in _TIKTOK:
        return _TIKTOK_MANY.fullmatch(path) is not None
    if host in _INSTAGRAM:
        return _INSTAGRAM_MANY.fullmatch(path) is not None or _INSTAGRAM_TAG.fullmatch(path) is not None
    if host in _YOUTUBE:
        return _YOUTUBE_MANY.fullmatch(path) is not None or _youtube_list(parts) is not None
    return False


def is_short_link(url: str) -> bool:
    """Whether only following the address tells which post it is of.

    Raises:
        InputError: As `canonical`.
    """
    parts = _split(url)
    if parts.hostname in _TIKTOK_SHORT:
        return _TIKTOK_CODE.fullmatch(parts.path) is not None
    if parts.hostname in _TIKTOK:
        return parts.path.startswith("/t/") and _TIKTOK_CODE.fullmatch(parts.path) is not None
    return parts.hostname in _INSTAGRAM and _INSTAGRAM_CODE.fullmatch(parts.path) is not None


def direct_suffix(url: str) -> str | None:
    """The suffix of a file that an address names, such as "mp4"; None where it names no file that could be a clip."""
    suffix = urlsplit(url).path.rpartition("/")[2].rpartition(".")[2].lower()
    return suffix if suffix in _FILES else None


def shown(url: str) -> str:
    """An address for messages: without the query of files and unknown pages, which may be a signature."""
    try:
        parts = _split(url)
    except InputError:
        return "the address"
    if parts.hostname in _YOUTUBE or parts.hostname == "youtu.be":  # their number stands in the query
        return canonical(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def _split(url: str) -> SplitResult:
    """The parts of an address, scheme and host in lower case, without the scheme's own port."""
    text = url.strip()
    hint = "give an address that begins with https:// or http://"
    if len(text) > LONGEST_URL:
        raise InputError(f"an address of {len(text)} characters; at most {LONGEST_URL} are taken", code="bad_url", hint=hint)
    if any(c.isspace() or not c.isprintable() for c in text):
        raise InputError("an address with white space or control characters in it", code="bad_url", hint=hint)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"not an address: {error}", code="bad_url", hint=hint) from None
    scheme = parts.scheme.lower()
    if scheme not in PORTS:
        raise InputError(f"an address of the kind {scheme or text[:20]!r}: only https and http are taken", code="bad_url", hint=hint)
    if not host or "\\" in parts.netloc:
        raise InputError("an address without a host", code="bad_url", hint=hint)
    if parts.username is not None or parts.password is not None:
        raise InputError(
            "an address with a name or a password in it is not taken: it would stand in the document",
            code="bad_url",
            hint="leave out what stands before the @",
        )
    bare = f"[{host}]" if ":" in host else host.rstrip(".")
    netloc = bare if port in (None, PORTS[scheme]) else f"{bare}:{port}"
    return SplitResult(scheme, netloc, parts.path or "/", parts.query, parts.fragment)


def _tiktok(parts: SplitResult) -> str | None:
    host, path = parts.hostname, parts.path
    if host in _TIKTOK_SHORT and (code := _TIKTOK_CODE.fullmatch(path)):
        return f"https://{host}/{code[1]}/"
    if host not in _TIKTOK:
        return None
    if post := _TIKTOK_POST.fullmatch(path):
        return f"https://www.tiktok.com/@_/video/{post[1]}"
    if path.startswith("/t/") and (code := _TIKTOK_CODE.fullmatch(path)):
        return f"https://www.tiktok.com/t/{code[1]}/"
    return f"https://www.tiktok.com{path.rstrip('/') or '/'}"


def _instagram(parts: SplitResult) -> str | None:
    if parts.hostname not in _INSTAGRAM:
        return None
    if post := _INSTAGRAM_POST.fullmatch(parts.path):
        return f"https://www.instagram.com/p/{post[1]}/"
    return f"https://www.instagram.com{parts.path.rstrip('/')}/"


def _youtube(parts: SplitResult) -> str | None:
    if parts.hostname == "youtu.be":
        found = _YOUTUBE_ID.match(parts.path[1:])
        return f"https://www.youtube.com/watch?v={found[0]}" if found else None
    if parts.hostname not in _YOUTUBE:
        return None
    if post := _YOUTUBE_POST.fullmatch(parts.path):
        return f"https://www.youtube.com/watch?v={post[1]}"
    if many := _youtube_list(parts):
        return f"https://www.youtube.com/playlist?list={many}"
    named = parse_qs(parts.query).get("v", [""])[0]
    if parts.path.rstrip("/") == "/watch" and _YOUTUBE_ID.fullmatch(named):
        return f"https://www.youtube.com/watch?v={named}"
    if _YOUTUBE_MANY.fullmatch(parts.path):
        return f"https://www.youtube.com{parts.path.rstrip('/')}"
    return None


def _youtube_list(parts: SplitResult) -> str | None:
    """The list that an address is of, where it names no single clip in it."""
    query = parse_qs(parts.query)
    path = parts.path.rstrip("/")
    return query["list"][0] if path in ("/playlist", "/watch") and "list" in query and "v" not in query else None


def _plain(parts: SplitResult) -> str:
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(key, value) for key, value in pairs if not _SHARERS.fullmatch(key)]
    # a query that nothing was taken from stays as it is: a signature may hang on its very bytes
    query = parts.query if len(kept) == len(pairs) else urlencode(kept)
    fragment = parts.fragment if parts.fragment.startswith("!") else ""
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, fragment))
