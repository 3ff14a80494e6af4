"""What config checks cost a render, and how their failures are told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.conftest import Workspace
from tests.functional.failing import fails

ROOT = Path(__file__).parents[2]
SCHEMA = "schemas/web.schema.json"
PLAIN = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {"replicas": {"type": "integer", "minimum": 1, "maximum": 9}},
}
WATCHED = """
import sys
started = []
def hook(event, arguments):
    if event == "subprocess.Popen" and "schemacheck" in " ".join(map(str, arguments[1])):
        started.append(1)
sys.addaudithook(hook)
from envctl.cli.main import run
code = run(["-C", sys.argv[1], "render", "--no-cache"])
heavy = [name for name in ("jsonschema", "referencing", "jsonschema_specifications") if name in sys.modules]
print(code, len(started), heavy)
"""


def watched(workspace: Workspace) -> str:
    """Exit code, checker processes, and libraries of JSON Schema in this process after a render."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(workspace.path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


def in_two(small: Workspace) -> Workspace:
    """The component in two environments that follow the source branch."""
    small.write("environments/prod/environment.yaml", "namespace: prod\ncomponents: [web]\n")
    return small


def test_config_that_fits_starts_no_process_and_loads_no_library(small: Workspace) -> None:
    """The quick yes is all that most renders need."""
    in_two(small).write(SCHEMA, json.dumps(PLAIN))
    assert watched(small) == "0 0 []"


@pytest.mark.parametrize(
    ("schema", "code"),
    [
        pytest.param({**PLAIN, "properties": {}}, 1, id="config that does not fit"),
        pytest.param({**PLAIN, "not": {"required": ["x"]}}, 0, id="schema that is not plain"),
    ],
)
def test_other_checks_share_one_process(small: Workspace, schema: object, code: int) -> None:
    """And still no library here: it is loaded there."""
    in_two(small).write(SCHEMA, json.dumps(schema))
    assert watched(small) == f"{code} 1 []"


BROKEN = (
    '  error: schemas/web.schema.json: type: must be "array", "boolean", "integer", "null", "number", "object" or "string", is the text "strin"\n'
    "  hint: did you mean `string`?\n"
)


def test_a_broken_schema_is_told_once_for_all_environments(small: Workspace) -> None:
    """People read it once; machines find it with each environment."""
    in_two(small).write(SCHEMA, '{"type": "strin"}')
    assert fails(small, "render").err == f"dev, prod: failed\n{BROKEN}"
    outcome = fails(small, "render", "-o", "json")
    told = {each["environment"]: each["errors"] for each in outcome.data["environments"]}
    assert told["dev"] == told["prod"]
    assert [each["place"] for each in told["dev"]] == [SCHEMA]


def test_what_environments_do_not_share_is_told_with_each_of_them(small: Workspace) -> None:
    """Common failures first where they come first; an environment is headed again for its own."""
    in_two(small).write(SCHEMA, '{"type": "strin"}')
    small.write("environments/prod/environment.yaml", "namespace: prod\ncomponents: [web, bad]\n")
    small.write("components/bad/main.jsonnet", "error 'no'\n")
    assert fails(small, "render").err == (
        f"dev, prod: failed\n{BROKEN}"
        "prod: failed\n"
        "  error: components/bad/main.jsonnet:1:1: no\n"
        "    while evaluating bad in prod\n"
    )


def test_two_hundred_misfits_are_told_and_no_more(small: Workspace) -> None:
    """Whoever has more has one cause; the message says that there are more."""
    small.write(SCHEMA, '{"additionalProperties": {"type": "string"}}')
    config = ", ".join(f"k{at}: {at}" for at in range(300))
    small.write("environments/dev/environment.yaml", f"components: [{{name: web, config: {{{config}}}}}]\n")
    lines = fails(small, "render", "dev").err.splitlines()
    assert lines[1] == "  error: the config of web in dev does not fit schemas/web.schema.json"
    assert sum(": must be text, is " in line for line in lines) == 200
    assert (
        lines[-1]
        == "    components/web: web in dev: config: there are more problems than the 200 that are told"
    )
