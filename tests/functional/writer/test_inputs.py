"""Awkward inputs and outputs of a publish: what is committed counts, and only what every host can carry is written."""

import json
from pathlib import Path

import pytest

from envctl.manifests.paths import parse_path
from tests.functional.conftest import SMALL, Workspace
from tests.functional.failing import fails

MAIN = "components/web/main.jsonnet"
DEV = "environments/dev/environment.yaml"
ROLE = "{{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: {{ name: {} }}, rules: [] }}"


def tree(workspace: Workspace, environment: str = "dev") -> str:
    return str(workspace.git("rev-parse", f"deploy/{environment}^{{tree}}"))


def roles(small: Workspace, *names: str) -> None:
    """A component that brings ClusterRoles of these names, which may be nearly anything."""
    listed = ", ".join(ROLE.format(json.dumps(name)) for name in names)
    small.write(MAIN, f"{{ roles: [{listed}] }}")


def test_what_lies_about_is_refused_or_left_out_and_said(small: Workspace) -> None:
    """Writer's fault row 7: a publish reads the commit, or nothing; its record names the commit that it read."""
    small.ok("render", "dev", "--publish")
    small.edit(MAIN, "'%d' %", "'committed: %d' %")
    source = small.commit("Change web")
    small.edit(MAIN, "committed", "lies about")
    small.write("components/web/extra.libsonnet", "{}\n")
    outcome = fails(small, "render", "dev", "--publish")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "error: the work tree has changes that no commit holds: "
        "components/web/extra.libsonnet, components/web/main.jsonnet\n"
        "hint: commit them, or publish the last commit as it is with --rev HEAD\n"
    )
    told = small.json("render", "dev", "--publish", "--rev", "HEAD")
    assert told["source"] == source[:12]
    text = small.git("show", "deploy/dev:web/dev/ConfigMap_web.yaml")
    assert "committed: 1" in text
    assert "lies about" not in text
    record = small.git("log", "-1", "--format=%(trailers:key=Envctl-Source-Commit,valueonly)", "deploy/dev")
    assert record == source
    assert small.json("render", "dev")["source"] == "work tree"
    small.ok("verify", "dev")


def with_marks(text: str) -> bytes:
    return b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()


WRITTEN = {
    "CRLF and a byte order mark": (DEV, with_marks(SMALL[DEV])),
    "no last line end in settings": (DEV, SMALL[DEV].rstrip("\n").encode()),
    "no last line end in code": (MAIN, SMALL[MAIN].rstrip("\n").encode()),
    "CRLF in code": (MAIN, SMALL[MAIN].replace("\n", "\r\n").encode()),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_how_a_file_was_written_down_does_not_show(small: Workspace, name: str) -> None:
    """Writer's fault row 10: the same objects are the same bytes, with one line end after each line."""
    small.ok("render", "dev", "--publish")
    before = tree(small)
    path, data = WRITTEN[name]
    (small.path / path).write_bytes(data)
    small.commit("Write it down otherwise")
    assert small.git("cat-file", "blob", f"HEAD:{path}", check=False) is not None
    small.ok("render", "dev", "--publish")
    assert tree(small) == before
    text = small.git("show", "deploy/dev:web/dev/ConfigMap_web.yaml") + "\n"
    assert "\r" not in text
    assert "\ufeff" not in text


def test_a_checkout_with_other_line_ends_publishes_the_same(small: Workspace, tmp_path: Path) -> None:
    """Writer's fault row 10: inputs are the bytes that Git holds, whatever core.autocrlf put on disk."""
    small.ok("render", "dev", "--publish")
    windows = small.clone(tmp_path / "windows")
    windows.git("config", "core.autocrlf", "true")
    windows.git("rm", "-rq", "--cached", ".")
    windows.git("reset", "-q", "--hard")
    assert b"\r\n" in (windows.path / MAIN).read_bytes()
    windows.git("branch", "-q", "-D", "deploy/dev", check=False)
    assert windows.json("render", "dev")["environments"][0]["tree"] == tree(small)
    assert windows.json("render", "dev", "--publish")["environments"][0]["state"] == "unchanged"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Admin", "admin"), ("caf\u00e9", "cafe\u0301"), ("stra\u00dfe", "STRASSE")],
    ids=["case", "composed and decomposed", "folded case"],
)
def test_names_that_a_file_system_takes_for_one_are_refused(small: Workspace, one: str, other: str) -> None:
    """Writer's fault row 11: both objects are named, and nothing is published."""
    roles(small, one, other)
    small.commit("Bring roles")
    outcome = fails(small, "render", "dev", "--publish")
    assert (outcome.code, outcome.out) == (1, "")
    assert "differ by case" in outcome.err
    assert "$.roles[0]" in outcome.err
    assert "$.roles[1]" in outcome.err


STRANGE = (
    "a:b",
    "a b",
    "a\\b",
    "*",
    "con",
    "nul.txt",
    ".hidden",
    "-rf",
    "\u202egpj",
    "\U0001f600",
    "x" * 253,
    "\u00e9" * 200,
    "e\u0301a" * 60,
    "\U0001f600" * 50,
    "ends.",
)


def test_strange_names_are_escaped_and_can_be_read_back(small: Workspace, tmp_path: Path) -> None:
    """Writer's fault row 12: paths are ASCII, no part is longer than 255 bytes, and each tells its object."""
    roles(small, *STRANGE)
    small.commit("Bring roles")
    small.ok("render", "dev", "--publish")
    listed = small.git("ls-tree", "-r", "--name-only", "-z", "deploy/dev").strip("\0").split("\0")
    paths = [path for path in listed if path.startswith("web/")]
    assert all(path.isascii() and path.isprintable() for path in paths)
    assert all(len(part) <= 255 and part not in {"..", "."} for path in paths for part in path.split("/"))
    assert sorted(found[1].name for path in paths if (found := parse_path(path))) == sorted(STRANGE)
    small.git("fsck", "--strict")
    small.ok("verify", "dev")
    checked_out = small.clone(tmp_path / "clone")
    checked_out.git("checkout", "-q", "deploy/dev")
    assert checked_out.git("status", "--porcelain") == ""


@pytest.mark.parametrize("name", ["..", ".", "a/b", "../../x", "a%2fb", "a\0b", "a\n", "\x1b[31m", "x" * 254])
def test_names_that_lead_elsewhere_are_refused(small: Workspace, name: str) -> None:
    """Writer's fault row 12: the API server takes none of them, and neither does a render."""
    roles(small, name)
    small.commit("Bring a role")
    outcome = fails(small, "render", "dev", "--publish")
    assert (outcome.code, outcome.out) == (1, "")
    assert "web $.roles[0]: ClusterRole metadata.name" in outcome.err
    assert "is not allowed" in outcome.err


def test_a_link_where_files_are_to_be_written_is_never_followed(small: Workspace, tmp_path: Path) -> None:
    """Writer's fault row 13: neither the folder of an export nor anything in it leads elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("mine")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/dev").symlink_to(elsewhere)
    outcome = small.envctl("render", "dev", "--out", str(tmp_path / "linked"))
    assert outcome.code == 1
    assert "it is not replaced" in outcome.err
    small.ok("render", "dev", "--out", str(tmp_path / "out"))
    for path in (tmp_path / "out/dev/web").rglob("*.yaml"):
        path.unlink()
        path.symlink_to(elsewhere / "mine")
    small.ok("render", "dev", "--out", str(tmp_path / "out"))
    assert (tmp_path / "out/dev/web/dev/ConfigMap_web.yaml").read_text().startswith("apiVersion: v1\n")
    assert not (tmp_path / "out/dev/web/dev/ConfigMap_web.yaml").is_symlink()
    assert sorted(each.name for each in elsewhere.iterdir()) == ["mine"]
    assert (elsewhere / "mine").read_text() == "mine"
