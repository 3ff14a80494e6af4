"""The container file agrees with the manifests, with the locks, and with what is sent to the engine."""

import re
import shlex
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from envctl.installation.manifests import Installation, manifests
from envctl.installation.rights import Rights

ROOT = Path(__file__).parents[2]
PROJECT: Any = tomllib.loads((ROOT / "pyproject.toml").read_text())


def instructions() -> list[tuple[str, str]]:
    """The container file as pairs of a word and its arguments, long lines joined."""
    text = (ROOT / "deploy/Containerfile").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = [line.partition(" ") for line in joined.splitlines()]
    return [(word, rest) for word, _, rest in pairs]


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
    words = dict(instructions())
    assert words["USER"] == f"{security['runAsUser']}:{security['runAsGroup']}" == "65532:65532"
    home = next(each["value"] for each in container["env"] if each["name"] == "HOME")
    assert f"HOME={home}" in shlex.split(words["ENV"])
    assert f"--uid {security['runAsUser']}" in " ".join(
        rest for word, rest in instructions() if word == "RUN"
    )


def test_the_arguments_of_the_pod_follow_an_entry_point_that_the_wheel_has() -> None:
    """The pod's `args` begin with `agent`."""
    assert dict(instructions())["ENTRYPOINT"] == '["envctl"]'
    assert "envctl" in PROJECT["project"]["scripts"]
    assert pod()["containers"][0]["args"][0] == "agent"


def test_all_that_is_copied_is_there_and_sent_to_the_engine() -> None:
    """What .dockerignore holds back cannot be copied; what the wheel is built of must be."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sent = [line[1:] for line in ignored if line.startswith("!")]
    copied = [
        source
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for source in shlex.split(rest)[:-1]
    ]
    assert sorted(copied) == sorted(sent)
    assert [source for source in copied if not (ROOT / source).exists()] == []
    needed = ["pyproject.toml", "envctl", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]]
    assert set(needed) <= set(copied)
    assert [line for line in ignored if fnmatch("envctl/agent/__pycache__", line) and line != "*"] == [
        "**/__pycache__"
    ]


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
