"""Pushes whose answer does not arrive, and pushes that the server refuses: what has moved is looked up, not guessed."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from envctl.errors import ConflictError, RefusedError, UnavailableError
from envctl.gitstore.repository import GitRepository, open_store
from envctl.model.git import RefUpdate
from tests.support.git_servers import GitServer, git_daemon, git_http_server
from tests.support.proxies import breaking_line
from tests.support.repositories import Box, FixedClock, draft

MAIN, DEV, PROD = "refs/heads/main", "refs/heads/deploy/dev", "refs/heads/deploy/prod"


@pytest.fixture
def served(full: Box, tmp_path: Path) -> Box:
    return full.clone(tmp_path / "served/repo.git", "--mirror")


@pytest.fixture
def store(tmp_path: Path) -> GitRepository:
    return open_store(tmp_path / "store", clock=FixedClock())


@pytest.fixture(params=["http", "git"])
def address(request: pytest.FixtureRequest, served: Box) -> Iterator[str]:
    if request.param == "http":
        with git_http_server(served.path.parent) as running:
            yield running.address
    else:
        with git_daemon(served.path.parent) as running_daemon:
            yield running_daemon


def through(address: str, port: int) -> str:
    return f"{urlsplit(address).scheme}://127.0.0.1:{port}/repo.git"


def written(store: GitRepository, *parents: str) -> str:
    return store.write_commit(draft(store.write_tree({"a": b"1" * 99}), *parents, message="lost\n"))


def port_of(address: str) -> int:
    port = urlsplit(address).port
    assert port
    return port


def test_a_push_whose_answer_is_lost_is_done_when_the_refs_are_there(
    address: str, store: GitRepository, served: Box
) -> None:
    """Writer's fault row 3: the server moved both refs, and the line broke before it could say so."""
    commit = written(store)
    with breaking_line(port_of(address)) as line:
        store.push(through(address, line.port), [RefUpdate(DEV, None, commit), RefUpdate(PROD, None, commit)])
    assert served.git("rev-parse", DEV, PROD).split() == [commit, commit]


def test_a_push_that_never_arrived_is_told_as_such(address: str, store: GitRepository, served: Box) -> None:
    """Writer's fault row 3, the other way: the refs are where they were, and trying again does it."""
    commit, refs = written(store), served.git("show-ref")
    with breaking_line(port_of(address), lose="request") as line:
        url = through(address, line.port)
        with pytest.raises(UnavailableError) as caught:
            store.push(url, [RefUpdate(DEV, None, commit)])
        assert (caught.value.place, caught.value.hint) == (url, "nothing has moved there; run it again")
        assert served.git("show-ref") == refs
        store.push(url, [RefUpdate(DEV, None, commit)])
    assert served.git("rev-parse", DEV) == commit


def test_a_ref_that_somebody_moved_before_we_looked_again_is_a_conflict(
    address: str, store: GitRepository, served: Box
) -> None:
    """Our commit arrived, the answer did not, and meanwhile another one stands there."""
    head, commit = served.git("rev-parse", MAIN), written(store)
    served.write("hooks/post-receive", f"#!/bin/sh\ngit update-ref {DEV} {head}\n").chmod(0o755)
    with breaking_line(port_of(address)) as line, pytest.raises(ConflictError) as caught:
        store.push(through(address, line.port), [RefUpdate(DEV, None, commit)])
    assert str(caught.value) == (
        f"{DEV}: the ref was moved by somebody else: expected no such ref, found {head}"
    )


def test_nobody_knows_where_the_server_is_gone_too(served: Box, store: GitRepository) -> None:
    """The answer is lost and the look at the refs fails: it says so, and that trying again is safe."""
    commit = written(store)
    with git_http_server(served.path.parent) as server:

        def script(method: str, path: str) -> tuple[int, dict[str, str], bytes] | None:
            if "upload-pack" in path:
                return 503, {}, b"overloaded"
            return (504, {}, b"took too long") if method == "POST" else None

        server.script = script
        with pytest.raises(UnavailableError) as caught:
            store.push(server.url("repo.git"), [RefUpdate(DEV, None, commit)])
    assert str(caught.value) == (
        f"{server.url('repo.git')}: the server cannot answer (HTTP 504: took too long)\n"
        "hint: nobody knows whether the push arrived; run it again, which is safe"
    )


def test_a_report_that_leaves_a_ref_out_is_no_answer(served: Box, store: GitRepository) -> None:
    """Only what the server says is known; the rest is looked up."""
    commit = written(store)
    report = b"000eunpack ok\n0000"
    band = b"%04x\x01%s0000" % (len(report) + 5, report)
    with git_http_server(served.path.parent) as server:

        def script(method: str, path: str) -> tuple[int, dict[str, str], bytes] | None:
            if method == "POST" and path.endswith("git-receive-pack"):
                return 200, {"Content-Type": "application/x-git-receive-pack-result"}, band
            return None

        server.script = script
        with pytest.raises(UnavailableError) as caught:
            store.push(server.url("repo.git"), [RefUpdate(DEV, None, commit)])
        assert caught.value.summary == f"the server does not say whether it moved {DEV}"
        assert caught.value.hint == "nothing has moved there; run it again"


@pytest.fixture
def server(served: Box) -> Iterator[GitServer]:
    with git_http_server(served.path.parent) as running:
        yield running


def test_a_hook_of_the_server_refuses_and_nothing_moves_anywhere(
    server: GitServer, store: GitRepository, served: Box, tmp_path: Path
) -> None:
    """Writer's fault row 4: pre-receive exits 1; its words come without control characters."""
    hook = "#!/bin/sh\nprintf '\\033[31mprotected\\033[0m until\\007 Monday\\n\\n' >&2\nexit 1\n"
    served.write("hooks/pre-receive", hook).chmod(0o755)
    commit, refs = written(store), served.git("show-ref")
    here = sorted(each for each in (tmp_path / "store").rglob("*") if each.is_file())
    with pytest.raises(RefusedError) as caught:
        store.push(server.url("repo.git"), [RefUpdate(DEV, None, commit), RefUpdate(PROD, None, commit)])
    assert caught.value.summary.startswith(f"the server refused to move {DEV}: pre-receive hook declined: ")
    assert "protected" in caught.value.summary
    assert "Monday" in caught.value.summary
    assert caught.value.summary.isprintable()
    assert caught.value.hint == "nothing has moved, here or there; do what the server asks for"
    assert served.git("show-ref") == refs
    assert sorted(each for each in (tmp_path / "store").rglob("*") if each.is_file()) == here


def test_a_protected_branch_is_told_in_the_words_of_the_forge(
    server: GitServer, store: GitRepository, served: Box
) -> None:
    """Writer's fault row 4: as forges do it, an update hook says which rule; the other ref does not move alone."""
    hook = '#!/bin/sh\n[ "$1" != refs/heads/main ] || { echo "GH006: Protected branch update failed for $1."; exit 1; }\n'
    served.write("hooks/update", hook).chmod(0o755)
    head = store.fetch(server.url("repo.git"), [MAIN])[MAIN]
    assert head is not None
    commit, refs = written(store, head), served.git("show-ref")
    with pytest.raises(RefusedError) as caught:
        store.push(server.url("repo.git"), [RefUpdate(DEV, None, commit), RefUpdate(MAIN, head, commit)])
    assert caught.value.summary == (
        f"the server refused to move {MAIN}: hook declined: GH006: Protected branch update failed for {MAIN}."
        f"; error: hook declined to update {MAIN}"
    )
    assert served.git("show-ref") == refs


def test_a_branch_that_cannot_be_fast_forwarded_there_is_a_conflict(
    server: GitServer, store: GitRepository, served: Box
) -> None:
    """Writer's fault row 4: somebody else's commit is never overwritten."""
    head = store.fetch(server.url("repo.git"), [MAIN])[MAIN]
    assert head is not None
    commit = written(store, head)
    other = served.git("commit-tree", "-p", head, "-m", "other", f"{head}^{{tree}}")
    served.git("update-ref", MAIN, other)
    with pytest.raises(ConflictError, match=f"expected {head}, found {other}"):
        store.push(server.url("repo.git"), [RefUpdate(MAIN, head, commit)])
    assert served.git("rev-parse", MAIN) == other
