"""`envctl install` at the command line: YAML for kubectl, JSON for programs, and what is wrong told."""

import json

import yaml

from tests.functional.conftest import Workspace

REPO = ("--repo", "https://git.example.com:8443/platform.git")


def test_the_manifests_are_printed_in_the_order_of_applying(small: Workspace) -> None:
    """YAML documents on standard output; who it is for on standard error."""
    small.ok("render", "dev", "--publish")
    outcome = small.ok("install", "dev", *REPO, "--secret", "token")
    objects = [*yaml.safe_load_all(outcome.out)]
    assert [(each["kind"], each["metadata"]["name"]) for each in objects] == [
        ("CustomResourceDefinition", "environments.envctl.dev"),
        ("Namespace", "envctl-system"),
        ("ServiceAccount", "envctl-agent-dev"),
        ("Role", "envctl-agent-dev"),
        ("RoleBinding", "envctl-agent-dev"),
        ("Role", "envctl-agent-dev"),
        ("RoleBinding", "envctl-agent-dev"),
        ("NetworkPolicy", "envctl-agent-dev"),
        ("Deployment", "envctl-agent-dev"),
    ]
    assert outcome.err == f"dev at {small.git('rev-parse', 'deploy/dev')[:12]}: 9 objects\n"
    egress = objects[7]["spec"]["egress"][1]["ports"]
    assert [each["port"] for each in egress] == [443, 6443, 8443]


def test_programs_get_the_same_as_json(small: Workspace) -> None:
    """One document: the revision, the notes, the objects."""
    small.ok("render", "dev", "--publish")
    found = json.loads(small.ok("install", "dev", *REPO, "-o", "json").out)
    assert {name: found[name] for name in ("environment", "revision", "notes")} == {
        "environment": "dev",
        "revision": small.git("rev-parse", "deploy/dev"),
        "notes": [],
    }
    assert found["manifests"] == [*yaml.safe_load_all(small.ok("install", "dev", *REPO).out)]


def test_what_is_not_published_has_no_rights_yet(small: Workspace) -> None:
    """The rights follow from the branch, so it has to be there."""
    outcome = small.envctl("install", "dev", *REPO)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "error: environment dev is not published: there is no branch deploy/dev\n"
        "hint: publish it first: envctl render dev --publish\n"
    )
