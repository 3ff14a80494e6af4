"""What the container image holds, installed into an empty folder by the image's own script, and run from there."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the image has as /opt/envctl."""
    folder = tmp_path_factory.mktemp("image") / "envctl"
    command = ["sh", "deploy/install.sh", str(folder)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHON": sys.executable}, check=True)
    return folder


@pytest.fixture
def environ(installed: Path, tmp_path: Path) -> Mapping[str, str]:
    """All that a process in the container knows: the image's own variables."""
    home = tmp_path / "home"
    home.mkdir()
    path = f"{installed}/bin:/usr/bin:/bin"
    return {"PATH": path, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}


def files(folder: Path) -> Mapping[str, int]:
    """All files of a folder, and when each was written."""
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


def said(command: list[str], environ: Mapping[str, str]) -> str:
    done = subprocess.run(command, env=environ, cwd="/", capture_output=True, text=True, check=True)
    return done.stdout


def test_the_folder_has_envctl_and_nothing_to_develop_or_install_with(
    installed: Path, environ: Mapping[str, str]
) -> None:
    """It is the installed wheel that answers, not this checkout."""
    assert said(["envctl", "--version"], environ) == "envctl 0.1.0\n"
    place = said(["python", "-c", "import envctl; print(envctl.__file__)"], environ)
    assert Path(place.strip()).is_relative_to(installed)
    probe = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    absent = ["pip", "setuptools", "hatchling", "pytest", "mypy", "hypothesis", "tests"]
    assert said(["python", "-c", probe, *absent], environ) == "[]\n"
    assert said(["python", "-c", probe, "envctl", "dulwich"], environ) == "['envctl', 'dulwich']\n"


@pytest.fixture
def agent(
    rig: Any, cm: Callable[..., Any], environ: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """The agent of one ConfigMap, from that folder, with the rights that `envctl install` prints."""
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1")]})
    command = [
        *("envctl", "agent", "-o", "json", "--env", rig.options.environment),
        *("--repo", rig.options.remote, "--interval", "0.5", "--store", f"{environ['HOME']}/store"),
        *("--namespaced", "--namespace", rig.options.namespace),
        *("--kubeconfig", str(rig.account)),
    ]
    with subprocess.Popen(command, env=environ, cwd="/", stdout=subprocess.DEVNULL) as process:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_the_agent_runs_from_it_and_writes_nothing_beside_its_home(
    agent: Any, rig: Any, installed: Path, cm: Callable[..., Any]
) -> None:
    """So its root file system may be read-only."""
    before = files(installed)
    rig.await_applied(rig.branch.tip)
    assert rig.data("a") == {"x": "1"}
    rig.branch.publish({"web": [cm("a", rig.namespace, x="2")]})
    rig.await_applied(rig.branch.tip)
    assert rig.data("a") == {"x": "2"}
    assert agent.poll() is None
    assert files(installed) == before
