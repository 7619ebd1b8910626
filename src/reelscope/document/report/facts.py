"""Header, gaps and status of the report: what the file is, how the run went, what is missing and how to get it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reelscope.document.names import in_order, title_of
from reelscope.document.report.parts import Command, hint_parts
from reelscope.document.report.summaries import Figure, null_reason, summary_of, unread_lines
from reelscope.document.report.words import NA, SPACE, bytes_, clean, figure, number, percent, sentence, timecode
from reelscope.document.schema import AnalyzerEntry, Document
from reelscope.document.unread import unread

__all__ = ["GAPS_SHOWN", "STATUS_WORDS", "Gap", "badges", "damage", "facts", "gaps", "glance", "phases", "run_facts", "statuses"]

STATUS_WORDS = {
    "ok": "Measured",
    "not_applicable": "Not applicable",
    "unavailable": "Unavailable",
    "skipped": "Skipped",
    "failed": "Failed",
    "timeout": "Timed out",
}
UNREAD = "Not readable"  # no status of an analyzer: it ran, and what it found says nothing
# What went wrong comes before what was never there.
GAP_ORDER = ("failed", "timeout", "unread", "not_applicable", "unavailable", "skipped")

# Groups that stand open; a list that is longer is folded, and the fold says what is in it.
GAPS_SHOWN = 5

CODECS = {
    "h264": "H.264",
    "hevc": "HEVC",
    "av1": "AV1",
    "vp9": "VP9",
    "vp8": "VP8",
    "mpeg4": "MPEG-4",
    "aac": "AAC",
    "mp3": "MP3",
    "mp3float": "MP3",
    "opus": "Opus",
    "vorbis": "Vorbis",
    "prores": "ProRes",
}
ASPECTS = ((9, 16), (16, 9), (1, 1), (4, 5), (5, 4), (3, 4), (4, 3), (2, 3), (3, 2), (21, 9))
SHORTEST_PHASE_S = 0.01  # shorter ones would be slivers nobody can point at
HDR_WORDS = {"pq": "HDR (PQ)", "hlg": "HDR (HLG)"}


@dataclass(frozen=True, slots=True)
class Gap:
    """Analyzers that did not measure, for one reason, with one way out."""

    status: str
    words: str
    titles: tuple[tuple[str, str], ...]
    reason: str
    hint: str | None
    code: str | None

    @property
    def hint_parts(self) -> Sequence[str | Command]:
        return hint_parts(self.hint)


def codec(name: str | None) -> str:
    return NA if name is None else CODECS.get(name.lower(), clean(name))


def aspect(width: int, height: int) -> str:
    """The common name of a picture's shape where it is within 1 % of one."""
    for w, h in ASPECTS:
        if abs(width / height / (w / h) - 1) < 0.01:
            return f"{w}:{h}"
    return f"{number(width / height)}:1"


def facts(document: Document) -> list[Figure]:
    """The file, as a line of facts."""
    media = document.media
    out = [Figure("Duration", timecode(media.duration_s), f"{media.duration_s:.3f} s")]
    if media.width_px and media.height_px:
        note = f"rotated by {media.rotation_deg}°" if media.rotation_deg else ""
        out.append(Figure("Picture", f"{media.width_px} × {media.height_px}", note))
        out.append(Figure("Shape", aspect(media.width_px, media.height_px)))
    else:
        out.append(Figure("Picture", NA, why="the clip has no picture"))
    if media.width_px:
        rate = NA if media.fps is None else f"{number(media.fps, 4)} fps"
        out.append(Figure("Frame rate", rate, "variable: the mean is shown" if media.vfr else ""))
        out.append(
            Figure(
                "Video",
                codec(media.codec),
                ", ".join(w for w in (f"{media.bit_depth} bit" if media.bit_depth else "", clean(media.pixel_format or "")) if w),
            )
        )
    sound = media.audio
    if sound is None:
        out.append(Figure("Sound", "no sound track"))
    else:
        out.append(Figure("Sound", f"{codec(sound.codec)}, {clean(sound.layout)}", f"{number(sound.rate_hz / 1000)} kHz"))
    if media.bit_rate_bps:
        out.append(Figure("Bit rate", f"{number(media.bit_rate_bps / 1e6)} Mbit/s"))
    out.append(Figure("File", bytes_(media.size_bytes), _container(document)))
    return out


def _container(document: Document) -> str:
    """FFmpeg names families ("mov,mp4,m4a,..."); the file's own suffix picks its member."""
    family = clean(document.media.container).split(",")
    suffix = clean(document.source.path or "").rsplit(".", 1)[-1].lower()
    return suffix if suffix in family else family[0]


def badges(document: Document) -> list[tuple[str, str]]:
    """Properties that change how the figures are read, each with its explanation."""
    media = document.media
    out = []
    if media.vfr:
        out.append(("Variable frame rate", "Frames are not evenly spaced; every time here comes from the stream's own time stamps."))
    if media.hdr:
        out.append((HDR_WORDS[media.hdr], "High dynamic range: colours and brightness were measured after conversion to sRGB."))
    if media.rotation_deg:
        out.append((f"Rotated {media.rotation_deg}°", "The picture was turned upright, as players do."))
    if media.pixel_aspect is not None and abs(media.pixel_aspect - 1) > 1e-3:
        out.append(("Anamorphic", f"Pixel aspect {number(media.pixel_aspect)}; sizes are those of the picture with square pixels."))
    return out


def damage(document: Document) -> list[str]:
    """What of the file could not be read."""
    media = document.media
    out = []
    if media.missing_s > 0:
        out.append(f"The last {number(round(media.missing_s, 2))} s of the file are missing; what decodes was analysed.")
    if media.decode_errors:
        frames = "frame" if media.decode_errors == 1 else "frames"
        out.append(f"{number(media.decode_errors)} damaged {frames} could not be decoded; nothing was measured there.")
    return out + [clean(w) for w in media.warnings]


def run_facts(document: Document) -> list[Figure]:
    """How the document was made."""
    run = document.run
    out = [
        Figure("Analysed in", figure("x_s", run.seconds)),
        Figure("Speed", NA if run.realtime_factor is None else f"{number(run.realtime_factor, 2)}× the clip's length"),
        Figure("Tier", clean(run.tier)),
        Figure("On", "CPU" if run.device == "cpu" else clean(run.device)),
        Figure("Peak memory", figure("x_mib", None if run.peak_rss_mib is None else round(run.peak_rss_mib))),
    ]
    if run.peak_vram_mib is not None:
        out.append(Figure("Peak GPU memory", figure("x_mib", round(run.peak_vram_mib))))
    out.append(Figure("Version", f"reelscope {clean(run.version)}"))
    return out


def phases(document: Document) -> list[tuple[str, float, str]]:
    """Parts of the run: name, share of the whole in percent, seconds in words."""
    known = [(sentence(clean(k)), v) for k, v in document.run.phases.items() if v is not None and v >= SHORTEST_PHASE_S]
    total = sum(v for _, v in known)
    return [(name, round(100 * v / total, 2), f"{number(v, 2 if v < 10 else 3)} s") for name, v in known] if total else []


def gaps(document: Document) -> list[Gap]:
    """What was not measured: analyzers with the same status, reason and hint stand together."""
    groups: dict[tuple[str, str, str | None, str | None], list[tuple[str, str]]] = {}
    for name in in_order(document.analyzers):
        entry = document.analyzers[name]
        if entry.status != "ok":
            reason = clean(entry.reason) if entry.reason else "no reason was recorded"
            key = (entry.status, reason, clean(entry.hint) if entry.hint else None, clean(entry.code) if entry.code else None)
            groups.setdefault(key, []).append((name, clean(title_of(name, getattr(entry, "title", None)))))
    if why := unread(summary_of(document, "text_overlay")):
        groups[("unread", f"{why}: another script, too small or too blurred", None, None)] = [("text_overlay", title_of("text_overlay"))]
    found = [Gap(k[0], STATUS_WORDS.get(k[0], UNREAD), tuple(names), k[1], k[2], k[3]) for k, names in groups.items()]
    return sorted(found, key=lambda g: GAP_ORDER.index(g.status))


def glance(document: Document) -> list[Figure]:
    """The clip in a handful of figures."""
    sound, speech = summary_of(document, "audio_analysis"), document.analyzers["speech_flow"]
    cuts, text = document.analyzers["cut_analysis"], document.analyzers["text_overlay"]
    out = []
    if cuts.status == "ok" and document.shots:
        mean = document.media.duration_s / len(document.shots)
        kinds = Counter(str(getattr(s, "kind", None) or "transition") for s in cuts.segments)
        words = ", ".join(f"{n} {_plural(clean(kind), n)}" for kind, n in kinds.most_common()) or "no transition"
        out += [Figure("Shots", number(len(document.shots)), words), Figure("Mean shot length", f"{number(mean)} s")]
    else:
        out += [Figure("Shots", NA, why=_why(cuts))]
    lost = unread_lines(document)
    if text.status == "ok" and lost and not text.segments:
        out.append(Figure("Texts", NA, f"{lost} on screen, not readable"))
    elif text.status == "ok":
        out.append(Figure("Texts", number(len(text.segments)), f"on screen; {lost} not readable" if lost else "on screen"))
    else:
        out.append(Figure("Texts", NA, why=_why(text)))
    if speech.status == "ok" and document.media.duration_s > 0:
        spoken = sum(s.end_s - s.start_s for s in speech.segments if getattr(s, "kind", None) == "speech")
        out.append(Figure("Speech", percent(spoken / document.media.duration_s), "of the clip"))
    else:
        out.append(Figure("Speech", NA, why=_why(speech)))
    for title, key in (("Loudness", "integrated_lufs"), ("Tempo", "tempo_bpm"), ("Key", "key")):
        why = null_reason(sound, key) or (None if sound else _why(document.analyzers["audio_analysis"]))
        out.append(Figure(title, figure(key, sound.get(key)), why=why))
    return out


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}es" if word.endswith("s") else f"{word}s"


def _why(entry: AnalyzerEntry) -> str | None:
    return None if entry.status == "ok" else clean(entry.reason or STATUS_WORDS[entry.status].lower())


def _seconds(value: float | None) -> str:
    """Time that an analyzer took; below what a clock tells apart it says so."""
    return f"< {SHORTEST_PHASE_S}{SPACE}s" if value is not None and 0 < value < SHORTEST_PHASE_S else figure("x_s", value)


def _version(entry: AnalyzerEntry) -> str:
    """An analyzer's version, and of a plugin's the package that it came in."""
    came_in = [clean(value) for key in ("distribution", "distribution_version") if isinstance(value := getattr(entry, key, None), str)]
    own = NA if entry.version is None else str(entry.version)
    return f"{own} ({' '.join(came_in)})" if came_in else own


def _made(entry: AnalyzerEntry) -> str:
    """Tier, device and version of what measured."""
    where = " on ".join(clean(w) for w in (entry.tier, entry.device) if w)
    return ", ".join(w for w in (where, "" if entry.version is None else f"version {_version(entry)}") if w)


def statuses(document: Document) -> list[dict[str, Any]]:
    """A row for each of the nineteen, then for those of plugins."""
    rows = []
    for name in in_order(document.analyzers):
        entry = document.analyzers[name]
        counts = [
            f"{number(n)}{SPACE}{_plural(word, n) if word != 'series' else word}"
            for word, n in (("segment", len(entry.segments)), ("track", len(entry.tracks)), ("series", len(entry.series)))
            if n
        ]
        rows.append(
            {
                "name": name,
                "title": clean(title_of(name, getattr(entry, "title", None))),
                "status": entry.status,
                "words": STATUS_WORDS[entry.status],
                "backend": clean(entry.backend) if entry.backend else NA,
                "made": _made(entry),
                "seconds": _seconds(entry.seconds),
                "attempts": entry.attempts,
                "reused": entry.reused,
                "coverage": percent(entry.coverage) if entry.status == "ok" else NA,
                "counts": ", ".join(counts) or ("nothing found" if entry.status == "ok" else NA),
                "models": [
                    {key: clean(value) if (value := getattr(m, key)) else "" for key in ("id", "revision", "licence", "terms", "sha256")}
                    for m in entry.models
                ],
                "warnings": [clean(w) for w in entry.warnings],
                "reason": clean(entry.reason) if entry.reason else "",
                "hint": hint_parts(clean(entry.hint) if entry.hint else None),
                "options": [(clean(k), clean(v)) for k, v in entry.options.items()],
                "sidecars": [(clean(s.file), s.count, clean(s.sha256)) for s in entry.sidecars],
            }
        )
    return rows
