"""`reelscope models`: what it says, what it refuses, its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reelscope.cli import model_checks
from reelscope.models.download import Places
from reelscope.models.manifest import parse
from reelscope.models.store import RECORD
from tests.models.loopback import Server, sha256
from tests.models.test_sources import flip
from tests.models.test_store_fetch import COMMIT, FILES, UNWANTED, cut, says, serve_hub
from tests.models.test_store_import import EARS, ONE, TWO
from tests.models.test_store_import import MANIFEST as IMPORTED

SOUND = bytes(range(256)) * 2000
MANIFEST = {
    **IMPORTED,
    **parse(
        f"""
        [sound]
        tier = "compact"
        purpose = "tests"
        runtime = "onnx"
        licence = "MIT"
        source = {{ kind = "github", repo = "some/where", revision = "{"a" * 40}" }}
        files = [ {{ name = "sound.onnx", path = "deep/tiny.onnx", sha256 = "{sha256(SOUND)}", bytes = {len(SOUND)} }} ]
        """
    ),
}
PATH = f"/some/where/{'a' * 40}/deep/tiny.onnx"


@pytest.fixture(autouse=True)
def small_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("reelscope.models.manifest.manifest", "reelscope.models.catalog.manifest"):
        monkeypatch.setattr(place, lambda: MANIFEST)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server({PATH: SOUND, f"/a/b/{'e' * 40}/ears.onnx": EARS}) as running:
        monkeypatch.setattr(Places, "of", lambda env: Places(github=running.url, hub=running.url))
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        yield running


@pytest.fixture
def store(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REELSCOPE_MODELS__DIR", str(place / "store"))
    monkeypatch.setenv("REELSCOPE_SYSTEM__MIN_FREE_DISK_MIB", "0")
    return place / "store"


@pytest.fixture
def given(place: Path) -> Path:
    folder = place / "given"
    folder.mkdir()
    for name, content in {"one": ONE, "two.csv": TWO, "ears.onnx": EARS, "notes.txt": b"hello"}.items():
        (folder / name).write_bytes(content)
    return folder


def test_list_says_what_is_where(cli: Any, store: Path, given: Path) -> None:
    cli(["models", "import", given])
    result = cli(["models", "list"])
    lines = {line.split()[0]: line for line in result.out.splitlines() if line.split()}
    assert "in store" in lines["eyes"] and "licence not accepted" in lines["ears"] and "not here" in lines["talker"]
    assert "import only" in lines["exported"] and "MIT*" in lines["ears"] and result.code == 0
    rows = {row["name"]: row for row in json.loads(cli(["models", "list", "--json"]).out)}
    assert rows["eyes"]["state"] == "in store" and rows["eyes"]["bytes"] == len(ONE) + len(TWO)
    assert rows["ears"]["hint"] == "reelscope models pull ears --accept-licence ears"
    assert {row["name"] for row in json.loads(cli(["models", "list", "--tier", "full", "--json"]).out)} == {"talker", "exported"}
    cli(["models", "list", "--tier", "huge"]).assert_refused(2, "no such tier", "embedded, compact, full")


def test_pull_takes_the_compact_tier_and_says_so_first(cli: Any, store: Path, server: Server) -> None:
    result = cli(["models", "pull"])
    assert result.code == 0 and result.err == ""
    assert result.out.splitlines() == [
        f"to fetch into {store}: sound (0.5 MB); 0.5 MB in all",
        "left out: eyes: no public source has its files; reelscope models import DIR",
        "left out: ears: its licence is accepted by name: MIT: trained on what is not for trade; "
        "reelscope models pull ears --accept-licence ears",
        "sound: fetched 0.5 MB",
    ]
    assert cli(["models", "pull", "sound", "--quiet"]).out == ""
    assert cli(["models", "pull", "sound"]).out == "sound: here already\n"
    assert "ears: fetched" in cli(["models", "pull", "left-ear", "--accept-licence", "ears"]).out


def test_pull_of_a_hub_tells_the_recorded_commit(cli: Any, store: Path, server: Server) -> None:
    serve_hub(server, COMMIT, {**FILES, **UNWANTED})
    result = cli(["models", "pull", "talker"])
    assert f"talker: recorded as commit {COMMIT}; another content of it will be refused" in result.out
    assert cli(["models", "pull", "talker", "sound", "--revision", "main"]).code == 2


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (["pull", "ears"], 1, ["ears is under MIT: trained on what is not for trade", "--accept-licence ears"]),
        (["pull", "eyes"], 1, ["no public source", "reelscope models import DIR"]),
        (["pull", "ear"], 2, ["neither a model nor a tier", "did you mean"]),
        (["pull", "sound", "--accept-licence", "eers"], 2, ["there is no model 'eers'", "did you mean"]),
        (["import", "nowhere"], 2, ["nowhere: there is no such folder"]),
        (["import", "given", "--as", "eyes"], 1, ["need no --as"]),
        (["import", "given", "--as", "talker"], 2, ["no weights as safetensors", "never *.bin"]),
        (["import", "given", "--revision", "abc"], 2, ["--revision goes with --as"]),
        (["path", "talker"], 2, ["talker is not here", "reelscope models pull talker"]),
        (["remove", "left-ear"], 2, ["left-ear is a part of the files of ears", "reelscope models remove ears"]),
        (["remove", "nobody"], 2, ["there is no model 'nobody'"]),
        (["verify", "nobody"], 2, ["there is no model 'nobody'"]),
    ],
)
def test_refusals_say_what_to_do(cli: Any, store: Path, server: Server, given: Path, words: list[str], code: int, parts: list[str]) -> None:
    cli(["models", *words]).assert_refused(code, *parts)
    assert not store.exists() or not any(p for p in store.iterdir() if p.name != ".locks")


def test_a_folder_with_nothing_known_is_told_by_the_exit_code(cli: Any, store: Path, tmp_path: Path) -> None:
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "notes.txt").write_text("hello")
    result = cli(["models", "import", tmp_path / "junk"])
    assert result.code == 1 and "notes.txt" in result.out
    assert "error: nothing taken" in result.err and "hint: copy a store there whole" in result.err
    (tmp_path / "junk" / "one").write_bytes(ONE)
    assert "hint: bring the missing files of eyes" in cli(["models", "import", tmp_path / "junk"]).err
    (tmp_path / "empty").mkdir()
    assert "hint: copy a store there whole" in cli(["models", "import", tmp_path / "empty"]).err


def test_no_help_claims_that_pull_alone_opens_connections(cli: Any) -> None:
    """`analyze` fetches clips from addresses, `submit` and a server talk to others."""
    assert "only command that opens" not in cli(["models", "--help"]).out + cli(["models", "pull", "--help"]).out


def test_offline_is_refused_before_any_connection(cli: Any, store: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELSCOPE_OFFLINE", "1")
    result = cli(["models", "pull", "sound"])
    assert result.code == 1 and "REELSCOPE_OFFLINE=1 forbids every connection" in result.err and server.asked == []


def test_one_model_that_is_gone_does_not_stop_the_others(cli: Any, store: Path, server: Server) -> None:
    serve_hub(server, COMMIT, FILES)
    server.tricks[PATH] = [says(404)]
    result = cli(["models", "pull", "sound", "talker"])
    assert result.code == 1 and "not there (404)" in result.err and "talker: fetched" in result.out


def test_an_interrupted_pull_is_told_with_how_to_go_on(cli: Any, store: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelscope.models.download.TRIES", 1)
    monkeypatch.setattr("reelscope.models.download.Client.__init__.__kwdefaults__", {"tries": 1, "timeout_s": 5.0, "sleep": lambda s: None})
    server.tricks[PATH] = [cut(300_000)]
    result = cli(["models", "pull", "sound"])
    assert result.code == 1 and "the same command goes on from there" in result.err
    assert "sound: 0 MB of it were fetched before; to change that: reelscope models pull sound" in cli(["models", "list"]).out
    assert cli(["models", "pull", "sound"]).code == 0 and server.ranges()[-1] == "bytes=300000-"


def test_import_tells_what_it_took_and_what_not(cli: Any, store: Path, given: Path) -> None:
    result = cli(["models", "import", given])
    assert result.code == 0 and result.out.splitlines() == [
        "taken: eyes, ears",
        "not used until its licence is accepted: ears (MIT: trained on what is not for trade): --accept-licence ears",
        "unknown, left alone: notes.txt",
    ]
    (given / "two.csv").unlink()
    cli(["models", "remove", "eyes"])
    done = json.loads(cli(["models", "import", given, "--accept-licence", "ears", "--json"]).out)
    assert done["here"] == ["ears"] and done["incomplete"] == {"eyes": ["two.csv"]} and done["not_accepted"] == []


def test_import_on_trust_says_so(cli: Any, store: Path, place: Path) -> None:
    (place / "exported.onnx").write_bytes(b"graph")
    result = cli(["models", "import", "exported.onnx", "--as", "exported", "--accept-licence", "exported"])
    assert result.code == 0 and "trusted as they are" in result.out
    assert cli(["models", "path", "exported"]).out == f"{store}/exported/exported.onnx\n"
    assert cli(["models", "path"]).out == f"{store}\n"


def test_verify_names_damage_and_ends_with_1(cli: Any, store: Path, given: Path) -> None:
    cli(["models", "import", given])
    whole = cli(["models", "verify"])
    assert whole.code == 0 and "2 models, 0 MB read only where changed" in whole.out
    assert "read in full" in cli(["models", "verify", "--full", "eyes"]).out
    flip(store / "eyes/one.onnx")
    for words in (["verify"], ["verify", "--full"]):
        found = cli(["models", *words])
        assert found.code == 1 and "error: damaged: eyes\n" in found.err and "reelscope models remove eyes" in found.err
        assert "ears: ok" in found.out
    rows = {row["name"]: row for row in json.loads(cli(["models", "verify", "--json"]).out)}
    assert rows["eyes"]["code"] == "model_corrupt" and rows["ears"]["ok"]
    assert cli(["models", "verify", "talker"]).code == 1
    (store / "ears" / RECORD).write_text("{")
    assert "record.json cannot be read" in cli(["models", "list"]).out


def test_remove_frees_the_room(cli: Any, store: Path, given: Path) -> None:
    cli(["models", "import", given])
    assert cli(["models", "remove", "eyes", "talker"]).out.splitlines() == ["eyes: removed, 0.0 MB freed", "talker: was not here"]
    assert not (store / "eyes").exists()


def test_doctor_tells_of_the_store(cli: Any, store: Path, given: Path) -> None:
    assert model_checks.store().status == "ok" and "no models" in model_checks.store().detail
    cli(["models", "import", given])
    found = model_checks.store()
    assert found.status == "ok" and "1 compact" in found.detail and "licence not accepted: ears" in found.detail
    (store / "eyes/one.onnx").write_bytes(b"short")
    found = model_checks.store()
    assert found.status == "warn" and "eyes (the file one.onnx has 5 bytes" in found.detail


LIST = """
import sys
from reelscope.cli import run
run(["models", "list", "--json"])
print([m for m in ("numpy", "torch", "av", "onnxruntime", "urllib.request") if m in sys.modules], file=sys.stderr)
"""


def test_list_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_if_online_goes_on_with_what_is_here_and_fails_where_nothing_is(
    cli: Any, store: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pull(*more: str) -> Any:
        return cli(["models", "pull", "sound", "talker", *more])

    monkeypatch.setenv("REELSCOPE_OFFLINE", "1")
    nothing = pull("--if-online")
    assert nothing.code == 1 and "REELSCOPE_OFFLINE=1 forbids every connection" in nothing.err and server.asked == []
    monkeypatch.delenv("REELSCOPE_OFFLINE")
    assert cli(["models", "pull", "sound"]).code == 0
    asked = len(server.asked)
    monkeypatch.setenv("REELSCOPE_OFFLINE", "1")
    some = pull("--if-online")
    assert some.code == 0 and "sound: here already" in some.out and len(server.asked) == asked
    assert "talker: not here, and REELSCOPE_OFFLINE=1 forbids every connection" in some.out
    assert pull().code == 1, "without the switch what is lacking is an error"
