"""One environment of main that cannot be read stops nobody who names another one."""

from collections.abc import Callable

import pytest

from tests.functional.conftest import Workspace
from tests.functional.pausing import FREEZE, MAIN, freeze, suspend

STAGING = "environments/staging"
BROKEN = f"{STAGING}/environment.yaml"
BREAKS = {
    "its environment.yaml": (BROKEN, "components: [\n"),
    "its lock.yaml": (f"{STAGING}/lock.yaml", "components: 7\n"),
    "its freeze.yaml": (f"{STAGING}/freeze.yaml", "until: tomorrow\n"),
    "an overlay for no component": (f"{STAGING}/wbe.jsonnet", "{}\n"),
}
STEPS: dict[str, tuple[str, ...]] = {
    "rollback": ("rollback", "prod"),
    "freeze": ("freeze", "prod", "--for", "4h", "--reason", "sale"),
    "suspend": ("suspend", "prod", "--for", "4h", "--reason", "incident"),
    "promote": ("promote", "dev", "prod"),
    "verify": ("verify", "prod"),
}


@pytest.fixture
def line(small: Workspace) -> Workspace:
    """dev was promoted to prod twice, is ahead of it again, and staging may be promoted to prod, too."""
    staging = "namespace: staging\npromotesFrom: [dev]\ncomponents: [web]\n"
    small.write(f"{STAGING}/environment.yaml", staging)
    small.edit("environments/prod/environment.yaml", "[dev]", "[dev, staging]")
    for number in (1, 2, 3):
        small.write(MAIN, f"// {number}\n" + small.git("show", f"HEAD:{MAIN}") + "\n")
        small.edit(MAIN, "replicas: '", f"replicas: '{number}")
        small.commit(f"Say {number}")
        small.ok("render", "dev", "--publish")
        if number < 3:
            small.ok("promote", "dev", "prod")
    return small


@pytest.mark.parametrize("arguments", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize(("path", "text"), BREAKS.values(), ids=BREAKS)
def test_what_is_wrong_with_another_environment_stops_nothing(
    line: Workspace, path: str, text: str, arguments: tuple[str, ...]
) -> None:
    """Also where the one that is named may be promoted from it."""
    line.write(path, text)
    line.commit("Break staging")
    line.ok(*arguments)


@pytest.mark.parametrize(("path", "text"), BREAKS.values(), ids=BREAKS)
def test_an_old_tree_with_another_broken_environment_is_gone_back_to(
    line: Workspace, path: str, text: str
) -> None:
    """And what was promoted at such a commit verifies later on."""
    line.write(path, text)
    line.commit("Break staging")
    line.ok("promote", "dev", "prod")
    line.git(*(["checkout", "-q", "HEAD~2", "--"] if path == BROKEN else ["rm", "-q"]), path)
    line.commit("Mend staging")
    line.ok("rollback", "prod", "--to", line.git("rev-parse", "deploy/prod~1"))
    line.ok("verify", "prod", "--all")


def test_the_named_environment_must_be_readable(line: Workspace) -> None:
    """And what it extends; what is wrong is told as it was."""
    line.write("environments/base/environment.yaml", "abstract: maybe\n")
    line.edit("environments/prod/environment.yaml", "namespace: prod\n", "namespace: prod\nextends: [base]\n")
    line.commit("Break base")
    for arguments in (STEPS["rollback"], STEPS["freeze"], STEPS["promote"]):
        outcome = line.envctl(*arguments)
        assert outcome.err.startswith("error: environments/base/environment.yaml:1: "), arguments


def test_auto_goes_on_with_the_environments_that_it_can_read(line: Workspace) -> None:
    """The broken one is told as failed; the others are tried."""
    line.write(*BREAKS["its environment.yaml"])
    line.edit(
        "environments/prod/environment.yaml", "namespace: prod\n", "namespace: prod\ngates: {approvals: 1}\n"
    )
    line.commit("Break staging")
    outcome = line.envctl("promote", "--auto", "-o", "json")
    assert outcome.code == 1
    states = [(each["from"], each["to"], each["state"]) for each in outcome.data["promotions"]]
    assert states == [("dev", "prod", "waiting"), ("", "staging", "failed")]
    assert "\nstaging: failed\n" in line.envctl("promote", "--auto").out


WRONG: dict[str, tuple[str, str]] = {
    "wrong values": (FREEZE, f"{FREEZE}"),
    "no YAML": (FREEZE, FREEZE),
    "another extension": ("environments/prod/freeze.yml", "environments/prod/freeze.yml"),
    "a capital letter": ("environments/prod/Freeze.yaml", "environments/prod/Freeze.yaml"),
}


@pytest.mark.parametrize(("path", "removed"), WRONG.values(), ids=WRONG)
def test_resume_removes_a_pause_that_cannot_be_read(line: Workspace, path: str, removed: str) -> None:
    """Nobody has to repair it first; which file went, and why, is told."""
    suspend(line)
    line.write(path, "{" if path == FREEZE else "until: 2999-01-01T00:00:00Z\nreason: sale\n")
    line.commit("Freeze prod by hand")
    outcome = line.ok("resume", "prod")
    assert f"\nremoved {removed}, which could not be read: " in outcome.out
    assert line.git("ls-files", "environments/prod") == (
        "environments/prod/environment.yaml\nenvironments/prod/lock.yaml"
    )
    assert line.git("log", "-1", "--format=%s") == "Resume prod"


REFUSED: dict[str, Callable[[Workspace], None]] = {
    "promote": lambda line: _refuses(line, "promote", "dev", "prod"),
    "freeze": lambda line: _refuses(line, "freeze", "prod", "--for", "4h", "--reason", "x"),
    "render": lambda line: _refuses(line, "render", "prod", "--publish"),
}


def _refuses(line: Workspace, *arguments: str) -> None:
    path = "environments/prod/Freeze.yaml"
    assert line.envctl(*arguments).err.startswith(f"error: {path}: a file of this name is not read\n")


@pytest.mark.parametrize("refuses", REFUSED.values(), ids=REFUSED)
def test_a_freeze_with_a_capital_letter_is_not_passed_over(
    line: Workspace, refuses: Callable[[Workspace], None]
) -> None:
    """Somebody counts on it."""
    line.write("environments/prod/Freeze.yaml", "until: 2999-01-01T00:00:00Z\nreason: sale\n")
    line.commit("Freeze prod by hand")
    refuses(line)


def test_a_frozen_neighbour_is_read_for_itself(line: Workspace) -> None:
    """A malformed freeze of staging leaves that of prod in force."""
    freeze(line)
    line.write(*BREAKS["its freeze.yaml"])
    line.commit("Break staging")
    assert "freeze: prod is frozen until" in line.envctl("promote", "dev", "prod").err
