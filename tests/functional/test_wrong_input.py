"""Sources that are wrong: the whole message, the exit code, and nothing half written.

Each message names the object or file, the place, the reason and the next step.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.functional.conftest import Workspace
from tests.functional.failing import fails, told

MAIN = "components/web/main.jsonnet"
DEV = "environments/dev/environment.yaml"
PROD = "environments/prod/environment.yaml"
LOCK = "environments/prod/lock.yaml"
WAITING = "prod: nothing promoted yet\n"


def config_map(name: str) -> str:
    return f"{{ apiVersion: 'v1', kind: 'ConfigMap', metadata: {{ name: '{name}' }} }}"


def importing(what: str) -> str:
    return f"{{\n  settings: {config_map('web')} + {{ data: import '{what}' }},\n}}\n"


def api(depends_on: str) -> dict[str, str]:
    """A second component, and an environment that has both."""
    return {
        "components/api/main.jsonnet": f"{{ settings: {config_map('api')} }}\n",
        "components/api/component.yaml": f"dependsOn: [{depends_on}]\n",
        DEV: "namespace: dev\ncomponents: [web, api]\n",
    }


@dataclass(frozen=True)
class Wrong:
    """Files that are wrong, the command that reads them, and what it must say."""

    err: str
    files: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ("render", "dev")
    code: int = 1
    links: Mapping[str, str] = field(default_factory=dict)


SOURCES = {
    "jsonnet syntax error": Wrong(
        files={MAIN: "{\n  a: [1, 2\n  b: 3,\n}\n"},
        err="""
        dev: failed
          error: components/web/main.jsonnet:3:3: a comma is missing before this
            while evaluating web in dev
          hint: write it, or close the bracket that is open here
        """,
    ),
    "import that does not exist": Wrong(
        files={MAIN: importing("k.libsonnet")},
        err="""
        dev: failed
          error: components/web/main.jsonnet:2:90: import "k.libsonnet" was not found
            while evaluating web in dev
            $.settings.data: this part of the output needs it
          hint: looked for components/web/k.libsonnet, lib/k.libsonnet, vendor/k.libsonnet, k.libsonnet
        """,
    ),
    "import of an absolute path": Wrong(
        files={MAIN: importing("/etc/passwd")},
        err="""
        dev: failed
          error: components/web/main.jsonnet:2:90: import "/etc/passwd" is an absolute path
            while evaluating web in dev
            $.settings.data: this part of the output needs it
          hint: imports stay inside the repository: copy the file into it, for example under vendor/
        """,
    ),
    "import above the repository": Wrong(
        files={MAIN: importing("../../../secret.libsonnet")},
        err="""
        dev: failed
          error: components/web/main.jsonnet:2:90: import "../../../secret.libsonnet" leads out of the repository
            while evaluating web in dev
            $.settings.data: this part of the output needs it
          hint: imports stay inside the repository: copy the file into it, for example under vendor/
        """,
    ),
    "import through a link to a file": Wrong(
        files={MAIN: importing("l.libsonnet")},
        links={"components/web/l.libsonnet": "/etc/passwd"},
        err="""
        dev: failed
          error: components/web/main.jsonnet:2:90: import "l.libsonnet" leads through the symbolic link components/web/l.libsonnet
            while evaluating web in dev
            $.settings.data: this part of the output needs it
          hint: links are never followed: commit the files themselves
        """,
    ),
    "import through a link to a folder": Wrong(
        files={MAIN: importing("sub/passwd")},
        links={"components/web/sub": "/etc"},
        err="""
        dev: failed
          error: components/web/main.jsonnet:2:90: import "sub/passwd" leads through the symbolic link components/web/sub
            while evaluating web in dev
            $.settings.data: this part of the output needs it
          hint: links are never followed: commit the files themselves
        """,
    ),
    "config that does not fit its schema": Wrong(
        files={
            "schemas/web.schema.json": json.dumps(
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["host"],
                    "properties": {
                        "replicas": {"type": "integer", "maximum": 2},
                        "host": {"type": "string"},
                        "color": {"enum": ["red", "blue"]},
                    },
                }
            ),
            "environments/base/environment.yaml": "abstract: true\nconfig:\n  color: green\n",
            DEV: (
                "extends: base\nnamespace: dev\ncomponents:\n"
                "- name: web\n  config:\n    replicas: 3\n    replica: 2\n"
            ),
        },
        err="""
        dev: failed
          error: the config of web in dev does not fit schemas/web.schema.json
            environments/dev/environment.yaml:7: web in dev: config.replica: unknown key (set for web in environment dev)
              did you mean `replicas`?
            components/web: web in dev: config: the key `host` is missing
              set config.host for web in environments/dev/environment.yaml, or give it a default in the component
            environments/dev/environment.yaml:6: web in dev: config.replicas: must be at most 2, is 3 (set for web in environment dev)
            environments/base/environment.yaml:3: web in dev: config.color: must be "red" or "blue", is the text "green" (set for every component in environment base)
        """,
    ),
    "schema that would take for ever": Wrong(
        files={
            "schemas/web.schema.json": '{"properties": {"host": {"pattern": "^(a+)+$"}}}',
            "envctl.yaml": "evaluation: {seconds: 1}\n",
            DEV: f"namespace: dev\ncomponents: [{{name: web, config: {{host: {'a' * 60}!}}}}]\n",
        },
        err="""
        dev: failed
          error: schemas/web.schema.json: the config of web in dev could not be checked: stopped after 1 s
          hint: look for a pattern with one repetition inside another, like (a+)+, or a $ref that multiplies itself; or raise evaluation.seconds in envctl.yaml
        """,
    ),
    "schema that leads out of the repository": Wrong(
        files={"schemas/web.schema.json": '{"$ref": "https://example.com/web.json"}'},
        err="""
        dev: failed
          error: schemas/web.schema.json: $ref: https://example.com/web.json leads out of this repository, and a render fetches nothing
          hint: copy the definition into $defs of this schema
        """,
    ),
    "policy, which nothing checks yet": Wrong(
        files={"policies/no-latest.yaml": "kind: ValidatingAdmissionPolicy\n"},
        err="""
        error: policies/no-latest.yaml: policies are not supported yet: nothing would check this one
        hint: keep it outside policies/ until they are
        """,
    ),
    "schema that is no JSON": Wrong(
        files={"schemas/web.schema.json": '{\n  "type": }\n'},
        err="""
        dev: failed
          error: schemas/web.schema.json:2: not valid JSON: Expecting value
          hint: JSON has no comments, no comma behind a last value, and only texts in double quotes
        """,
    ),
    "one identity twice in a component": Wrong(
        files={MAIN: f"{{ one: {config_map('web')}, two: [{config_map('web')}] }}\n"},
        err="""
        dev: failed
          error: web $.two[0]: ConfigMap dev/web is also at web $.one
          hint: keep it in one place
        """,
    ),
    "one identity in two components": Wrong(
        files={**api("web"), "components/api/main.jsonnet": f"{{ settings: {config_map('web')} }}\n"},
        err="""
        dev: failed
          error: api $.settings: ConfigMap dev/web is also at web $.settings
          hint: keep it in one place
        """,
    ),
    "visible value that is no object": Wrong(
        files={MAIN: f"{{ replicas: 3, settings: {config_map('web')} }}\n"},
        err="""
        dev: failed
          error: web $: is neither a Kubernetes object nor a collection of them, because of replicas:
              replicas: 3
          hint: add apiVersion and kind, or hide what is no object with two colons (name:: value)
        """,
    ),
    "several problems in the rendered objects": Wrong(
        files={MAIN: f"{{ one: {config_map('web')}, two: {config_map('Web_1')}, three: [true] }}\n"},
        err="""
        dev: failed
          error: 2 problems in the rendered objects
            web $.three[0]: is a boolean, not a Kubernetes object: true
              hide what is no object with two colons (name:: value)
            web $.two: ConfigMap metadata.name 'Web_1' is not allowed; the API server wants lower-case letters, digits, - and ., with letters or digits at the ends
        """,
    ),
    "component that is no object": Wrong(
        files={MAIN: "'text'\n"},
        err="""
        dev: failed
          error: web in dev: components/web/main.jsonnet must be an object, or a function that returns one; it is of type string
        """,
    ),
    "unknown environment": Wrong(
        arguments=("render", "qa"),
        code=2,
        err="""
        error: there is no environment qa in the work tree
        hint: environments here: dev, prod
        """,
    ),
    "environment that is only a base": Wrong(
        files={"environments/base/environment.yaml": "abstract: true\n"},
        arguments=("render", "base"),
        code=2,
        err="""
        error: environment base is abstract: it is only there to be extended
        hint: environments here: dev, prod
        """,
    ),
    "unknown environment in status": Wrong(
        arguments=("status", "qa"),
        code=2,
        err="""
        error: there is no environment qa in commit {HEAD}
        hint: environments here: dev, prod
        """,
    ),
    "unknown environment in verify": Wrong(
        arguments=("verify", "qa"),
        code=2,
        err="""
        error: there is no environment qa in commit {HEAD}
        hint: environments here: dev, prod
        """,
    ),
    "unknown environment in diff": Wrong(
        arguments=("diff", "qa"),
        code=2,
        err="""
        error: there is no environment qa in the work tree
        hint: environments here: dev, prod; to compare revisions, name two of them
        """,
    ),
    "neither environments nor revisions in diff": Wrong(
        arguments=("diff", "qa", "HEAD"),
        code=2,
        err="""
        error: qa is no environment in the work tree, and there is no branch, tag or commit 'qa'
        hint: environments here: dev, prod
        """,
    ),
    "unknown environment in promote": Wrong(
        arguments=("promote", "dev", "qa"),
        code=2,
        err="""
        error: there is no environment qa in commit {HEAD}
        hint: environments here: dev, prod
        """,
    ),
    "promotion to itself": Wrong(
        arguments=("promote", "prod", "prod"),
        code=2,
        err="""
        error: prod cannot be promoted to itself
        hint: prod is promoted from dev
        """,
    ),
    "promotion from what is not published": Wrong(
        arguments=("promote", "dev", "prod"),
        err="""
        error: environment dev is not published: there is no branch deploy/dev
        hint: publish it first: envctl render dev --publish
        """,
    ),
    "verification of what is not published": Wrong(
        arguments=("verify", "dev"),
        err="""
        error: environment dev is not published: there is no branch deploy/dev
        hint: publish it first: envctl render dev --publish
        """,
    ),
    "unknown revision": Wrong(
        arguments=("render", "dev", "--rev", "v9"),
        err="""
        error: there is no branch, tag or commit 'v9'
        hint: git branch -a lists the branches
        """,
    ),
    "unknown component in an environment": Wrong(
        files={DEV: "namespace: dev\ncomponents:\n- web\n- wep\n- gateway\n"},
        err="""
        dev: failed
          error: 2 problems found in environments/dev/environment.yaml
            environments/dev/environment.yaml:4: there is no component wep: components/wep/main.jsonnet does not exist in the work tree
              components there: web
            environments/dev/environment.yaml:5: there is no component gateway: components/gateway/main.jsonnet does not exist in the work tree
              components there: web
        """,
    ),
    "unknown component in a base": Wrong(
        files={
            "environments/base/environment.yaml": "abstract: true\ncomponents: [gateway]\n",
            DEV: "extends: base\nnamespace: dev\n",
        },
        err="""
        dev: failed
          error: environments/base/environment.yaml:2: there is no component gateway: components/gateway/main.jsonnet does not exist in the work tree
          hint: components there: web
        """,
    ),
    "missing pin": Wrong(
        arguments=("render", "prod"),
        err="""
        prod: failed
          error: environments/prod/lock.yaml: environment prod is promoted from dev and has no pin for web
          hint: promote first: envctl promote dev prod
        """,
    ),
    "circle of dependsOn": Wrong(
        files={**api("web"), "components/web/component.yaml": "dependsOn: [api]\n"},
        err="""
        dev: failed
          error: components/api/component.yaml: components depend on each other in a circle: api → web → api
          hint: remove one of these dependencies
        """,
    ),
    "dependsOn of an unknown component": Wrong(
        files=api("wep"),
        err="""
        dev: failed
          error: components/api/component.yaml: dependsOn names wep, which is not a component of this environment
          hint: components here: web
        """,
    ),
    "circle of extends": Wrong(
        files={
            "environments/a/environment.yaml": "extends: b\nabstract: true\n",
            "environments/b/environment.yaml": "abstract: true\nextends: a\n",
            DEV: "extends: a\nnamespace: dev\ncomponents: [web]\n",
        },
        err="""
        dev: failed
          error: environments/b/environment.yaml:2: environments extend each other in a circle: dev → a → b → a
          hint: remove one of these `extends`
        """,
    ),
    "invalid YAML": Wrong(
        files={DEV: "namespace: dev\ncomponents: [web\n"},
        err="""
        error: environments/dev/environment.yaml:2: not valid YAML: a bracket is opened here and not closed
        hint: close it, or write the missing `,`
        """,
    ),
    "problems in several files": Wrong(
        files={
            DEV: "namespace: Dev\ncomponent: [web]\n",
            PROD: "namespace: prod\nnamespace: prod\n",
        },
        arguments=("render",),
        err="""
        error: 3 problems found
          environments/dev/environment.yaml:1: namespace: must match the pattern ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$, is the text "Dev"
            The namespace of namespaced objects that name none themselves. Lower-case letters, digits and hyphens, as in Kubernetes names.
          environments/dev/environment.yaml:2: component: unknown key
            did you mean `components`?
          environments/prod/environment.yaml:2: the key namespace is given twice, first in line 1
            keep one of them
        """,
    ),
    "merge conflict in a lock": Wrong(
        files={
            LOCK: (
                "components:\n  web:\n<<<<<<< HEAD\n    revision: aaaa\n=======\n"
                "    revision: bbbb\n>>>>>>> other\n"
            )
        },
        arguments=("render", "prod"),
        err="""
        prod: failed
          error: environments/prod/lock.yaml:3: this file has an unresolved merge conflict
          hint: take one side as it is (git checkout --ours or --theirs, then git add), and promote again what the other side had
        """,
    ),
    "pin that is not in the repository": Wrong(
        files={LOCK: f"components:\n  web:\n    revision: {'ab' * 20}\n"},
        arguments=("render", "prod"),
        err="""
        prod: failed
          error: environments/prod/lock.yaml: the pinned revision abababababab of component web is not in this repository
          hint: fetch it: git fetch origin abababababababababababababababababababab; or all that a shallow clone lacks: git fetch --unshallow
        """,
    ),
    "evaluation without end": Wrong(
        files={
            MAIN: "local f(x) = if x < 0 then 0 else f(x + 1) tailstrict;\n{ settings: f(0) }\n",
            "envctl.yaml": "evaluation: {seconds: 1}\n",
        },
        err="""
        dev: failed
          error: web in dev could not be evaluated: killed after 1 s of wall clock
          hint: look for a string, array or object that doubles itself, or a recursion without end; or raise evaluation.seconds in envctl.yaml
        """,
    ),
}


def prepared(small: Workspace, wrong: Wrong) -> Workspace:
    for path, text in wrong.files.items():
        small.write(path, text)
    for path, target in wrong.links.items():
        (small.path / path).symlink_to(target)
    return small


CASES = [pytest.param(each, id=name) for name, each in SOURCES.items()]


@pytest.mark.parametrize("wrong", CASES)
def test_wrong_source_is_told_whole(small: Workspace, wrong: Wrong) -> None:
    """Standard output, standard error and the exit code; refs and files stay as they were."""
    outcome = fails(prepared(small, wrong), *wrong.arguments)
    assert (outcome.out, outcome.err) == ("", told(small, wrong.err))
    assert outcome.code == wrong.code


@pytest.mark.parametrize("wrong", CASES)
def test_machines_are_told_the_same(small: Workspace, wrong: Wrong) -> None:
    """One JSON document on standard output holds every part of the text, and the same exit code."""
    outcome = fails(prepared(small, wrong), *wrong.arguments, "-o", "json")
    assert (outcome.code, outcome.err) == (wrong.code, "")
    failed = [each for each in outcome.data.get("environments", []) if each["state"] == "failed"]
    errors = [error for each in failed for error in each["errors"]] or [outcome.data["error"]]
    lines = [f"{each['environment']}: failed" for each in failed]
    lines += [line for each in errors for line in as_text(each)]
    assert lines == [line.strip() for line in told(small, wrong.err).splitlines()]


def as_text(error: Mapping[str, Any]) -> Iterator[str]:
    """The lines that people get for an error, without their indents."""
    yield f"error: {': '.join(filter(None, (error['place'], *error['summary'].splitlines()[:1])))}"
    yield from (line.strip() for line in error["summary"].splitlines()[1:])
    for problem in error["problems"]:
        yield ": ".join(filter(None, (problem["place"], problem["reason"])))
        yield from filter(None, (problem["hint"],))
    if error["hint"]:
        yield f"hint: {error['hint']}"
