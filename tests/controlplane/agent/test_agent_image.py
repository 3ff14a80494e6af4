"""What the container image holds, built by the container file's own first stage, and run as its pod runs it.

Without an engine: what the stage copies lies in an empty folder, and its commands are done there. The agent is
then confined by the kernel as by its pod: user 65532, no capabilities, nothing to write to but HOME. Where the
kernel lets nobody do that, it runs unconfined, and must leave its programs alone all the same.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.containerfile import build, entry_point, handed_over, said, stages, variables

FINAL = stages()[-1]
PROGRAMS, _ = handed_over(FINAL)
USER, GROUP = said(FINAL, "USER")[0].split(":")
# Root in a user namespace of its own mounts everything read-only, and then becomes the user in a second one.
CONFINE = f"""
mount --bind "$HOME" "$HOME"
for place in / /home /tmp /var /var/tmp; do
    if mountpoint -q "$place"; then mount -o remount,bind,ro "$place"; fi
done
exec unshare --user --map-user={USER} --map-group={GROUP} -- "$@"
"""
PROBE = """
import os, pathlib, sys, tempfile
def written(folder):
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
print(os.getuid(), os.getgid(), [written(each) for each in sys.argv[1:]], tempfile.gettempdir())
"""


def confined(*words: str) -> Sequence[str]:
    """Words that run other words in the confinement."""
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", CONFINE, "sh", *words]


@cache
def missing(home: str) -> str:
    """Why nothing can be confined here, "" where it can."""
    if not shutil.which("unshare"):
        return "unshare is not installed"
    environ = {**os.environ, "HOME": home}
    done = subprocess.run(confined("true"), env=environ, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"no user namespaces here: {done.stderr.strip()}"


@dataclass(frozen=True)
class Pod:
    """Starts programs as the pod does: with the image's variables and work folder, and confined."""

    home: Path
    environ: Mapping[str, str]

    def command(self, *words: str) -> Sequence[str]:
        """Words that run other words in the confinement, where there is one."""
        return words if missing(str(self.home)) else confined(*words)

    def said(self, *words: str) -> str:
        """What a program prints."""
        done = subprocess.run(
            self.command(*words), env=self.environ, cwd=self.home, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the last stage takes from the first one."""
    folder = tmp_path_factory.mktemp("image")
    places = {PROGRAMS: str(folder / "envctl"), "/usr/local/bin/python3": sys.executable}
    # A developer's settings of Python, where bytecode goes for instance, are none of the engine's.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    build(folder / "src", places, environ)
    return folder / "envctl"


@pytest.fixture
def pod(installed: Path, tmp_path: Path) -> Pod:
    """All that a process in the container knows: the image's own variables."""
    home = tmp_path / "home"
    home.mkdir()
    given = {**variables(FINAL), "HOME": str(home)}
    return Pod(home, {**given, "PATH": given["PATH"].replace(PROGRAMS, str(installed))})


def test_the_folder_has_envctl_and_nothing_to_develop_or_install_with(installed: Path, pod: Pod) -> None:
    """It is the installed wheel that answers, not this checkout."""
    assert pod.said(*entry_point(FINAL), "--version") == "envctl 0.1.0\n"
    assert pod.said(*entry_point(FINAL), "--help").startswith("Usage: envctl [OPTIONS] COMMAND [ARGS]...\n")
    place = pod.said("python", "-c", "import envctl; print(envctl.__file__)")
    assert Path(place.strip()).is_relative_to(installed)
    probe = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    absent = ["pip", "setuptools", "hatchling", "pytest", "mypy", "hypothesis", "tests"]
    assert pod.said("python", "-c", probe, *absent) == "[]\n"
    assert pod.said("python", "-c", probe, "envctl", "dulwich") == "['envctl', 'dulwich']\n"


def test_every_module_has_its_bytecode(installed: Path) -> None:
    """Nothing can be written there later, so that each start and each fetch would compile it anew."""
    (site,) = installed.glob("lib/python3*/site-packages")
    tag = sys.implementation.cache_tag
    bare = [
        module
        for module in site.rglob("*.py")
        if not (module.parent / "__pycache__" / f"{module.stem}.{tag}.pyc").is_file()
    ]
    assert bare == []
    assert (site / "envctl/gitstore/fetcher.py").is_file()


def test_the_confinement_is_that_of_the_pod(installed: Path, pod: Pod, tmp_path: Path) -> None:
    """User, group, a single folder to write to, and temporary files there."""
    if reason := missing(str(pod.home)):
        pytest.skip(reason)
    folders = ["/tmp", "/var/tmp", str(installed), str(tmp_path), str(pod.home)]  # noqa: S108
    assert pod.said("python", "-c", PROBE, *folders) == (
        f"65532 65532 [False, False, False, False, True] {pod.home}\n"
    )


@pytest.fixture
def agent(rig: Any, cm: Callable[..., Any], pod: Pod) -> Iterator["subprocess.Popen[bytes]"]:
    """The agent of one ConfigMap, with the rights that `envctl install` prints."""
    rig.branch.publish({"web": [cm("a", rig.namespace, x="1")]})
    command = [
        *entry_point(FINAL),
        *("agent", "-o", "json", "--env", rig.options.environment),
        *("--repo", rig.options.remote, "--interval", "0.5", "--store", f"{pod.home}/store"),
        *("--namespaced", "--namespace", rig.options.namespace),
        *("--kubeconfig", str(rig.account)),
    ]
    with subprocess.Popen(
        pod.command(*command), env=pod.environ, cwd=pod.home, stdout=subprocess.DEVNULL
    ) as process:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def files(folder: Path) -> Mapping[str, int]:
    """All files of a folder, and when each was written."""
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


def test_the_agent_applies_what_is_published_and_writes_nothing_but_to_its_home(
    agent: Any, rig: Any, installed: Path, cm: Callable[..., Any]
) -> None:
    """A first commit, and one that comes while it runs."""
    before = files(installed)
    rig.await_applied(rig.branch.tip)
    assert rig.data("a") == {"x": "1"}
    rig.branch.publish({"web": [cm("a", rig.namespace, x="2")]})
    rig.await_applied(rig.branch.tip)
    assert rig.data("a") == {"x": "2"}
    assert agent.poll() is None
    assert files(installed) == before
