"""The API without workers: what is taken, what is refused and how, what is answered. Jobs are brought to their states by hand."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from reelscope.api import AnalysisList, AnalysisStatus, ErrorBody, Progress
from reelscope.server.db import jobs, now
from reelscope.server.jobs import Job, Made
from tests.document.fixtures import full_document
from tests.server.conftest import InProcess, in_process
from tests.server.places import until

CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40


def clip(api: InProcess, name: str = "a.mp4", data: bytes = CLIP) -> str:
    path = api.folder / "roots" / name
    path.write_bytes(data)
    return str(path)


def post(api: InProcess, expect: int = 202, headers: dict[str, str] | None = None, **body: Any) -> dict[str, Any]:
    answer = api.client.post("/analyses", json=body, headers=headers)
    assert answer.status_code == expect, answer.text
    found = answer.json()
    if expect in (200, 202):
        AnalysisStatus.model_validate(found)
    else:
        ErrorBody.model_validate(found)
        assert set(found) == {"code", "message", "hint", "retryable"}
    return found


def job(api: InProcess, found: dict[str, Any]) -> Job:
    job = api.parts.jobs.get(found["id"])
    assert job is not None
    return job


def finish(api: InProcess, found: dict[str, Any], text: str = "", keyframe: bytes | None = None) -> None:
    document = full_document()
    claim = api.parts.jobs.claim(found["id"], "w1")
    assert claim is not None
    files = {"analysis.json": api.parts.blobs.put_bytes(document.model_dump_json().encode())}
    made = Made(
        files=files, title=found["title"], clip_sha256="0" * 64, duration_s=3.0, seconds=1.5, ok=3, failed=0, unavailable=2,
        search_text=f"{found['title']}\n{text}".casefold(),
    )  # fmt: skip
    assert api.parts.jobs.finish(claim, made)


def error(answer: Any, status: int, code: str) -> ErrorBody:
    assert answer.status_code == status, answer.text
    found = ErrorBody.model_validate(answer.json())
    assert found.code == code
    return found


# --- handing in -----------------------------------------------------------------------------------------------------------------------


def test_a_path_is_accepted_and_copied(api: InProcess) -> None:
    path = clip(api)
    answer = api.client.post("/analyses", json={"path": path, "priority": 2, "analyzers": ["cut_analysis"]})
    assert answer.status_code == 202
    found = answer.json()
    assert answer.headers["location"] == f"/analyses/{found['id']}"
    assert (found["state"], found["priority"], found["analyzers"], found["title"]) == ("queued", 2, ["cut_analysis"], "a.mp4")
    assert found["source"] == {"kind": "path", "name": "a.mp4", "url": None, "sha256": hashlib.sha256(CLIP).hexdigest()}
    Path(path).unlink()
    assert api.client.get(found["links"]["media"]).content == CLIP


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_request"),
        ({"url": "https://a.example/x.mp4", "path": "/x"}, "invalid_request"),
        ({"path": "/x", "priority": 0}, "invalid_request"),
        ({"path": "/x", "priority": 11}, "invalid_request"),
        ({"path": "/x", "surprise": 1}, "invalid_request"),
        ({"path": "/x", "analyzers": []}, "invalid_request"),
        ({"path": "/x", "analyzers": ["cut_analysi"]}, "unknown_analyzer"),
        ({"path": "/x", "skip": ["nobody"]}, "unknown_analyzer"),
        ({"path": "/x", "tier": "enormous"}, "invalid_request"),
        ({"path": "/x", "backends": {"cut_analysis": "magic"}}, "bad_setting"),
        ({"path": "/x", "options": {"color_analysis": {"colours": 5}}}, "unknown_option"),
        ({"path": "/x", "options": {"color_analysis": {"colors": "many"}}}, "bad_setting"),
        ({"url": "ftp://a.example/x"}, "bad_url"),
        ({"url": "no address"}, "bad_url"),
        ({"url": "http://2130706433/x.mp4"}, "bad_url"),
        ({"url": "https://www.tiktok.com/@somebody"}, "not_one_post"),
        ({"path": "/x", "callback_url": "file:///etc/passwd"}, "scheme_not_allowed"),
    ],
)
def test_what_is_wrong_is_told_at_once(tmp_path: Path, body: dict[str, Any], code: str) -> None:
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3") as api:
        found = post(api, 422, **body)
        assert found["code"] == code, found
        assert api.client.get("/analyses").json()["total"] == 0


@pytest.mark.parametrize("url", ["http://127.0.0.1/x.mp4", "http://[::ffff:10.0.0.1]/x.mp4", "http://localhost/x"])
def test_private_addresses_are_refused(tmp_path: Path, url: str) -> None:
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3") as api:
        assert post(api, 403, url=url)["code"] == "address_not_allowed"
        assert post(api, 403, url="https://a.example/x.mp4", callback_url=url)["code"] == "address_not_allowed"


def test_paths_lie_truly_under_a_root(api: InProcess) -> None:
    secret = api.folder / "secret.mp4"
    secret.write_bytes(CLIP)
    (api.folder / "roots" / "link.mp4").symlink_to(secret)
    (api.folder / "roots" / "folder").symlink_to(api.folder)
    os.mkfifo(api.folder / "roots" / "pipe.mp4")
    root = api.folder / "roots"
    bad = [secret, root / "link.mp4", root / "folder" / "secret.mp4", root / ".." / "secret.mp4", root, root / "pipe.mp4", root / "no.mp4"]
    answers = [post(api, 403, path=str(path)) for path in bad]
    answers.append(post(api, 403, path="/etc/passwd"))
    answers.append(post(api, 403, path=f"{root}/a\0b"))
    assert len({json.dumps(a) for a in answers}) == 1  # what is not there looks like what is not allowed: nothing can be probed
    (root / "inside.mp4").symlink_to(clip(api))
    post(api, path=str(root / "inside.mp4"))


def test_without_roots_no_path_is_taken(tmp_path: Path) -> None:
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3") as api:
        assert post(api, 403, path="/etc/passwd")["code"] == "paths_not_allowed"


def test_the_same_clip_and_options_are_answered_from_what_is_there(api: InProcess) -> None:
    first = post(api, path=clip(api))
    assert post(api, path=clip(api, "copy.mp4"))["id"] == first["id"]  # it is on its way: nothing new
    finish(api, first)
    assert post(api, 200, path=clip(api))["id"] == first["id"]
    assert post(api, path=clip(api), fresh=True)["id"] != first["id"]
    assert post(api, path=clip(api), options={"color_analysis": {"colors": 3}})["id"] != first["id"]
    assert post(api, path=clip(api, "other.mp4", CLIP + b"x"))["id"] != first["id"]


def test_posts_are_known_by_their_one_address_and_files_are_not(api: InProcess) -> None:
    first = post(api, url="https://www.tiktok.com/@a/video/7000000000000000001?lang=en")
    assert post(api, url="https://m.tiktok.com/v/7000000000000000001.html")["source"]["url"].startswith("https://www.tiktok.com/")
    assert post(api, url="https://tiktok.com/@a/video/7000000000000000001")["id"] == first["id"]
    file = post(api, url="https://a.example/clip.mp4")
    assert post(api, url="https://a.example/clip.mp4")["id"] != file["id"]


def test_idempotency_keys(api: InProcess) -> None:
    body = {"url": "https://a.example/clip.mp4"}
    first = post(api, headers={"Idempotency-Key": "k1"}, **body)
    assert post(api, headers={"Idempotency-Key": "k1"}, **body)["id"] == first["id"]
    assert post(api, 422, headers={"Idempotency-Key": "k1"}, priority=1, **body)["code"] == "idempotency_conflict"
    assert post(api, headers={"Idempotency-Key": "k2"}, **body)["id"] != first["id"]
    assert post(api, 422, headers={"Idempotency-Key": "with blank"}, **body)["code"] == "invalid_request"


def test_waiting_answers_with_the_document_or_the_state(api: InProcess) -> None:
    found = post(api, path=clip(api))
    finish(api, found)
    answer = api.client.post("/analyses?wait=5", json={"path": clip(api)})
    assert answer.status_code == 200 and "analyzers" in answer.json()
    answer = api.client.post("/analyses?wait=0.2", json={"path": clip(api), "fresh": True})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    error(api.client.post("/analyses?wait=1000", json={"path": clip(api)}), 422, "invalid_request")


# --- looking --------------------------------------------------------------------------------------------------------------------------


def test_pages_filter_and_search(api: InProcess) -> None:
    made = [post(api, path=clip(api, f"clip {n}.mp4", CLIP + bytes([n]))) for n in range(5)]
    finish(api, made[0], text="Wir fahren nach Zürich 100% sicher")
    api.client.delete(f"/analyses/{made[1]['id']}")

    def ids(query: str) -> list[str]:
        page = AnalysisList.model_validate(api.client.get(f"/analyses?{query}").json())
        assert page.total == len(page.items) or page.next is not None or "cursor" in query
        return [item.id for item in page.items]

    newest_first = [m["id"] for m in reversed(made)]
    assert ids("") == newest_first
    assert ids("state=done") == [made[0]["id"]]
    assert ids("state=cancelled") == [made[1]["id"]]
    assert ids("q=ZÜRICH fahren") == [made[0]["id"]]
    assert ids("q=zürich paris") == []
    assert ids("q=%25") == [made[0]["id"]]  # a per cent sign is a character, no wildcard
    assert ids("q=_") == []
    assert ids("q=clip 3") == [made[3]["id"]]
    first = api.client.get("/analyses?limit=2").json()
    second = api.client.get("/analyses", params={"limit": 2, "cursor": first["next"]}).json()
    third = api.client.get("/analyses", params={"limit": 2, "cursor": second["next"]}).json()
    assert [i["id"] for page in (first, second, third) for i in page["items"]] == newest_first
    assert (third["next"], first["total"]) == (None, 5)
    for bad in ("limit=0", "limit=201", "state=lost", "cursor=%21%21", "cursor=LTE", "cursor=" + "A" * 99):
        assert api.client.get(f"/analyses?{bad}").status_code == 422, bad


def test_estimates_come_from_what_was_measured(rows_are_workers: None, api: InProcess) -> None:
    found = post(api, path=clip(api))
    none = api.client.get(f"/analyses/{found['id']}").json()["estimate"]
    assert (none["seconds"], none["basis"]) == (None, "no worker is there")
    api.parts.fleet.enter("w0", restarts=0)
    api.parts.fleet.beat("w0", "ready", [], {})
    none = api.client.get(f"/analyses/{found['id']}").json()["estimate"]
    assert none["seconds"] is None and "fewer than" in none["basis"]
    api.parts.fleet.beat("w0", "draining", [], {})
    finish(api, found)
    for n in range(3):
        finish(api, post(api, path=clip(api, f"{n}.mp4", CLIP + bytes([n]))))
    waiting = post(api, path=clip(api, "new.mp4", b"new" + CLIP))
    assert waiting["estimate"]["seconds"] is None  # nobody is there to do it
    api.parts.fleet.enter("w1", restarts=0)
    api.parts.fleet.beat("w1", "ready", [], {})
    assert api.client.get(f"/analyses/{waiting['id']}").json()["estimate"]["seconds"] == 1.5
    behind = post(api, path=clip(api, "newer.mp4", b"newer" + CLIP))
    assert (behind["estimate"]["jobs_ahead"], behind["estimate"]["seconds"]) == (1, 3.0)


def test_an_estimate_follows_a_clip_that_is_slower_than_others(api: InProcess) -> None:
    for n in range(3):
        finish(api, post(api, path=clip(api, f"{n}.mp4", CLIP + bytes([n]))))
    found = post(api, path=clip(api))
    claim = api.parts.jobs.claim(found["id"], "w1")
    assert claim is not None

    def estimate() -> dict[str, Any]:
        return api.client.get(f"/analyses/{found['id']}").json()["estimate"]

    def begun(seconds_ago: float, attempts: int = 1) -> None:
        values = {"started_at": now() - seconds_ago, "attempts": attempts}
        api.parts.database.write(lambda c: c.execute(sa.update(jobs).where(jobs.c.id == found["id"]).values(values)))

    long = 10_000.0  # beside it the seconds that a test takes are nothing
    begun(long)
    assert estimate()["seconds"] == 0.0  # nothing is known of it but the median of 1.5 s
    api.parts.jobs.report(claim, Progress(phase="decode", share=0.25))
    slow = estimate()
    assert (slow["seconds"], slow["basis"]) == (pytest.approx(3 * long, rel=0.02), "its own pace so far")
    begun(long, attempts=2)  # an attempt before took most of that
    again = estimate()
    assert again["seconds"] == pytest.approx(1.5 * 0.75, abs=0.1) and "median" in again["basis"]


def test_progress_is_what_the_worker_wrote(api: InProcess) -> None:
    found = post(api, path=clip(api))
    claim = api.parts.jobs.claim(found["id"], "w1")
    assert claim is not None
    api.parts.jobs.report(claim, Progress(phase="decode", share=0.25, done_s=1.0, total_s=4.0))
    seen = api.client.get(f"/analyses/{found['id']}").json()
    assert (seen["state"], seen["worker"], seen["progress"]["share"]) == ("running", "w1", 0.25)


# --- results --------------------------------------------------------------------------------------------------------------------------


def test_results_are_there_once_it_is_done(api: InProcess) -> None:
    found = post(api, path=clip(api))
    for part in ("document", "report", "export/json"):
        assert error(api.client.get(f"/analyses/{found['id']}/{part}"), 409, "not_done").message == "this analysis is queued, not done"
    finish(api, found)
    document = api.client.get(found["links"]["document"])
    assert document.json()["schema_version"] and document.headers["etag"]
    report = api.client.get(found["links"]["report"])
    assert report.headers["content-type"] == "text/html; charset=utf-8" and "<html" in report.text
    assert "script-src 'sha256-" in report.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in report.headers["content-security-policy"]
    assert api.client.get(f"/analyses/{found['id']}/export/json").json() == document.json()
    missing = error(api.client.get(f"/analyses/{found['id']}/export/docx"), 404, "unknown_format")
    assert missing.hint is not None and missing.hint.startswith("there are: json, html, srt")


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-9", 206, 0, 9),
        ("bytes=10-", 206, 10, len(CLIP) - 1),
        ("bytes=-5", 206, len(CLIP) - 5, len(CLIP) - 1),
        ("bytes=0-999999999", 206, 0, len(CLIP) - 1),
        ("bytes=-999999999", 206, 0, len(CLIP) - 1),
        ("bytes=5-2", 200, 0, len(CLIP) - 1),
        ("bytes=0-1,4-5", 200, 0, len(CLIP) - 1),
        ("lines=1-2", 200, 0, len(CLIP) - 1),
        ("bytes=-", 200, 0, len(CLIP) - 1),
    ],
)
def test_ranges_of_the_clip(tmp_path: Path, asked: str, status: int, first: int, last: int) -> None:
    (tmp_path / "roots").mkdir()
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3", roots=[str(tmp_path / "roots")]) as api:
        media = post(api, path=clip(api))["links"]["media"]
        answer = api.client.get(media, headers={"Range": asked})
        assert (answer.status_code, answer.content) == (status, CLIP[first : last + 1])
        assert answer.headers["content-type"] == "video/mp4" and answer.headers["x-content-type-options"] == "nosniff"
        if status == 206:
            assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(CLIP)}"


def test_ranges_that_are_not_there_and_conditions(api: InProcess) -> None:
    media = post(api, path=clip(api))["links"]["media"]
    for bad in (f"bytes={len(CLIP)}-", "bytes=-0"):
        answer = api.client.get(media, headers={"Range": bad})
        error(answer, 416, "no_such_range")
        assert answer.headers["content-range"] == f"bytes */{len(CLIP)}"
    whole = api.client.get(media)
    tag = whole.headers["etag"]
    assert api.client.get(media, headers={"Range": "bytes=0-1", "If-Range": tag}).status_code == 206
    assert api.client.get(media, headers={"Range": "bytes=0-1", "If-Range": '"other"'}).status_code == 200
    assert api.client.get(media, headers={"If-None-Match": tag}).status_code == 304
    head = api.client.head(media)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(CLIP)))


def test_what_is_no_clip_is_never_shown_as_a_page(api: InProcess) -> None:
    media = post(api, path=clip(api, "evil.html", b"<html><script>alert(1)</script>"))["links"]["media"]
    answer = api.client.get(media)
    assert answer.headers["content-type"] == "application/octet-stream"


# --- ending ---------------------------------------------------------------------------------------------------------------------------


def test_cancelling_and_removing(api: InProcess) -> None:
    found = post(api, path=clip(api))
    answer = api.client.delete(f"/analyses/{found['id']}")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    error(api.client.delete(f"/analyses/{found['id']}"), 409, "already_ended")
    assert api.client.delete(f"/analyses/{found['id']}?purge=true").status_code == 204
    for path in ("", "/events", "/document", "/report", "/media", "/export/json"):
        error(api.client.get(f"/analyses/{found['id']}{path}"), 404, "not_found")
    error(api.client.delete(f"/analyses/{found['id']}?purge=true"), 404, "not_found")


def test_removed_files_go_by_rule(api: InProcess) -> None:
    keep, remove = post(api, path=clip(api)), post(api, path=clip(api, "b.mp4", CLIP + b"b"))
    api.client.delete(f"/analyses/{remove['id']}?purge=true")
    old = 1.0
    for path in api.parts.blobs.folder.glob("*/*"):
        os.utime(path, (old, old))
    api.parts.janitor.tidy()
    assert [p.name for p in api.parts.blobs.folder.glob("*/*")] == [keep["source"]["sha256"]]


def test_old_analyses_go_by_rule(tmp_path: Path) -> None:
    (tmp_path / "roots").mkdir()
    rules = {"keep_days": 1e-9, "keep_media_days": 1e-9, "roots": [str(tmp_path / "roots")]}
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3", **rules) as api:
        waiting, ended = post(api, path=clip(api)), post(api, path=clip(api, "b.mp4", CLIP + b"b"))
        finish(api, ended)

        def left() -> list[str]:
            api.parts.janitor.tidy()
            return [i["id"] for i in api.client.get("/analyses").json()["items"]]

        until(lambda: left() == [waiting["id"]])  # SQLite's clock may still be at the millisecond in which the other one ended
        assert api.client.get(waiting["links"]["media"]).status_code == 200


# --- the server itself ----------------------------------------------------------------------------------------------------------------


def test_analyzers_and_models(api: InProcess) -> None:
    rows = {r["name"]: r for r in api.client.get("/analyzers").json()["items"]}
    assert len(rows) == 19
    assert rows["cut_analysis"]["status"] == "usable" and rows["qwen2_vl_temporal"]["hint"]
    models = {r["name"]: r for r in api.client.get("/models").json()["items"]}
    assert models["silero-vad"]["status"] == "in package"


def test_ready_needs_a_worker_and_whole_models(rows_are_workers: None, api: InProcess) -> None:
    assert api.client.get("/health").json()["status"] == "ok"
    answer = api.client.get("/ready")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    api.parts.fleet.enter("w1", restarts=0)
    api.parts.fleet.beat("w1", "ready", [], {})
    until(lambda: api.client.get("/ready").status_code == 200)
    checks = {c["name"]: c for c in api.client.get("/ready").json()["checks"]}
    assert checks["silero-vad"]["ok"] and checks["workers"]["detail"] == "1 ready"
    api.parts.drain()
    answer = api.client.get("/ready")
    assert (answer.status_code, answer.json()["state"]) == (503, "draining")
    found = error(api.client.post("/analyses", json={"path": clip(api)}), 503, "draining")
    assert found.retryable


def test_figures(api: InProcess) -> None:
    until(lambda: api.client.get("/monitor").status_code == 200)
    snapshot = api.client.get("/monitor").json()
    assert snapshot["queue"]["queued"] == 0
    assert "reelscope_build_info" in api.client.get("/metrics").text
    assert "points" in api.client.get("/monitor/history").json()


def test_the_page_and_what_it_loads(api: InProcess) -> None:
    page = api.client.get("/")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    import re

    for path in re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text):
        assert api.client.get(path).status_code == 200, path
    assert api.client.get("/", headers={"If-None-Match": page.headers["etag"]}).status_code == 304
    error(api.client.get("/assets/../app.py"), 404, "not_found")


def test_what_is_not_there_and_what_is_not_taken(api: InProcess) -> None:
    error(api.client.get("/nothing"), 404, "not_found")
    error(api.client.put("/analyses", json={}), 405, "method_not_allowed")
    error(api.client.get("/analyses/" + "z" * 32), 404, "not_found")
    error(api.client.get("/analyses/short"), 404, "not_found")


def test_a_bug_of_ours_says_nothing_of_itself(api: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(api.parts.listing, "page", broken)
    answer = api.client.get("/analyses")
    assert answer.status_code == 500 and "secret" not in answer.text
    ErrorBody.model_validate(answer.json())


def test_media_is_not_opened_in_the_web_process() -> None:
    import subprocess

    code = (
        "import sys, tempfile; from reelscope.config import Settings; from reelscope.server.app import create_app\n"
        "create_app(Settings.model_validate({'system': {'data_dir': tempfile.mkdtemp()}}))\n"
        "print([m for m in ('av', 'cv2', 'numpy', 'onnxruntime', 'yt_dlp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
