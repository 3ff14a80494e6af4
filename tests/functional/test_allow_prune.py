"""``envctl allow-prune``: what left a branch may go, exactly that, and only at the tree that was reviewed."""

import pytest

from tests.functional.conftest import Workspace
from tests.functional.failing import fails

ENVIRONMENT = "environments/dev/environment.yaml"
OTHER = "components/store/main.jsonnet"
STORE = """{
  claim: {
    apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data', namespace: 'dev' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  },
  notes: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'notes', namespace: 'dev' }, data: {} },
}
"""
CLAIM, NOTES = "PersistentVolumeClaim dev/data", "ConfigMap dev/notes"


def with_store(workspace: Workspace) -> Workspace:
    """The environment had a store, and it was taken out of the source."""
    before = (workspace.path / ENVIRONMENT).read_text()
    workspace.write(OTHER, STORE)
    workspace.write(ENVIRONMENT, before.replace("components:", "components: [store, web]\n#"))
    workspace.commit("Add a store")
    workspace.ok("render", "dev", "--publish")
    workspace.write(ENVIRONMENT, before)
    workspace.commit("Drop the store")
    return workspace


def trailers(workspace: Workspace, revision: str) -> list[str]:
    return workspace.git("log", "-1", "--format=%(trailers)", revision).splitlines()


def test_a_permission_names_the_object_and_the_tree(small: Workspace) -> None:
    """Agent's fault row 42: the commit changes no file; the publish hands it on, to that very tree."""
    with_store(small)
    before = small.git("rev-parse", "main")
    found = small.json("allow-prune", "dev", CLAIM, "--reason", "moved")
    assert small.git("rev-parse", "main^{tree}") == small.git("rev-parse", f"{before}^{{tree}}")
    permit = f"{CLAIM}@{found['tree'][:12]}"
    assert found == {
        "environment": "dev", "objects": [CLAIM], "permits": [permit], "tree": found["tree"],
        "branch": "main", "commit": small.git("rev-parse", "main"), "pushed": False,
    }  # fmt: skip
    assert trailers(small, "main") == [
        "Envctl-Environment: dev", f"Envctl-Allow-Prune: {permit}", "Envctl-Reason: moved",
    ]  # fmt: skip
    small.ok("render", "dev", "--publish")
    assert small.git("rev-parse", "deploy/dev^{tree}") == found["tree"]
    assert f"Envctl-Allow-Prune: {permit}" in trailers(small, "deploy/dev")
    small.ok("verify", "dev")


def test_a_guard_lets_go_what_it_is_about(small: Workspace) -> None:
    """The text tells what may go, and what to do next."""
    with_store(small)
    said = small.ok("allow-prune", "dev", "--guard", "protected-kind", "--reason", "moved").out
    tree = small.git("log", "-1", "--format=%(trailers:key=Envctl-Allow-Prune,valueonly)").strip()
    name, _, bound = tree.partition("@")
    assert name == "protected-kind"
    assert said == (
        f"1 object of dev may go, at the deploy tree {bound}:\n"
        f"  {CLAIM}\n"
        f"committed {small.git('rev-parse', '--short=12', 'main')} on main\n"
        "others see it once main is pushed\n"
        "the agent is told by the next publish: envctl render dev --publish\n"
    )
    assert small.json("allow-prune", "dev", "--guard", "too-many", "--dry-run")["objects"] == [NOTES]


def test_what_left_with_an_earlier_publish_can_still_be_permitted(small: Workspace) -> None:
    """Its removal is published, the guard keeps it, and then somebody says that it may go."""
    with_store(small).ok("render", "dev", "--publish")
    assert small.json("allow-prune", "dev", CLAIM, "--dry-run")["objects"] == [CLAIM]


def test_an_empty_environment_is_permitted_in_its_own_word(small: Workspace) -> None:
    """The guard against emptiness, and all that it guards."""
    small.ok("render", "dev", "--publish")
    text = (small.path / ENVIRONMENT).read_text()
    small.write(ENVIRONMENT, text.replace("components:", "components: []\n#"))
    small.commit("Nothing is left")
    found = small.json("allow-prune", "dev", "--guard", "empty-tree", "--dry-run")
    bound = found["tree"][:12]
    assert found["permits"] == [f"empty-tree@{bound}", f"all@{bound}"]


REFUSED = {
    "no reason": (("dev", CLAIM), 2, "a reason is needed"),
    "nothing named": (("dev", "--reason", "why"), 2, "nothing is named that may go"),
    "an unknown environment": (("nowhere", CLAIM, "--reason", "why"), 2, "nowhere"),
    "a name with a slip": (
        ("dev", "PersistentVolumeClaim dev/dta", "--reason", "why"), 1, f"did you mean {CLAIM}?",
    ),
    "not empty": (("dev", "--guard", "empty-tree", "--reason", "why"), 1, "empty-tree is not in the way"),
    "still rendered": (
        ("dev", "ConfigMap dev/web", "--reason", "why"), 1, "ConfigMap dev/web is still rendered for dev",
    ),
    "a guard that nothing passes": (("dev", "--guard", "own-object", "--reason", "why"), 2, "own-object"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_permitted_is_told(name: str, small: Workspace) -> None:
    """A permission is for what has left, never for what may leave later. Nothing is written."""
    with_store(small)
    arguments, code, says = REFUSED[name]
    outcome = fails(small, "allow-prune", *arguments)
    assert (outcome.code, says in outcome.err) == (code, True), outcome.err


NOTHING_SAID = """\
error: what may go, and why, must be said
  nothing is named that may go
    name objects as messages do ('Namespace shop'), or --guard too-many|protected-kind|empty-tree
  a reason is needed: it is recorded in the commit
    --reason TEXT
"""
TWO_STAY = f"""\
error: 2 objects cannot be permitted to go; nothing was permitted
  ConfigMap dev/web is still rendered for dev
    take it out of the source first, and commit that: a permission is for what has left
  PersistentVolumeClaim dev/dta was not on deploy/dev
    did you mean {CLAIM}?
"""


def test_all_that_is_missing_is_told_at_once(small: Workspace) -> None:
    """What may go and why, with each way to say it; and each object that cannot be permitted."""
    with_store(small)
    outcome = fails(small, "allow-prune", "dev")
    assert (outcome.code, outcome.err) == (2, NOTHING_SAID)
    named = ("ConfigMap dev/web", "PersistentVolumeClaim dev/dta", CLAIM)
    outcome = fails(small, "allow-prune", "dev", *named, "--reason", "why")
    assert (outcome.code, outcome.err) == (1, TWO_STAY)
