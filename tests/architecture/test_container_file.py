"""The container file agrees with the manifests, with the locks, and with what is sent to the engine."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from envctl.installation.manifests import Installation, manifests
from envctl.installation.rights import Rights
from tests.support.containerfile import copies, entry_point, handed_over, said, stages, variables

ROOT = Path(__file__).parents[2]
PROJECT: Any = tomllib.loads((ROOT / "pyproject.toml").read_text())


BUILD, FINAL = stages()


def pod() -> Any:
    """The pod of the agent that `envctl install` prints."""
    found: Any = manifests(
        Installation("prod", "https://example.com/x.git", "envctl:1", "envctl"), Rights({})
    )
    return next(each["spec"]["template"]["spec"] for each in found if each["kind"] == "Deployment")


def pinned(lock: str) -> dict[str, str]:
    """The versions in a lock; each has at least one hash."""
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    return {name: version for entry in entries for name, version in [entry.split()[0].split("==")]}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_user_and_the_home_are_those_of_the_manifests() -> None:
    """The pod names both, so an image with others would run without its folder."""
    found = pod()
    security, container = found["securityContext"], found["containers"][0]
    assert said(FINAL, "USER") == [f"{security['runAsUser']}:{security['runAsGroup']}"] == ["65532:65532"]
    home = next(each["value"] for each in container["env"] if each["name"] == "HOME")
    assert variables(FINAL)["HOME"] == home
    # Where there is no /tmp to write to, temporary files go to the work folder.
    assert said(FINAL, "WORKDIR") == [home]
    (made,) = said(FINAL, "RUN")
    # Without a group of its own number the user would get the first free one.
    assert f"groupadd --gid {security['runAsGroup']} envctl " in made
    user = f"useradd --uid {security['runAsUser']} --gid {security['runAsGroup']} --no-create-home --home-dir {home} "
    assert user in made


def test_the_arguments_of_the_pod_follow_an_entry_point_that_the_wheel_has() -> None:
    """The pod's `args` begin with `agent`."""
    assert entry_point(FINAL) == ["envctl"]
    assert "envctl" in PROJECT["project"]["scripts"]
    assert pod()["containers"][0]["args"][0] == "agent"


def test_what_is_installed_keeps_its_place_and_is_found_first() -> None:
    """A virtual environment names its own folder, and cannot be moved."""
    source, target = handed_over(FINAL)
    assert source == target
    assert f" {source}" in said(BUILD, "RUN")[-1]
    assert variables(FINAL)["PATH"].split(":")[0] == f"{target}/bin"


def test_both_stages_stand_on_one_base_that_runs_this_version_of_the_project() -> None:
    """An interpreter of another version would not find what the first stage installed."""
    text = (ROOT / "deploy/Containerfile").read_text()
    assert said(BUILD, "FROM") == ["${PYTHON} AS build"]
    assert said(FINAL, "FROM") == ["${PYTHON}"]
    base = re.findall(r"^ARG PYTHON=docker\.io/library/python:(\d\.\d+)-slim-[a-z]+$", text, re.MULTILINE)
    assert [SpecifierSet(PROJECT["project"]["requires-python"]).contains(each) for each in base] == [True]


def test_all_that_is_copied_is_there_and_sent_to_the_engine() -> None:
    """What .dockerignore holds back cannot be copied."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sent = [line[1:] for line in ignored if line.startswith("!")]
    copied = [source for stage in (BUILD, FINAL) for sources, _ in copies(stage) for source in sources]
    assert sorted(copied) == sorted(sent)
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert [line for line in ignored if fnmatch("envctl/agent/__pycache__", line) and line != "*"] == [
        "**/__pycache__"
    ]


def test_the_image_has_ssh_and_neither_git_nor_pip() -> None:
    """The agent runs no other program; what a pod does not have cannot be used against it."""
    (made,) = said(FINAL, "RUN")
    assert re.findall(r"--no-install-recommends ([^&]*?) &&", made) == ["openssh-client"]
    for name in ("site-packages/pip*", "ensurepip", "bin/pip*"):
        assert re.search(rf"rm -rf [^&]*{re.escape(name)} ", made), name


def test_the_locks_of_the_image_name_the_versions_that_are_tested() -> None:
    """Each is pinned and hashed, and what the project needs to run and to be built is there."""
    tested = pinned("requirements.lock")
    for lock, wanted in (
        ("deploy/requirements.lock", PROJECT["project"]["dependencies"]),
        ("deploy/build.lock", PROJECT["build-system"]["requires"]),
    ):
        found = pinned(lock)
        assert {name: version for name, version in found.items() if tested.get(name) != version} == {}
        for each in map(Requirement, wanted):
            assert each.specifier.contains(found[canonical(each.name)])


def test_the_image_has_nothing_of_development() -> None:
    """No test runner, no linter, no type checker."""
    names = {canonical(Requirement(each).name) for each in PROJECT["dependency-groups"]["dev"]}
    assert names & set(pinned("deploy/requirements.lock")) == set()
