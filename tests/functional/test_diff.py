"""envctl diff on a real repository: what it shows, what it hides, what it evaluates, and what it refuses."""

import base64

import pytest

from tests.functional.conftest import Workspace

CANARY = "canary-8f3a"
HIDDEN = base64.b64encode(CANARY.encode()).decode()
VAULT = """{ config:: { word: 'canary-8f3a' },
  key: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' },
         data: { word: std.base64($.config.word) }, stringData: { other: $.config.word } },
  made: { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'made' },
          spec: { template: $.key } } }
"""
KEY = "vault/dev/Secret_key.yaml"
BROKEN = {
    "an unquoted value": "apiVersion: v1\nkind: Secret\ndata:\n  word: 0o7-canary-8f3a: x\n",
    "a value that readers disagree about": "apiVersion: v1\nkind: Secret\ndata:\n  word: .canary-8f3a\n",
    "a value as a key": "apiVersion: v1\nkind: Secret\ndata:\n  canary-8f3a: a\n  canary-8f3a: b\n",
    "a value as a tag": "apiVersion: v1\nkind: Secret\ndata:\n  word: !canary-8f3a a\n",
    "no kind": "data:\n  word: .canary-8f3a\n",
    "a broken kind": "kind: secret\ndata:\n  word: canary-8f3a\n",
    "another value": "apiVersion: v1\nkind: Secret\nmetadata:\n  name: key\ndata:\n  word: canary-8f3a\n",
}


@pytest.fixture
def vault(small: Workspace) -> Workspace:
    """A component with secrets, published in dev."""
    small.write("components/vault/main.jsonnet", VAULT)
    small.write("environments/dev/environment.yaml", "namespace: dev\ncomponents: [web, vault]\n")
    small.commit("Add vault")
    small.ok("render", "dev", "--publish")
    return small


def edit_by_hand(workspace: Workspace, path: str, text: str) -> None:
    """A commit on deploy/dev that looks like envctl's, and another text at one path."""
    message = workspace.git("log", "-1", "--format=%B", "deploy/dev")
    workspace.git("checkout", "-q", "deploy/dev")
    workspace.write(path, text)
    workspace.git("add", "-A")
    workspace.git("commit", "-qm", message)
    workspace.git("checkout", "-q", "main")


OUTPUTS = ((), ("-v",), ("-o", "json"), ("-v", "-o", "json"))


@pytest.mark.parametrize("output", OUTPUTS, ids=" ".join)
@pytest.mark.parametrize("change", ["config", "gone", "created"])
def test_no_secret_is_shown_by_any_difference(vault: Workspace, change: str, output: tuple[str, ...]) -> None:
    """Of a Secret that changed, came or went, only the names of its fields are told."""
    if change == "config":
        vault.edit("components/vault/main.jsonnet", "word: 'canary", "word: 'new-canary")
    elif change == "gone":
        vault.write("environments/dev/environment.yaml", "namespace: dev\ncomponents: [web]\n")
    else:
        vault.git("update-ref", "-d", "refs/heads/deploy/dev")
    outcome = vault.envctl("diff", "dev", *output)
    assert (outcome.code, outcome.err) == (16, "")
    assert "Secret dev/key" in outcome.out
    for word in ("canary", HIDDEN, HIDDEN[:8]):
        assert word not in outcome.out


@pytest.mark.parametrize("output", OUTPUTS, ids=" ".join)
@pytest.mark.parametrize("text", BROKEN.values(), ids=list(BROKEN))
def test_no_secret_is_shown_by_an_error(vault: Workspace, text: str, output: tuple[str, ...]) -> None:
    """A Secret that was edited by hand and cannot be read is named by file and line."""
    edit_by_hand(vault, KEY, text)
    outcome = vault.envctl("diff", "dev", *output)
    said = outcome.out + outcome.err
    assert outcome.code in {1, 16}
    assert "Secret_key.yaml" in said if outcome.code == 1 else "Secret dev/key" in said
    assert "canary" not in said


def test_a_secret_that_cannot_be_read_is_told_with_its_line_and_the_next_step(vault: Workspace) -> None:
    """And nothing of what stands there."""
    edit_by_hand(vault, KEY, BROKEN["a value that readers disagree about"])
    assert vault.envctl("diff", "dev").err == (
        "error: cannot be read\n"
        "  vault/dev/Secret_key.yaml:4: is not what envctl writes; "
        "what stands there is not shown, as it may be a secret\n"
        "hint: the file was edited by hand: publish the environment again to take it back\n"
    )


def test_a_secret_hidden_in_another_objects_file_is_not_shown_by_an_error(vault: Workspace) -> None:
    """Its path does not say that it is one."""
    edit_by_hand(vault, "web/dev/ConfigMap_web.yaml", BROKEN["an unquoted value"])
    outcome = vault.envctl("diff", "dev")
    assert outcome.code == 1
    assert "canary" not in outcome.err
    assert "web/dev/ConfigMap_web.yaml:4" in outcome.err
