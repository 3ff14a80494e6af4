"""Processes by name, with programs that every machine has."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from envctl.devcluster.processes import Process, ProcessGroup
from envctl.errors import UnavailableError


@pytest.fixture
def group(tmp_path: Path) -> Iterator[ProcessGroup]:
    found = ProcessGroup(tmp_path)
    yield found
    found.stop()


def ended_by_itself(process: Process) -> None:
    while process.running:
        time.sleep(0.01)


def test_a_process_that_ended_is_reported_with_its_last_lines(group: ProcessGroup) -> None:
    """Fifteen lines at most, with the exit code and the command."""
    ended_by_itself(group.start("talker", ["sh", "-c", "seq 20; exit 4"]))
    lines = "\n".join(str(number) for number in range(6, 21))
    with pytest.raises(UnavailableError) as ended:
        group.check()
    assert str(ended.value) == (
        f"talker ended while the dev cluster started (exit code 4); its last lines:\n{lines}\n"
        "hint: the command was: sh -c seq 20; exit 4"
    )


def test_a_killed_process_is_named_by_its_signal(group: ProcessGroup) -> None:
    """A number would have to be looked up."""
    process = group.start("sleeper", ["sleep", "600"])
    process.kill()
    with pytest.raises(UnavailableError, match=r"sleeper ended .* \(killed by SIGKILL\)"):
        group.check()


def test_a_process_is_started_again_under_its_name(group: ProcessGroup) -> None:
    """Its output goes on in the same log; starting what runs does nothing."""
    process = group.start("echo", ["sh", "-c", "echo hello; exec sleep 600"])
    first = process.pid
    process.start()
    assert process.pid == first
    process.kill()
    assert (process.running, process.pid) == (False, first)
    process.start()
    assert process.running
    assert process.pid != first


def test_a_process_that_ignores_the_request_to_end_is_killed(group: ProcessGroup, tmp_path: Path) -> None:
    """After the grace time."""
    ready = tmp_path / "ready"
    process = group.start("stubborn", ["sh", "-c", f"trap '' TERM; touch {ready}; while :; do sleep 1; done"])
    while not ready.exists():
        assert process.running
        time.sleep(0.01)
    process.terminate(seconds=0.1)
    assert not process.running


def test_a_paused_process_is_stopped_like_any_other(group: ProcessGroup) -> None:
    """A frozen program must not keep `stop` waiting."""
    process = group.start("sleeper", ["sleep", "600"])
    process.pause()
    assert process.running
    group.stop()
    assert not process.running
    process.signal(signal.SIGCONT)
    group.stop()


def test_a_program_sees_nothing_of_the_users_settings(group: ProcessGroup, tmp_path: Path) -> None:
    """Proxies, KUBECONFIG and files in the home folder would change how the control plane works."""
    ended_by_itself(group.start("env", ["sh", "-c", "env | cut -d= -f1 | sort"]))
    names = set((tmp_path / "env.log").read_text().split())
    assert names <= {"HOME", "PATH", "PWD", "TMPDIR", "OLDPWD", "SHLVL", "_"}
