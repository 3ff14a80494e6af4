"""envctl diff on a real repository: what it shows, what it hides, what it evaluates, and what it refuses."""

import base64
import json
from collections.abc import Iterator

import pytest

from envctl import wiring
from envctl.jsonnet.evaluator import JsonnetEvaluator
from envctl.workflows.promotion.promote import PromoteOptions, promote
from envctl.workflows.publishing.opening import open_source
from envctl.workflows.publishing.runs import PublishOptions
from envctl.workflows.rendering.diff import diff
from envctl.workflows.rendering.sides import Comparison
from tests.functional.conftest import Workspace
from tests.functional.failing import fails, told
from tests.support.rendering import Counting

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


OUTPUTS = ((), ("-v",), ("-o", "json"), ("-v", "-o", "json"), ("--markdown", "--full"))


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


@pytest.fixture(scope="module")
def engine() -> Iterator[JsonnetEvaluator]:
    with JsonnetEvaluator(workers=1) as real:
        yield real


def compared(
    workspace: Workspace, engine: JsonnetEvaluator, first: str, second: str | None
) -> tuple[tuple[Comparison, ...], list[str]]:
    """What a comparison finds, and what it had to evaluate for that."""
    counting = Counting(engine)
    repository = wiring.open_repository(workspace.path)
    source = open_source(repository, PublishOptions())
    found = diff(repository, counting, source, first, second, wiring.render_cache(repository))
    return found, sorted(counting.asked)


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        pytest.param(("dev", None), ["vault in dev", "web in dev"], id="what a publish would change"),
        pytest.param(("dev", "prod"), ["web in prod"], id="two environments"),
        pytest.param(("HEAD~1", "HEAD"), ["vault in dev", "web in dev", "web in prod"], id="two revisions"),
    ],
)
def test_a_second_comparison_evaluates_nothing_and_finds_the_same(
    vault: Workspace, engine: JsonnetEvaluator, sides: tuple[str, str | None], expected: list[str]
) -> None:
    """What renders remember serves comparisons, and what comparisons render is remembered."""
    vault.write(
        "environments/prod/lock.yaml",
        f"components:\n  web:\n    revision: {vault.git('rev-parse', 'HEAD')}\n",
    )
    vault.edit("components/vault/main.jsonnet", "word: 'canary", "word: 'new")
    vault.edit("components/web/main.jsonnet", "replicas: 1", "replicas: 2")
    vault.commit("Change both")
    first, asked = compared(vault, engine, *sides)
    assert sorted(set(asked)) == expected
    assert compared(vault, engine, *sides) == (first, [])
    assert any(each.changes for each in first)


def test_comparing_old_commits_leaves_alone_what_the_work_tree_remembers(
    vault: Workspace, engine: JsonnetEvaluator
) -> None:
    """The next render after it evaluates nothing."""
    vault.edit("components/web/main.jsonnet", "replicas: 1", "replicas: 2")
    vault.commit("Change web")
    vault.edit("components/web/main.jsonnet", "replicas: 2", "replicas: 3")
    compared(vault, engine, "dev", None)
    assert compared(vault, engine, "HEAD~1", "HEAD")[1] != []
    assert compared(vault, engine, "dev", None)[1] == []


def test_a_promotion_evaluates_only_what_was_never_rendered_here(
    vault: Workspace, engine: JsonnetEvaluator
) -> None:
    """The gate believes what its origin's publish remembers; a second time the target is known too."""
    asked = []
    for _ in range(2):
        repository = wiring.open_repository(vault.path)
        counting = Counting(engine)
        options = PromoteOptions("dev", "prod", dry_run=True)
        promote(repository, counting, options, wiring.render_cache(repository))
        asked.append(sorted(counting.asked))
    assert asked == [["web in prod"], []]


def test_equal_folders_are_never_opened(vault: Workspace, engine: JsonnetEvaluator) -> None:
    """Their objects are counted all the same."""
    vault.edit("components/vault/main.jsonnet", "word: 'canary", "word: 'new")
    blob = vault.git("rev-parse", "deploy/dev:web/dev/ConfigMap_web.yaml")
    (vault.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    (found,), _ = compared(vault, engine, "dev", None)
    assert ([str(each.id) for each in found.changes], found.unchanged) == (
        ["Secret dev/key", "Thing.example.com dev/made"],
        1,
    )


def test_equal_texts_in_other_default_namespaces_are_still_compared(small: Workspace) -> None:
    """An object in dev's namespace is the default in one environment and a foreign one in the other."""
    text = small.path.joinpath("components/web/main.jsonnet").read_text()
    small.write("components/web/main.jsonnet", text.replace("name: 'web'", "name: 'web', namespace: 'dev'"))
    small.write("environments/other/environment.yaml", "namespace: other\ncomponents: [web]\n")
    outcome = small.envctl("diff", "dev", "other", "-o", "json")
    assert outcome.code == 16
    (found,) = outcome.data["comparisons"]
    assert [(each["action"], each["object"]) for each in found["changes"]] == [
        ("deleted", "ConfigMap dev/web"),
        ("created", "ConfigMap dev/web"),
    ]


def test_two_revisions_leave_out_what_is_promoted_nowhere(small: Workspace) -> None:
    """An environment that waits for its first promotion is no reason to fail."""
    small.edit("components/web/main.jsonnet", "replicas: 1", "replicas: 2")
    small.commit("Two")
    outcome = small.envctl("diff", "HEAD~1", "HEAD", "-o", "json")
    assert (outcome.code, outcome.err) == (16, "")
    assert [each["new"].partition(" ")[0] for each in outcome.data["comparisons"]] == ["dev"]


def test_markdown_for_a_pull_request(small: Workspace) -> None:
    """Counts, a table, and the fields behind a fold."""
    small.edit("components/web/main.jsonnet", "replicas: 1", "replicas: 2")
    small.commit("Two")
    outcome = small.envctl("diff", "HEAD~1", "HEAD", "--markdown")
    old, new = (small.git("rev-parse", "--short=12", each) for each in ("HEAD~1", "HEAD"))
    assert (outcome.code, outcome.err) == (16, "")
    assert (
        outcome.out
        == f"""\
- <code>dev rendered from commit {old}</code> → <code>dev rendered from commit {new}</code>: **1 changed, 0 unchanged**

| Component | Object | Change |
|---|---|---|
| <code>web</code> | <code>ConfigMap dev/web</code> | changed |

<details><summary><code>web</code>: <code>ConfigMap dev/web</code> changed</summary>

```diff
- data.replicas: "1"
+ data.replicas: "2"
```

</details>
"""
    )


HERE = "environments here: dev, prod"
SIDES = "name an environment (ENV), one at a revision (ENV@REVISION), or a revision"
SYNTAX = {"components/web/main.jsonnet": "{ a: }\n"}
# Arguments, exit code, summary, hint, problems (place, reason, hint), files of the work tree.
Wrong = tuple[tuple[str, ...], int, str, str, tuple[tuple[str, str, str], ...], dict[str, str]]
WRONG: dict[str, Wrong] = {
    "two sources": (("dev", "--rev", "HEAD", "--index"), 2, "--rev and --index exclude each other", "", (), {}),
    "nothing": (("",), 2, "'' is nothing to compare", SIDES, (), {}),
    "an environment at nothing": (("dev@", "dev"), 2, "'dev@' is nothing to compare", SIDES, (), {}),
    "an environment that is unknown": (("dev", "qa"), 2, "there is no environment qa in the work tree", HERE, (), {}),
    "an unknown one at a revision": (("qa@HEAD", "dev"), 2, "there is no environment qa in the work tree", HERE, (), {}),
    "a revision alone": (
        ("HEAD",), 2, "there is no environment HEAD in the work tree", f"{HERE}; to compare revisions, name two of them", (), {},
    ),
    "an environment at a revision alone": (
        ("dev@HEAD",), 2, "dev@HEAD needs a second side", "name what to compare it with: envctl diff dev@HEAD dev", (), {},
    ),
    "an environment and a revision": (
        ("prod", "HEAD"), 2, "HEAD is a revision, and prod an environment", "compare prod@HEAD with prod, or two revisions", (), {},
    ),
    "a revision and an environment": (
        ("main", "dev@HEAD"), 2, "main is a revision, and dev@HEAD an environment", "compare dev@main with dev@HEAD, or two revisions", (), {},
    ),
    "a revision that is unknown": (
        ("dev@nope", "dev"), 1, "there is no branch, tag or commit 'nope'", "git branch -a lists the branches", (), {},
    ),
    "a source that is unknown": (
        ("dev", "--rev", "nope"), 1, "there is no branch, tag or commit 'nope'", "git branch -a lists the branches", (), {},
    ),
    "revisions that go too far back": (
        ("HEAD~9", "HEAD"), 2,
        "HEAD~9 is no environment in the work tree, and 'HEAD~9' goes too far back: {HEAD} has no such parent", HERE, (), {},
    ),
    "an abstract environment": (
        ("base",), 2, "environment base is abstract: it is only there to be extended", HERE, (),
        {"environments/base/environment.yaml": "abstract: true\n"},
    ),
    "an environment that waits for its first promotion": (
        ("prod",), 1, "prod does not render from the work tree", "",
        (("environments/prod/lock.yaml", "environment prod is promoted from dev and has no pin for web",
          "promote first: envctl promote dev prod"),), {},
    ),
    "a component that does not evaluate": (
        ("dev",), 1, "dev does not render from the work tree", "",
        (("components/web/main.jsonnet:1:6", '"}" stands where a value should begin', "something is missing just before it"),
         ("", "while evaluating web in dev", "")), SYNTAX,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "summary", "hint", "problems", "files"), WRONG.values(), ids=list(WRONG)
)
def test_wrong_arguments_and_sources_are_told_whole(
    small: Workspace,
    arguments: tuple[str, ...],
    code: int,
    summary: str,
    hint: str,
    problems: tuple[tuple[str, str, str], ...],
    files: dict[str, str],
) -> None:
    """What, where, and the next step; as text on standard error, as JSON where the result would be."""
    for path, text in files.items():
        small.write(path, text)
    summary = told(small, summary)
    outcome = fails(small, "diff", *arguments)
    lines = [f"error: {summary}"]
    for place, reason, step in problems:
        lines += [f"  {place}: {reason}" if place else f"  {reason}"] + [f"    {step}"] * bool(step)
    lines += [f"hint: {hint}"] * bool(hint)
    assert (outcome.code, outcome.out, outcome.err.splitlines()) == (code, "", lines)
    outcome = fails(small, "diff", *arguments, "-o", "json")
    assert (outcome.code, outcome.err, json.loads(outcome.out)) == (code, "", {"error": {
        "summary": summary, "place": "", "hint": hint, "exitCode": code,
        "problems": [dict(zip(("place", "reason", "hint"), each, strict=True)) for each in problems],
    }})  # fmt: skip


def test_markdown_and_json_exclude_each_other(small: Workspace) -> None:
    """There is one output."""
    outcome = fails(small, "diff", "dev", "--markdown", "-o", "json")
    assert (outcome.code, outcome.data["error"]["summary"]) == (
        2,
        "--markdown and -o json exclude each other",
    )
    assert outcome.data["error"]["hint"] == "leave one of them out"


def test_all_environments_that_do_not_render_are_told_in_one_pass(small: Workspace) -> None:
    """With what is wrong in each."""
    small.write("environments/qa/environment.yaml", "namespace: qa\ncomponents: [web]\n")
    small.write("components/web/main.jsonnet", "{ settings: error 'not in ' + $.config.name, config:: {} }\n")
    small.commit("Break it")
    outcome = fails(small, "diff", "HEAD~1", "HEAD")
    assert outcome.err.startswith(told(small, "error: dev, qa do not render from commit {HEAD}\n"))
    assert [line for line in outcome.err.splitlines() if "while evaluating" in line] == [
        "  while evaluating web in dev",
        "  while evaluating web in qa",
    ]


def test_a_deploy_branch_that_is_none_is_refused(small: Workspace) -> None:
    """As every other command does."""
    small.git("branch", "deploy/dev")
    assert fails(small, "diff", "dev").err == told(
        small,
        """
        error: deploy/dev ({HEAD}): its tip was not written by envctl: it lacks the Envctl- trailers
        hint: there is no deploy commit below it; move the branch aside: git branch -m deploy/dev dev-aside
        """,
    )


def test_json_says_everything_in_parts(small: Workspace) -> None:
    """Who reads it need not take apart what people read."""
    small.ok("render", "dev", "--publish")
    tip = small.git("rev-parse", "--short=12", "deploy/dev")
    small.edit("components/web/main.jsonnet", "replicas: 1", "replicas: 2")
    outcome = small.envctl("diff", "dev", "-o", "json")
    assert (outcome.code, outcome.data) == (16, {"comparisons": [{
        "old": f"dev@{tip}",
        "new": "dev rendered from the work tree",
        "environments": ["dev", "dev"],
        "counts": {"created": 0, "changed": 1, "deleted": 0, "unchanged": 0},
        "unchanged": 0,
        "changes": [{
            "object": "ConfigMap dev/web",
            "group": "", "kind": "ConfigMap", "namespace": "dev", "name": "web",
            "component": "web",
            "action": "changed",
            "fields": [{"path": "$.data.replicas", "action": "changed", "old": "1", "new": "2"}],
        }],
    }]})  # fmt: skip
