"""A frozen or suspended environment of the small repository."""

from typing import Any

from envctl.model.times import parse_time
from tests.functional.conftest import SMALL, Workspace

MAIN = "components/web/main.jsonnet"
LATER = "2999-01-01T00:00:00Z"
LATEST = "2999-06-01T00:00:00Z"
SUSPEND = "environments/prod/suspend.yaml"
FREEZE = "environments/prod/freeze.yaml"


def seconds(text: str) -> int:
    found = parse_time(text)
    assert found is not None
    return found


def freeze(line: Workspace, *more: str) -> Any:
    return line.json("freeze", "prod", "--until", LATER, "--reason", "end of the quarter", *more)


def suspend(line: Workspace, *more: str) -> Any:
    return line.json("suspend", "prod", "--until", LATER, "--reason", "incident 42", *more)


def change(line: Workspace, replicas: int) -> str:
    """A change of prod's own settings, which acts at once."""
    file = line.path / "environments/prod/environment.yaml"
    file.write_text(SMALL["environments/prod/environment.yaml"].replace("3", str(replicas)))
    return line.commit(f"prod: {replicas} replicas")
