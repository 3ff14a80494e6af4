"""Remotes of every kind: a path, HTTP, HTTPS, ssh and git daemon, all with git on the other side."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from envctl.errors import AccessError, ConflictError, InputError, RefusedError
from envctl.gitstore.repository import GitRepository, open_store
from envctl.model.git import RefUpdate
from tests.support.git_servers import git_daemon, git_http_server
from tests.support.repositories import Box, FixedClock, draft

MAIN, DEV, PROD = "refs/heads/main", "refs/heads/deploy/dev", "refs/heads/deploy/prod"
SSH = """#!/bin/sh
# Stands for ssh: notes its arguments, then runs the command here, as the other machine would.
echo "$@" >> {log}
for last; do :; done
exec sh -c "$last"
"""


@dataclass(frozen=True)
class Remote:
    """A bare repository somewhere, and how to reach it."""

    box: Box
    url: str


@pytest.fixture(params=["path", "file", "http", "https", "ssh", "scp", "git"])
def remote(request: pytest.FixtureRequest, full: Box, tmp_path: Path) -> Iterator[Remote]:
    bare = full.clone(tmp_path / "served/team/repo.git", "--mirror")
    with reached(request.param, bare, tmp_path) as url:
        yield Remote(bare, url)


@contextlib.contextmanager
def reached(how: str, bare: Box, tmp_path: Path) -> Iterator[str]:
    if how.startswith("http"):
        tls = tmp_path / "tls" if how == "https" else None
        with git_http_server(tmp_path / "served", tls=tls) as server:
            yield server.url("team/repo.git")
    elif how == "git":
        with git_daemon(tmp_path / "served") as address:
            yield f"{address}/team/repo.git"
    else:
        yield {
            "path": str(bare.path),
            "file": f"file://{bare.path}",
            "ssh": f"ssh://git@example.com:2222{bare.path}",
            "scp": f"git@example.com:{bare.path}",
        }[how]


@pytest.fixture
def store(remote: Remote, tmp_path: Path) -> GitRepository:
    """An agent's store that may talk to the remote."""
    return allowed(tmp_path / "store", remote, tmp_path)


def allowed(path: Path, remote: Remote, tmp_path: Path) -> GitRepository:
    open_store(path, clock=FixedClock())
    box = Box(path)
    script = tmp_path / "ssh"
    script.write_text(SSH.format(log=tmp_path / "ssh.log"))
    script.chmod(0o755)
    box.git("config", "core.sshCommand", str(script))
    box.git("config", "http.sslCAInfo", str(tmp_path / "tls/server.pem"))
    box.git("remote", "add", "origin", remote.url)
    return box.open()


def objects(path: Path) -> int:
    counted = Box(path).git("count-objects", "-v").splitlines()
    return sum(int(line.split()[1]) for line in counted if line.startswith(("count", "in-pack")))


def written(repository: GitRepository, parent: str | None, message: str) -> str:
    tree = repository.write_tree({"web/_cluster/x.yaml": message.encode()})
    return repository.write_commit(draft(tree, *([parent] if parent else []), message=message))


def test_a_look_up_names_ids_and_brings_nothing(remote: Remote, store: GitRepository, tmp_path: Path) -> None:
    """The agent's poll: exact names, absent ones too, without a single object."""
    head, tag = remote.box.git("rev-parse", MAIN), remote.box.git("rev-parse", "v1")
    assert dict(store.remote_refs("origin", [MAIN, "refs/tags/v1", DEV, "refs/heads/mai", "HEAD"])) == {
        MAIN: head, "refs/tags/v1": tag, DEV: None, "refs/heads/mai": None, "HEAD": head,
    }  # fmt: skip
    assert dict(store.remote_refs(remote.url, [MAIN])) == {MAIN: head}
    assert (objects(tmp_path / "store"), dict(store.refs("refs/"))) == (0, {})


def test_a_fetch_brings_objects_once_and_moves_no_ref(
    remote: Remote, store: GitRepository, tmp_path: Path
) -> None:
    """The second fetch brings only what is new, although no ref names what was there."""
    second, first = remote.box.git("rev-list", MAIN).split()
    remote.box.git("update-ref", DEV, first)
    assert store.fetch("origin", [DEV, PROD]) == {DEV: first, PROD: None}
    assert store.tree(first).read("lib/deep/b") == b"b"
    before = objects(tmp_path / "store")
    assert store.fetch("origin", [DEV]) == {DEV: first}
    assert objects(tmp_path / "store") == before
    remote.box.git("update-ref", DEV, second)
    assert store.fetch("origin", [DEV]) == {DEV: second}
    new = len(remote.box.git("rev-list", "--objects", f"{first}..{second}").splitlines())
    assert objects(tmp_path / "store") == before + new
    assert (dict(store.refs("refs/")), store.head()[1]) == ({}, None)
    assert Box(tmp_path / "store").git("rev-parse", "FETCH_HEAD") == second
    assert [each.id for each in store.history(second)] == [second, first]


def test_a_push_creates_and_moves_refs_together(remote: Remote, store: GitRepository) -> None:
    """Two refs in one push; the objects arrive whole; refs here do not move."""
    main = store.fetch("origin", [MAIN])[MAIN]
    assert main is not None
    commit, deploy = written(store, main, "promote"), written(store, None, "deploy")
    store.push("origin", [RefUpdate(MAIN, main, commit), RefUpdate(DEV, None, deploy)])
    assert remote.box.git("rev-parse", MAIN, DEV).split() == [commit, deploy]
    remote.box.git("fsck", "--strict", "--full")
    next_one = written(store, deploy, "deploy again")
    store.push("origin", [RefUpdate(DEV, deploy, next_one)])
    assert remote.box.git("rev-parse", DEV) == next_one
    assert dict(store.refs("refs/")) == {}


def test_a_push_that_arrived_before_is_done(remote: Remote, store: GitRepository) -> None:
    """The answer was lost, the push was not: pushing again is no conflict."""
    deploy = written(store, None, "deploy")
    for _ in range(2):
        store.push("origin", [RefUpdate(DEV, None, deploy)])
    assert remote.box.git("rev-parse", DEV) == deploy


def test_a_push_never_overwrites_what_somebody_else_pushed(remote: Remote, store: GitRepository) -> None:
    """Compare-and-swap, over every transport; the error names both ids; of two refs neither moves."""
    second, first = remote.box.git("rev-list", MAIN).split()
    store.fetch("origin", [MAIN])
    commit = written(store, first, "late")
    for old, found in [(first, second), (None, second)]:
        with pytest.raises(ConflictError) as caught:
            store.push("origin", [RefUpdate(DEV, None, commit), RefUpdate(MAIN, old, commit)])
        assert str(caught.value) == (
            f"{MAIN}: the ref was moved by somebody else: expected {old or 'no such ref'}, found {found}"
        )
    with pytest.raises(ConflictError, match=f"expected {first}, found no such ref"):
        store.push("origin", [RefUpdate(DEV, first, commit)])
    assert (remote.box.git("rev-parse", MAIN), remote.box.git("for-each-ref", DEV)) == (second, "")


def test_a_branch_is_never_rewound(remote: Remote, store: GitRepository) -> None:
    """Even with the right old id: what is there would be thrown away."""
    second, first = remote.box.git("rev-list", MAIN).split()
    store.fetch("origin", [MAIN])
    with pytest.raises(ConflictError) as caught:
        store.push("origin", [RefUpdate(MAIN, second, first)])
    assert str(caught.value) == (
        f"{MAIN}: {first} does not descend from {second}, which the push would throw away"
    )


def test_a_hook_that_refuses_is_heard_and_nothing_moves(remote: Remote, store: GitRepository) -> None:
    """The server's words reach the user, without escape sequences."""
    hook = remote.box.write(
        "hooks/pre-receive", "#!/bin/sh\nprintf '\\033[31mfreeze until Monday\\033[0m\\n' >&2\nexit 1\n"
    )
    hook.chmod(0o755)
    with pytest.raises(RefusedError) as caught:
        store.push("origin", [RefUpdate(DEV, None, written(store, None, "deploy"))])
    assert "hook" in caught.value.summary
    assert "freeze until Monday" in caught.value.summary
    assert "\033" not in str(caught.value)
    assert caught.value.place == "origin"
    assert remote.box.git("for-each-ref", DEV) == ""


def test_an_update_hook_sees_each_ref(remote: Remote, store: GitRepository) -> None:
    """One refused ref takes the other with it: the push is atomic."""
    hook = remote.box.write(
        "hooks/update", '#!/bin/sh\n[ "$1" != refs/heads/deploy/prod ] || { echo protected >&2; exit 1; }\n'
    )
    hook.chmod(0o755)
    deploy = written(store, None, "deploy")
    with pytest.raises(RefusedError, match="protected"):
        store.push("origin", [RefUpdate(DEV, None, deploy), RefUpdate(PROD, None, deploy)])
    assert remote.box.git("for-each-ref", "refs/heads/deploy") == ""


def test_the_checked_out_branch_of_somebody_is_not_moved(full: Box, tmp_path: Path) -> None:
    """Pushing into a repository with a work tree: as git's receive.denyCurrentBranch."""
    clone = full.clone(tmp_path / "clone")
    repository = clone.open()
    main = repository.resolve("HEAD")
    commit = written(repository, main, "x")
    with pytest.raises(RefusedError) as caught:
        repository.push(str(full.path), [RefUpdate(MAIN, main, commit)])
    assert str(caught.value) == (
        f"{full.path}: {MAIN} is checked out there\n"
        "hint: push to a bare repository, or check out another branch there"
    )
    repository.push(str(full.path), [RefUpdate(DEV, None, commit)])
    full.git("config", "receive.denyCurrentBranch", "ignore")
    repository.push(str(full.path), [RefUpdate(MAIN, main, commit)])
    assert full.git("rev-parse", MAIN, DEV).split() == [commit, commit]


ABSENT = [
    pytest.param("path", InputError, "there is no Git repository at this path", id="path"),
    pytest.param("http", AccessError, "the server shows no such repository (HTTP 404", id="http"),
    pytest.param("ssh", AccessError, "the server gives no access: fatal: ", id="ssh"),
]


@pytest.mark.parametrize(("how", "kind", "summary"), ABSENT)
def test_a_repository_that_is_not_there_is_told(
    full: Box, tmp_path: Path, how: str, kind: type[Exception], summary: str
) -> None:
    """In the words of the server, with the address."""
    bare = full.clone(tmp_path / "served/team/repo.git", "--mirror")
    with reached(how, bare, tmp_path) as url:
        absent = Remote(bare, url.replace("team/", "nobody/"))
        store = allowed(tmp_path / "store", absent, tmp_path)
        for ask in (
            lambda: store.remote_refs("origin", [MAIN]),
            lambda: store.fetch("origin", [MAIN]),
            lambda: store.push("origin", [RefUpdate(DEV, None, written(store, None, "x"))]),
        ):
            with pytest.raises(kind) as caught:
                ask()
            assert caught.value.summary.startswith(summary)  # type: ignore[attr-defined]
            assert caught.value.place == "origin"  # type: ignore[attr-defined]


def test_ssh_never_asks_anything(full: Box, tmp_path: Path) -> None:
    """BatchMode and a time limit are set; the path is quoted for the other shell."""
    bare = full.clone(tmp_path / "served/it's here/repo.git", "--mirror")
    store = allowed(tmp_path / "store", Remote(bare, f"ssh://git@example.com:2222{bare.path}"), tmp_path)
    assert store.remote_refs("origin", [MAIN])[MAIN] is not None
    said = (tmp_path / "ssh.log").read_text()
    assert "-o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=10" in said
    assert "-p 2222" in said
    assert "git@example.com" in said


def test_a_shallow_clone_fetches_what_is_new(full: Box, tmp_path: Path) -> None:
    """The boundary is told to the server and stays what it is."""
    shallow = full.clone(tmp_path / "shallow", "--depth=1")
    newer = full.commit({"new": "1"}, "third")
    with git_http_server(full.path.parent) as server:
        repository = shallow.open()
        assert repository.fetch(server.url("box/.git"), [MAIN]) == {MAIN: newer}
    assert repository.tree(newer).read("new") == b"1"
    assert shallow.git("rev-list", "--count", newer) == "2"
    shallow.git("fsck", "--strict")


def test_a_local_push_by_many_loses_nothing(full: Box, tmp_path: Path) -> None:
    """Processes that push one after another on what they saw: every success is in the history."""
    bare = full.clone(tmp_path / "bare.git", "--mirror")
    repository = full.clone(tmp_path / "one").open()
    parent, won = repository.resolve("HEAD"), 0
    for number in range(6):
        commit = written(repository, parent, f"{number}")
        with contextlib.suppress(ConflictError):
            repository.push(str(bare.path), [RefUpdate(MAIN, parent, commit)])
            won += 1
        parent = commit if number % 2 else parent
    assert int(bare.git("rev-list", "--count", MAIN)) == 2 + won


@pytest.mark.parametrize("remote", ["path", "http"], indirect=True)
def test_a_fetch_that_was_killed_is_no_hindrance_to_the_next(
    remote: Remote, store: GitRepository, tmp_path: Path
) -> None:
    """A pack without its index, and the index's lock, are what a kill leaves; the pack's name is the same again."""
    other = allowed(tmp_path / "other", remote, tmp_path)
    other.fetch("origin", [MAIN])
    for pack in (tmp_path / "other/objects/pack").glob("*.pack"):
        left = tmp_path / "store/objects/pack" / pack.name
        left.write_bytes(pack.read_bytes())
        left.with_suffix(".idx.lock").write_bytes(b"half")
    tip = store.fetch("origin", [MAIN])[MAIN]
    assert tip is not None
    assert Box(tmp_path / "store").git("fsck", "--strict", "--no-dangling", tip) == ""
    assert not list((tmp_path / "store/objects/pack").glob("*.lock"))
