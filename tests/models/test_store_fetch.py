"""`models pull`: what breaks on the way, what is refused, what is learned. Every server stands on this machine."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reelscope.config import Settings
from reelscope.errors import InputError, ModelError, OutputError
from reelscope.models import download, sources
from reelscope.models.catalog import Catalog
from reelscope.models.download import Client, Places
from reelscope.models.fetch import Puller, choose, why_offline
from reelscope.models.manifest import Entry, manifest, parse
from reelscope.models.states import state
from reelscope.models.store import RECORD, ModelStore, part_of
from tests.models.loopback import Handler, Server, blob_id, entry, listing, sha256

CONTENT = bytes(range(256)) * 4096  # 1 MiB
TINY = entry(CONTENT)
PATH = f"/some/where/{'a' * 40}/deep/tiny.onnx"
COMMIT, LATER = "c" * 40, "d" * 40


@pytest.fixture
def server() -> Iterator[Server]:
    with Server({PATH: CONTENT}) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store")


def puller(
    store: ModelStore, server: Server, *, tries: int = 3, slept: list[float] | None = None, token: str | None = None, **rest: Any
) -> Puller:
    places = Places(github=server.url, hub=server.url, token=token)
    return Puller(store, Client(places, tries=tries, timeout_s=60, sleep=(slept if slept is not None else []).append), **rest)


def left(store: ModelStore, model: Entry = TINY) -> list[str]:
    """Names in the model's folder."""
    folder = store.folder(model)
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


def cut(after: int) -> Any:
    """Close the connection after so many bytes."""

    def trick(handler: Handler) -> bool:
        body = handler.place.files[PATH]
        first = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        headers = {"Content-Range": f"bytes {first}-{len(body) - 1}/{len(body)}"}
        handler.answer(206 if first else 200, body[first:], headers if first else {}, sent=after)
        return True

    return trick


def says(code: int, body: bytes = b"", headers: dict[str, str] | None = None, **rest: Any) -> Any:
    def trick(handler: Handler) -> bool:
        handler.answer(code, body, headers, **rest)
        return True

    return trick


# --- interrupted


def test_a_model_comes_whole_with_its_record(store: ModelStore, server: Server) -> None:
    assert puller(store, server).pull(TINY) == len(CONTENT)
    assert (store.folder(TINY) / "tiny.onnx").read_bytes() == CONTENT
    record = store.record(TINY)
    assert record is not None and record.revision == "a" * 40 and record.origin == "github.com/some/where" and not record.accepted
    assert left(store) == [".stamps.json", RECORD, "tiny.onnx"]
    assert puller(store, server).pull(TINY) == 0 and len(server.asked) == 1


def test_a_lost_connection_goes_on_where_it_stopped(store: ModelStore, server: Server) -> None:
    slept: list[float] = []
    server.tricks[PATH] = [cut(300_000), cut(100_000)]
    puller(store, server, slept=slept).pull(TINY)
    assert server.ranges() == [None, "bytes=300000-", "bytes=400000-"]
    assert (store.folder(TINY) / "tiny.onnx").read_bytes() == CONTENT
    assert slept == [1.0, 2.0]


def test_a_pull_that_gave_up_is_resumed_by_the_next(store: ModelStore, server: Server) -> None:
    server.tricks[PATH] = [cut(300_000)]
    with pytest.raises(ModelError, match=r"ended after 300000 of 1048576 bytes \(1 tries; what came is kept") as caught:
        puller(store, server, tries=1).pull(TINY)
    assert caught.value.code == "download_failed" and caught.value.retryable
    assert left(store) == [".tiny.onnx.part"] and not store.present(TINY)
    assert store.begun(TINY) == 300_000
    puller(store, server).pull(TINY)
    assert server.ranges() == [None, "bytes=300000-"] and store.present(TINY)


def test_many_losses_are_borne_while_much_comes(store: ModelStore, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PROGRESS_BYTES", 100_000)
    server.tricks[PATH] = [cut(150_000) for _ in range(6)]
    slept: list[float] = []
    puller(store, server, tries=2, slept=slept).pull(TINY)
    assert slept == [1.0] * 6


def test_ctrl_c_leaves_what_can_be_resumed_and_no_model(store: ModelStore, server: Server) -> None:
    def stop(model: str, file: str, done: int, total: int) -> None:
        if done > 400_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        puller(store, server, progress=stop).pull(TINY)
    assert left(store) == [".tiny.onnx.part"]
    came = store.begun(TINY)
    assert 0 < came < len(CONTENT)
    puller(store, server).pull(TINY)
    assert server.ranges()[-1] == f"bytes={came}-" and store.present(TINY)


def begun(store: ModelStore, content: bytes) -> None:
    """What an earlier pull left."""
    store.folder(TINY).mkdir(parents=True)
    part_of(store.folder(TINY), "tiny.onnx").write_bytes(content)


def test_a_server_that_does_not_resume_is_read_from_the_start(store: ModelStore, server: Server) -> None:
    begun(store, CONTENT[:1000])
    server.tricks[PATH] = [says(200, CONTENT)]
    puller(store, server).pull(TINY)
    assert server.ranges() == ["bytes=1000-"] and store.present(TINY)


def test_a_server_that_sends_another_part_is_asked_from_the_start(store: ModelStore, server: Server) -> None:
    begun(store, CONTENT[:1000])
    server.tricks[PATH] = [says(206, CONTENT[5:], {"Content-Range": f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}"})]
    puller(store, server).pull(TINY)
    assert server.ranges() == ["bytes=1000-", None] and store.present(TINY)


def test_a_whole_rest_of_an_earlier_try_needs_no_connection(store: ModelStore, server: Server) -> None:
    begun(store, CONTENT)
    puller(store, server).pull(TINY)
    assert server.asked == [] and store.present(TINY)


def test_a_damaged_rest_of_an_earlier_try_is_fetched_anew(store: ModelStore, server: Server) -> None:
    begun(store, b"\0" * 5000)
    puller(store, server).pull(TINY)
    assert server.ranges() == ["bytes=5000-", None] and store.present(TINY)


def test_a_rest_longer_than_the_source_is_fetched_anew(store: ModelStore, server: Server) -> None:
    server.tricks[PATH] = [says(416)]
    begun(store, CONTENT[:1000])
    puller(store, server).pull(TINY)
    assert server.ranges() == ["bytes=1000-", None] and store.present(TINY)


# --- not what it must be


@pytest.mark.parametrize(
    ("trick", "words"),
    [
        (says(200, CONTENT[:-1]), "has 1048575 bytes, it must have 1048576"),
        (says(200, CONTENT + b"x"), "has 1048577 bytes, it must have 1048576"),
        (says(200, CONTENT + b"x", length=-1), "more came than the 1048576 bytes"),
        (says(200, b"<html>log in to the network</html>"), "has 34 bytes"),
        (says(200, CONTENT[:-1] + b"x"), "sha256 begins"),
    ],
    ids=["truncated", "longer", "longer without a length", "a page instead", "tampered"],
)
def test_another_file_is_refused_and_nothing_is_kept(store: ModelStore, server: Server, trick: Any, words: str) -> None:
    server.tricks[PATH] = [trick]
    with pytest.raises(ModelError, match=words) as caught:
        puller(store, server).pull(TINY)
    assert caught.value.code == "model_corrupt"
    assert left(store) == [] and len(server.asked) == 1


def test_an_endless_answer_is_read_for_one_byte_more_than_it_must_have(store: ModelStore, server: Server) -> None:
    sent = [0]

    def endless(handler: Handler) -> bool:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
                sent[0] += 65536
        except OSError:
            handler.close_connection = True
        return True

    server.tricks[PATH] = [endless]
    with pytest.raises(ModelError, match="more came"):
        puller(store, server).pull(TINY)
    assert left(store) == [] and sent[0] < 50 * len(CONTENT)


# --- servers


def test_a_busy_server_is_asked_again_as_it_says(store: ModelStore, server: Server) -> None:
    slept: list[float] = []
    server.tricks[PATH] = [says(503, headers={"Retry-After": "7"}), says(429, headers={"Retry-After": "86400"})]
    puller(store, server, slept=slept).pull(TINY)
    assert slept == [7.0, 60.0]


@pytest.mark.parametrize(("code", "word"), [(404, "model_gone"), (403, "not_allowed"), (418, "bad_answer")])
def test_a_refusal_is_not_tried_again(store: ModelStore, server: Server, code: int, word: str) -> None:
    server.tricks[PATH] = [says(code)]
    with pytest.raises(ModelError) as caught:
        puller(store, server).pull(TINY)
    assert caught.value.code == word and len(server.asked) == 1 and left(store) == []


def test_a_server_that_is_gone_is_told_after_some_tries(store: ModelStore) -> None:
    with Server() as gone:
        pass
    slept: list[float] = []
    with pytest.raises(ModelError, match=r"refused.* \(3 tries\)") as caught:
        puller(store, gone, slept=slept).pull(TINY)
    assert caught.value.code == "download_failed" and slept == [1.0, 2.0] and left(store) == []


def test_redirects_lead_to_https_only(store: ModelStore, server: Server) -> None:
    server.tricks[PATH] = [says(302, headers={"Location": "http://models.example/tiny.onnx"})]
    with pytest.raises(ModelError, match="which is not https") as caught:
        puller(store, server).pull(TINY)
    assert caught.value.code == "not_https"
    server.tricks[PATH] = [says(302, headers={"Location": "file:///etc/passwd"})]
    with pytest.raises(ModelError):
        puller(store, server).pull(TINY)
    assert left(store) == []


def test_a_redirect_to_no_address_is_told(store: ModelStore, server: Server) -> None:
    server.tricks[PATH] = [says(302, headers={"Location": "https://[broken/tiny.onnx"})]
    with pytest.raises(ModelError, match="leads to no address") as caught:
        puller(store, server).pull(TINY)
    assert caught.value.code == "bad_answer" and left(store) == []


def test_a_token_that_no_header_takes_is_not_told(store: ModelStore, server: Server) -> None:
    serve_hub(server, COMMIT, {"config.json": b"{}", "model.safetensors": b"weights"})
    with pytest.raises(ModelError) as caught:
        puller(store, server, token="sec\nret").pull(HUB)
    assert caught.value.code in ("bad_answer", "download_failed") and "sec" not in str(caught.value) and server.asked == []


@pytest.mark.parametrize("said", ["\u00b2", "9" * 5000])
def test_figures_in_headers_that_are_none_do_no_harm(store: ModelStore, server: Server, said: str) -> None:
    slept: list[float] = []
    server.tricks[PATH] = [says(503, headers={"Retry-After": said})]
    puller(store, server, slept=slept).pull(TINY)
    assert store.present(TINY) and slept == [1.0]


def test_addresses_that_are_not_https_are_refused() -> None:
    assert (
        Places.of({}).hub == "https://huggingface.co"
        and Places.of({"HF_ENDPOINT": "https://mirror.example/"}).hub == "https://mirror.example"
    )
    for bad in ("http://mirror.example", "ftp://mirror.example", "mirror.example"):
        with pytest.raises(InputError, match="HF_ENDPOINT"):
            Places.of({"HF_ENDPOINT": bad})
    assert Places.of({"HF_ENDPOINT": "http://localhost:8080"}).token is None


def test_the_token_goes_to_the_hub_and_not_where_it_leads(store: ModelStore, server: Server) -> None:
    files = {"config.json": b"{}", "model.safetensors": b"weights"}
    with Server({"/weights": b"weights"}) as elsewhere:
        serve_hub(server, COMMIT, files)
        server.tricks[f"/some/model/resolve/{COMMIT}/model.safetensors"] = [says(302, headers={"Location": f"{elsewhere.url}/weights"})]
        server.tricks[f"/some/model/resolve/{COMMIT}/config.json"] = [says(307, headers={"Location": f"{server.url}/cache/config.json"})]
        server.files["/cache/config.json"] = b"{}"
        puller(store, server, token="secret").pull(HUB)
        assert {headers.get("Authorization") for _, headers in server.asked} == {"Bearer secret"}
        assert [headers.get("Authorization") for _, headers in elsewhere.asked] == [None]
        store.remove(TINY)
        other = Puller(store, Client(Places(github=elsewhere.url, hub=server.url, token="secret"), tries=1, sleep=lambda s: None))
        with pytest.raises(ModelError):
            other.pull(TINY)
        assert "Authorization" not in elsewhere.asked[-1][1]


# --- this machine


def test_a_full_disk_is_told_before_anything_comes(store: ModelStore, server: Server) -> None:
    with pytest.raises(OutputError, match=r"1 MB are needed and 200 MiB are to stay free, 100 MB are free") as caught:
        puller(store, server, reserve_mib=200, free=lambda folder: 100_000_000).pull(TINY)
    assert caught.value.code == "disk_full" and server.asked == [] and left(store) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_while_it_comes_is_told(store: ModelStore, server: Server) -> None:
    store.folder(TINY).mkdir(parents=True)
    part_of(store.folder(TINY), "tiny.onnx").symlink_to("/dev/full")
    with pytest.raises(OutputError) as caught:
        puller(store, server).pull(TINY)
    assert caught.value.code == "disk_full" and not store.present(TINY)


def test_a_store_that_cannot_be_written_to_is_told(tmp_path: Path, server: Server) -> None:
    (tmp_path / "store").write_text("a file")
    for root in (tmp_path / "store", Path("/proc/reelscope-models")):
        with pytest.raises(InputError) as caught:
            puller(ModelStore(root), server).pull(TINY)
        assert caught.value.code == "unwritable_store" and "models.dir" in str(caught.value.hint)
    assert server.asked == []


HOLDER = """
import sys, time
from dataclasses import replace
from pathlib import Path
from reelscope.models.manifest import manifest
from reelscope.models.store import ModelStore
with ModelStore(Path(sys.argv[1])).lock(replace(manifest()["yolox-nano"], name="tiny")):
    print("held", flush=True)
    time.sleep(3600)
"""


def test_two_pulls_of_one_model_do_not_meet_and_a_dead_one_is_in_nobodys_way(store: ModelStore, server: Server) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(store.root)], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None and other.stdout.readline() == b"held\n"
            with pytest.raises(ModelError, match=rf"another process \({other.pid}\)") as caught:
                puller(store, server).pull(TINY)
            assert caught.value.code == "model_busy" and caught.value.retryable and server.asked == []
        finally:
            other.send_signal(signal.SIGKILL)
    puller(store, server).pull(TINY)
    assert store.present(TINY)


def test_who_is_refused_leaves_the_folder_of_the_one_at_work(store: ModelStore) -> None:
    with store.lock(TINY) as folder:
        assert list(folder.iterdir()) == []  # nothing has come yet: the hub is still being asked
        with pytest.raises(ModelError, match="another process"), store.lock(TINY):
            pass
        part_of(folder, "tiny.onnx").write_bytes(b"begins")
    assert left(store) == [".tiny.onnx.part"]


def test_what_is_whole_needs_no_lock(store: ModelStore, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    puller(store, server).pull(TINY)

    def read_only(entry: Entry) -> Any:
        raise InputError("read-only file system", code="unwritable_store")

    monkeypatch.setattr(store, "lock", read_only)
    assert puller(store, server, offline="models.offline").pull(TINY) == 0


def test_a_folder_in_a_models_folder_is_left_alone(store: ModelStore, server: Server) -> None:
    (store.folder(TINY) / ".cache").mkdir(parents=True)
    puller(store, server).pull(TINY)
    assert store.present(TINY) and ".cache" in left(store)


@pytest.mark.parametrize("name", ["REELSCOPE_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_variables_forbid_a_pull(store: ModelStore, server: Server, name: str) -> None:
    why = why_offline(Settings(), {name: "1"})
    assert why == f"{name}=1" and why_offline(Settings(), {name: "0"}) is None
    with pytest.raises(ModelError, match=rf"tiny is not fetched: {name}=1 forbids every connection") as caught:
        puller(store, server, offline=why).pull(TINY)
    assert caught.value.code == "offline" and server.asked == [] and left(store) == []
    puller(store, server).pull(TINY)
    assert puller(store, server, offline=why).pull(TINY) == 0  # what is here needs no connection


def test_the_setting_forbids_a_pull() -> None:
    assert why_offline(Settings.model_validate({"models": {"offline": True}}), {}) == "models.offline"


def test_a_licence_is_accepted_by_name_before_anything_comes(store: ModelStore, server: Server) -> None:
    strict = entry(CONTENT, licence="AGPL-3.0", extra='opt_in = "also over a network"')
    with pytest.raises(ModelError, match=r"tiny is under AGPL-3\.0: also over a network") as caught:
        puller(store, server, accept=("other",)).pull(strict)
    assert caught.value.code == "licence_not_accepted" and "--accept-licence tiny" in str(caught.value.hint) and server.asked == []
    puller(store, server, accept=("tiny",)).pull(strict)
    record = store.record(strict)
    assert record is not None and record.accepted
    assert puller(store, server).pull(strict) == 0  # remembered


# --- the store afterwards


@pytest.mark.parametrize("content", ["", "{", "[]", '{"files": {"../../x": {"sha256": "0", "bytes": 1}}}', '{"files": {"tiny.onnx": {}}}'])
def test_a_damaged_record_makes_the_model_absent_and_a_pull_mends_it(store: ModelStore, server: Server, content: str) -> None:
    puller(store, server).pull(TINY)
    (store.folder(TINY) / RECORD).write_text(content)
    assert not store.present(TINY) and store.damage(TINY) == "its record.json cannot be read"
    assert puller(store, server).pull(TINY) == 0 and len(server.asked) == 1  # its file is whole
    assert store.present(TINY) and store.damage(TINY) is None


def test_a_damaged_file_is_fetched_anew(store: ModelStore, server: Server) -> None:
    puller(store, server).pull(TINY)
    path = store.folder(TINY) / "tiny.onnx"
    path.write_bytes(CONTENT[:-1] + b"x")
    assert puller(store, server).pull(TINY) == len(CONTENT) and path.read_bytes() == CONTENT


def test_files_of_another_version_of_the_manifest_are_replaced(store: ModelStore, server: Server) -> None:
    puller(store, server).pull(TINY)
    server.files[PATH] = CONTENT[::-1]
    newer = entry(CONTENT[::-1])
    assert not store.present(newer)
    assert puller(store, server).pull(newer) == len(CONTENT) and store.present(newer)


def test_what_is_removed_is_gone(store: ModelStore, server: Server) -> None:
    puller(store, server).pull(TINY)
    assert store.remove(TINY) > len(CONTENT) and not store.folder(TINY).exists()
    assert store.remove(TINY) == 0


def test_a_file_is_hashed_once_and_not_in_every_process(store: ModelStore, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    puller(store, server).pull(TINY)
    monkeypatch.setattr(sources, "_hashes", {})  # as in a new process
    reads: list[Path] = []
    real = sources.hashlib.file_digest
    monkeypatch.setattr(sources.hashlib, "file_digest", lambda file, kind: reads.append(file.name) or real(file, kind))
    source = store.source(TINY, TINY)
    sources.verify(source)
    assert reads == []
    sources.verify(source, again=True)
    assert len(reads) == 1
    path = source.files[0].path
    copy = Path(shutil.copy2(path, path.with_name("copy")))
    copy.replace(path)  # the same bytes and time of change in another file
    sources.verify(source)
    sources.verify(source)
    assert len(reads) == 2


# --- a hub


HUB = parse(
    """
    [talker]
    tier = "full"
    purpose = "tests"
    runtime = "transformers"
    licence = "Apache-2.0"
    source = { kind = "hub", repo = "some/model" }
    loads = "TinyModel"
    """
)["talker"]
FILES = {
    "config.json": b'{"model_type": "tiny"}',
    "model.safetensors": b"weights" * 100,
    "tokenizer.json": b"{}",
    "merges.txt": b"a b",
    "spiece.model": b"pieces",
    "chat_template.jinja": b"{{ x }}",
}
UNWANTED = {
    "pytorch_model.bin": b"pickle",
    "open_clip_model.safetensors": b"of another program",
    "model.pt": b"pickle",
    "modeling_tiny.py": b"code",
    "README.md": b"words",
    ".hidden.json": b"{}",
    "record.json": b"{}",
    "onnx/config.json": b"{}",
    "../../escape.json": b"{}",
    "/etc/absolute.json": b"{}",
}


def serve_hub(server: Server, commit: str, files: dict[str, bytes], *, asked: str = "main") -> None:
    for rev in (asked, commit):
        server.files[f"/api/models/some/model/revision/{rev}"] = listing(commit, files)
    for name, content in files.items():
        server.files[f"/some/model/resolve/{commit}/{name}"] = content


def test_the_first_pull_records_commit_and_sums_and_takes_no_pickle(store: ModelStore, server: Server) -> None:
    serve_hub(server, COMMIT, {**FILES, **UNWANTED})
    assert puller(store, server).pull(HUB) == sum(map(len, FILES.values()))
    assert left(store, HUB) == sorted([*FILES, RECORD, ".stamps.json"])
    record = store.record(HUB)
    assert record is not None and record.revision == COMMIT
    assert {f.name: f.pin.sha256 for f in record.files} == {name: sha256(content) for name, content in FILES.items()}
    asked = len(server.asked)
    assert puller(store, server).pull(HUB) == 0 and len(server.asked) == asked
    assert store.source(HUB, HUB).path == store.folder(HUB)


def test_later_pulls_ask_for_the_recorded_commit_and_refuse_another_content(store: ModelStore, server: Server) -> None:
    serve_hub(server, COMMIT, FILES)
    puller(store, server).pull(HUB)
    weights = store.folder(HUB) / "model.safetensors"
    weights.unlink()
    serve_hub(server, LATER, {**FILES, "model.safetensors": b"others!" * 100})  # main moved on
    puller(store, server).pull(HUB)
    assert weights.read_bytes() == FILES["model.safetensors"] and server.paths()[-2].endswith(f"/revision/{COMMIT}")
    weights.unlink()
    serve_hub(server, COMMIT, {**FILES, "model.safetensors": b"others!" * 100})  # the same commit, rewritten
    with pytest.raises(ModelError, match=r"talker at c+: model\.safetensors is not what it was when it came first") as caught:
        puller(store, server).pull(HUB)
    assert caught.value.code == "model_changed" and not weights.exists()


def test_another_content_under_the_recorded_sum_is_refused(store: ModelStore, server: Server) -> None:
    """The list says what it always said, the file does not."""
    serve_hub(server, COMMIT, FILES)
    puller(store, server).pull(HUB)
    (store.folder(HUB) / "model.safetensors").unlink()
    server.files[f"/some/model/resolve/{COMMIT}/model.safetensors"] = b"others!" * 100
    with pytest.raises(ModelError, match="sha256 begins"):
        puller(store, server).pull(HUB)
    assert not store.present(HUB)


def test_a_small_file_is_checked_by_its_git_id(store: ModelStore, server: Server) -> None:
    serve_hub(server, COMMIT, FILES)
    server.files[f"/some/model/resolve/{COMMIT}/config.json"] = b'{"model_type": "evil"}'
    assert blob_id(FILES["config.json"]) != blob_id(b'{"model_type": "evil"}')
    with pytest.raises(ModelError, match="not what the list of files says"):
        puller(store, server).pull(HUB)
    assert not store.present(HUB) and "config.json" not in left(store, HUB)


def test_another_revision_is_chosen_by_name(store: ModelStore, server: Server) -> None:
    serve_hub(server, COMMIT, FILES)
    puller(store, server).pull(HUB)
    newer = {**FILES, "model.safetensors": b"better!" * 100}
    del newer["merges.txt"]
    serve_hub(server, LATER, newer, asked="refs/pr/2")
    puller(store, server).pull(HUB, revision="refs/pr/2")
    record = store.record(HUB)
    assert record is not None and record.revision == LATER and store.present(HUB)
    assert left(store, HUB) == sorted([*newer, RECORD, ".stamps.json"])
    with pytest.raises(ModelError, match="is pinned"):
        puller(store, server).pull(TINY, revision="main")


def test_what_is_asked_first_may_be_a_pull_request(store: ModelStore, server: Server) -> None:
    assert HUB.source is not None
    serve_hub(server, COMMIT, FILES, asked="refs/pr/7")
    puller(store, server).pull(replace(HUB, source=replace(HUB.source, ref="refs/pr/7")))
    assert server.paths()[0] == "/api/models/some/model/revision/refs/pr/7"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"config.json": b"{}", "pytorch_model.bin": b"pickle"}, "no weights as safetensors"),
        ({"model.safetensors": b"w"}, "no config"),
        ({"config.json": b"{}", "model-00001-of-00002.safetensors": b"w", "model.safetensors.index.json": b"{}"}, "model-00002-of-00002"),
    ],
)
def test_a_repository_without_whole_weights_is_refused(store: ModelStore, server: Server, files: dict[str, bytes], words: str) -> None:
    serve_hub(server, COMMIT, files)
    with pytest.raises(ModelError, match=words) as caught:
        puller(store, server).pull(HUB)
    assert caught.value.code == "no_weights" and len(server.asked) == 1 and left(store, HUB) == []


WHISPER = replace(HUB, name="hearer", runtime="ctranslate2", weights="model.bin")
HEARS = {"config.json": b"{}", "model.bin": b"weights", "tokenizer.json": b"{}", "vocabulary.txt": b"a"}


def test_weights_that_the_manifest_names_are_taken_with_what_stands_beside_them(store: ModelStore, server: Server) -> None:
    serve_hub(server, COMMIT, {**HEARS, "model.safetensors": b"of another program", "pytorch_model.bin": b"pickle", "README.md": b"words"})
    assert puller(store, server).pull(WHISPER) == sum(map(len, HEARS.values()))
    assert left(store, WHISPER) == sorted([*HEARS, RECORD, ".stamps.json"])
    assert store.source(WHISPER, WHISPER).path == store.folder(WHISPER)


@pytest.mark.parametrize("gone", ["model.bin", "tokenizer.json", "config.json"])
def test_a_repository_that_lacks_what_its_runtime_needs_is_refused(store: ModelStore, server: Server, gone: str) -> None:
    serve_hub(server, COMMIT, {name: content for name, content in HEARS.items() if name != gone})
    with pytest.raises(ModelError, match=f"there is no {gone}") as caught:
        puller(store, server).pull(WHISPER)
    assert caught.value.code == "no_weights" and left(store, WHISPER) == []


def test_of_a_model_of_one_onnx_file_only_that_is_taken(store: ModelStore, server: Server) -> None:
    voices = replace(HUB, name="voices", runtime="onnx", weights="voices.onnx")
    serve_hub(server, COMMIT, {"voices.onnx": b"graph", "other.onnx": b"graph", "config.json": b"{}"})
    assert puller(store, server).pull(voices) == 5 and left(store, voices) == sorted(["voices.onnx", RECORD, ".stamps.json"])
    assert store.source(voices, voices).path == store.folder(voices) / "voices.onnx"


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"sha": "main", "siblings": []}',
        b'{"sha": "%s", "siblings": [{"rfilename": "config.json"}]}' % (b"c" * 40),
    ],
)
def test_an_answer_that_is_no_list_is_refused(store: ModelStore, server: Server, answer: bytes) -> None:
    server.files["/api/models/some/model/revision/main"] = answer
    with pytest.raises(ModelError) as caught:
        puller(store, server).pull(HUB)
    assert caught.value.code == "bad_answer"


def test_a_hub_that_answers_with_another_commit_is_refused(store: ModelStore, server: Server) -> None:
    server.files[f"/api/models/some/model/revision/{COMMIT}"] = listing(LATER, FILES)
    with pytest.raises(ModelError, match="answers with the commit d"):
        puller(store, server).pull(HUB, revision=COMMIT)


# --- names and tiers


def test_a_tier_is_what_needs_nothing_more_than_to_be_fetched(store: ModelStore) -> None:
    chosen = choose(store, manifest(), ["compact"])
    assert {"yolox-nano", "deeplab-ade20k", "face-landmarker", "movenet-lightning", "yamnet"} <= {e.name for e in chosen.entries}
    out = {e.name: (why, command) for e, why, command in chosen.left_out}
    assert set(out) == {"age-utkface", "pose-landmarks-lite"}
    assert out["pose-landmarks-lite"] == ("no public source has its files", "reelscope models import DIR")
    assert "age-utkface" in {e.name for e in choose(store, manifest(), ["compact"], ["age-utkface"]).entries}
    full = choose(store, manifest(), ["full"])
    assert {"qwen2-vl-7b", "dfine-large", "vitpose-base"} <= {e.name for e in full.entries}
    assert "qwen2-vl-2b" in {e.name for e in full.on_request} and all(e.permissive for e in full.entries)
    assert [e.name for e in choose(store, manifest(), ["qwen2-vl-2b", "face-blendshapes"]).entries] == ["qwen2-vl-2b", "face-landmarker"]
    assert choose(store, manifest(), ["embedded"]).entries == ()


@pytest.mark.parametrize(
    ("word", "code", "words"),
    [
        ("yolox", "model_missing", "did you mean"),
        ("swift-f0", "in_package", "inside the package"),
        ("pose-landmarks-lite", "not_public", "no public source"),
    ],
)
def test_what_cannot_be_pulled_is_told(store: ModelStore, word: str, code: str, words: str) -> None:
    with pytest.raises((ModelError, InputError), match=words) as caught:
        choose(store, manifest(), [word])
    assert caught.value.code == code


def test_states_tell_what_is_here(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    words = {e.name: state(catalog, e).word for e in manifest().values()}
    assert (words["swift-f0"], words["yolox-nano"], words["pose-landmarks-lite"], words["yolov8x"]) == (
        "in package",
        "not here",
        "import only",
        "import only",
    )
    yolox = manifest()["yolox-nano"]
    (tmp_path / "yolox-nano").mkdir()
    part_of(tmp_path / "yolox-nano", "yolox_nano.onnx").write_bytes(bytes(2_000_000))
    assert state(catalog, yolox).detail == "2 MB of it were fetched before"
    assert state(Catalog(), yolox).word == "not here"
