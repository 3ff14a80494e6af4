"""``envctl status`` of what is not as it should be: in the cluster, and in the repository."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from envctl.model.observed import ComponentHealth, Health
from tests.functional.conftest import Workspace
from tests.functional.failing import told
from tests.functional.statuses import DAY, HOUR, LOCK, NOW, STATUS, release, report, short, text, tip


@pytest.fixture
def released(small: Workspace) -> Workspace:
    """The small repository with dev published and promoted to prod."""
    release(small)
    return small


def at_its_tip(workspace: Workspace) -> None:
    report(workspace, "prod")


def degraded(workspace: Workspace) -> None:
    report(workspace, "prod", health=Health.DEGRADED, since=NOW - 5 * 60, drifted=2)


def reported_long_ago(workspace: Workspace) -> None:
    report(workspace, "prod", reported=NOW - 3 * HOUR)


def behind(workspace: Workspace) -> None:
    report(workspace, "prod")
    for number in (4, 5):
        workspace.write(
            "environments/prod/environment.yaml",
            f"namespace: prod\npromotesFrom: [dev]\ncomponents: [{{name: web, config: {{replicas: {number}}}}}]\n",
        )
        workspace.commit(f"Replicas {number}")
        workspace.ok("render", "prod", "--publish")


def of_a_newer_commit(workspace: Workspace) -> None:
    behind(workspace)
    report(workspace, "prod", reported=NOW - 30)
    workspace.git("branch", "-f", "deploy/prod", "deploy/prod~1")


def of_another_environment(workspace: Workspace) -> None:
    report(workspace, "prod", revision=workspace.git("rev-parse", "deploy/dev"))


def of_a_source_commit(workspace: Workspace) -> None:
    report(workspace, "prod", revision=workspace.git("rev-parse", "main"))


def of_nothing_here(workspace: Workspace) -> None:
    report(workspace, "prod", revision="ab" * 20)


@dataclass(frozen=True)
class Seen:
    """What was reported, how the cell reads, the notes below, and how JSON tells it."""

    prepare: Callable[[Workspace], None]
    cell: str
    relation: str
    notes: tuple[str, ...] = ()
    behind: int = 0


SIGHTINGS = {
    "healthy": Seen(at_its_tip, "Healthy 2d", "current"),
    "degraded, with drift": Seen(degraded, "Degraded 5m, 2 drifted", "current"),
    "an agent that is silent": Seen(
        reported_long_ago, "Healthy 2d", "current", ("prod: the last report is 3h old",)
    ),
    "two commits behind": Seen(behind, "Healthy 2d, 2 behind", "behind", behind=2),
    "a commit that is not fetched": Seen(
        of_a_newer_commit,
        "Healthy 2d, newer",
        "newer",
        ("prod: the report is about {id}, a newer deploy commit than the branch here has (git fetch)",),
    ),
    "another environment's commit": Seen(
        of_another_environment,
        "Healthy 2d, other",
        "other",
        ("prod: the report is about {id}, no deploy commit that this branch had",),
    ),
    "no deploy commit": Seen(
        of_a_source_commit,
        "Healthy 2d, other",
        "other",
        ("prod: the report is about {id}, no deploy commit that this branch had",),
    ),
    "a commit of nowhere": Seen(
        of_nothing_here,
        "Healthy 2d, not here",
        "not here",
        ("prod: the report is about {id}, a commit that is not in this clone (git fetch)",),
    ),
}


@pytest.mark.parametrize("name", SIGHTINGS)
def test_what_is_observed_is_told_with_what_it_is_about(released: Workspace, name: str) -> None:
    """Health and since when, drift; below, why the report may not be how things are now."""
    seen = SIGHTINGS[name]
    seen.prepare(released)
    lines = text(released).splitlines()
    start, end = lines[0].index("OBSERVED"), lines[0].index("SUBJECT")
    assert [line[start:end].strip() for line in lines[1:3]] == ["-", seen.cell]
    observed = released.json("status", "prod")["environments"][0]["observed"]
    assert (observed["relation"], observed["behind"]) == (seen.relation, seen.behind)
    notes = [line for line in lines if line.startswith("prod: ")]
    assert notes == [each.format(id=observed["revision"][:12]) for each in seen.notes]


def test_the_health_of_a_component_stands_beside_it(released: Workspace) -> None:
    """Only where it is not healthy; JSON has it always."""
    report(
        released,
        "prod",
        health=Health.DEGRADED,
        components={"web": ComponentHealth(Health.DEGRADED, NOW - HOUR)},
    )
    report(released, "dev", components={"web": ComponentHealth(Health.HEALTHY, NOW - 2 * DAY)})
    pin = short(released, "main~1")
    assert text(released).splitlines()[-1] == f"web        {pin} up to date  {pin} up to date Degraded"
    components = [each["components"][0] for each in released.json("status")["environments"]]
    assert [(each["health"], each["healthSince"]) for each in components] == [
        ("Healthy", "2026-01-03T03:04:05Z"),
        ("Degraded", "2026-01-05T02:04:05Z"),
    ]


def broken_report(workspace: Workspace) -> None:
    """A report that says nothing of the kind."""
    workspace.write("../status.json", '{"environment": "prod", "health": "Fine"}')
    blob = workspace.git("hash-object", "-w", "../status.json")
    workspace.write("../tree", f"100644 blob {blob}\tstatus.json\n")
    tree = workspace.git("-c", "alias.mk=!git mktree < ../tree", "mk")
    workspace.git("update-ref", f"{STATUS}/prod", workspace.git("commit-tree", "-m", "Report", tree))


def foreign_branch(workspace: Workspace) -> None:
    workspace.git("branch", "-f", "deploy/prod", "main")


def broken_lock(workspace: Workspace) -> None:
    workspace.write(LOCK, "<<<<<<< HEAD\n")
    workspace.commit("Merge")


def broken_file(workspace: Workspace) -> None:
    workspace.write("environments/prod/environment.yaml", "component: [web]\n")
    workspace.commit("Break prod")


def broken_base(workspace: Workspace) -> None:
    workspace.write("environments/base/environment.yaml", "abstract: maybe\n")
    workspace.edit("environments/prod/environment.yaml", "namespace:", "extends: [base]\nnamespace:")
    workspace.commit("Break the base")


def broken_freeze(workspace: Workspace) -> None:
    workspace.write("environments/prod/freeze.yaml", "until: tomorrow\nreason: x\n")
    workspace.commit("Freeze prod")


def lost_source(workspace: Workspace) -> None:
    """The source commit that the deploy commit names is nowhere."""
    source = workspace.git("rev-parse", "main")
    message = workspace.git("log", "-1", "--format=%B", "deploy/prod").replace(source, "ab" * 20)
    commit = workspace.git("commit-tree", "-m", message, "deploy/prod^{tree}")
    workspace.git("branch", "-f", "deploy/prod", commit)


def conflict_in_the_work_tree(workspace: Workspace) -> None:
    workspace.write(LOCK, "<<<<<<< HEAD\n")


@dataclass(frozen=True)
class Unread:
    """What is broken, which part cannot be read, and the notes at the end of the text."""

    prepare: Callable[[Workspace], None]
    part: str
    notes: str
    has_pins: bool = True


UNREAD = {
    "a report": Unread(
        broken_report,
        "report",
        """
        prod: not read: refs/envctl/status/prod ({report}): the status is wrong: revision: it is missing
          it is written anew by the next report of the agent; docs/status-ref.md has the format
        prod: not read: sequence: it is missing
        prod: not read: health: "Fine" is none of Healthy, Progressing, Degraded, Suspended, Missing, Unknown
        prod: not read: since: it is missing
        prod: not read: reported: it is missing
        """,
    ),
    "a foreign deploy branch": Unread(
        foreign_branch,
        "deploy branch",
        """
        prod: not read: deploy/prod ({tip}): its tip was not written by envctl: it lacks the Envctl- trailers
          there is no deploy commit below it; move the branch aside: git branch -m deploy/prod prod-aside
        """,
    ),
    "a lock with a conflict": Unread(
        broken_lock,
        "files",
        """
        prod: not read: environments/prod/lock.yaml:1: this file has an unresolved merge conflict
          take one side as it is (git checkout --ours or --theirs, then git add), and promote again what the other side had
        """,
        has_pins=False,
    ),
    "an environment file": Unread(
        broken_file,
        "files",
        """
        prod: not read: environments/prod/environment.yaml:1: component: unknown key
          did you mean `components`?
        """,
        has_pins=False,
    ),
    "what it extends": Unread(
        broken_base,
        "files",
        """
        prod: not read: environments/base/environment.yaml:1: abstract: must be true or false, is the text "maybe"
        base: not read: environments/base/environment.yaml:1: abstract: must be true or false, is the text "maybe"
        """,
        has_pins=False,
    ),
    "a freeze": Unread(
        broken_freeze,
        "files",
        """
        prod: not read: environments/prod/freeze.yaml:1: until: is the text "tomorrow", which does not fit
          When it lapses by itself, with an offset from UTC: 2026-01-05T08:00:00Z.
        """,
        has_pins=False,
    ),
    "a source that is gone": Unread(
        lost_source,
        "published pins",
        """
        prod: not read: deploy/prod ({tip}): its source commit abababababab is not in this clone
          fetch it (git fetch, in a shallow clone with --unshallow), or publish again
        """,
    ),
    "a lock in the work tree": Unread(
        conflict_in_the_work_tree,
        "work tree",
        """
        prod: not read: environments/prod/lock.yaml:1: this file has an unresolved merge conflict
          take one side as it is (git checkout --ours or --theirs, then git add), and promote again what the other side had
        """,
    ),
}


def test_an_environment_that_is_a_link_is_named(released: Workspace) -> None:
    """Links are never followed; an environment must not be missing in silence."""
    (released.path / "environments/qa").symlink_to("prod")
    released.commit("Link qa to prod")
    assert text(released).splitlines()[-2:] == [
        "qa: not read: environments/qa/environment.yaml: leads through the symbolic link environments/qa",
        "  links are never followed: commit the files themselves",
    ]


@pytest.mark.parametrize("name", UNREAD)
def test_what_cannot_be_read_marks_its_own_environment_only(released: Workspace, name: str) -> None:
    """The others are told as ever, the reason stands below, and the command fails."""
    unread, pin = UNREAD[name], short(released, "main~1")
    unread.prepare(released)
    ids = {
        "tip": tip(released, "prod"),
        "report": released.git("rev-parse", f"{STATUS}/prod", check=False)[:12],
    }
    lines = text(released).splitlines()
    matrix = lines.index("") + 2
    cells = ["web", f"{pin} up to date", *([f"{pin} up to date"] if unread.has_pins else [])]
    assert re.split(r" {2,}", lines[matrix]) == cells
    assert "\n".join(lines[matrix + 1 :]) + "\n" == told(released, unread.notes).format(**ids)
    outcome = released.envctl("status", "-o", "json")
    states = {each["environment"]: each["unread"] for each in outcome.data["environments"]}
    assert (outcome.code, states["dev"], states["prod"]) == (1, [], [unread.part])
    assert released.envctl("status", "dev").code == 0
