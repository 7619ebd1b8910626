"""Still pictures on the command line: all SRC pictures make one clip, which lies beside its report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reelscope.cli.once import Target, analyze_all
from reelscope.errors import InputError

if TYPE_CHECKING:
    from reelscope.cli.terminal import State
    from reelscope.pipeline import Session

__all__ = ["Slides", "analyze_slides", "slides_of"]

NAME = "clip.mp4"


@dataclass(frozen=True, slots=True)
class Slides:
    """What was asked for: pictures in the order shown, a sound, seconds for each picture."""

    pictures: tuple[str, ...]
    audio: Path | None = None
    seconds_each: float | None = None


def slides_of(sources: Sequence[str], audio: Path | None, seconds_each: float | None) -> Slides | None:
    """The slides that the arguments ask for; None where they name clips.

    Raises:
        InputError: Pictures and clips together, or a flag of slides with clips.
    """
    from reelscope.media.pictures import is_picture
    from reelscope.media.urls import is_url

    pictures = [source for source in sources if not is_url(source) and is_picture(source)]
    if len(pictures) == len(sources):
        return Slides(tuple(pictures), audio, seconds_each)
    if pictures:
        other = next(source for source in sources if source not in pictures)
        raise InputError(
            f"{pictures[0]} is a picture, {other} is none: pictures together make one clip of slides",
            code="mixed_sources",
            hint="analyse pictures and videos in commands of their own",
        )
    flag = "--audio" if audio is not None else "--seconds-each" if seconds_each is not None else None
    if flag is not None:
        raise InputError(f"{flag}: {sources[0]} is no picture", code="not_a_picture", hint=f"{flag} goes with pictures, not with videos")
    return None


def analyze_slides(
    session: Session, slides: Slides, target: Target, *, only: Sequence[str] | None, skip: Sequence[str], quiet: bool, state: State
) -> int:
    """Make the clip in the folder of the results and analyse it; return the exit code. The clip goes again where that fails.

    Raises:
        InputError: A picture or the sound is not usable, or a file of the clip's name lies there that holds no slides.
        OutputError: The disk fails.
    """
    from reelscope.media.clip_file import as_text
    from reelscope.media.stills import stills_clip
    from reelscope.outputs import out_folder
    from reelscope.pipeline import Origin

    path = target.folder / NAME
    files = [Path(picture) for picture in slides.pictures]
    post = {"slides": [as_text(Path(file.name)) for file in files]}
    if slides.audio is not None:
        post["audio"] = as_text(Path(slides.audio.name))
    with suppress(_Failed), out_folder(target.folder, session.settings.system.min_free_disk_mib):
        before = _earlier(path)
        stills_clip(files, path, audio=slides.audio, seconds_each=slides.seconds_each, settings=session.settings)
        made = Target(str(path), target.folder, target.job, Origin(post=post, name=as_text(path)))
        try:
            worst = analyze_all(session, [made], only=only, skip=skip, quiet=quiet, state=state)
            if worst:
                raise _Failed(worst)
        except BaseException:
            if not before:  # else the results of then still lie there
                path.unlink(missing_ok=True)
            raise
    return worst


class _Failed(Exception):  # noqa: N818 - nothing that anybody sees: the error was told, the folder is to be left as it was
    """The clip was made, its analysis failed."""


def _earlier(path: Path) -> bool:
    """Whether an earlier clip of slides lies there, which is replaced.

    Raises:
        InputError: Something else lies there.
    """
    from reelscope.media.stills import read_slides

    if not os.path.lexists(path):
        return False
    try:
        known = read_slides(path) is not None
    except InputError:
        known = False
    if not known:
        raise InputError(f"{path}: holds no slides; it is not replaced", code="would_replace", hint="choose another folder with --out")
    return True
