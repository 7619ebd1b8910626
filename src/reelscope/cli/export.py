"""`reelscope export`: a document as subtitles, tables, edit lists, a contact sheet."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from reelscope.document.exports import Material
    from reelscope.document.schema import Document

__all__ = ["export"]

STDOUT = Path("-")
ALL = "all"
TIMELINES = ("otio", "edl", "fcpxml")  # these name the clip's file
UNPLACED_TOLD = 10  # corrections that are named; after another cut of the clip there may be hundreds
SHAPE = "Shape of subtitles"
# as text, because the help imports no document; a test holds it against the list
FORMATS_HELP = "Formats: srt, vtt, ass, csv, jsonl, parquet, otio, edl, fcpxml, contact-sheet, or all (docs/exports.md)."


def export(
    document: Annotated[
        Path,
        typer.Argument(metavar="analysis.json", help="A document that `analyze` wrote, or its folder.", show_default=False, readable=False),
    ],
    to: Annotated[
        str, typer.Option("--to", metavar="F,F", help="Formats, see docs/exports.md; `all` makes every one.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder for the files, or - for one file on stdout; without: beside the document."),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="N,N", help="Only these of the formats' files, such as speech.srt; without: all.")
    ] = None,
    words_per_line: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=20, help="Most words of a line, 1-20 (4).", rich_help_panel=SHAPE, show_default=False),
    ] = None,
    lines: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=4, help="Most lines at a time, 1-4 (2).", rich_help_panel=SHAPE, show_default=False),
    ] = None,
    chars_per_line: Annotated[
        int | None,
        typer.Option(metavar="N", min=8, max=80, help="Most characters of a line, 8-80 (22).", rich_help_panel=SHAPE, show_default=False),
    ] = None,
    no_highlight: Annotated[bool, typer.Option("--no-highlight", help="ASS: do not light up words.", rich_help_panel=SHAPE)] = False,
    clip: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Where editing programs find the clip; without: where it was analysed, or beside the document."),
    ] = None,
    corrections: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Corrections to apply; without: corrections.json beside the document, if it is there."),
    ] = None,
) -> None:
    """Write a document in other programs' formats: subtitles, tables, edit lists, a contact sheet.

    All files are written or none. A format with nothing to say writes its valid empty form.
    """
    from reelscope.cli.rerender import document_at, read_document, reading
    from reelscope.document.exports import FORMATS, ExportOptions, count_of
    from reelscope.outputs import out_folder, write_files

    names = _formats(to, FORMATS)
    wanted = _files(file, [name for format in names for name in FORMATS[format].files])
    if out == STDOUT and len(wanted) != 1:
        raise _usage(f"--out -: one file fits on stdout, these are {len(wanted)}", f"choose one with --file: {', '.join(wanted)}")
    path = document_at(document)
    given = {"words_per_line": words_per_line, "lines": lines, "chars_per_line": chars_per_line}
    options = ExportOptions(highlight=not no_highlight, **{key: value for key, value in given.items() if value is not None})
    measured = read_document(path)
    with reading(measured, path):
        material, notes = _material(measured, path, clip, corrections, options)
        made = {name: (format, data) for format in names for name, data in FORMATS[format].make(material).items() if name in wanted}
    if material.clip is None and set(names) & set(TIMELINES):
        notes.append("the clip is not where it was analysed: editing programs will ask for it (or give --clip PATH)")
    notes += _unread(material)
    notes += _unseen(material) if any(FORMATS[name].pictures for name in names) else []
    if out == STDOUT:
        (_, data) = made[wanted[0]]
        sys.stdout.buffer.write(data)
    else:
        folder = (out if out is not None else path.parent).absolute()
        _check(folder, wanted, [path, *([corrections] if corrections is not None else [])])
        with out_folder(folder):
            write_files(folder, {name: data for name, (_, data) in made.items()})
        for name, (format, data) in made.items():
            sys.stdout.write(f"{format}: {os.path.relpath(folder / name)} ({count_of(name, data)})\n")
    for note in notes:
        sys.stderr.write(f"note: {note}\n")


def _usage(message: str, hint: str) -> Exception:
    from reelscope.errors import ConfigError

    return ConfigError(message, hint=hint)


def _words(given: str) -> list[str]:
    """Words between commas, each once, in the order given."""
    return list(dict.fromkeys(word for word in (part.strip() for part in given.split(",")) if word))


def _formats(to: str, known: Mapping[str, Any]) -> list[str]:
    """The formats that were asked for.

    Raises:
        ConfigError: One of them is none, or none is given.
    """
    from reelscope.errors import nearest

    names, hint = _words(to.lower()), f"formats: {', '.join(known)}, or {ALL}"
    if ALL in names:
        return list(known)
    for name in names:
        if name not in known:
            raise _usage(f"--to: {name!r} is no format{nearest(name, known)}", hint)
    if not names:
        raise _usage("--to: no format is given", hint)
    return names


def _files(given: str | None, known: Sequence[str]) -> list[str]:
    """The files that were asked for, in the order in which they are made.

    Raises:
        ConfigError: The formats make no such file.
    """
    from reelscope.errors import nearest

    if given is None:
        return list(known)
    names = _words(given)
    for name in names:
        if name not in known:
            raise _usage(f"--file: the formats make no {name!r}{nearest(name, known)}", f"files: {', '.join(known)}")
    if not names:
        raise _usage("--file: no file is given", f"files: {', '.join(known)}")
    return [name for name in known if name in names]


def _material(document: Document, path: Path, clip: str | None, corrections: Path | None, options: Any) -> tuple[Material, list[str]]:
    """What the exporters are given, and what the user should know of it.

    Raises:
        InputError: The corrections are none, or of another clip.
    """
    from reelscope.cli.rerender import keyframes_beside
    from reelscope.document.exports import Material, title_of

    where = _given(clip) if clip else find_clip(document, path)
    shown, notes = _corrected(document, path, corrections)
    names = (shot.keyframe for shot in document.shots if shot.keyframe)
    material = Material(shown, keyframes_beside(path.parent, names), title_of(document), str(where) if where is not None else None, options)
    return material, notes


def _given(clip: str) -> str:
    """A file that is here by its absolute path; anything else may be right on another machine and stays as it is."""
    with contextlib.suppress(OSError):  # a name that no file here can have
        if Path(clip).is_file():
            return str(Path(clip).resolve())
    return clip


def find_clip(document: Document, path: Path) -> Path | None:
    """Where the clip lies: at the path under which it was analysed (from here or from the document's folder), else by its name beside the
    document or in the folder above. A file of another size is another one.
    """
    said = document.source.path
    if not said:
        return None
    base = path.resolve().parent
    name = said.replace("\\", "/").rpartition("/")[2]
    for candidate in (Path(said), base / said, base / name, base.parent / name):
        try:
            if candidate.is_file() and candidate.stat().st_size == document.media.size_bytes:
                return candidate.resolve()
        except (OSError, ValueError):  # no right to look, a name that no file here can have
            continue
    return None


def _corrected(document: Document, path: Path, file: Path | None) -> tuple[Document, list[str]]:
    """The document as its user corrected it, and a note where that changed it or could not."""
    from reelscope.cli.terminal import one_line
    from reelscope.document.corrections import beside, corrected, read_corrections
    from reelscope.errors import InputError

    found = beside(document, path) if file is None else read_corrections(file)
    if found is None:
        return document, []
    if found.sha256 != document.source.sha256:
        raise InputError(f"{file}: is of another clip", code="other_clip", hint="give the corrections of this document's clip")
    done = corrected(document, found)
    notes = [_became([outcome.state for outcome in done.outcomes])] if found.edits else []
    unplaced = [f"a correction has no place in this analysis: {one_line(one.reason or '')}" for one in done.unplaced[:UNPLACED_TOLD]]
    return done.document, notes + unplaced


BECAME = {
    "applied": "applied",
    "agreed": "found by this analysis itself",
    "superseded": "replaced by later ones",
    "withdrawn": "taken back",
    "unplaced": "without a place in this analysis",
}


def _became(states: Sequence[str]) -> str:
    """What became of all corrections, in a line."""
    told = [f"{states.count(state)} {words}" for state, words in BECAME.items() if state in states]
    return f"corrections: {', '.join(told)}"


def _unread(material: Material) -> list[str]:
    """A note where no text was read though lines stood on the screen: files without texts would say that there was none."""
    from reelscope.document.unread import unread

    entry = material.document.analyzers["text_overlay"]
    why = unread(entry.summary.model_dump(mode="json")) if entry.status == "ok" else None
    return [f"{why}: no text of them is in the files"] if why else []


def _unseen(material: Material) -> list[str]:
    """A note on the shots whose keyframes are not to be seen."""
    from reelscope.document.exports.contact_sheet import readable

    named = [shot.keyframe for shot in material.document.shots if shot.keyframe]
    missing = sum(name not in material.keyframes for name in named)
    broken = sum(name in material.keyframes and not readable(material.keyframes[name]) for name in named)
    told = {"missing beside the document": missing, "unreadable": broken}
    all_of, end = len(named), "the contact sheet has empty places"
    return [f"{n} of {all_of} keyframes {'is' if n == 1 else 'are'} {what}: {end}" for what, n in told.items() if n]


def _check(folder: Path, names: Sequence[str], inputs: Sequence[Path]) -> None:
    """Refuse to write over a folder or over what is being read.

    Raises:
        InputError: A file of that name would be lost.
    """
    from reelscope.errors import InputError

    for target in (folder / name for name in names):
        if target.is_dir():
            raise InputError(f"{target}: is a folder", code="unwritable_output", hint="choose another folder with --out")
        if any(target.exists() and given.exists() and target.samefile(given) for given in inputs):
            raise InputError(f"{target}: is what is read here", code="unwritable_output", hint="choose another folder with --out")
