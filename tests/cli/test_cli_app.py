"""The command line as a whole: light, documented, with one way to fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reelscope.cli.reference import commands
from reelscope.cli.terminal import one_line
from reelscope.config import config_reference, leaves
from reelscope.version import VERSION

HEAVY = [
    "numpy",
    "av",
    "cv2",
    "onnxruntime",
    "librosa",
    "scipy",
    "skimage",
    "rapidocr",
    "soxr",
    "faster_whisper",
    "swift_f0",
    "PIL",
    "torch",
]


def test_help_and_import_load_nothing_heavy() -> None:
    names = [name.split()[1:] for name, _ in commands()]
    script = (
        "import json, sys, reelscope, reelscope.cli\n"
        f"codes = [reelscope.cli.run([*name, '--help']) for name in {names!r}] + [reelscope.cli.run(['--version'])]\n"
        "sys.stderr.write(json.dumps([codes, sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    codes, modules = json.loads(done.stderr)
    assert set(codes) == {0}
    assert [name for name in HEAVY if name in modules] == []
    assert done.stdout.strip().endswith(f"reelscope {VERSION}")


def test_config_show_loads_nothing_heavy(place: Path) -> None:
    script = "import sys, reelscope.cli\nreelscope.cli.run(['config', 'show'])\nsys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(done.stderr.split())


def test_python_m_is_the_same_command() -> None:
    done = subprocess.run([sys.executable, "-m", "reelscope", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"reelscope {VERSION}\n"


def test_exit_codes_reach_the_shell(place: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "reelscope", "analyze", "missing.mp4"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: missing.mp4: no such file\nhint: ")


def test_a_reader_that_goes_away_is_no_error(place: Path) -> None:
    script = f"{sys.executable} -m reelscope config show | head -n 1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


def test_every_command_and_option_has_a_help_text() -> None:
    lacking = [
        f"{name} {param.name}" for name, command in commands() for param in command.params if not param.help and param.name != "help"
    ]
    assert lacking == []
    assert all(command.help for _, command in commands())


def test_an_unknown_command_is_refused_with_the_nearest(cli: Any) -> None:
    cli(["analize"]).assert_refused(2, "analyze")


def test_generated_pages_are_current() -> None:
    from bench.docs import stale

    assert stale() == [], "run make docs"


def test_the_example_of_the_settings_page_is_valid(cli: Any, place: Path) -> None:
    example = config_reference().split("```toml\n")[1].split("```")[0]
    (place / "reelscope.toml").write_text(example)
    assert cli(["analyzers"]).code == 0
    changed = [line for line in cli(["config", "show", "--origin"]).out.splitlines() if "# project" in line]
    assert len(changed) == sum("=" in line for line in example.splitlines())


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\nb\t c ", "a b c"), ("x\x1b[31m", "x\\x1b[31m"), ("\u202egpj", "\\u202egpj"), ("naïve 日本", "naïve 日本"), ("\udcff", "\\udcff")],
)
def test_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


# --- config -------------------------------------------------------------------------------------------------------------------------


def test_config_show_can_be_read_back(cli: Any, place: Path) -> None:
    text = """
placement.threads = 3
[analysis]
backends.cut_analysis = 'a"b'
options.text_overlay.x = [1, "y"]
[output]
formats = ["html"]
dir = "/results"
"""
    (place / "reelscope.toml").write_text(text)
    shown = cli(["config", "show", "--set", "performance.window_s=0.5"])
    assert shown.code == 0, shown.err
    (place / "reelscope.toml").write_text(shown.out)
    assert cli(["config", "show"]).out == shown.out
    assert "performance.window_s = 0.5" in shown.out.splitlines()


def test_config_show_origin_names_the_layer_of_every_value(cli: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = place.parent / "home/.config/reelscope/config.toml"
    user.parent.mkdir(parents=True)
    user.write_text('system.log_level = "info"\n')
    (place / "reelscope.toml").write_text("\n[placement]\nthreads = 3\n")
    monkeypatch.setenv("REELSCOPE_PERFORMANCE__WINDOW_S", "0.5")
    lines = cli(["config", "show", "--origin", "--set", "output.formats=json"]).out.splitlines()
    assert f'system.log_level = "info"  # user: {user}:1' in lines
    assert f"placement.threads = 3  # project: {place}/reelscope.toml:3" in lines
    assert "performance.window_s = 0.5  # environment: REELSCOPE_PERFORMANCE__WINDOW_S" in lines
    assert 'output.formats = ["json"]  # flag: --set output.formats=json' in lines
    assert "performance.windows_in_flight = 2  # default" in lines
    assert len(lines) == len(leaves())
    rows = json.loads(cli(["config", "show", "--origin", "--json"]).out)
    assert rows["placement.threads"] == {"value": 3, "layer": "project", "where": f"{place}/reelscope.toml:3"}


def test_without_a_home_or_a_current_folder(cli: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    assert cli(["config", "show"]).code == 0
    assert cli(["config", "path"]).out.startswith("user: /.config/reelscope/config.toml")
    place.rmdir()
    cli(["config", "show"]).assert_refused(2, "the current folder is not there any more")


def test_config_path(cli: Any, place: Path) -> None:
    (place / "reelscope.toml").write_text("")
    home = place.parent / "home"
    assert cli(["config", "path"]).out.splitlines() == [
        f"user: {home}/.config/reelscope/config.toml (not there)",
        f"project: {place}/reelscope.toml",
    ]
