"""Settings: what each layer may say, what wins, where it came from, and what is refused."""

from __future__ import annotations

import json
import pickle
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from reelscope.config import FlagValue, LoadedSettings, Settings, env_name, leaves, load_settings, with_options
from reelscope.config.leaves import Leaf
from reelscope.document.names import ANALYZER_NAMES
from reelscope.errors import ConfigError


def load(
    folder: Path, *, toml: str | None = None, user: str | None = None, env: dict[str, str] | None = None, flags: Any = None
) -> LoadedSettings:
    """Load with a project file and a user file of these texts."""
    cwd, home = folder / "project", folder / "home"
    (home / ".config/reelscope").mkdir(parents=True, exist_ok=True)
    cwd.mkdir(exist_ok=True)
    for path, text in ((cwd / "reelscope.toml", toml), (home / ".config/reelscope/config.toml", user)):
        if text is not None:
            path.write_text(text, encoding="utf-8")
    return load_settings(flags or {}, env=env or {}, cwd=cwd, home=home)


def test_without_any_layer_the_defaults_hold(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    assert loaded.settings == Settings()
    assert {origin.layer for origin in loaded.origins.values()} == {"default"}
    assert set(loaded.origins) == set(leaves())


def test_the_tree_is_frozen_strict_and_picklable() -> None:
    tree = Settings()
    with pytest.raises(ValidationError):
        tree.performance.window_s = 1.0  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Settings.model_validate({"performance": {"windw_s": 1}})
    with pytest.raises(KeyError):
        tree.performance.analyzers["cuts"]
    assert tree.performance.analyzers["cut_analysis"].fps is None
    assert pickle.loads(pickle.dumps(tree)) == tree


def test_every_analyzer_has_its_row_and_every_leaf_a_description() -> None:
    assert [k.split(".")[2] for k in leaves() if k.startswith("performance.analyzers.") and k.endswith(".fps")] == list(ANALYZER_NAMES)
    assert all(leaf.description for leaf in leaves().values())


# --- what each layer may say --------------------------------------------------------------------------------------------------------

GOOD_TOML = [
    ("[performance]\nwindow_s = 1\n", "performance.window_s", 1.0, 2),
    ("performance.window_s = 0.25", "performance.window_s", 0.25, 1),
    ("\n# text\n[performance.analyzers.text_overlay]\n  fps = 2 # two\n", "performance.analyzers.text_overlay.fps", 2.0, 4),
    ("performance = { analyzers.text_overlay = { batch = 3 } }", "performance.analyzers.text_overlay.batch", 3, 1),
    ('[output]\nformats = [\n  "json",\n]\n[system]\nlog_level = "debug"', "system.log_level", "debug", 6),
    ('["system"]\n"log_level" = """error"""', "system.log_level", "error", 2),
    ('[analysis.backends]\n\ntext_overlay = "rapidocr"', "analysis.backends.text_overlay", "rapidocr", 3),
    ("[analysis.options.text_overlay]\nlist = [1, 2]", "analysis.options.text_overlay.list", [1, 2], 2),
    ('placement.threads = "auto"', "placement.threads", None, 1),
    ("\ufeffplacement.threads = 3", "placement.threads", 3, 1),
    ('placement.devices = ["cpu"]', "placement.devices", ("cpu",), 1),
    ('[placement.pin]\nbody_pose = "cpu:1"', "placement.pin.body_pose", "cpu:1", 2),
    ("system.keep_results = false", "system.keep_results", False, 1),
]


@pytest.mark.parametrize(("text", "key", "value", "line"), GOOD_TOML)
def test_a_file_sets_a_value_and_its_line_is_known(tmp_path: Path, text: str, key: str, value: Any, line: int) -> None:
    loaded = load(tmp_path, toml=text)
    assert loaded.value(key) == value
    assert type(loaded.value(key)) is type(value)
    origin = loaded.origins[key]
    assert (origin.layer, origin.file, origin.line) == ("project", tmp_path / "project/reelscope.toml", line)


GOOD_TEXT = [
    ("placement.threads", "4", 4),
    ("placement.threads", " 4 ", 4),
    ("placement.threads", "auto", None),
    ("placement.threads", "None", None),
    ("performance.window_s", "1e0", 1.0),
    ("output.formats", "html, json", ("html", "json")),
    ("output.formats", "json", ("json",)),
    ("system.log_level", "info", "info"),
    ("analysis.backends.cut_analysis", "adaptive", "adaptive"),
    ("placement.pin.cut_analysis", "cuda:1", "cuda:1"),
    ("placement.devices", "cpu, cuda:0", ("cpu", "cuda:0")),
    ("placement.devices", "auto", None),
    ("placement.gpu_gib.people", "7.5", 7.5),
    ("models.preload", "text_overlay", ("text_overlay",)),
    ("analysis.fresh", "on", True),
    ("system.keep_results", "False", False),
    ("performance.analyzers.text_overlay.fps", "2.5", 2.5),
]


@pytest.mark.parametrize(("key", "text", "value"), GOOD_TEXT)
def test_variables_and_flags_are_text(tmp_path: Path, key: str, text: str, value: Any) -> None:
    from_env = load(tmp_path, env={env_name(key): text})
    from_flag = load(tmp_path, flags={key: FlagValue(text, "--set")})
    assert from_env.value(key) == from_flag.value(key) == value
    assert str(from_env.origins[key]) == env_name(key)
    assert str(from_flag.origins[key]) == "--set"


def test_environment_names_are_as_documented() -> None:
    assert env_name("performance.analyzers.text_overlay.fps") == "REELSCOPE_PERFORMANCE__ANALYZERS__TEXT_OVERLAY__FPS"
    assert len({env_name(key) for key in leaves()}) == len(leaves())


def test_an_empty_variable_is_not_set_and_other_variables_are_not_ours(tmp_path: Path) -> None:
    loaded = load(tmp_path, env={"REELSCOPE_PLACEMENT__THREADS": "", "REELSCOPE_DEBUG": "1", "REEL": "x", "PATH": "/bin"})
    assert loaded.settings == Settings()


def test_the_variables_of_the_client_are_no_settings_and_their_neighbours_are_told(tmp_path: Path) -> None:
    env = {"REELSCOPE_SERVER": "http://10.0.0.1:8003", "REELSCOPE_TOKEN_FILE": "/run/token", "REELSCOPE_SERVER__PORT": "9000"}
    assert load(tmp_path, env=env).settings == Settings(server=Settings().server.model_copy(update={"port": 9000}))
    with pytest.raises(ConfigError, match=r"REELSCOPE_TOKEN_FIL names no setting, did you mean 'REELSCOPE_TOKEN_FILE'\?"):
        load(tmp_path, env={"REELSCOPE_TOKEN_FIL": "/run/token"})


def test_paths_are_relative_to_who_wrote_them(tmp_path: Path) -> None:
    user = load(tmp_path, user='[output]\ndir = "results"\n[system]\ntemp_dir = "~/tmp"')
    assert user.settings.output.dir == tmp_path / "home/.config/reelscope/results"
    assert user.settings.system.temp_dir == tmp_path / "home/tmp"
    flag = load(tmp_path, flags={"output.dir": "results", "system.temp_dir": "/abs"})
    assert flag.settings.output.dir == tmp_path / "project/results"
    assert flag.settings.system.temp_dir == Path("/abs")


def test_xdg_config_home_moves_the_users_file_only_when_absolute(tmp_path: Path) -> None:
    (tmp_path / "xdg/reelscope").mkdir(parents=True)
    (tmp_path / "xdg/reelscope/config.toml").write_text("placement.threads = 7")
    assert load(tmp_path, user="placement.threads = 5", env={"XDG_CONFIG_HOME": str(tmp_path / "xdg")}).settings.placement.threads == 7
    assert load(tmp_path, user="placement.threads = 5", env={"XDG_CONFIG_HOME": "xdg"}).settings.placement.threads == 5


# --- what is refused ----------------------------------------------------------------------------------------------------------------

BAD_TOML = [
    ("[performance]\nwindws_s = 1\n", 2, "did you mean 'window_s'?"),
    ("[perfrmance]\nwindow_s = 1\n", 1, "did you mean 'performance'?"),
    ("window_s = 1", 1, "did you mean 'performance.window_s'?"),
    ("[performance]\n\nanalyzers.text_overlai.fps = 2", 3, "did you mean 'text_overlay'?"),
    ("[performance.analyzers.text_overlay]\nfsp = 2", 2, "did you mean 'fps'?"),
    ("[analysis.backends]\ncuts = 'x'", 2, "did you mean 'cut_analysis'?"),
    ("[analysis.options.text_overly]\nx = 1", 1, "did you mean 'text_overlay'?"),
    ("[performance]\nwindow_s = '1'", 2, "must be a valid number"),
    ("[performance]\nwindow_s = true", 2, "must be a valid number"),
    ("[performance]\nwindow_s = 11", 2, "less than or equal to 10"),
    ("[performance]\nwindow_s = nan", 2, "finite"),
    ("[system]\nmax_duration_s = inf", 2, "finite"),
    ("[performance]\nwindow_s = 2020-01-01", 2, "must be a valid number"),
    ("[performance]\nwindows_in_flight = 2.5", 2, "must be a valid integer"),
    ("[performance]\nwindows_in_flight = 'auto'", 2, "must be a valid integer"),
    ("\nperformance = 3", 2, "is a table"),
    ("[output]\nformats = []", 2, "at least one"),
    ("[output]\nformats = ['json', 'json']", 2, "none twice"),
    ("[output]\nformats = 'json'", 2, "must be a valid"),
    ("[output]\nformats = ['htm']", 2, "did you mean 'html'?"),
    ("[system]\nlog_level = 'warn'", 2, "did you mean 'warning'?"),
    ("[analysis.backends]\ntext_overlay = 3", 2, "must be a valid string"),
    ("[analysis.options]\ntext_overlay = 3", 2, "is a table"),
    ("[[output]]\ndir = 'x'", 1, "is a table"),
    ("[a\n", 1, "not valid TOML"),
    ("\n\nx = '''", 3, "not valid TOML"),
    ("placement.threads = 1\nplacement.threads = 2", 2, "not valid TOML"),
]


@pytest.mark.parametrize("layer", ["project", "user"])
@pytest.mark.parametrize(("text", "line", "said"), BAD_TOML)
def test_a_bad_file_is_refused_with_file_line_and_nearest_name(tmp_path: Path, text: str, line: int, said: str, layer: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, **{"toml" if layer == "project" else "user": text})
    file = tmp_path / ("project/reelscope.toml" if layer == "project" else "home/.config/reelscope/config.toml")
    assert caught.value.message.startswith(f"{file}:{line}: ")
    assert said in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 2


BAD_ENV = [
    ("REELSCOPE_PLACEMENT_THREADS", "2", "did you mean 'REELSCOPE_PLACEMENT__THREADS'?"),
    ("REELSCOPE_PERFORMANCE__ANALYZERS__TEXT_OVERLAI__FPS", "2", "did you mean 'REELSCOPE_PERFORMANCE__ANALYZERS__TEXT_OVERLAY__FPS'?"),
    ("REELSCOPE_placement__threads", "2", "did you mean 'REELSCOPE_PLACEMENT__THREADS'?"),
    ("REELSCOPE_ANALYSIS__BACKENDS__CUTS", "2", "did you mean 'cut_analysis'?"),
    ("REELSCOPE_ANALYSIS", "2", "names no setting"),
    ("REELSCOPE_PLACEMENT__THREADS", "two", "placement.threads = two: must be a valid integer"),
    ("REELSCOPE_PLACEMENT__THREADS", "0", "greater than or equal to 1"),
    ("REELSCOPE_PERFORMANCE__WINDOW_S", "nan", "finite"),
    ("REELSCOPE_SYSTEM__MAX_DURATION_S", "inf", "finite"),
    ("REELSCOPE_OUTPUT__FORMATS", ",", "at least one"),
    ("REELSCOPE_ANALYSIS__TIER", "ful", "did you mean 'full'?"),
]


def test_a_variable_that_is_near_to_none_gets_no_guess(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^environment variable REELSCOPE_FOO names no setting$"):
        load(tmp_path, env={"REELSCOPE_FOO": "1"})


@pytest.mark.parametrize(("name", "value", "said"), BAD_ENV)
def test_a_bad_variable_is_refused_by_its_name(tmp_path: Path, name: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, env={name: value})
    assert name in caught.value.message
    assert said in caught.value.message


def test_a_bad_flag_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--tier: analysis.tier = ful: .*did you mean 'full'\?"):
        load(tmp_path, flags={"analysis.tier": FlagValue("ful", "--tier")})
    with pytest.raises(ConfigError, match=r"^--set placement.thread=2: .*did you mean 'threads'\?"):
        load(tmp_path, flags={"placement.thread": FlagValue("2", "--set placement.thread=2")})


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "project/reelscope.toml").mkdir(parents=True)
    with pytest.raises(ConfigError, match="not a file"):
        load(tmp_path)
    (tmp_path / "project/reelscope.toml").rmdir()
    (tmp_path / "project/reelscope.toml").write_bytes(b"x = '\xff\xfe'")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(tmp_path)


def test_a_home_that_is_closed_to_us_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.stat

    def closed(path: Path, **kwargs: Any) -> Any:
        if "home" in path.parts:
            raise PermissionError(13, "Permission denied")
        return real(path, **kwargs)

    monkeypatch.setattr(Path, "stat", closed)
    assert load_settings({}, env={}, cwd=tmp_path, home=tmp_path / "home").settings == Settings()


# --- precedence ---------------------------------------------------------------------------------------------------------------------

LAYERS = ("user", "project", "environment", "flag")
KEYS = [
    *(k for k, leaf in leaves().items() if not leaf.levels),
    "analysis.backends.cut_analysis",
    "analysis.options.text_overlay.some_option",
    "placement.pin.body_pose",
]


def values_of(key: str) -> st.SearchStrategy[Any]:
    """Allowed values of a setting, from the bounds in its own schema."""
    leaf = leaves().get(key)
    if leaf is None:
        return st.sampled_from(["one", "two", "three"])
    plain = _values(leaf)
    return st.one_of(st.none(), plain) if leaf.nullable else plain


def _values(leaf: Leaf) -> st.SearchStrategy[Any]:
    schema = next((s for s in leaf.schema.get("anyOf", []) if s.get("type") != "null"), leaf.schema)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "boolean":
        return st.booleans()
    if schema["type"] == "array":
        return st.lists(st.sampled_from(schema["items"].get("enum", ["cpu", "cuda:0", "cuda:1"])), min_size=1, unique=True).map(tuple)
    if schema["type"] == "integer":
        return st.integers(schema.get("minimum", 0), schema.get("maximum", 10**9))
    if schema["type"] == "number":
        low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum", 1e6)
        return st.floats(low, high, exclude_min="exclusiveMinimum" in schema)
    texts = st.sampled_from(["/a", "/b", "/c d"])
    return texts.map(Path) if schema.get("format") == "path" else texts


def toml_of(value: Any) -> str:
    if value is None:
        return '"auto"'
    return json.dumps(list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value)


def text_of(value: Any) -> str:
    return "auto" if value is None else ",".join(value) if isinstance(value, tuple) else str(value)  # of a truth value too: case is free


@st.composite
def layered(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Random keys, each with a value in a random set of layers."""
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=8))
    return {key: draw(st.dictionaries(st.sampled_from(LAYERS), values_of(key), min_size=1)) for key in keys}


def write_toml(entries: dict[str, Any], *, as_tables: bool) -> tuple[str, dict[str, int]]:
    """The text of a file and the line of each key."""
    lines: list[str] = []
    where: dict[str, int] = {}
    for key, value in entries.items():
        table, _, name = key.rpartition(".")
        if as_tables:
            header = f"[{table}]"
            at = lines.index(header) + 1 if header in lines else len(lines)
            if at == len(lines) and header not in lines:
                lines += ["# next", header]
                at = len(lines)
            lines.insert(at, f"{name} = {toml_of(value)}")
        else:
            lines.append(f"{key} = {toml_of(value)}")
    for key in entries:
        table, _, name = key.rpartition(".")
        start = lines.index(f"[{table}]") if as_tables else 0
        wanted = name if as_tables else key
        where[key] = next(i for i in range(start, len(lines)) if lines[i].startswith(f"{wanted} = ")) + 1
    return "\n".join(lines), where


@settings(max_examples=150, deadline=None)
@given(given_values=layered(), as_tables=st.booleans())
def test_the_highest_layer_wins_and_its_origin_says_so(given_values: dict[str, dict[str, Any]], as_tables: bool) -> None:
    by_layer = {layer: {k: v[layer] for k, v in given_values.items() if layer in v} for layer in LAYERS}
    project, project_lines = write_toml(by_layer["project"], as_tables=as_tables)
    user, user_lines = write_toml(by_layer["user"], as_tables=not as_tables)
    with tempfile.TemporaryDirectory() as folder:
        loaded = load(
            Path(folder),
            toml=project,
            user=user,
            env={env_name(k): text_of(v) for k, v in by_layer["environment"].items()},
            flags={k: FlagValue(text_of(v), f"--set {k}") for k, v in by_layer["flag"].items()},
        )
    for key, values in given_values.items():
        winner = max(values, key=LAYERS.index)
        origin = loaded.origins[key]
        assert loaded.value(key) == values[winner]
        assert origin.layer == winner
        expected = {"user": user_lines.get(key), "project": project_lines.get(key)}.get(winner)
        assert origin.line == expected
        assert origin.name == {"environment": env_name(key), "flag": f"--set {key}"}.get(winner)
    for key, origin in loaded.origins.items():
        if key not in given_values:
            assert origin.layer == "default"
            assert loaded.value(key) == leaves()[key].default


# --- options of analyzers -----------------------------------------------------------------------------------------------------------


class SomeOptions(BaseModel):
    share: float = Field(0.5, gt=0, le=1, description="a share")
    names: list[str] = []
    strict: bool = False
    label: str = ""
    limit: int | None = None


def options_of(name: str) -> type[BaseModel] | None:
    return SomeOptions if name == "text_overlay" else None


def test_options_get_their_types(tmp_path: Path) -> None:
    flags = {
        f"analysis.options.text_overlay.{k}": FlagValue(v, "--option")
        for k, v in {"share": "0.25", "names": "a, b", "strict": "yes"}.items()
    }
    loaded = with_options(load(tmp_path, toml="[analysis.options.text_overlay]\nlabel = '5'\nlimit = 3", flags=flags), options_of)
    expected = {"label": "5", "limit": 3, "share": 0.25, "names": ["a", "b"], "strict": True}
    assert loaded.settings.analysis.options == {"text_overlay": expected}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("text_overlay.shar", "1", "text_overlay has no option 'shar', did you mean 'share'?"),
        ("text_overlay.share", "2", "text_overlay.share = 2: must be less than or equal to 1"),
        ("text_overlay.share", "lots", "must be a valid number"),
        ("temporal_flow.x", "1", "temporal_flow takes no options, it is not part of this version"),
    ],
)
def test_a_bad_option_is_refused_by_its_place(tmp_path: Path, key: str, value: str, said: str) -> None:
    loaded = load(tmp_path, flags={f"analysis.options.{key}": FlagValue(value, "--option")})
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        with_options(loaded, options_of)
    assert caught.value.message.startswith("--option: ")


def test_an_option_in_a_file_is_typed_strictly(tmp_path: Path) -> None:
    loaded = load(tmp_path, toml="[analysis.options.text_overlay]\nshare = '0.5'")
    with pytest.raises(ConfigError, match=r"reelscope.toml:2: text_overlay.share = \"0.5\": must be a valid number"):
        with_options(loaded, options_of)
