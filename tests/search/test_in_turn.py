"""Work side by side, results in order."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from occystrap_core.engine import in_turn as module
from occystrap_core.engine.in_turn import in_turn
from occystrap_core.engine.schedule import Stop


def taken(jobs: list[int], workers: int, work: object = None) -> list[tuple[int, list[int]]]:
    return [(job, list(results)) for job, results in in_turn(work or counting, jobs, workers, Stop())]  # type: ignore[arg-type]


def counting(job: int) -> Generator[int, None, None]:
    yield from range(job)


@pytest.mark.parametrize("workers", [1, 3, 9])
def test_results_come_by_job(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AHEAD", 2)
    assert taken([5, 0, 9, 1], workers) == [(5, [*range(5)]), (0, []), (9, [*range(9)]), (1, [0])]


def test_results_of_the_first_job_come_while_it_is_at_work() -> None:
    go_on = threading.Event()

    def work(job: int) -> Generator[str, None, None]:
        yield "first"
        assert go_on.wait(10)
        yield "second"

    turns = in_turn(work, [1], 1, Stop())
    _, results = next(turns)
    assert next(results) == "first"
    go_on.set()
    assert list(results) == ["second"]
    turns.close()


def test_an_error_comes_in_its_turn() -> None:
    def work(job: int) -> Generator[int, None, None]:
        yield job
        if job == 2:
            raise LookupError("two")

    seen = []
    with pytest.raises(LookupError, match="two"):
        for _, results in in_turn(work, [1, 2, 3], 3, Stop()):
            seen += list(results)
    assert seen == [1]


def test_closing_ends_every_thread() -> None:
    ended = []

    def work(job: int) -> Generator[int, None, None]:
        try:
            while True:
                yield job
        finally:
            ended.append(job)

    turns = in_turn(work, [1, 2], 2, Stop())
    _, results = next(turns)
    assert next(results) == 1
    turns.close()
    assert set(ended) <= {1, 2} and ended
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("layer")]
