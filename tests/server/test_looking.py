"""One look for all who ask at the same time: everybody gets his own answer, an error reaches all, and who went away holds nobody up."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from reelscope.server.jobs import Job
from reelscope.server.listing import Listing
from reelscope.server.looking import Looking
from tests.server.places import Place, place, small_clip


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path / "data", f"sqlite:///{tmp_path / 'server.sqlite3'}") as found:
        yield found


class Slow(Looking):
    """Holds its first look until it is let go, and counts."""

    def __init__(self, here: Place) -> None:
        super().__init__(here.jobs, Listing(here.database, here.jobs))
        self.go, self.looks, self.fails = threading.Event(), list[list[str]](), 0

    def _look(self, job_ids: Collection[str]) -> dict[str, str]:
        self.looks.append(sorted(job_ids))
        assert self.go.wait(120)
        if self.fails:
            self.fails -= 1
            raise OperationalError("select", {}, Exception("gone"))
        return super()._look(job_ids)


async def held(looking: Slow, *ids: str) -> list[asyncio.Task[str | None]]:
    """Tasks that ask, the first look being on its way for the first of them."""
    first = asyncio.create_task(looking.status(ids[0]))
    while not looking.looks:
        await asyncio.sleep(0.001)
    tasks = [first, *(asyncio.create_task(looking.status(job_id)) for job_id in ids[1:])]
    await asyncio.sleep(0)  # all have asked
    return tasks


def test_who_asks_while_a_look_is_on_its_way_shares_the_next(here: Place, tmp_path: Path) -> None:
    jobs: list[Job] = [here.put(small_clip(tmp_path)) for _ in range(3)]
    a, b, c = (job.id for job in jobs)
    looking = Slow(here)

    async def ask() -> list[str | None]:
        tasks = await held(looking, a, b, c, b, "0" * 32, a)
        looking.go.set()
        return await asyncio.gather(*tasks)

    found = asyncio.run(ask())
    assert [json.loads(text)["id"] if text is not None else None for text in found] == [a, b, c, b, None, a]
    assert looking.looks == [[a], sorted([a, b, c, "0" * 32])]


def test_an_error_reaches_all_of_its_look_and_no_other(here: Place, tmp_path: Path) -> None:
    job = here.put(small_clip(tmp_path))
    looking = Slow(here)
    looking.fails = 1

    async def ask() -> list[str | BaseException | None]:
        tasks = await held(looking, job.id, job.id)
        looking.go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second = asyncio.run(ask())
    assert isinstance(first, OperationalError) and isinstance(second, str)


def test_who_went_away_holds_nobody_up(here: Place, tmp_path: Path) -> None:
    job = here.put(small_clip(tmp_path))
    looking = Slow(here)

    async def ask() -> str | None:
        gone, stays = await held(looking, job.id, job.id)
        gone.cancel()
        looking.go.set()
        found = await stays
        assert gone.cancelled()
        return found

    assert asyncio.run(ask()) is not None
