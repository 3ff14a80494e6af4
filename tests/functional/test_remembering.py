"""The render cache from the command line: where it lies, that it shows nowhere, how to do without."""

from pathlib import Path

from tests.functional.conftest import Workspace


def entries(workspace: Workspace) -> set[str]:
    """The cache's files of a repository, linked work trees included."""
    common = Path(workspace.git("rev-parse", "--path-format=absolute", "--git-common-dir"))
    folder = common / "envctl" / "render"
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_second_render_says_what_the_first_one_said(sample: Workspace) -> None:
    """What is remembered shows nowhere but in the time that it takes."""
    first = sample.json("render", "dev")
    assert entries(sample) != set()
    assert sample.json("render", "dev") == first
    assert sample.json("render", "dev", "--no-cache") == first


def test_without_a_cache_nothing_is_remembered(sample: Workspace) -> None:
    """--no-cache leaves no file behind."""
    sample.ok("render", "dev", "--no-cache")
    assert entries(sample) == set()


def test_linked_work_trees_share_what_is_remembered(sample: Workspace, tmp_path: Path) -> None:
    """A second work tree of the repository adds nothing when it renders the same."""
    first = sample.json("render", "dev")
    known = entries(sample)
    sample.git("worktree", "add", "-q", str(tmp_path / "linked"))
    linked = Workspace(tmp_path / "linked")
    assert linked.json("render", "dev") == first
    assert entries(linked) == known


def test_texts_come_from_what_is_remembered(sample: Workspace, tmp_path: Path) -> None:
    """A folder written after a second render holds the same files as one written without a cache."""
    sample.ok("render", "dev")
    sample.ok("render", "dev", "--out", str(tmp_path / "known"))
    sample.ok("render", "dev", "--no-cache", "--out", str(tmp_path / "anew"))
    assert contents(tmp_path / "known") == contents(tmp_path / "anew") != {}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_publish_that_reuses_folders_verifies(sample: Workspace) -> None:
    """A deploy commit of remembered and new parts is the one that a render from nothing makes."""
    sample.ok("render", "dev", "--publish")
    path = "components/gateway/main.jsonnet"
    sample.write(path, "// A comment is no change.\n" + (sample.path / path).read_text())
    sample.commit("A comment")
    assert sample.json("render", "dev", "--publish")["environments"][0]["state"] == "unchanged"
    sample.edit("environments/dev/environment.yaml", "namespace: ai-dev", "namespace: ai-other")
    sample.commit("Another namespace")
    assert sample.json("render", "dev", "--publish")["environments"][0]["state"] == "published"
    sample.ok("verify", "dev")
