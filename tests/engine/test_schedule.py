"""Jobs on threads: results in order, the first error is the one that counts, and nobody waits in vain."""

from __future__ import annotations

import threading
import time

import pytest

from occystrap_core.engine import schedule
from occystrap_core.engine.schedule import Stop, run_all
from occystrap_core.model.errors import TransferError


class Peer:
    """Somebody who never answers, until it is interrupted."""

    def __init__(self) -> None:
        self.gave_up = threading.Event()

    def interrupt(self) -> None:
        self.gave_up.set()

    def wait(self) -> None:
        assert self.gave_up.wait(30)
        raise TransferError("the connection was cut")


@pytest.mark.parametrize("count", [0, 1, 2, 9])
@pytest.mark.parametrize("workers", [1, 4])
def test_results_come_in_the_order_of_the_jobs(count: int, workers: int) -> None:
    assert run_all(lambda job: job * 2, list(range(count)), workers, Stop()) == [2 * job for job in range(count)]


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_ends_the_waiting_of_the_others_and_is_the_one_to_see(failing: int) -> None:
    peer = Peer()

    def work(job: int) -> None:
        if job == failing:
            raise ValueError("broken")
        peer.wait()

    with pytest.raises(ValueError, match="broken"):
        run_all(work, [0, 1], 2, Stop(peer, object()))
    assert peer.gave_up.is_set()


@pytest.mark.parametrize("count", [1, 3])
def test_an_interruption_ends_the_waiting_too(count: int) -> None:
    import signal

    peer = Peer()
    began = threading.Event()

    def work(job: int) -> None:
        began.set()
        peer.wait()

    def interrupt() -> None:
        began.wait(30)
        time.sleep(0.2)  # past the start of the last thread, which an interruption would leave to itself
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    other = threading.Thread(target=interrupt)
    other.start()
    with pytest.raises(KeyboardInterrupt):
        run_all(work, list(range(count)), 2, Stop(peer))
    other.join()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("layer")]


def test_what_many_jobs_left_is_cleaned_up_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    searches = []
    monkeypatch.setattr(schedule.gc, "collect", lambda: searches.append(1))
    run_all(lambda job: job, list(range(15)), 2, Stop())
    assert searches == []
    run_all(lambda job: job, list(range(50)), 2, Stop())
    assert len(searches) == 3


def test_jobs_that_did_not_begin_never_do() -> None:
    begun = []

    def work(job: int) -> None:
        begun.append(job)
        raise ValueError

    with pytest.raises(ValueError):
        run_all(work, list(range(50)), 1, Stop())
    assert len(begun) < 50
