"""Corrections over the API, on SQLite and PostgreSQL: what is refused, what is kept, what shows them, and two who correct at once."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from reelscope.api import ErrorBody
from reelscope.document.corrections import Corrections, Edit
from reelscope.document.corrections.shapes import CorrectionList
from reelscope.document.schema import Document
from reelscope.errors import InputError
from reelscope.server.corrections import CorrectionBook
from reelscope.server.db import Database, corrections
from reelscope.server.jobs import Handed, Job, Made
from reelscope.server.tokens import Tokens
from tests.document.corrections.made import spoken
from tests.server.conftest import InProcess

CLIP = spoken()
WORD = {"kind": "word", "start_s": 0.3, "end_s": 2.2, "was": "Welcome to reel scope,", "now": "Welcome to reelscope,"}
SIZE = {"kind": "shot", "field": "size", "start_s": 0.0, "end_s": 2.4, "was": "close_up", "now": "medium"}
TEXT = {"kind": "text", "start_s": 2.5, "end_s": 5.0, "was": "1. Light first", "now": "1. Lights first"}


def analysis(api: InProcess, document: Document = CLIP) -> Job:
    """An analysis that is done."""
    from reelscope.api import AnalysisRequest

    request = AnalysisRequest(path="/clips/a.mp4", fresh=True)
    job, _ = api.parts.jobs.hand_in(Handed(request, "path", "a.mp4", "a.mp4"))
    claim = api.parts.jobs.claim(job.id, "w1")
    assert claim is not None
    files = {"analysis.json": api.parts.blobs.put_bytes(document.model_dump_json().encode())}
    made = Made(files, "a.mp4", document.source.sha256, 24.0, 1.0, ok=3, failed=0, unavailable=2, search_text="a")
    assert api.parts.jobs.finish(claim, made)
    return job


@pytest.fixture
def job(api: InProcess) -> Job:
    return analysis(api)


def correct(api: InProcess, job: Job, *edits: dict[str, Any], expect: int = 201, author: str | None = "ana", **headers: str) -> Any:
    body = {"edits": [*edits], **({"author": author} if author is not None else {})}
    answer = api.client.post(f"/analyses/{job.id}/corrections", json=body, headers=headers)
    assert answer.status_code == expect, answer.text
    found = answer.json()
    (CorrectionList if expect == 201 else ErrorBody).model_validate(found)
    return found


def listed(api: InProcess, job: Job) -> Any:
    answer = api.client.get(f"/analyses/{job.id}/corrections")
    assert answer.status_code == 200, answer.text
    return answer.json()


def shown(api: InProcess, job: Job) -> str:
    document = api.client.get(f"/analyses/{job.id}/document", params={"corrected": "true"}).json()
    return str(document["analyzers"]["speech_transcription"]["segments"][0]["text"])


# --- what is refused ------------------------------------------------------------------------------------------------------------------


def test_an_analysis_that_is_not_there_or_not_done(api: InProcess) -> None:
    from reelscope.api import AnalysisRequest

    assert api.client.get(f"/analyses/{'0' * 32}/corrections").status_code == 404
    waiting, _ = api.parts.jobs.hand_in(Handed(AnalysisRequest(path="/clips/a.mp4"), "path", "a.mp4", "a.mp4"))
    assert correct(api, waiting, WORD, expect=409)["code"] == "not_done"


NONE: list[tuple[dict[str, Any], int, str]] = [
    ({**SIZE, "field": "colour"}, 422, "unknown_field"),
    ({**SIZE, "now": "close up"}, 422, "unknown_value"),
    ({**SIZE, "now": ""}, 422, "empty_value"),
    ({**SIZE, "was": "long"}, 409, "not_there"),
    ({**SIZE, "end_s": 2.5}, 409, "not_there"),
    ({**SIZE, "start_s": None, "end_s": None}, 422, "no_times"),
    ({**TEXT, "now": "x" * 501}, 422, "too_long"),
    ({**TEXT, "now": "x" * 5001}, 422, "invalid_request"),
    ({**TEXT, "now": "a\u0007b"}, 422, "invalid_request"),
    ({**TEXT, "now": "a\u0000b"}, 422, "invalid_request"),
    ({**TEXT, "start_s": -1}, 422, "invalid_request"),
    ({**TEXT, "analyzer": "color_analysis"}, 422, "unknown_field"),
    ({**TEXT, "kind": "colour"}, 422, "invalid_request"),
    ({**WORD, "was": "Welcome to real scope,"}, 409, "not_there"),
    ({**WORD, "index": 3}, 422, "invalid_request"),
    ({"kind": "speaker", "was": 7, "now": "Ben"}, 409, "not_there"),
    ({"kind": "label", "now": "mug"}, 422, "unknown_field"),
]


def test_an_edit_that_is_none_is_refused_and_nothing_is_kept(api: InProcess, job: Job) -> None:
    for edit, status, code in NONE:
        found = correct(api, job, WORD, edit, expect=status)
        assert found["code"] == code, (edit, found)
        assert "\u0007" not in found["message"]
    assert listed(api, job)["items"] == []


def test_half_a_character_is_refused(api: InProcess, job: Job) -> None:
    body = b'{"author":"ana","edits":[{"kind":"text","start_s":2.5,"end_s":5,"was":"1. Light first","now":"\\ud800"}]}'
    answer = api.client.post(f"/analyses/{job.id}/corrections", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422 and ErrorBody.model_validate(answer.json()).code == "invalid_request"


def test_who_corrects_must_be_said(api: InProcess, job: Job) -> None:
    for author in (None, "", "  ", "a\nb"):
        assert correct(api, job, WORD, expect=422, author=author)["code"] == "author_needed"
    cid = correct(api, job, WORD)["added"]["ids"][0]
    for path in (f"/{cid}", ""):  # also by whoever takes something back
        answer = api.client.delete(f"/analyses/{job.id}/corrections{path}")
        assert (answer.status_code, answer.json()["code"]) == (422, "author_needed")
    assert [c["state"] for c in listed(api, job)["items"]] == ["applied"]


def test_another_website_a_worker_and_a_stranger_may_not(api: InProcess, job: Job) -> None:
    worker, client = (Tokens(api.parts.database).create(name, scope) for name, scope in (("gpu-1", "worker"), ("studio", "client")))  # type: ignore[arg-type]
    elsewhere = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    assert correct(api, job, WORD, expect=403, Authorization=f"Bearer {client}", **elsewhere)["code"] == "cross_site"
    assert correct(api, job, WORD, expect=403, Authorization=f"Bearer {worker}")["code"] == "wrong_scope"
    assert correct(api, job, WORD, expect=401)["code"] == "token_needed"
    headers = {"Authorization": f"Bearer {client}", "Content-Type": "text/plain"}
    assert api.client.post(f"/analyses/{job.id}/corrections", content=b"{}", headers=headers).status_code == 415
    assert api.parts.corrections.revision(CLIP.source.sha256) == 0


def test_the_author_is_the_tokens_name(api: InProcess, job: Job) -> None:
    token = Tokens(api.parts.database).create("studio")
    headers = {"Authorization": f"Bearer {token}"}
    assert correct(api, job, WORD, author="somebody else", **headers)["items"][0]["author"] == "studio"
    cid = correct(api, job, SIZE, author=None, **headers)["added"]["ids"][0]
    found = api.client.delete(f"/analyses/{job.id}/corrections/{cid}", headers=headers).json()
    assert found["items"][1]["withdrawn"]["author"] == "studio"


def test_a_stale_page_is_refused(api: InProcess, job: Job) -> None:
    found = correct(api, job, WORD)
    tag = api.client.get(f"/analyses/{job.id}/corrections").headers["etag"]
    assert (found["revision"], tag) == (1, '"1"')
    assert correct(api, job, SIZE, expect=409, **{"If-Match": '"0"'})["code"] == "stale_corrections"
    assert correct(api, job, SIZE, expect=422, **{"If-Match": "abc"})["code"] == "bad_revision"
    assert correct(api, job, SIZE, **{"If-Match": tag})["revision"] == 2
    cid = found["added"]["ids"][0]
    answer = api.client.delete(f"/analyses/{job.id}/corrections/{cid}", params={"author": "ana"}, headers={"If-Match": tag})
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_corrections")


# --- what is kept ---------------------------------------------------------------------------------------------------------------------


def test_the_measurement_stays_and_everything_shown_is_corrected(api: InProcess, job: Job) -> None:
    before = api.client.get(f"/analyses/{job.id}/document")
    report = api.client.get(f"/analyses/{job.id}/report")
    table = api.client.get(f"/analyses/{job.id}/export/csv")
    found = correct(api, job, WORD, SIZE, TEXT)
    assert [i["state"] for i in found["items"]] == ["applied"] * 3 and len(found["added"]["ids"]) == 3
    assert all(i["author"] == "ana" and i["at"] and i["places"] for i in found["items"])
    again = api.client.get(f"/analyses/{job.id}/document")
    assert (again.content, again.headers["etag"]) == (before.content, before.headers["etag"])
    assert shown(api, job) == "Welcome to reelscope,"
    after = api.client.get(f"/analyses/{job.id}/report", headers={"If-None-Match": report.headers["etag"]})
    assert after.status_code == 200 and "1. Lights first" in after.text and "1. Lights first" not in report.text
    assert api.client.get(f"/analyses/{job.id}/report", headers={"If-None-Match": after.headers["etag"]}).status_code == 304
    made = api.client.get(f"/analyses/{job.id}/export/csv", headers={"If-None-Match": table.headers["etag"]})
    assert made.status_code == 200
    with zipfile.ZipFile(io.BytesIO(made.content)) as files:
        assert b"Welcome to reelscope," in files.read("shots.csv")
    subtitles = api.client.get(f"/analyses/{job.id}/export/srt", params={"file": "speech.srt"}).text
    assert "reelscope" in subtitles and "reel scope" not in subtitles
    kept = api.client.get(f"/analyses/{job.id}/document", params={"corrected": "true"})
    same = api.client.get(f"/analyses/{job.id}/document", params={"corrected": "true"}, headers={"If-None-Match": kept.headers["etag"]})
    assert same.status_code == 304


OVER: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (SIZE, {**SIZE, "now": "long"}, "ana changed this to “medium” on "),
    (TEXT, {**TEXT, "now": "1. Night first"}, "ana changed this to “1. Lights first” on "),
    ({**TEXT, "now": ""}, {**TEXT, "now": "1. Night first"}, "ana took this away on "),
    (WORD, {**WORD, "now": "Welcome to real scope,"}, "ana changed this to “Welcome to reelscope,” on "),
    ({**WORD, "was": "reel", "now": "reels"}, {**WORD, "now": "Welcome, reel scope,"}, "ana changed this to “Welcome to reels scope,” on "),
    ({**WORD, "now": ""}, {**WORD, "now": "Welcome to real scope,"}, "ana took this away on "),
]


@pytest.mark.parametrize(("first", "second", "words"), OVER)
def test_what_somebody_changed_meanwhile_is_not_written_over(
    api: InProcess, job: Job, first: dict[str, Any], second: dict[str, Any], words: str
) -> None:
    correct(api, job, first)
    found = correct(api, job, second, expect=409, author="ben")
    assert found["code"] == "not_there" and found["message"].startswith(words), found
    assert [c["author"] for c in listed(api, job)["items"]] == ["ana"]
    assert correct(api, job, first, author="ben")["added"] == {"ids": []}  # who asks for what stands there has nothing to be told


def test_asked_twice_is_once(api: InProcess, job: Job) -> None:
    correct(api, job, WORD, SIZE)
    found = correct(api, job, WORD, SIZE)
    assert (found["revision"], len(found["items"]), found["added"]) == (2, 2, {"ids": []})


def test_taking_back_keeps_the_history_and_what_held_before_holds_again(api: InProcess, job: Job) -> None:
    first = correct(api, job, SIZE)["added"]["ids"][0]
    second = correct(api, job, {**SIZE, "was": "medium", "now": "long"}, author="ben")["added"]["ids"][0]
    assert {i["id"]: i["state"] for i in listed(api, job)["items"]} == {first: "superseded", second: "applied"}
    found = api.client.delete(f"/analyses/{job.id}/corrections/{second}", params={"author": "cleo"}).json()
    assert {i["id"]: i["state"] for i in found["items"]} == {first: "applied", second: "withdrawn"}
    assert found["items"][1]["withdrawn"]["author"] == "cleo" and found["revision"] == 3
    again = api.client.delete(f"/analyses/{job.id}/corrections/{second}", params={"author": "cleo"})
    assert (again.status_code, again.json()["code"]) == (409, "already_withdrawn")
    assert api.client.delete(f"/analyses/{job.id}/corrections/nothing", params={"author": "cleo"}).status_code == 404


def test_a_new_analysis_has_them_and_a_purge_does_not_take_them(api: InProcess, job: Job) -> None:
    correct(api, job, WORD, SIZE)
    raw = CLIP.model_dump(mode="json")
    for shot in raw["shots"]:  # the new analysis sees the same size by itself
        shot["size"] = "medium"
    other = analysis(api, Document.model_validate(raw))
    assert [i["state"] for i in listed(api, other)["items"]] == ["applied", "agreed"]
    assert api.client.delete(f"/analyses/{job.id}", params={"purge": "true"}).status_code == 204
    api.parts.janitor.tidy()
    assert shown(api, other) == "Welcome to reelscope,"
    raw["analyzers"]["speech_transcription"] = {"status": "skipped", "requested": False}
    without = listed(api, analysis(api, Document.model_validate(raw)))
    assert without["items"][0]["state"] == "unplaced" and "skipped" in without["items"][0]["reason"]
    assert "word" not in {e["kind"] for e in without["editable"]}


def test_removing_all_of_a_clip(api: InProcess, job: Job) -> None:
    correct(api, job, WORD, SIZE)
    tag = api.client.get(f"/analyses/{job.id}/report").headers["etag"]
    found = api.client.delete(f"/analyses/{job.id}/corrections", params={"author": "ana"}).json()
    assert (found["items"], found["revision"]) == ([], 3)
    rows = api.parts.database.read(lambda c: c.execute(sa.select(corrections)).all())
    assert [(r.action, r.body) for r in rows] == [("clear", "")]
    assert api.client.get(f"/analyses/{job.id}/report").headers["etag"] != tag
    assert correct(api, job, WORD)["revision"] == 4


def test_the_file_is_what_the_command_line_reads(api: InProcess, job: Job, tmp_path: Path) -> None:
    from reelscope.document.corrections import corrected, read_corrections

    correct(api, job, WORD, SIZE)
    answer = api.client.get(f"/analyses/{job.id}/corrections", params={"file": "true"})
    assert 'filename="corrections.json"' in answer.headers["content-disposition"]
    (tmp_path / "corrections.json").write_bytes(answer.content)
    found = read_corrections(tmp_path / "corrections.json")
    assert len(corrected(CLIP, found).applied) == 2


def test_what_can_be_corrected_is_told_with_its_values(api: InProcess, job: Job) -> None:
    found = {(e["kind"], e["analyzer"], e["field"], e["segments_of_kind"]): e for e in listed(api, job)["editable"]}
    assert found["shot", "shots", "size", None]["values"][0] == "extreme_close_up"
    assert found["word", "speech_transcription", "text", None]["may_be_empty"]
    assert found["label", "audio_environment", "label", "class"]["values"] == ["speech", "music", "noise", "silence"]


# --- two at once ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def book(database_url: str) -> Iterator[CorrectionBook]:
    database = Database(database_url)
    database.prepare()
    yield CorrectionBook(database)
    database.close()


def at_once(work: Callable[[int], None]) -> None:
    """Four who do something at the same time."""
    failed: list[BaseException] = []
    start = threading.Barrier(4)

    def one(number: int) -> None:
        try:
            start.wait(timeout=120)
            work(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=240)
    assert failed == []


def described(number: int, was: str | None, now: str) -> Edit:
    shot = CLIP.shots[number]
    return Edit(kind="shot", field="description", start_s=shot.start_s, end_s=shot.end_s, was=was, now=now)


def test_everybody_who_corrects_at_once_is_kept(book: CorrectionBook) -> None:
    other = CorrectionBook(Database(book.database.url))

    def work(number: int) -> None:
        for k in range(5):
            edit = described(number, f"{number}.{k - 1}" if k else None, f"{number}.{k}")
            (book, other)[number % 2].edit(CLIP, [edit], f"user{number}")

    book.edit(CLIP, [Edit.model_validate(WORD)], "ana")
    at_once(work)
    other.database.close()
    found = book.of(CLIP.source.sha256)
    assert (found.revision, len(found.edits)) == (21, 21)
    for number in range(4):  # nobody's were lost, and each in the order in which they were made
        assert [c.now for c in found.edits if c.author == f"user{number}"] == [f"{number}.{k}" for k in range(5)]
    states = [o.state for o in _outcomes(found)]
    assert (states.count("applied"), states.count("superseded")) == (5, 16) and states[-1] == "applied"


def test_of_all_who_correct_the_same_at_once_one_is_taken_and_the_others_are_told(book: CorrectionBook) -> None:
    other, told = CorrectionBook(Database(book.database.url)), []

    def work(number: int) -> None:
        try:
            (book, other)[number % 2].edit(CLIP, [described(0, None, f"by {number}")], f"user{number}")
        except InputError as error:
            told.append((error.code, error.message))

    at_once(work)
    other.database.close()
    (kept,) = book.of(CLIP.source.sha256).edits
    words = f"{kept.author} changed this to “{kept.now}” on {kept.at:%Y-%m-%d} at {kept.at:%H:%M} UTC"
    assert told == [("not_there", words)] * 3


def _outcomes(found: Corrections) -> Any:
    from reelscope.document.corrections import corrected

    return corrected(CLIP, found).outcomes


def test_an_answer_lost_after_the_commit_is_no_second_edit(book: CorrectionBook) -> None:
    write, tries = book.database.write, []

    def twice(body: Any) -> Any:
        tries.append(1)
        write(body)
        return write(body)  # as after a connection that broke while it committed

    book.database.write = twice  # type: ignore[method-assign]
    book.edit(CLIP, [Edit.model_validate(WORD), Edit.model_validate(SIZE)], "ana")
    found = book.of(CLIP.source.sha256)
    assert (tries, found.revision, len(found.edits)) == ([1], 2, 2)
    assert book.clear(CLIP.source.sha256, "ana", expected=2) == 2
    assert (len(tries), book.revision(CLIP.source.sha256)) == (2, 3)


def test_a_database_of_before_gets_the_table(database_url: str) -> None:
    database = Database(database_url)
    database.prepare()
    database.write(lambda c: corrections.drop(c))
    database.prepare()
    book = CorrectionBook(database)
    assert book.edit(CLIP, [Edit.model_validate(SIZE)], "ana") and book.revision(CLIP.source.sha256) == 1
    database.close()
