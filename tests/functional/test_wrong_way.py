"""Promotions that cannot be meant, and promotions at the same time, on a real repository."""

import subprocess
import sys

import pytest

from tests.functional.conftest import Workspace

MATRIX = {
    # the arguments, the exit code, the message
    "the wrong way": (
        ("prod", "staging"),
        1,
        (
            "error: promotion from prod to staging is refused\n"
            "  environments/staging/environment.yaml: direction: staging is promoted from dev, not from prod\n"
            "    promote from dev, or change promotesFrom in a reviewed commit\n"
            "hint: pass the gate, or override it on the record with --force --reason TEXT\n"
        ),
    ),
    "over a step": (
        ("dev", "prod"),
        1,
        (
            "error: promotion from dev to prod is refused\n"
            "  environments/prod/environment.yaml: direction: prod is promoted from staging, not from dev\n"
            "    promote from staging, or change promotesFrom in a reviewed commit\n"
            "hint: pass the gate, or override it on the record with --force --reason TEXT\n"
        ),
    ),
    "to itself": (
        ("prod", "prod"),
        2,
        "error: prod cannot be promoted to itself\nhint: prod is promoted from staging\n",
    ),
    "to itself as it was": (
        ("prod@HEAD", "prod"),
        2,
        "error: prod@HEAD cannot be promoted to itself\nhint: prod is promoted from staging\n",
    ),
    "from nowhere": (
        ("stagign", "prod"),
        2,
        "error: there is no environment stagign in commit HEAD\nhint: did you mean `staging`?\n",
    ),
    "to nowhere": (
        ("staging", "prdo"),
        2,
        "error: there is no environment prdo in commit HEAD\nhint: did you mean `prod`?\n",
    ),
    "from what is only there to be extended": (
        ("base", "prod"),
        2,
        (
            "error: environment base is abstract: it is only there to be extended\n"
            "hint: environments here: dev, staging, prod\n"
        ),
    ),
    "to what is only there to be extended": (
        ("staging", "base"),
        2,
        (
            "error: environment base is abstract: it is only there to be extended\n"
            "hint: environments here: dev, staging, prod\n"
        ),
    ),
    "to what tracks the source branch": (
        ("staging", "dev"),
        1,
        (
            "error: environments/dev/environment.yaml: environment dev tracks the source branch, "
            "so nothing can be promoted to it\n"
            "hint: to make it an environment with pins, set promotesFrom\n"
        ),
    ),
}


@pytest.fixture
def moving(promoted: Workspace) -> Workspace:
    """What staging has is newer than what prod has: there is something to promote, either way."""
    promoted.edit("components/gateway/main.jsonnet", "gateway:2.4.1", "gateway:9.9.9")
    promoted.commit("Gateway 9.9.9")
    promoted.ok("render", "dev", "--publish")
    promoted.ok("promote", "dev", "staging")
    return promoted


@pytest.mark.parametrize(("names", "code", "message"), MATRIX.values(), ids=MATRIX)
def test_a_promotion_that_cannot_be_meant_is_refused(
    moving: Workspace, names: tuple[str, str], code: int, message: str
) -> None:
    """Writer's fault row 31: wrong way, same environment, unknown environment; nothing moves."""
    before = moving.git("show-ref")
    outcome = moving.envctl("promote", *names)
    told = outcome.err.replace(moving.git("rev-parse", "main")[:12], "HEAD")
    assert (outcome.code, told, outcome.out) == (code, message, "")
    assert moving.git("show-ref") == before
    assert moving.git("status", "--porcelain") == ""


@pytest.mark.parametrize("names", [each[0] for each in MATRIX.values()], ids=MATRIX)
def test_machines_are_told_the_same(moving: Workspace, names: tuple[str, str]) -> None:
    """Writer's fault row 31: the same exit code, and one JSON document."""
    text, machine = moving.envctl("promote", *names), moving.envctl("promote", *names, "-o", "json")
    assert machine.code == text.code
    error = machine.data["error"]
    assert machine.err == ""
    head = f"{error['place']}: " if error["place"] else ""
    assert text.err.startswith(f"error: {head}{error['summary']}\n")
    assert text.err.endswith(f"hint: {error['hint']}\n")


def test_promotions_at_the_same_time_come_one_after_the_other(promoted: Workspace) -> None:
    """Writer's fault row 31: each is a commit of its own, on the one before, and nothing is lost."""
    names = ["gateway", "vector-store", "batch-worker"]
    for name in names:
        file = promoted.path / f"components/{name}/main.jsonnet"
        more = f"{{ apiVersion: 'v1', kind: 'ConfigMap', metadata: {{ name: '{name}-more' }} }}"
        file.write_text(f"{file.read_text()} + {{ more: {more} }}\n")
    newer = promoted.commit("Three components")
    promoted.ok("render", "dev", "--publish")
    command = [sys.executable, "-m", "envctl", "-C", str(promoted.path), "promote", "dev", "staging", "-c"]
    processes = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for name in names
    ]
    told = [each.communicate() for each in processes]
    assert [each.returncode for each in processes] == [0, 0, 0], told
    assert len(promoted.git("rev-list", f"{newer}..main").split()) == 3
    assert promoted.git("show", "main:environments/staging/lock.yaml").count(newer) == 3
    assert promoted.envctl("verify", "staging").code == 0
