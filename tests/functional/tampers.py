"""What people without envctl can do to a deploy branch, one thing each. They find the fixture `line`."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.functional.conftest import Workspace
from tests.functional.tampering import (
    DEV,
    EMPTY,
    FILE,
    MALLORY,
    blob,
    git,
    message_of,
    put,
    remade,
    sequence,
    swapped,
    tree_with,
)

EDITED = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n  namespace: dev\ndata:\n  replicas: "9"\n'


@dataclass(frozen=True)
class Tampered:
    """What was done, and what is said about it."""

    do: Callable[[Workspace], None]
    out: str
    command: str = "verify dev"
    code: int = 16
    err: str = ""


def nothing(line: Workspace) -> None:
    """The branch as it is."""


def subject(line: Workspace) -> None:
    put(line, remade(line, message=swapped("dev: Four replicas", "dev: Forty replicas")))


def body(line: Workspace) -> None:
    put(line, remade(line, message=swapped("replicas\n\n", "replicas\n\nApproved by the board.\n\n")))


def blank_line_at_the_end(line: Workspace) -> None:
    put(line, remade(line, message=lambda text: text + "\n"))


def components_dropped(line: Workspace) -> None:
    put(line, remade(line, message=swapped("Envctl-Components: web\n", "")))


def components_changed(line: Workspace) -> None:
    put(line, remade(line, message=swapped("Envctl-Components: web\n", "Envctl-Components: gateway web\n")))


def renderer_dropped(line: Workspace) -> None:
    lines = message_of(line, "good").splitlines(keepends=True)
    put(line, remade(line, message=lambda _: "".join(each for each in lines if "Renderer" not in each)))


def renderer_of_its_own(line: Workspace) -> None:
    put(
        line,
        remade(line, message=swapped("Envctl-Renderer: envctl", "Envctl-Renderer: approved by Ann, envctl")),
    )


def sequence_jumps(line: Workspace) -> None:
    put(line, remade(line, message=sequence(3, 30)))


def sequence_again(line: Workspace) -> None:
    put(line, remade(line, message=sequence(3, 2)))


def author(line: Workspace) -> None:
    put(line, remade(line, author="Mallory <mallory@example.com> 2026-01-02T03:04:05+00:00"))


def author_date(line: Workspace) -> None:
    put(line, remade(line, author="Ann <ann@example.com> 2026-02-03T04:05:06+01:00"))


def author_zone(line: Workspace) -> None:
    put(line, remade(line, author="Ann <ann@example.com> 2026-01-02T05:04:05+02:00"))


def committer(line: Workspace) -> None:
    put(line, remade(line, committer=MALLORY))


def trailers_in_another_order(line: Workspace) -> None:
    lines = message_of(line, "good").splitlines(keepends=True)
    put(line, remade(line, message=lambda _: "".join([*lines[:2], *reversed(lines[2:])])))


def trailer_twice(line: Workspace) -> None:
    put(
        line,
        remade(line, message=swapped("Envctl-Sequence: 3\n", "Envctl-Sequence: 7\nEnvctl-Sequence: 3\n")),
    )


def trailers_in_the_body(line: Workspace) -> None:
    put(line, remade(line, message=lambda text: text + "\nSee above.\n"))


def permission_forged(line: Workspace) -> None:
    put(line, remade(line, message=lambda text: text + "Envctl-Allow-Prune: ConfigMap\n"))


def promotion_forged(line: Workspace) -> None:
    forged = f"Envctl-Promoted-From: qa@{'a' * 40}\nEnvctl-Approved-By: Ann <ann@example.com>\n"
    put(line, remade(line, message=lambda text: text + forged))


def foreign_trailer(line: Workspace) -> None:
    put(line, remade(line, message=lambda text: text + "Signed-off-by: Mallory <mallory@example.com>\n"))


def promotion_hushed_up(line: Workspace) -> None:
    lines = message_of(line, "deploy/prod").splitlines(keepends=True)
    kept = "".join(each for each in lines if "Promoted" not in each)
    put(line, remade(line, "deploy/prod", message=lambda _: kept), "refs/heads/deploy/prod")


def file_edited(line: Workspace) -> None:
    put(line, remade(line, tree=tree_with(line, "good", {FILE: f"100644 {blob(line, EDITED)}"})))


def mode_changed(line: Workspace) -> None:
    put(
        line,
        remade(line, tree=tree_with(line, "good", {FILE: f"100755 {line.git('rev-parse', f'good:{FILE}')}"})),
    )


def file_added(line: Workspace) -> None:
    path = "web/dev/Secret_stolen.yaml"
    put(line, remade(line, tree=tree_with(line, "good", {path: f"100644 {blob(line, EDITED)}"})))


def file_deleted(line: Workspace) -> None:
    put(line, remade(line, tree=tree_with(line, "good", {FILE: ""})))


def file_moved(line: Workspace) -> None:
    entry = f"100644 {line.git('rev-parse', f'good:{FILE}')}"
    put(line, remade(line, tree=tree_with(line, "good", {FILE: "", "web/dev/ConfigMap_w.yaml": entry})))


def file_made_a_link(line: Workspace) -> None:
    put(line, remade(line, tree=tree_with(line, "good", {FILE: f"120000 {blob(line, '../../x')}"})))


def empty_folder(line: Workspace) -> None:
    listed = line.git("ls-tree", "good") + f"\n040000 tree {EMPTY}\tzoo\n"
    git(line, "hash-object", "-w", "-t", "tree", "--stdin")
    put(line, remade(line, tree=git(line, "mktree", text=listed)))


def dishonest_tree(line: Workspace) -> None:
    entry = f"100644 {blob(line, EDITED)}"
    inner = line.git("rev-parse", f"good:{FILE}")
    raw = b"".join(b"100644 x\0" + bytes.fromhex(each) for each in (entry.split()[1], inner))
    (line.path / ".git" / "raw").write_bytes(raw)
    twice = line.git("hash-object", "-w", "-t", "tree", "--literally", str(line.path / ".git" / "raw"))
    listed = line.git("ls-tree", "good") + f"\n040000 tree {twice}\tzoo\n"
    put(line, remade(line, tree=git(line, "mktree", text=listed)))


def emptied(line: Workspace) -> None:
    git(line, "hash-object", "-w", "-t", "tree", "--stdin")
    put(line, remade(line, tree=EMPTY))


def tree_of_another_environment(line: Workspace) -> None:
    put(line, remade(line, tree="deploy/prod^{tree}"))


def tree_of_the_commit_before(line: Workspace) -> None:
    put(line, remade(line, tree="good~1^{tree}"))


def merge(line: Workspace) -> None:
    put(line, remade(line, parents=(line.git("rev-parse", "good~1"), line.git("rev-parse", "main"))))


def cut_off(line: Workspace) -> None:
    put(line, remade(line, parents=()))


def commit_left_out(line: Workspace) -> None:
    put(line, remade(line, parents=(line.git("rev-parse", "good~2"),)))


def on_the_source_history(line: Workspace) -> None:
    put(line, remade(line, parents=(line.git("rev-parse", "main"),)))


def root_on_the_source_history(line: Workspace) -> None:
    parent = line.git("rev-parse", "main")
    for old in ("good~2", "good~1", "good"):
        parent = remade(line, old, parents=(parent,))
    put(line, parent)


def on_another_environment(line: Workspace) -> None:
    put(line, remade(line, parents=(line.git("rev-parse", "deploy/prod"),)))


def reordered(line: Workspace) -> None:
    newer = remade(line, parents=(line.git("rev-parse", "good~2"),), message=sequence(3, 2))
    put(line, remade(line, "good~1", parents=(newer,), message=sequence(2, 3)))


def replayed(line: Workspace) -> None:
    put(line, remade(line, "good~1", parents=(line.git("rev-parse", "good"),), message=sequence(2, 4)))


def repeated(line: Workspace) -> None:
    put(line, remade(line, parents=(line.git("rev-parse", "good"),), message=sequence(3, 4)))


def source_of_another_commit(line: Workspace) -> None:
    put(line, remade(line, message=swapped(line.git("rev-parse", "main"), line.git("rev-parse", "main~3"))))


def source_by_name(line: Workspace) -> None:
    put(line, remade(line, message=swapped(line.git("rev-parse", "main"), "main")))


def source_cut_short(line: Workspace) -> None:
    put(
        line, remade(line, message=swapped(line.git("rev-parse", "main"), line.git("rev-parse", "main")[:12]))
    )


def source_unknown(line: Workspace) -> None:
    put(line, remade(line, message=swapped(line.git("rev-parse", "main"), "0123456789" * 4)))


def source_without_the_environment(line: Workspace) -> None:
    tree = tree_with(line, "main", {"environments/dev/environment.yaml": ""})
    source = remade(line, "main", tree=tree)
    put(line, remade(line, message=swapped(line.git("rev-parse", "main"), source)))


def source_that_does_not_render(line: Workspace) -> None:
    broken = blob(line, "error 'no'")
    tree = tree_with(line, "main", {"components/web/main.jsonnet": f"100644 {broken}"})
    source = remade(line, "main", tree=tree)
    put(line, remade(line, message=swapped(line.git("rev-parse", "main"), source)))


def environment_renamed(line: Workspace) -> None:
    put(line, remade(line, message=swapped("Envctl-Environment: dev", "Envctl-Environment: prod")))


def branch_of_another_environment(line: Workspace) -> None:
    put(line, line.git("rev-parse", "deploy/dev"), "refs/heads/deploy/prod")


def branch_on_the_source(line: Workspace) -> None:
    put(line, line.git("rev-parse", "main"))


def edited_on_top(line: Workspace) -> None:
    tree = tree_with(line, "good", {FILE: f"100644 {blob(line, EDITED)}"})
    put(line, by_mallory(line, "good", tree, "Quick fix for the outage\n"))


def by_mallory(line: Workspace, parent: str, tree: str, message: str) -> str:
    above = (line.git("rev-parse", parent),)
    return remade(
        line, parents=above, tree=tree, message=lambda _: message, author=MALLORY, committer=MALLORY
    )


def edited_in_red(line: Workspace) -> None:
    """Whoever reads the answer on a terminal must not see what Mallory wants to be seen."""
    tree = tree_with(line, "good", {"x\x1b[2Jy": f"100644 {blob(line, 'x')}"})
    name = "Mal\x1b[31mlory <mallory@example.com> 2026-02-03T04:05:06+01:00"
    above = (line.git("rev-parse", "good"),)
    subject = "All is well \x1b[1A\n"
    put(line, remade(line, parents=above, tree=tree, message=lambda _: subject, author=name, committer=name))


def edited_twice_on_top(line: Workspace) -> None:
    edited_on_top(line)
    tree = tree_with(line, DEV, {"notes.md": f"100644 {blob(line, 'x')}"})
    put(line, by_mallory(line, DEV, tree, "Say why\n"))


def edited_under_another_name(line: Workspace) -> None:
    edited_on_top(line)
    put(line, remade(line, DEV, author="Ann <ann@example.com> 2026-01-02T03:04:05+00:00"))


def empty_on_top(line: Workspace) -> None:
    put(line, by_mallory(line, "good", "good^{tree}", "Start CI again\n"))


def reverted(line: Workspace) -> None:
    line.git("checkout", "-q", "deploy/dev")
    line.git("revert", "--no-edit", "HEAD")
    line.git("checkout", "-q", "main")


def source_merged_in(line: Workspace) -> None:
    line.git("checkout", "-q", "deploy/dev")
    line.git("merge", "-q", "--allow-unrelated-histories", "-m", "Merge main", "main")
    line.git("checkout", "-q", "main")


def edited_below_the_top(line: Workspace) -> None:
    """A hand-made commit with a deploy commit on it, as if nothing were."""
    edited_on_top(line)
    put(line, remade(line, parents=(line.git("rev-parse", DEV),), message=sequence(3, 4)))
