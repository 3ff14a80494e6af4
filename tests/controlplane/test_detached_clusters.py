"""``envctl dev-cluster`` as people and scripts use it: real commands, one after the other."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from envctl.devcluster.detached import down, find, running

Processes = Callable[[str], dict[int, str]]


@dataclass(frozen=True)
class Terminal:
    """A shell whose dev clusters are its own."""

    runtime: Path

    @property
    def root(self) -> Path:
        return self.runtime / "envctl" / "dev-clusters"

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "XDG_RUNTIME_DIR": str(self.runtime)}

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "envctl", "dev-cluster", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=self.environ, stdout=pipe, stderr=pipe, text=True)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code and both streams of one command."""
        process = self.start(*arguments)
        out, err = process.communicate()
        return process.returncode, out, err

    def ok(self, *arguments: str) -> Any:
        code, out, err = self.run(*arguments, "-o", "json")
        assert code == 0, out + err
        return json.loads(out)


@pytest.fixture
def terminal(tmp_path: Path, programs: object) -> Any:
    """A terminal with the programs prepared; whatever it left running is stopped."""
    assert programs
    found = Terminal(tmp_path)
    yield found
    for state in running(found.root):
        down(state.name, found.root)


def until(done: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_up_leaves_a_cluster_running_and_down_leaves_nothing(
    terminal: Terminal, processes_of: Processes
) -> None:
    """The whole life of one cluster, told as text."""
    code, out, _ = terminal.run("up", "--name", "mine")
    state = find("mine", terminal.root)
    assert code == 0
    assert out == (
        f"the dev cluster mine is ready at {state.url}\n"
        "use it:  export KUBECONFIG=$(envctl dev-cluster kubeconfig --name mine)\n"
        "stop it: envctl dev-cluster down --name mine\n"
    )
    assert terminal.run("kubeconfig", "--name", "mine")[1] == f"{terminal.root / 'mine' / 'kubeconfig'}\n"
    assert len(processes_of(state.directory)) == 6
    assert terminal.run("down", "--name", "mine")[:2] == (0, "the dev cluster mine is gone\n")
    assert processes_of(state.directory) == {}
    assert not Path(state.directory).exists()
    assert [each.name for each in terminal.root.iterdir()] == [".lock"]


def test_a_second_up_is_refused_and_a_second_down_is_nothing(terminal: Terminal) -> None:
    """Neither of them harms what runs."""
    terminal.ok("up", "--nodes", "0")
    code, _, err = terminal.run("up")
    assert code == 1
    assert err == (
        f"error: {terminal.root / 'envctl'}: a dev cluster envctl runs already\n"
        "hint: `envctl dev-cluster down --name envctl` stops it; or choose another --name\n"
    )
    assert terminal.ok("down") == {"stopped": ["envctl"]}
    assert terminal.ok("down") == {"stopped": []}
    assert terminal.run("down")[:2] == (0, "there is no dev cluster envctl\n")


def test_list_shows_all_of_them_and_down_takes_all(terminal: Terminal) -> None:
    """Two at once, started at the same moment."""
    starting = [terminal.start("up", "--name", name, "--nodes", "0") for name in ("a", "b")]
    for process in starting:
        _, err = process.communicate()
        assert process.returncode == 0, err
    listed = terminal.ok("list")["devClusters"]
    assert [(each["name"], each["state"]) for each in listed] == [("a", "ready"), ("b", "ready")]
    assert len({each["url"] for each in listed}) == 2
    assert terminal.ok("down", "--all") == {"stopped": ["a", "b"]}
    assert terminal.run("list")[:2] == (0, "no dev cluster is running\n")


def test_a_cluster_whose_owner_died_is_shown_as_dead_and_replaced(
    terminal: Terminal, processes_of: Processes
) -> None:
    """The guardian ends its programs; `up` with the same name starts anew."""
    first = terminal.ok("up", "--nodes", "0")
    os.kill(first["pid"], signal.SIGKILL)
    until(lambda: not processes_of(first["directory"]))
    assert terminal.ok("list")["devClusters"][0]["state"] == "dead"
    code, _, err = terminal.run("kubeconfig")
    assert (code, err) == (
        1,
        (
            "error: the dev cluster envctl has died\n"
            "hint: start it again with `envctl dev-cluster up --name envctl`\n"
        ),
    )
    second = terminal.ok("up", "--nodes", "0")
    assert second["kubeconfig"] == first["kubeconfig"]
    assert second["pid"] != first["pid"]


def test_down_cleans_up_when_owner_and_guardian_were_both_killed(
    terminal: Terminal, processes_of: Processes
) -> None:
    """Then the programs still run; they are found by the folder that they name."""
    state = terminal.ok("up", "--nodes", "0")
    found = processes_of(state["directory"])
    guardian = next(pid for pid, command in found.items() if "guardian.py" in command)
    os.kill(guardian, signal.SIGKILL)
    os.kill(state["pid"], signal.SIGKILL)
    until(lambda: terminal.ok("list")["devClusters"][0]["state"] == "dead")
    assert len(processes_of(state["directory"])) == 4
    assert terminal.ok("down") == {"stopped": ["envctl"]}
    until(lambda: not processes_of(state["directory"]))
    assert not Path(state["directory"]).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_in_the_foreground_ends_with_its_command(
    terminal: Terminal, processes_of: Processes, number: signal.Signals
) -> None:
    """Others find it by its name meanwhile; a signal ends it cleanly."""
    process = terminal.start("up", "--foreground", "--nodes", "0")
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline().startswith("the dev cluster envctl is ready at https://127.0.0.1:")
    state = find("envctl", terminal.root)
    assert (state.alive, state.pid) == (True, process.pid)
    process.send_signal(number)
    assert process.wait(30) == 0
    process.stdout.close()
    process.stderr.close()
    assert running(terminal.root) == ()
    assert processes_of(state.directory) == {}
    assert not Path(state.directory).exists()


def test_a_start_that_fails_says_why_and_leaves_nothing(terminal: Terminal, tmp_path: Path) -> None:
    """The owner runs in the background, and its error still reaches the person who asked."""
    (tmp_path / "in-the-way").write_text("")
    code, _, err = terminal.run("up", "--audit-log", str(tmp_path / "in-the-way" / "audit.log"))
    assert code == 1
    assert "kube-apiserver ended while the dev cluster started (exit code 1); its last lines:\n" in err
    assert "in-the-way: not a directory" in err
    assert running(terminal.root) == ()


@pytest.mark.parametrize("name", ["", "Mine", "-a", "a/b", "..", "a" * 41])
def test_a_name_that_is_none_is_refused(terminal: Terminal, name: str) -> None:
    """Names become folders and kubeconfig contexts, so they are plain."""
    code, _, err = terminal.run("up", "--name", name)
    assert code == 2
    assert err == (
        f"error: {name!r} is no name for a dev cluster\n"
        "hint: use up to 40 small letters, digits and dashes, with a letter or digit at both ends\n"
    )
