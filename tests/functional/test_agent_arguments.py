"""`envctl agent` with arguments that cannot be meant: refused before any cluster or repository is asked."""

import pytest

from tests.functional.conftest import Outcome, Workspace

REPO = "https://git.example.com/platform.git"
ENVIRONMENT = "is no name of an environment: up to 63 small letters, digits and dashes"

CASES = {
    "a name that no environment has": (("--env", "Prod 1"), "--env", f"'Prod 1' {ENVIRONMENT}"),
    "one of two names": (("--env", "prod", "--env", "eu_1"), "--env", f"'eu_1' {ENVIRONMENT}"),
    "a word in place of a repository": (
        ("--env", "prod", "--repo", "origin"),
        "--repo",
        "'origin' is no address: write https://…, ssh://…, user@host:path or a path",
    ),
    "a namespace that cannot be": (
        ("--env", "prod", "--namespace", "Envctl System"),
        "--namespace",
        "'Envctl System' is no name of a namespace: up to 63 small letters, digits and dashes",
    ),
    "credentials in a folder that is not there": (
        ("--env", "prod", "--credentials", "no/folder"),
        "--credentials",
        "Directory 'no/folder' does not exist.",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_agent_does_not_wait_for_what_can_never_come(small: Workspace, name: str) -> None:
    """It would try again for ever, and leave a Lease and a report of the wrong name in the cluster."""
    arguments, option, told = CASES[name]
    outcome = small.envctl("agent", "--repo", REPO, *arguments)
    error = f"error: Invalid value for '{option}': {told}\nhint: see `envctl agent --help`\n"
    assert outcome == Outcome(2, "", error)
