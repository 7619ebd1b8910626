"""`python -m bench.gpu [--size full|tiny] [--vlm 7b|2b] [--logical N] [--json FILE] [--page FILE]`, see --help; `--check` only looks."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench.console import make_console, save_page
from bench.gpu.members import MEMBERS
from bench.gpu.setup import check, hardware_for, missing

SHARED_CLIP = Path(__file__).resolve().parents[3] / "shared" / "media" / "reel-a-1080x1920.mp4"
NAMES = tuple(m.spec.name for m in MEMBERS)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--size", choices=("full", "tiny"), default="full", help="tiny: the same path with tiny networks on the CPU")
    parser.add_argument("--vlm", choices=("7b", "2b"), default="7b", help="size of the vision-language model")
    parser.add_argument("--clips", type=int, default=None, help="clips in one call; default 20, tiny 3")
    parser.add_argument("--seconds", type=float, default=None, help="length of the clip; default 49, tiny 12")
    parser.add_argument("--clip", type=Path, help="another clip than the one that is made (or looped from ../shared/media)")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="ANALYZER", help=f"of: {', '.join(NAMES)}")
    parser.add_argument("--repeats", type=int, default=3, help="cached runs of one clip")
    parser.add_argument("--batch", nargs="+", default=[], metavar="ANALYZER=N", type=_pair, help="other batches than the plan's")
    parser.add_argument("--everything", action="store_true", help="the analyzers that run on the CPU as well")
    parser.add_argument("--logical", type=int, default=1, help="divide the first GPU into so many logical ones")
    parser.add_argument("--no-fragmentation", action="store_true")
    parser.add_argument("--no-oom", action="store_true")
    parser.add_argument("--check", action="store_true", help="only say what is installed and which GPUs are seen")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--page", type=Path, help="write what is printed there, as Markdown")
    return parser.parse_args(argv)


def _pair(text: str) -> tuple[str, int]:
    name, _, count = text.partition("=")
    if name not in NAMES or not count.isdigit() or int(count) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no ANALYZER=N")
    return name, int(count)


def command_line(argv: list[str]) -> str:
    """The command as it stands on the page: without the files that it writes, and of a clip only its name."""
    shown, rest = ["python -m bench.gpu"], list(argv)
    while rest:
        word = rest.pop(0)
        flag, _, value = word.partition("=")
        if flag in ("--page", "--json", "--clip"):
            value = value or rest.pop(0)
            shown += ["--clip", Path(value).name] if flag == "--clip" else []
        else:
            shown.append(word)
    return " ".join(shown)


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    given = arguments(argv)
    if given.check:
        lines, good = check()
        print("\n".join(lines))
        return 0 if good else 1
    if missing():
        print(f"not installed: {', '.join(missing())}. Install them with: make setup-gpu (on a CPU: pip install torch transformers)")
        return 1
    try:
        hardware = hardware_for(given.size, given.logical)
    except (LookupError, ValueError) as error:
        print(error)
        return 1
    from bench.gpu.clip import loop_clip, make_clip
    from bench.gpu.nvml import card
    from bench.gpu.report import Printer
    from bench.gpu.runs import run_all
    from bench.gpu.state import Bench
    from bench.machine import machine_facts
    from reelscope.media.probe import probe

    tiny = given.size == "tiny"
    seconds = given.seconds or (12.0 if tiny else 49.0)
    console = make_console(150)
    out = Printer(console)

    def save() -> None:
        if given.page:
            command = command_line(sys.argv[1:] if argv is None else argv)
            save_page(console, given.page, title=f"GPU, {given.size}, random weights", command=command)
        if given.json:
            given.json.parent.mkdir(parents=True, exist_ok=True)
            given.json.write_text(json.dumps({"size": given.size, "weights": "random", **out.figures}, indent=1) + "\n")

    with tempfile.TemporaryDirectory(prefix="reelscope-bench-gpu-") as work:
        clip = given.clip or Path(work) / "clip.mp4"
        if given.clip is None and not tiny and SHARED_CLIP.is_file():
            loop_clip(SHARED_CLIP, clip, seconds=seconds)
            origin = f"{SHARED_CLIP.name}, looped"
        elif given.clip is None:
            width, height = (108, 192) if tiny else (1080, 1920)
            make_clip(clip, seconds=seconds, width=width, height=height, fps=15 if tiny else 30)
            origin = "made on the spot"
        else:
            origin = clip.name
        media = probe(clip).media
        out.line(
            f"{media.duration_s:.1f} s, {media.width_px}x{media.height_px}, {origin}; --size {given.size}"
            + (": tiny networks, a CPU stands in for each GPU; no figure below is one of a GPU" if tiny else "")
        )
        out.line("outputs are computed and thrown away; post-processing reads recorded ones; JSON repair is off")
        bench = Bench(
            size=given.size, vlm=given.vlm, clip=clip, seconds=float(media.duration_s), clips=given.clips or (3 if tiny else 20),
            names=tuple(given.only), everything=given.everything, hardware=hardware, out=out, repeats=max(1, given.repeats),
            batches=dict(given.batch), save=save,
        )  # fmt: skip
        if not tiny:
            out.facts("card", card(hardware.gpus[0].uuid))
        out.facts("machine", machine_facts(("torch", "transformers", "av", "numpy")))
        good = run_all(bench, fragmentation=not given.no_fragmentation, oom=not given.no_oom and "object_detection" in given.only)
    out.line("everything ran" if good else "SOMETHING FAILED: see above")
    save()
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
