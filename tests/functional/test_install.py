"""`envctl install` at the command line: YAML for kubectl, JSON for programs, and what is wrong told."""

import json

import pytest
import yaml

from tests.functional.conftest import Workspace

REPO = ("--repo", "https://git.example.com:8443/platform.git")
UNREACHABLE = "a pod cannot reach it: give an address that begins with https:// or ssh://, or user@host:path"


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


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--repo", "nonsense", UNREACHABLE),
        ("--repo", "/srv/platform", UNREACHABLE),
        ("--repo", "file:///srv/platform", UNREACHABLE),
        ("--repo", "https://", UNREACHABLE),
        ("--repo", "https://git.example.com/a b", UNREACHABLE),
        (
            "--repo",
            "https://ann:hunter2@git.example.com/platform.git",
            "it holds a password or token: put that into a Secret, and name it with --secret",
        ),
        (
            "--repo",
            "https://ghp_token@git.example.com/x.git",
            "it holds a password or token: put that into a Secret, and name it with --secret",
        ),
        ("--secret", "Git_Token", "'Git_Token' is no name of a Secret"),
        (
            "--namespace",
            "Envctl_1",
            "'Envctl_1' is no name of a namespace: up to 63 small letters, digits and dashes",
        ),
        ("--image", "envctl 1", "'envctl 1' is no image: write NAME:TAG or NAME@DIGEST"),
        ("--image", "", "'' is no image: write NAME:TAG or NAME@DIGEST"),
    ],
)
def test_what_could_never_run_in_a_cluster_is_refused(
    small: Workspace, option: str, value: str, told: str
) -> None:
    """At once and by the option's name, not by an agent that cannot start; a password is not told again."""
    outcome = small.envctl("install", "dev", *REPO, option, value)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        f"error: Invalid value for '{option}': {told}\nhint: see `envctl install --help`\n"
    )


@pytest.mark.parametrize(
    "address", ["git@git.example.com:team/platform.git", "ssh://git@git.example.com:2222/platform.git"]
)
def test_addresses_of_ssh_are_taken(small: Workspace, address: str) -> None:
    """The short form too; a user's name is no secret."""
    small.ok("render", "dev", "--publish")
    found = json.loads(small.ok("install", "dev", "--repo", address, "-o", "json").out)
    assert address in found["manifests"][-1]["spec"]["template"]["spec"]["containers"][0]["args"]


def test_a_role_that_its_path_does_not_tell_of_gets_no_right(small: Workspace) -> None:
    """Written by hand: the path says a Role of one namespace, the file says the whole cluster."""
    small.ok("render", "dev", "--publish")
    path = "web/shop/Role.rbac.authorization.k8s.io_reader.yaml"
    small.git("checkout", "--quiet", "deploy/dev")
    small.write(
        path,
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: reader}\n"
        'rules: [{apiGroups: [""], resources: [secrets], verbs: [get]}]\n',
    )
    small.git("add", path)
    small.git("commit", "--quiet", "-C", "HEAD")
    outcome = small.envctl("install", "dev", *REPO)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "error: Role.rbac.authorization.k8s.io shop/reader: the file holds "
        "ClusterRole.rbac.authorization.k8s.io reader\n"
        "hint: somebody wrote to the branch by hand; render and publish it again\n"
    )
