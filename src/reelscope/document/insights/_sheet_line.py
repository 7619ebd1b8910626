"""A shot in a line of plain text: a template over the sheet's fields. What is null is left out, and nothing else is said."""

from __future__ import annotations

from collections.abc import Iterator

from reelscope.document.insights._sheet import SheetCamera, SheetPath, SheetShot, SheetSound, SheetText

__all__ = ["line"]

LONGEST_WORDS = 120  # characters of what is spoken
HEARD_LEAST = 0.1  # share of the shot from which a class of sound is named
SEEN_LEAST = 0.25  # share of the shot from which a face or thing is named, as camera_analysis demands for the shot's size
ZOOM_LEAST = 0.02  # of the size: less is not seen


def line(shot: SheetShot) -> str:
    """For example: `Shot 2, 3.50 s, after a cut. Medium close-up, static. ...`."""
    parts = [f"Shot {shot.index + 1}, {shot.duration_s:.2f} s{_entered(shot)}."]
    parts += (f"{part[0].upper()}{part[1:]}." for part in _parts(shot) if part)
    return " ".join(parts)


def _parts(shot: SheetShot) -> Iterator[str]:
    if shot.description:
        yield shot.description.strip().rstrip(".")
    yield ", ".join(p for p in (_words(shot.size), _camera(shot.camera)) if p)
    yield _people(shot)
    face, subject = _seen(shot.face), _seen(shot.subject)
    if face is not None:
        yield _where(face)
    if subject is not None and (face is None or subject.label != "person"):
        yield _where(subject)
    if face is not None and shot.gaze is not None and shot.gaze.at_camera_share is not None:
        yield f"looks at the camera {_percent(shot.gaze.at_camera_share)} of the time"
    yield ", ".join(dict.fromkeys(_words(p.what) or "" for p in (*shot.postures, *shot.gestures)))
    for text in shot.texts:
        yield _text(text)
    if shot.sound is not None:
        yield _sound(shot.sound)
    if shot.background is not None:
        yield ", ".join(p for p in (shot.background.setting, *(shot.background.classes or ())) if p)
    if shot.palette:
        named = [s.name or s.hex for s in shot.palette]
        yield "colours " + ", ".join(dict.fromkeys(named)) + (f"; {shot.tone} tone" if shot.tone else "")


def _entered(shot: SheetShot) -> str:
    if shot.transition_in is None:
        return ""
    kind = shot.transition_in.kind
    if kind == "cut":
        return ", after a jump cut" if shot.transition_in.jump_cut else ", after a cut"
    length = shot.transition_in.duration_s
    variant = f" ({_words(shot.transition_in.variant)})" if shot.transition_in.variant else ""
    return f", after a {_words(kind)}{variant} of {length:.2f} s"


def _words(name: str | None) -> str | None:
    return name.replace("_", " ").replace("close up", "close-up") if name else None


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _camera(camera: SheetCamera | None) -> str | None:
    if camera is None or camera.move is None:
        return None
    if len(camera.parts) > 1:
        return "camera " + ", then ".join(f"{_words(p.move)} {p.from_s:.1f}-{p.to_s:.1f} s" for p in camera.parts)
    components = camera.components or [camera.move]
    figures = []
    if camera.move != "static":
        if camera.speed_fw_s is not None and any(c.startswith(("pan", "tilt")) for c in components):
            figures.append(f"{camera.speed_fw_s:.3f} frame widths/s")
        if camera.zoom_factor is not None and abs(camera.zoom_factor - 1) >= ZOOM_LEAST:
            figures.append(f"to {camera.zoom_factor:.2f} times the size")
    names = " and ".join(str(_words(c)) for c in components)
    return f"camera {names}" + (f" ({', '.join(figures)})" if figures else "")


def _people(shot: SheetShot) -> str:
    if shot.people is None:
        return ""
    return "nobody is recognised" if shot.people == 0 else "1 person" if shot.people == 1 else f"{shot.people} people"


def _seen(path: SheetPath | None) -> SheetPath | None:
    return path if path is not None and (path.seen_share or 0.0) >= SEEN_LEAST else None


def _where(path: SheetPath) -> str:
    first, last = _words(path.first_cell), _words(path.last_cell)
    return f"{path.label} {first}" + (f" to {last}" if last and last != first else "") + f", {_percent(path.share or 0.0)} of the picture"


def _text(text: SheetText) -> str:
    role = _words(text.role) or "text"
    where = f", {_words(text.cell)}" if text.cell else ""
    colour = f", {text.text_colour}" if text.text_colour else ""
    on = f" on {text.background_colour}" if text.text_colour and text.background_colour else ""
    return f'{role} "{text.text}" {text.from_s:.1f}-{text.to_s:.1f} s{where}{colour}{on}'


def _sound(sound: SheetSound) -> str:
    parts = []
    if sound.words:
        said = sound.words if len(sound.words) <= LONGEST_WORDS else sound.words[:LONGEST_WORDS].rsplit(" ", 1)[0] + " ..."
        parts.append(f'voice: "{said}"')
    elif sound.voice_share:
        parts.append(f"voice {_percent(sound.voice_share)} of the time")
    elif sound.voice_share == 0:
        parts.append("no voice")
    heard = [c for c, share in (sound.heard or {}).items() if c != "speech" and share is not None and share >= HEARD_LEAST]
    parts += [c for c in heard if c != "silence" or len(heard) == 1]  # beside music a silence is a rest in it
    parts += [e for e in sound.events or [] if e.casefold() not in ("speech", *heard)]
    if sound.tempo_bpm is not None:
        parts.append(f"{sound.tempo_bpm:.0f} bpm")
    if sound.loudness_lufs is not None:
        parts.append(f"{sound.loudness_lufs:.0f} LUFS")
    return ", ".join(parts)
