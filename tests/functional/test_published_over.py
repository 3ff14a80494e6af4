"""A publish writes only what differs; what was put upon the branch by hand never stays because of that."""

import subprocess
from dataclasses import dataclass

import pytest

from tests.functional.conftest import Workspace


@dataclass(frozen=True)
class Edit:
    """What was done to the published tree, as git update-index --index-info takes it; {blob} is some file."""

    name: str
    lines: tuple[str, ...]


WEB = "web/dev/ConfigMap_web.yaml"
GONE = f"0 {'0' * 40}\t{WEB}"
EDITS = [
    Edit("an executable file", (f"100755 {{blob}}\t{WEB}",)),
    Edit("a link", (GONE, f"120000 {{blob}}\t{WEB}")),
    Edit("a file more", ("100644 {blob}\tweb/dev/more.yaml",)),
    Edit("a component more", ("100644 {blob}\tother/dev/more.yaml",)),
    Edit("a file where a folder is to be", (GONE, "100644 {blob}\tweb")),
    Edit("a folder where a file is to be", (GONE, f"100644 {{blob}}\t{WEB}/more.yaml")),
    Edit("nothing of the component", (GONE,)),
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda each: each.name)
@pytest.mark.parametrize("change", [True, False], ids=["with a change of the source", "without one"])
def test_a_publish_over_a_hand_edit_gives_the_tree_of_the_source(
    small: Workspace, edit: Edit, *, change: bool
) -> None:
    """Whatever was done to the tree: the next publish carries exactly what the source renders to."""
    small.ok("render", "dev", "--publish")
    blob, tip = small.git("rev-parse", f"deploy/dev:{WEB}"), small.git("rev-parse", "deploy/dev")
    small.git("read-tree", "deploy/dev")
    lines = "\n".join(edit.lines).format(blob=blob)
    subprocess.run(
        ["git", "-C", str(small.path), "update-index", "--index-info"], input=lines, text=True, check=True
    )
    tree = small.git("write-tree")
    small.git("read-tree", "HEAD")
    message = small.git("log", "-1", "--format=%B", tip)
    edited = small.git("commit-tree", tree, "-p", tip, "-m", message)
    small.git("update-ref", "refs/heads/deploy/dev", edited)
    if change:
        small.edit("components/web/main.jsonnet", "'%d'", "'no %d'")
    small.git("commit", "-qam", "Change the source" if change else "Change nothing", "--allow-empty")
    small.ok("render", "dev", "--publish")
    published = small.git("rev-parse", "deploy/dev^{tree}")
    assert published != tree
    small.git("update-ref", "-d", "refs/heads/deploy/dev")
    small.ok("render", "dev", "--publish")
    assert small.git("rev-parse", "deploy/dev^{tree}") == published
