"""What a Lease says, and who holds it after whom."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.agent.lease import Elector, LeaseOptions, Record, held_by, lease_json, record_of
from envctl.errors import ClusterError
from envctl.model.status import LogEntry

OPTIONS = LeaseOptions("prod", "envctl-system", "a_1", 15)
NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
THEN, TIME = "2026-01-02T03:00:00.000000Z", "2026-01-02T03:04:05.000678Z"
B = Record("b_2", 30, THEN, THEN, 4, "77")

TAKEN = [
    pytest.param(Record(), Record("a_1", 15, TIME, TIME, 0), id="nobody's yet"),
    pytest.param(B, Record("a_1", 15, TIME, TIME, 5, "77"), id="another's: counted"),
    pytest.param(
        Record("", 1, THEN, THEN, 4, "77"), Record("a_1", 15, TIME, TIME, 5, "77"), id="given back: counted"
    ),
    pytest.param(
        Record("a_1", 15, THEN, THEN, 4, "77"), Record("a_1", 15, THEN, TIME, 4, "77"), id="ours: renewed"
    ),
]


@pytest.mark.parametrize(("before", "after"), TAKEN)
def test_a_lease_tells_who_took_it_and_when(before: Record, after: Record) -> None:
    """As client-go counts: the time of taking stays while the holder renews."""
    assert held_by(before, "a_1", 15, NOW) == after


ODD: list[Any] = [{}, {"spec": None}, {"spec": []}, {"spec": {"leaseDurationSeconds": "15"}}, {"metadata": 1}]


@pytest.mark.parametrize("live", ODD)
def test_what_is_odd_in_a_lease_reads_as_nobodys(live: Any) -> None:
    """Anybody may then take it, by compare-and-swap as ever."""
    assert record_of(live) == Record()


texts = st.text(max_size=5)
records = st.builds(Record, texts, st.integers(1, 99), texts, texts, st.integers(0, 99), texts)


@given(records)
def test_a_record_survives_its_lease(record: Record) -> None:
    """What is written is what is read."""
    assert record_of(lease_json(OPTIONS, record)) == record


def test_a_lease_is_the_api_object_that_other_tools_know() -> None:
    """`kubectl get lease` shows the holder."""
    assert lease_json(OPTIONS, B) == {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "envctl-prod", "namespace": "envctl-system", "resourceVersion": "77"},
        "spec": {
            "holderIdentity": "b_2",
            "leaseDurationSeconds": 30,
            "leaseTransitions": 4,
            "acquireTime": THEN,
            "renewTime": THEN,
        },
    }


class Hands:
    """A clock that is set by hand."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW


class LeaseServer:
    """A server with one Lease; `slow` happens between a question and its answer."""

    def __init__(self) -> None:
        self.lease: Any = None
        self.slow: Callable[[], object] = lambda: None

    def get(self, *_: Any) -> Any:
        self.slow()
        return self.lease

    def create(self, kind: Any, value: Any) -> Any:
        return self.replace(kind, value)

    def replace(self, _: Any, value: Any) -> Any:
        version = int(self.lease["metadata"]["resourceVersion"]) + 1 if self.lease else 1
        self.lease = {**value, "metadata": {**value["metadata"], "resourceVersion": str(version)}}
        return self.lease

    def apply(self, _: Any, value: Any) -> Any:
        return value


def test_a_slow_answer_gives_nobody_a_lease_that_another_one_may_still_hold() -> None:
    """The duration counts from the answer: the holder may have renewed after the question was asked."""
    server: Any = LeaseServer()
    clock = Hands()
    holder, waiting = (
        Elector(LeaseOptions("prod", "envctl-system", name, 15), server, clock, lambda _: None)
        for name in ("holder", "waiting")
    )
    assert holder.ask() is None

    def renew_late() -> None:
        server.slow = lambda: None
        clock.seconds = 9.9
        assert holder.ask() is None
        clock.seconds = 10

    server.slow = renew_late
    assert waiting.ask() == record_of(server.lease)
    clock.seconds = 15
    assert holder.may_write()
    assert waiting.ask() is not None
    clock.seconds = 25
    assert not holder.may_write()
    assert waiting.ask() is None


def test_trouble_with_the_lease_is_told_once_in_one_line() -> None:
    """With the hint, and where a right is missing with the command that prints it."""
    server: Any = LeaseServer()

    def refuse() -> None:
        raise ClusterError("forbidden", status=403, place="Lease", hint="grant it", lacks_right=True)

    server.slow = refuse
    log: list[LogEntry] = []
    stop = threading.Event()

    def note(entry: LogEntry) -> None:
        log.append(entry)
        threading.Timer(0.3, stop.set).start()

    options = replace(OPTIONS, duration=1)
    assert not Elector(options, server, Hands(), note).acquire(stop)
    hint = "`envctl install prod` prints all rights that the branch needs: apply it again"
    told = f"cannot ask for the lease envctl-prod: Lease: forbidden ({hint})"
    assert [each.message for each in log] == [told]
