"""jsonnet-bundler's lock file, and imports by the short names that it would have linked."""

import json

import pytest

from envctl.errors import InputError
from envctl.jsonnet.bundler import parse_links
from envctl.jsonnet.resolver import Resolver
from tests.support.trees import MemoryTree, blob_id


def lock(*packages: dict[str, object]) -> str:
    return json.dumps({"version": 1, "dependencies": list(packages), "legacyImports": False})


def git(remote: str, subdir: str = "", **more: str) -> dict[str, object]:
    return {"source": {"git": {"remote": remote, "subdir": subdir}}, "version": "main", "sum": "", **more}


def local(directory: str, **more: str) -> dict[str, object]:
    return {"source": {"local": {"directory": directory}}, "version": "", **more}


@pytest.mark.parametrize(
    ("package", "links"),
    [
        pytest.param(
            git("https://github.com/grafana/jsonnet-libs.git", "ksonnet-util"),
            {"ksonnet-util": "vendor/github.com/grafana/jsonnet-libs/ksonnet-util"},
            id="https with a folder",
        ),
        pytest.param(
            git("https://github.com/jsonnet-libs/xtd.git"),
            {"xtd": "vendor/github.com/jsonnet-libs/xtd"},
            id="https, whole repository",
        ),
        pytest.param(
            git("https://example.com/team/group/repo", "/a/b/"),
            {"b": "vendor/example.com/team/group/repo/a/b"},
            id="nested groups, no suffix",
        ),
        pytest.param(
            git("ssh://git@example.com/org/repo.git", "lib"),
            {"lib": "vendor/example.com/org/repo/lib"},
            id="ssh",
        ),
        pytest.param(
            git("git@example.com:org/repo.git"), {"repo": "vendor/example.com/org/repo"}, id="scp form"
        ),
        pytest.param(
            git("https://github.com/thanos-io/thanos.git", "mixin", name="thanos-mixin"),
            {"thanos-mixin": "vendor/github.com/thanos-io/thanos/mixin"},
            id="a name of its own",
        ),
        pytest.param(
            local("jsonnet/kube-prometheus"), {"kube-prometheus": "jsonnet/kube-prometheus"}, id="local"
        ),
        pytest.param(local("../outside"), {}, id="local, but outside"),
        pytest.param(local("/abs"), {}, id="local, but absolute"),
    ],
)
def test_a_locked_package_links_its_short_name(package: dict[str, object], links: dict[str, str]) -> None:
    """The link is the one that the bundler would make below vendor/."""
    assert parse_links(lock(package).encode(), "jsonnetfile.lock.json") == links


def test_the_first_of_two_packages_has_the_name() -> None:
    """The bundler does not replace a link that exists."""
    both = lock(git("https://github.com/a/one.git", "lib"), git("https://github.com/b/two.git", "lib"))
    assert parse_links(both.encode(), "x") == {"lib": "vendor/github.com/a/one/lib"}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "[]",
            "{}",
            '{"dependencies": 3}',
            '{"dependencies": [{}]}',
            lock(git("nonsense")),
            "[" * 100_000,
        ),
        pytest.param(lock(git("h:" + "/" * 400_000 + "\n")), id="a remote of many slashes"),
        pytest.param(lock({"name": ["x"], **local("lib")}), id="a name that is no text"),
        pytest.param(lock(local("\ud800", name="x")), id="half a surrogate pair"),
        pytest.param(lock(local("a\0b", name="x")), id="a NUL"),
    ],
)
def test_a_broken_lock_file_is_named(text: str) -> None:
    """The file is named, and how to write it again."""
    with pytest.raises(InputError) as caught:
        parse_links(text.encode(), "vendor/jsonnetfile.lock.json")
    assert str(caught.value) == (
        "vendor/jsonnetfile.lock.json: this is no lock file of jsonnet-bundler, so imports from vendor/ "
        "cannot be found\nhint: write it again: jb install"
    )


MIXIN = "vendor/github.com/org/mixins/node-mixin/mixin.libsonnet"
LOCKED = {
    "jsonnetfile.lock.json": lock(
        git("https://github.com/org/mixins.git", "node-mixin"), local("jsonnet/own")
    ),
    MIXIN: "1",
    "jsonnet/own/main.libsonnet": "2",
}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param("node-mixin/mixin.libsonnet", MIXIN, id="short name"),
        pytest.param("github.com/org/mixins/node-mixin/mixin.libsonnet", MIXIN, id="full name"),
        pytest.param("vendor/node-mixin/mixin.libsonnet", MIXIN, id="short name below vendor"),
        pytest.param("own/main.libsonnet", "jsonnet/own/main.libsonnet", id="local package"),
    ],
)
@pytest.mark.parametrize(
    "links", [set(), {"vendor/node-mixin", "vendor/own"}], ids=["no links", "links committed"]
)
def test_short_names_work_without_following_links(wanted: str, found: str, links: set[str]) -> None:
    """Where the bundler's links are committed they are not followed: the lock file says the same."""
    assert Resolver(MemoryTree(LOCKED, links=links)).resolve("components/a", wanted).path == found


def test_a_lock_file_below_vendor_counts_too() -> None:
    """The one at the root wins where both name a package."""
    second = {"vendor/jsonnetfile.lock.json": lock(git("https://github.com/org/mixins.git", "node-mixin"))}
    tree = MemoryTree({MIXIN: "1", **second})
    assert Resolver(tree).resolve("", "node-mixin/mixin.libsonnet").path == MIXIN


def test_a_real_folder_hides_the_short_name() -> None:
    """The bundler makes no link where something has that name; the lock file is not even read."""
    tree = MemoryTree({**LOCKED, "vendor/node-mixin/other.libsonnet": "3"})
    found = Resolver(tree).resolve("", "node-mixin/mixin.libsonnet")
    assert found.path == ""
    assert tree.reads == []


def test_the_lock_file_is_evidence_where_it_was_asked() -> None:
    """A new lock file may point elsewhere."""
    found = Resolver(MemoryTree(LOCKED)).resolve("", "node-mixin/mixin.libsonnet")
    assert dict(found.evidence) == {
        "jsonnetfile.lock.json": blob_id(LOCKED["jsonnetfile.lock.json"].encode()),
        "lib": "",
        "node-mixin": "",
        "vendor/jsonnetfile.lock.json": "",
        "vendor/node-mixin": "",
        MIXIN: blob_id(b"1"),
    }


def test_a_locked_package_that_is_not_vendored_says_so() -> None:
    """The most common reason for a missing import."""
    tree = MemoryTree({"jsonnetfile.lock.json": LOCKED["jsonnetfile.lock.json"], "vendor/other/x": "1"})
    found = Resolver(tree).resolve("", "node-mixin/mixin.libsonnet")
    assert str(found.error) == (
        'import "node-mixin/mixin.libsonnet" was not found\n'
        "hint: looked for node-mixin/mixin.libsonnet, lib/node-mixin/mixin.libsonnet, "
        "vendor/github.com/org/mixins/node-mixin/mixin.libsonnet; the package is locked but "
        "vendor/github.com/org/mixins/node-mixin is not there: run jb install and commit vendor/"
    )


def test_a_broken_lock_file_fails_only_imports_that_need_it() -> None:
    """Its own place is named, and it is evidence, so that mending it changes the outcome."""
    tree = MemoryTree({"jsonnetfile.lock.json": "{", "lib/x.libsonnet": "1"})
    resolver = Resolver(tree)
    assert resolver.resolve("", "x.libsonnet").path == "lib/x.libsonnet"
    broken = resolver.resolve("", "node-mixin/x.libsonnet")
    assert broken.error is not None
    assert broken.error.place == "jsonnetfile.lock.json"
    assert broken.evidence["jsonnetfile.lock.json"] == blob_id(b"{")
