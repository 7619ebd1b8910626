"""Analyzers that other packages bring: found by what they declare, run like the nineteen, and alone in what goes wrong with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, FrameNeed, Options
from reelscope.analyzers.check import check_class, check_result
from reelscope.analyzers.registry import INSTALLED
from reelscope.analyzers.schema import document_schema
from reelscope.api import AnalysisRequest
from reelscope.cli.options import checked_options
from reelscope.config import FlagValue, Settings, load_settings
from reelscope.document.names import ANALYZER_NAMES, in_order, title_of
from reelscope.document.schema import AnalyzerEntry, AnalyzerResult, Document, PluginEntry, Segment, Series, Track, TrackPoint
from reelscope.errors import ConfigError, InputError, PluginError
from reelscope.pipeline import Session
from reelscope.plugins import Plugin, known_names, plugins, sorted_out
from reelscope.server.asking import Asking
from reelscope.server.blobs import LocalBlobs
from reelscope.usable import catalog
from tests.clips import moving_frames, write_clip
from tests.plugin_tools import Site, plugin_site
from tests.server.conftest import in_process

__all__ = ["plugin_site"]

NOTHING_KEPT: dict[str, Any] = {"system": {"keep_results": False}, "placement": {"workers": 0}}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "two-seconds.mp4", moving_frames(60, width=64, height=48))


def analyzed(clip: Path, only: list[str] | None, **settings: Any) -> Document:
    with Session(Settings.model_validate(settings or NOTHING_KEPT)) as session:
        return session.analyze(clip, only=only).document


# --- what is declared -----------------------------------------------------------------------------------------------------------------


def declared(name: str, distribution: str = "some-package", target: str = "module:Class") -> Plugin:
    return Plugin(name, target, distribution, "1.0")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("text_overlay", "analyzer of reelscope itself"),
        ("faces", "name of another part"),
        ("pacing", "name of another part"),
        ("shots", "name of another part"),
        ("Flicker", "can be no analyzer's name"),
        ("two__scores", "can be no analyzer's name"),
        ("flicker-test", "can be no analyzer's name"),
        ("../flicker", "can be no analyzer's name"),
        ("1st", "can be no analyzer's name"),
        ("f" * 49, "can be no analyzer's name"),
        ("", "can be no analyzer's name"),
    ],
)
def test_a_name_that_is_not_fresh_is_refused_and_has_no_key(name: str, why: str) -> None:
    found = sorted_out([declared(name), declared("fresh")])
    assert list(found.named) == ["fresh"] and found.named["fresh"].refused is None
    (refused,) = found.refused
    assert refused.name == name and why in (refused.refused or "")


def test_two_packages_of_one_name_are_both_refused() -> None:
    found = sorted_out([declared("flicker", "b-package"), declared("flicker", "a-package"), declared("zebra")])
    assert found.named["zebra"].refused is None
    assert "a-package 1.0 (module:Class) and b-package 1.0 (module:Class)" in (found.named["flicker"].refused or "")
    assert found.named["flicker"].distribution == "a-package, b-package"


@pytest.mark.parametrize("target", ["module", "module:", ":Class", "module:Class.inner", "mo dule:Class", "module:Class()"])
def test_a_target_that_is_none_is_refused(target: str) -> None:
    (found,) = sorted_out([declared("flicker", target=target)]).named.values()
    assert found.refused == f"some-package 1.0: {target!r} is no module:Class"


def test_nothing_is_imported_to_know_what_is_declared(plugin_site: Site) -> None:
    plugin_site.write("plugin_loud", "raise SystemError('imported')")
    plugin_site.declare("loud-package", {"loud": "plugin_loud:Loud"}, "2.5")
    assert plugins().named == {"loud": Plugin("loud", "plugin_loud:Loud", "loud-package", "2.5")}
    assert known_names() == (*ANALYZER_NAMES, "loud")
    assert "plugin_loud" not in sys.modules


def test_a_damaged_environment_has_no_plugins_and_says_so(
    plugin_site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**kwargs: Any) -> Any:
        raise TypeError("expected string or bytes-like object")

    monkeypatch.setattr("importlib.metadata.entry_points", broken)
    assert plugins().named == {}
    assert "no plugins: the metadata of installed packages cannot be read: TypeError" in caplog.text


def test_help_does_not_look_for_plugins() -> None:
    code = "import sys; from reelscope.cli import run; run(['--help']); print([m for m in sys.modules if m == 'reelscope.plugins'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# --- the contract ---------------------------------------------------------------------------------------------------------------------


def made(
    *, name: str = "flicker", result: Any = AnalyzerResult, options: Any = None, version: Any = 1, group: Any = "people", **backend: Any
) -> Any:
    given = {"name": "plain", "tier": "embedded", "rank": 1, **backend}
    attributes = {
        "spec": AnalyzerSpec(name=name, version=version, group=group, backends=(Backend(**given),)),
        "Result": result,
        "finish": lambda self, inputs: AnalyzerResult(),
        **({"Options": options} if options is not None else {}),
    }
    return type("Flicker", (Analyzer,), attributes)


class OwnStatus(AnalyzerResult):
    status: str = "good"
    title: str = "mine"


class NoDefault(Options):
    must: int


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (object, "no class of"),
        (3, "no class of"),
        (type("Abstract", (Analyzer,), {}), "no spec"),
        (made(name="flash"), "called 'flash' and it is declared as 'flicker'"),
        (made(version=0), "version is a whole number"),
        (made(group="mine"), "group is one of"),
        (made(result=OwnStatus), "fields that the engine fills in: status, title"),
        (made(options=dict), "Options are no"),
        (made(options=NoDefault), "option has no default: ('must',)"),
        (made(tier="huge"), "tier is one of"),
        (made(frames=(FrameNeed(5, size_px=(0, 10)),)), "pixels wide and high"),
        (made(frames=(FrameNeed(5, size_px=(50_000, 50_000)),)), "pixels wide and high"),
        (made(frames=(FrameNeed(5, 32, format="yuv"),)), "FrameNeeds of rgb24 or gray8"),  # type: ignore[arg-type]
        (made(frames=("all",)), "FrameNeeds of"),
        (made(audio="mono"), "AudioNeed"),
        (made(features=("auras",)), "no feature 'auras'"),
        (made(features=("base",)), "no feature 'base'"),
        (made(live=("faces",)), "among its features"),
        (made(after=("flicker",)), "that is itself"),
        (made(soft_after=("auras",)), "no such analyzer"),
        (made(models=("my-weights",)), "not in reelscope's list of models: my-weights"),
        (made(needs_option="server"), "needs the option 'server'"),
        (made(batch=0), "1 or more"),
    ],
)
def test_a_class_that_breaks_the_contract_is_told(kind: Any, why: str) -> None:
    with pytest.raises(PluginError, match=r".") as caught:
        check_class(kind, "flicker")
    assert why in caught.value.message and caught.value.code == "contract_broken"


@pytest.mark.parametrize("name", ANALYZER_NAMES)
def test_the_nineteen_keep_the_contract(name: str) -> None:
    kind = INSTALLED.analyzer(name)
    check_class(kind, name)


WHOLE = (0.0, 0.0, 1.0, 1.0)


def result(**parts: Any) -> AnalyzerResult:
    return AnalyzerResult.model_construct(**parts)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (result(segments=[Segment(start_s=1, end_s=4)]), "outside of the clip (0 to 2 s)"),
        (result(segments=[Segment(start_s=-1, end_s=1)]), "outside of the clip"),
        (result(segments=[Segment(start_s=1, end_s=0.5)]), "ends before it begins"),
        (result(segments=[Segment(start_s=1, end_s=1), Segment(start_s=0, end_s=1)]), "not in order"),
        (result(segments=[Segment.model_construct(start_s="soon", end_s=1)]), "does not come back from JSON"),
        (result(segments=[{"start_s": 0}]), "does not come back from JSON"),
        (result(mine=np.zeros(3)), "does not come back from JSON"),
        (result(summary=object()), "does not come back from JSON"),
        (result(coverage=float("nan")), "does not come back from JSON"),
        (result(status="ok", distribution="x"), "the engine fills in: distribution, status"),
        (result(segments=[Segment(start_s=0, end_s=1, kind=["a"])]), "kind of a segment or track is ['a']"),
        (result(segments=[Segment(start_s=0, end_s=1, palette=3)]), "palette of a segment or track is 3"),
        (result(segments=[Segment(start_s=0, end_s=1, words=[{"text": "a"}])]), "words.0.start_s of a segment"),
        (result(segments=[Segment(start_s=0, end_s=1, xywh_norm=[0, 1])]), "xywh_norm of a segment"),
        (result(tracks=[Track(track_id=1, start_s=0, end_s=1, corrected=[{"field": "text"}])]), "corrected of a segment or track"),
        (result(series=[Series(name="a", unit="", t_s=[0], values=[1])]), "or no unit"),
        (result(series=[Series(name="a", unit="1", t_s=[0, 1], values=[1])]), "of different number"),
        (result(series=[Series(name="a", unit="1", t_s=[1, 0], values=[1, 1])]), "not in order of time"),
        (result(series=[Series(name="a", unit="1", t_s=[9], values=[1])]), "leaves the clip"),
        (result(series=[Series(name="a", unit="1", t_s=[i / 30 for i in range(60)], values=[1.0] * 60)]), "more than 10 values a second"),
        (result(tracks=[Track(track_id=7, start_s=0, end_s=9)]), "track 7 lies outside"),
        (
            result(
                tracks=[Track(track_id=7, start_s=0, end_s=2, points=[TrackPoint(t_s=i / 30, xywh_norm=(0, 0, 1, 1)) for i in range(60)])]
            ),
            "track 7 has more than 5 points",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_a_result_that_breaks_the_contract_is_told(found: AnalyzerResult, why: str) -> None:
    with pytest.raises(PluginError) as caught:
        check_result(found, 2.0)
    assert why in caught.value.message and caught.value.code == "bad_result"


def test_an_honest_result_passes() -> None:
    check_result(AnalyzerResult(segments=[Segment(start_s=0, end_s=2.0004)], anything={"of": ["its", 0.5]}), 2.0)  # type: ignore[call-arg]
    check_result(AnalyzerEntry(status="ok", requested=True), 2.0)


# --- runs -----------------------------------------------------------------------------------------------------------------------------


def test_a_plugin_runs_like_the_nineteen(plugin_site: Site, clip: Path) -> None:
    plugin_site.add("counter", spec='title="How many",', version="3.1")
    document = analyzed(clip, ["counter", "color_analysis"])
    assert list(document.analyzers) == [*ANALYZER_NAMES, "counter"]
    entry = document.analyzers["counter"]
    assert isinstance(entry, PluginEntry)
    assert (entry.status, entry.requested, entry.backend, entry.version, entry.options) == ("ok", True, "plain", 1, {"few": 1})
    assert (entry.title, entry.distribution, entry.distribution_version) == ("How many", "package-counter", "3.1")
    assert entry.segments[0].counted == 10  # type: ignore[attr-defined]
    assert document.analyzers["color_analysis"].status == "ok"
    skipped = analyzed(clip, ["color_analysis"]).analyzers["counter"]
    assert (skipped.status, skipped.requested) == ("skipped", False)
    jsonschema.Draft202012Validator(document_schema()).validate(json.loads(document.model_dump_json()))


def test_a_worker_process_finds_it_too(plugin_site: Site, clip: Path) -> None:
    plugin_site.write("plugin_counts", "import os\n\ndef where():\n    return os.getpid()\n")
    plugin_site.add("counter", result="segments=[Segment(start_s=0, end_s=1, pid=__import__('plugin_counts').where())]")
    document = analyzed(clip, ["counter"], system={"keep_results": False}, placement={"workers": 1})
    entry = document.analyzers["counter"]
    assert entry.status == "ok" and entry.segments[0].pid != os.getpid()  # type: ignore[attr-defined]


def test_whatever_is_wrong_with_plugins_the_others_go_on(plugin_site: Site, clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    plugin_site.write("plugin_absent", "import a_module_that_is_not_there")
    plugin_site.write("plugin_exits", "raise SystemExit(3)")
    plugin_site.write("plugin_odd", "Odd = 3")
    targets = {name: f"plugin_{name}:A" for name in ("absent", "nowhere", "exits")}
    plugin_site.declare("broken-package", {**targets, "odd": "plugin_odd:Odd", "none": "plugin_odd:Nobody"})
    plugin_site.declare("other-package", {"twice": "plugin_odd:Odd", "text_overlay": "plugin_odd:Odd"})
    plugin_site.declare("third-package", {"twice": "plugin_odd:Odd"})
    plugin_site.add("raises", feed="raise ValueError('on purpose')")
    plugin_site.add("beyond", result="segments=[Segment(start_s=0, end_s=99)]")
    plugin_site.add("lacks", backend='packages=("a_module_that_is_not_there",)')
    plugin_site.add("chicken", backend='after=("egg",)')
    plugin_site.add("egg", backend='after=("chicken",)')
    plugin_site.add("reader", backend='after=("raises",)')
    plugin_site.add("works")
    names = ["absent", "beyond", "chicken", "egg", "exits", "lacks", "none", "nowhere", "odd", "raises", "reader", "twice", "works"]
    document = analyzed(clip, [*names, "color_analysis"])
    found = {name: document.analyzers[name] for name in names}
    assert list(document.analyzers) == [*ANALYZER_NAMES, *names]
    assert {name: (e.status, e.code) for name, e in found.items()} == {
        "absent": ("unavailable", "plugin_broken"),
        "beyond": ("failed", "bad_result"),
        "chicken": ("unavailable", "plugin_broken"),
        "egg": ("unavailable", "plugin_broken"),
        "exits": ("unavailable", "plugin_broken"),
        "lacks": ("unavailable", "no_backend"),
        "none": ("unavailable", "plugin_broken"),
        "nowhere": ("unavailable", "plugin_broken"),
        "odd": ("unavailable", "plugin_broken"),
        "raises": ("failed", "feed_failed"),
        "reader": ("failed", "dependency_failed"),
        "twice": ("unavailable", "plugin_refused"),
        "works": ("ok", None),
    }
    said = "broken-package 1.0: plugin_absent:A cannot be imported: ModuleNotFoundError: No module named 'a_module_that_is_not_there'"
    assert (found["absent"].reason, found["absent"].hint) == (said, "mend or remove it: pip uninstall broken-package")
    assert found["exits"].reason == "broken-package 1.0: plugin_exits:A cannot be imported: SystemExit: 3"
    assert "plugin_odd:Odd breaks the contract of analyzers: 3 is no class" in (found["odd"].reason or "")
    assert found["twice"].hint == "keep one of them: pip uninstall one of other-package, third-package"
    assert found["lacks"].hint == "install what package-lacks needs: pip install package-lacks"
    assert "by way of egg" in (found["chicken"].reason or "")
    assert isinstance(found["twice"], PluginEntry) and found["twice"].distribution == "other-package, third-package"
    assert document.analyzers["color_analysis"].status == "ok"
    assert "an analyzer of other-package 1.0 is not used: text_overlay is an analyzer of reelscope itself, which stays" in caplog.text
    rows = {row.name: row for row in catalog(Settings())}
    assert list(rows) == [*ANALYZER_NAMES, *names]
    assert rows["works"].backend == "plain" and rows["works"].distribution == "package-works 1.0"
    assert rows["absent"].backend is None and rows["absent"].reason == said
    assert rows["text_overlay"].distribution is None
    Document.model_validate_json(document.model_dump_json())


def test_switched_off_they_are_not_there_and_not_imported(plugin_site: Site, clip: Path) -> None:
    plugin_site.write("plugin_loud", "raise SystemError('imported')")
    plugin_site.declare("loud-package", {"loud": "plugin_loud:Loud"})
    off = {**NOTHING_KEPT, "plugins": {"enabled": False}}
    document = analyzed(clip, None, **{**off, "analysis": {"tier": "embedded"}})
    assert list(document.analyzers) == list(ANALYZER_NAMES)
    with pytest.raises(ConfigError, match="--only: loud is a plugin's, and plugins are switched off"):
        analyzed(clip, ["loud"], **off)
    given = {
        "analysis.options.loud.few": FlagValue("2", "--option loud.few=2"),
        "plugins.enabled": FlagValue("no", "--set plugins.enabled=no"),
    }
    with pytest.raises(ConfigError, match=r"--option loud.few=2: loud is a plugin's, and plugins are switched off"):
        checked_options(load_settings(given, env={}, cwd=Path("/nowhere"), home=Path("/nowhere")))
    assert "plugin_loud" not in sys.modules


def test_a_result_is_kept_by_the_version_of_its_package(plugin_site: Site, clip: Path) -> None:
    reused = []
    for version in ("1.0", "1.0", "1.1"):
        plugin_site.add("counter", version=version)
        with Session(Settings.model_validate({"placement": {"workers": 0}})) as session:
            document = session.analyze(clip, only=["counter"]).document
        reused.append((document.analyzers["counter"].reused, document.run.cache.results_reused, document.analyzers["counter"].status))
    assert reused == [(False, [], "ok"), (True, ["counter"], "ok"), (False, [], "ok")]


# --- settings -------------------------------------------------------------------------------------------------------------------------


def read(folder: Path, text: str = "", env: dict[str, str] | None = None, **flags: str) -> Any:
    (folder / "reelscope.toml").write_text(text)
    given = {key.replace("__", "."): FlagValue(value, f"--set {key}") for key, value in flags.items()}
    return checked_options(load_settings(given, env=env or {}, cwd=folder, home=folder))


def test_settings_know_a_plugins_name(plugin_site: Site, tmp_path: Path, clip: Path) -> None:
    plugin_site.add("counter")
    loaded = read(
        tmp_path,
        '[performance.analyzers.counter]\nfps = 2\n[analysis.backends]\ncounter = "plain"\n[placement.pin]\ncounter = "cpu"\n',
        {"REELSCOPE_ANALYSIS__OPTIONS__COUNTER__FEW": "4", "REELSCOPE_PERFORMANCE__ANALYZERS__COUNTER__BATCH": "7"},
        models__preload="counter",
        system__keep_results="no",
    )
    settings = loaded.settings
    assert settings.analysis.options == {"counter": {"few": 4}}
    assert (settings.performance.analyzers.of("counter").fps, settings.performance.analyzers["counter"].batch) == (2.0, 7)
    assert str(loaded.origins["performance.analyzers.counter.fps"]).endswith("reelscope.toml:2")
    with Session(settings) as session:
        entry = session.analyze(clip, only=["counter"]).document.analyzers["counter"]
    assert entry.options == {"few": 4} and entry.segments[0].counted == 4  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[performance.analyzers.counter]\nfsp = 2", "'performance.analyzers.counter.fsp' is no setting, did you mean 'fps'?"),
        ("[performance.analyzers.counte]\nfps = 2", "'performance.analyzers.counte' is no setting"),
        ("[performance.analyzers.counter]\nfps = 0", "performance.analyzers.counter.fps = 0: must be greater than 0"),
        ('[performance.analyzers]\ncounter = "2"', "performance.analyzers.counter is a table"),
        ('[analysis.options.counte]\nfew = "2"', "'counte' is no analyzer, did you mean 'counter'?"),
        ('[analysis.options.counter]\nfew = "2"', 'counter.few = "2": must be a valid integer'),
        ("[analysis.options.counter]\nmany = 2", "counter has no option 'many'"),
    ],
)
def test_a_wrong_setting_of_a_plugin_is_refused(plugin_site: Site, tmp_path: Path, text: str, said: str) -> None:
    plugin_site.add("counter")
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert said.casefold() in caught.value.message.casefold()


def test_an_option_of_a_broken_plugin_stops_nobody(plugin_site: Site, tmp_path: Path, clip: Path) -> None:
    plugin_site.declare("broken-package", {"nowhere": "plugin_nowhere:A"})
    settings = read(tmp_path, "[analysis.options.nowhere]\nfew = 2", system__keep_results="no").settings
    with Session(settings) as session:
        document = session.analyze(clip, only=["nowhere", "color_analysis"]).document
    assert (document.analyzers["nowhere"].status, document.analyzers["color_analysis"].status) == ("unavailable", "ok")


def test_settings_made_in_code_are_checked_too(plugin_site: Site, clip: Path) -> None:
    settings = {**NOTHING_KEPT, "performance": {"analyzers": {"nobody": {"fps": 2}}}}
    with pytest.raises(ConfigError, match="performance.analyzers: there is no analyzer 'nobody'"):
        analyzed(clip, ["color_analysis"], **settings)
    with pytest.raises(ConfigError, match="placement.pin: there is no analyzer 'nobody'"):
        analyzed(clip, ["color_analysis"], placement={"pin": {"nobody": "cpu"}})


# --- the server -----------------------------------------------------------------------------------------------------------------------


def test_the_server_takes_a_plugins_name_and_tells_another_package_from_it(plugin_site: Site, tmp_path: Path) -> None:
    plugin_site.declare("broken-package", {"nowhere": "plugin_nowhere:A"})
    keys = []
    for version in ("1.0", "1.0", "2.0"):
        plugin_site.add("counter", version=version)
        asking = Asking(Settings(), LocalBlobs(tmp_path / "blobs"))
        asked = asking.check(AnalysisRequest(path="/x", analyzers=["counter", "nowhere"], options={"counter": {"few": 3}}))
        assert asked.analyzers == ["counter", "nowhere"]
        keys.append(asking._key(asked, "0" * 64))
    assert keys[0] == keys[1] != keys[2]
    with pytest.raises(InputError, match="'counte' is no analyzer, did you mean 'counter'"):
        asking.check(AnalysisRequest(path="/x", analyzers=["counte"]))
    off = Asking(Settings.model_validate({"plugins": {"enabled": False}}), LocalBlobs(tmp_path / "blobs"))
    with pytest.raises(InputError, match="'counter' is no analyzer"):
        off.check(AnalysisRequest(path="/x", analyzers=["counter"]))


def test_the_servers_catalogue_tells_where_it_is_from(plugin_site: Site, tmp_path: Path) -> None:
    plugin_site.add("counter", spec='title="How many",')
    plugin_site.declare("broken-package", {"nowhere": "plugin_nowhere:A"})
    with in_process(tmp_path, f"sqlite:///{tmp_path / 'server.sqlite3'}") as api:
        rows = {row["name"]: row for row in api.client.get("/analyzers").json()["items"]}
    assert list(rows) == [*ANALYZER_NAMES, "counter", "nowhere"]
    counter, nowhere = rows["counter"], rows["nowhere"]
    assert (counter["title"], counter["status"], counter["distribution"]) == ("How many", "usable", "package-counter 1.0")
    assert (nowhere["status"], nowhere["distribution"]) == ("unavailable", "broken-package 1.0")
    assert "broken-package 1.0: plugin_nowhere:A cannot be imported" in nowhere["reason"]
    assert rows["text_overlay"]["distribution"] is None


# --- names ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "told", "title"),
    [("text_overlay", "mine", "Text on screen"), ("two_words", None, "Two words"), ("two_words", " ", "Two words"), ("x", "Mine", "Mine")],
)
def test_what_an_analyzer_is_called(name: str, told: str | None, title: str) -> None:
    assert title_of(name, told) == title


def test_the_nineteen_come_first(plugin_site: Site) -> None:
    assert in_order(["zebra", "text_overlay", "ape", "object_detection"]) == ("object_detection", "text_overlay", "ape", "zebra")


@pytest.mark.parametrize(("heading", "kind"), [("Of the analyzer, in `AnalyzerSpec`", AnalyzerSpec), ("in `Backend`", Backend)])
def test_each_table_of_the_guide_has_fields_of_one_class(heading: str, kind: type) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "writing-an-analyzer.md").read_text(encoding="utf-8")
    table = page.partition(f"{heading}:\n\n")[2].partition("\n\n")[0]
    named = [name.strip(" `") for line in table.splitlines()[2:] for name in line.split("|")[1].split(",")]
    known = {field.name for field in fields(kind)}
    assert len(named) >= 5 and set(named) <= known
    assert {field.name for field in fields(kind) if field.default is MISSING} <= set(named), "what has no default must be told"
