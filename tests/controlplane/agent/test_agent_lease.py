"""Several agents for one environment: one acts, and only while it surely leads."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from envctl.agent.lease import LEASE, Elector, LeaseOptions, record_of
from envctl.errors import UnavailableError
from envctl.kube.connect import connect
from envctl.model.status import LogEntry

ENVIRONMENT = "prod"


@dataclass
class HandClock:
    """A clock that moves by hand."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class Candidate:
    """One who would lead, with a clock of its own."""

    elector: Elector
    clock: HandClock
    log: list[LogEntry] = field(default_factory=list)

    def tries(self) -> bool:
        return self.elector._try()

    def said(self) -> list[str]:
        return [entry.message for entry in self.log]


@pytest.fixture
def candidates(cluster: Any, namespace: str) -> Iterator[Any]:
    """Makes candidates for one environment's Lease."""
    with contextlib.ExitStack() as stack:

        def make(identity: str) -> Candidate:
            kube = stack.enter_context(contextlib.closing(connect(cluster.kubeconfig)))
            clock, log = HandClock(), list[LogEntry]()
            options = LeaseOptions(ENVIRONMENT, namespace, identity, 15)
            return Candidate(Elector(options, kube, clock, log.append), clock, log)

        yield make


def test_one_leads_and_the_next_waits_for_the_whole_duration(candidates: Any) -> None:
    """Agent's fault row 55: the leader stops a third of the duration before anybody else begins."""
    first, second = candidates("first"), candidates("second")
    assert [first.tries(), second.tries()] == [True, False]
    first.clock.seconds = 9.9
    assert first.elector.may_write()
    first.clock.seconds = 10
    assert not first.elector.may_write()
    second.clock.seconds = 14.9
    assert not second.tries()
    second.clock.seconds = 15
    assert second.tries()
    assert second.elector.may_write()
    assert not first.tries()
    assert not first.elector.may_write()


def test_a_renewed_lease_is_not_taken_however_late_a_clock_is(candidates: Any) -> None:
    """Agent's fault row 56: times of other machines decide nothing; that the Lease changed does."""
    first, second = candidates("first"), candidates("second")
    first.clock.seconds = 5_000_000
    assert [first.tries(), second.tries()] == [True, False]
    for _ in range(4):
        first.clock.seconds += 5
        second.clock.seconds += 14
        assert [first.tries(), second.tries()] == [True, False]


def test_a_lease_that_is_given_back_is_taken_at_once(candidates: Any) -> None:
    """A rolling update does not wait for the duration."""
    first, second = candidates("first"), candidates("second")
    first.tries()
    second.tries()
    first.elector.release()
    assert not first.elector.may_write()
    assert second.tries()


def test_a_deleted_lease_is_made_again_by_its_holder(candidates: Any, cluster: Any, namespace: str) -> None:
    """Agent's fault row 56: at the next renewal, long before the lead would be lost."""
    first, second = candidates("first"), candidates("second")
    first.tries()
    with contextlib.closing(connect(cluster.kubeconfig)) as kube:
        kube.delete(LEASE, namespace, f"envctl-{ENVIRONMENT}")
        assert [first.tries(), second.tries()] == [True, False]
        assert record_of(kube.get(LEASE, namespace, f"envctl-{ENVIRONMENT}") or {}).holder == "first"


def test_of_many_that_ask_at_once_one_leads(candidates: Any) -> None:
    """The Lease is written by compare-and-swap."""
    asking = [candidates(f"c{number}") for number in range(8)]
    start, led = threading.Barrier(len(asking)), list[bool]()

    def ask(each: Candidate) -> None:
        start.wait()
        led.append(each.tries())

    threads = [threading.Thread(target=ask, args=(each,)) for each in asking]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(led) == [False] * 7 + [True]


def test_who_may_not_write_sends_nothing(cluster: Any, namespace: str, cm: Any) -> None:
    """Reading goes on; each write is refused right before it is sent."""
    may = threading.Event()
    with contextlib.closing(connect(cluster.kubeconfig, None, may.is_set)) as kube:
        kind = kube.resource_type("", "ConfigMap")
        assert kind
        value = cm("a", namespace)
        for write in (
            lambda: kube.apply(kind, value),
            lambda: kube.create(kind, value),
            lambda: kube.delete(kind, namespace, "a"),
        ):
            with pytest.raises(UnavailableError, match="not the leader any more: nothing more is written"):
                write()
        assert {name: count for name, count in kube.requests().items() if name != "GET"} == {}
        may.set()
        kube.apply(kind, value)


@dataclass
class Process:
    """A real `envctl agent`, whose log is collected."""

    popen: "subprocess.Popen[str]"
    lines: list[dict[str, str]] = field(default_factory=list)

    def read(self) -> None:
        assert self.popen.stdout
        for line in self.popen.stdout:
            self.lines.append(json.loads(line))

    def said(self, text: str) -> bool:
        return any(text in line["message"] for line in self.lines)


@pytest.fixture
def start_agent(rig: Any, cluster: Any) -> Iterator[Any]:
    """Starts agents of the rig's environment with a short lease."""
    with contextlib.ExitStack() as stack:

        def start() -> Process:
            path = Path(rig.store).with_name(f"store-{os.urandom(3).hex()}")
            command = [
                *(sys.executable, "-m", "envctl", "agent", "-o", "json", "--env", rig.options.environment),
                *("--repo", rig.options.remote, "--interval", "0.5", "--store", str(path)),
                *("--lease-duration", "3", "--namespace", rig.options.namespace),
                *("--kubeconfig", str(cluster.kubeconfig)),
            ]
            popen = stack.enter_context(
                subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            )
            stack.callback(popen.send_signal, signal.SIGCONT)
            stack.callback(popen.kill)
            process = Process(popen)
            threading.Thread(target=process.read, daemon=True).start()
            return process

        yield start


def test_a_leader_that_slept_past_its_lease_writes_nothing_more(
    rig: Any, cm: Any, start_agent: Any, wait_for: Any
) -> None:
    """Agent's fault row 55: stopped for longer than its lease and woken again, with real processes."""
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1")]})
    first = start_agent()
    wait_for(lambda: rig.data("a") == {"x": "1"}, "the first applies")
    second = start_agent()
    wait_for(lambda: second.said("waiting: "), "the second stands by")
    first.popen.send_signal(signal.SIGSTOP)
    wait_for(lambda: second.said("leading as "), "the second leads")
    rig.branch.publish({"web": [cm("a", rig.namespace, x="2")]})
    wait_for(lambda: rig.data("a") == {"x": "2"}, "the second applies")
    before = rig.live("a")
    first.popen.send_signal(signal.SIGCONT)
    wait_for(lambda: first.said("not the leader any more"), "the first sees that it does not lead")
    wait_for(lambda: first.said("waiting: "), "the first stands by")
    assert rig.live("a") == before
    assert record_of(rig.live(f"envctl-{rig.options.environment}", rig.options.namespace, LEASE)).holder in {
        line.get("identity") for line in second.lines
    }


def test_an_agent_that_is_told_to_stop_hands_over_at_once(
    rig: Any, cm: Any, start_agent: Any, wait_for: Any
) -> None:
    """A rolling update: the next one leads without waiting for the lease to end, and the first ends with 0."""
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1")]})
    first = start_agent()
    wait_for(lambda: rig.data("a") == {"x": "1"}, "the first applies")
    first.popen.send_signal(signal.SIGTERM)
    assert first.popen.wait(30) == 0
    live = rig.live(f"envctl-{rig.options.environment}", rig.options.namespace, LEASE)
    assert record_of(live).holder == ""
    second = start_agent()
    wait_for(lambda: second.said("leading as "), "the second leads")
