"""The store of an agent: small polls, small fetches, bounded on disk, and never believed where it is damaged."""

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envctl.errors import DamagedError, EnvctlError, InputError, RefusedError, UnavailableError
from envctl.gitstore.fetching import FetchLimits
from envctl.gitstore.storefolder import MARK, read_state
from tests.functional.agent.conftest import FIRST, REF


def packs(client: Any) -> list[Path]:
    return sorted((client.folder / "objects" / "pack").glob("*.pack"))


def size(client: Any) -> int:
    return sum(each.stat().st_size for each in client.folder.rglob("*") if each.is_file())


def test_a_poll_is_one_small_request_on_a_connection_that_stays(server: Any, client: Any) -> None:
    """After the first look-up: one POST with the name of the branch, and nothing else."""
    client.look()
    server.requests.clear()
    assert [client.look() for _ in range(3)] == [client.look()] * 3
    assert {(method, path) for method, path, _ in server.requests} == {
        ("POST", "/platform.git/git-upload-pack")
    }
    assert len(server.requests) == 4
    assert {headers["Content-Length"] for _, _, headers in server.requests} == {"66"}
    assert server.connections == 1


def test_a_branch_that_moved_went_or_came_back_is_seen(deployed: Any, client: Any) -> None:
    """Agent's fault row 40: an absent branch is None, which is not an error and not an empty tree."""
    assert client.look() == deployed.tip
    deployed.move(None)
    assert client.look() is None
    deployed.move(deployed.tip)
    assert client.look() == deployed.tip


def test_branches_that_begin_alike_are_not_taken_for_ours(deployed: Any, client: Any) -> None:
    """The server is asked for what begins with our name."""
    deployed.git("update-ref", f"{REF}-2", deployed.tip)
    deployed.move(None)
    assert client.look() is None


def test_a_fetch_brings_the_commit_with_all_its_files(deployed: Any, client: Any) -> None:
    """And a second one what changed, on top of it."""
    assert client.fetch() == deployed.tip
    assert client.files(deployed.tip) == FIRST
    before = size(client)
    deployed.commit({"web/ConfigMap/a/x.yaml": b"x: 2\n"})
    assert client.fetch() == deployed.tip
    assert client.files(deployed.tip) == {**FIRST, "web/ConfigMap/a/x.yaml": b"x: 2\n"}
    assert size(client) - before < 4000
    assert [each.id for each in client.store.history(deployed.tip)] == deployed.tips[::-1]


def test_a_fetch_leaves_no_process_and_no_file_behind(deployed: Any, local: Any) -> None:
    """Between two fetches there is only the repository, and what is known about it."""
    local.fetch()
    assert list((local.folder / "incoming").iterdir()) == []
    assert read_state(local.folder).whole == (deployed.tip,)


def test_a_store_that_is_closed_ends_its_fetch(server: Any, client: Any) -> None:
    """The process of a fetch that stands still is ended at once, and no other one begins."""
    reached, over = threading.Event(), threading.Event()
    server.halt = lambda body: b"command=fetch" in body and (reached.set(), over.wait(60))
    errors: list[str] = []

    def fetch() -> None:
        with pytest.raises(UnavailableError) as caught:
            client.fetch()
        errors.append(caught.value.summary)

    thread = threading.Thread(target=fetch)
    thread.start()
    assert reached.wait(30)
    client.store.close()
    thread.join(10)
    over.set()
    fetch()
    assert errors == [
        "the process of the fetch gave no answer: it was ended by signal 9",
        "the store is closed",
    ]


def test_the_store_does_not_grow_with_the_number_of_fetches(deployed: Any, local: Any) -> None:
    """Old packs go; history stays, and all that the accepted and the newest commit need."""
    for number in range(10):
        deployed.commit({f"web/ConfigMap/a/n{number}.yaml": b"%d\n" % number * 50})
        local.store.keep([deployed.tips[-2]])
        local.fetch()
    assert len(packs(local)) == 10
    local.store._untidy = True
    local.look()
    assert len(packs(local)) == 1
    assert local.files(deployed.tip).keys() >= FIRST.keys()
    assert len(local.files(deployed.tips[-2])) == len(local.files(deployed.tip)) - 1
    assert local.store.is_ancestor(deployed.tips[0], deployed.tip)
    assert [each.id for each in local.store.history(deployed.tip)] == deployed.tips[::-1]


@pytest.mark.parametrize("kind", ["local", "client"])
def test_what_comes_back_after_it_was_thrown_away_is_fetched_again(
    deployed: Any, request: pytest.FixtureRequest, kind: str
) -> None:
    """A revert to a file of a commit whose files are gone: the server must not think that we have it."""
    client = request.getfixturevalue(kind)
    client.fetch()
    old = FIRST["web/ConfigMap/a/x.yaml"]
    for text in (b"x: 2\n", b"x: 3\n"):
        deployed.commit({"web/ConfigMap/a/x.yaml": text})
        client.fetch()
    client.store.keep([deployed.tip])
    client.store._untidy = True
    client.look()
    blob = deployed.git("rev-parse", f"{deployed.tips[0]}:web/ConfigMap/a/x.yaml")
    assert not client.store._objects.has(blob)
    deployed.commit({"web/ConfigMap/a/x.yaml": old})
    client.fetch()
    assert client.files(deployed.tip) == FIRST


def test_a_restart_goes_on_with_what_is_there(deployed: Any, client: Any) -> None:
    """A new process fetches the difference only."""
    client.fetch()
    deployed.commit({"web/ConfigMap/a/x.yaml": b"x: 2\n"})
    client.close()
    client.opened()
    client.fetch()
    assert len(packs(client)) == 2
    assert client.files(deployed.tip)["web/ConfigMap/a/x.yaml"] == b"x: 2\n"


def flip(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 3)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.chmod(0o644)
    path.write_bytes(data)


def seeds(config: pytest.Config) -> range:
    return range(int(config.getoption("damage_seeds")))


@pytest.mark.parametrize("part", ["pack", "idx", "refs", "mark"])
def test_a_damaged_store_is_thrown_away_and_fetched_anew(
    deployed: Any, local: Any, part: str, pytestconfig: pytest.Config
) -> None:
    """Agent's fault row 46: flipped bits anywhere: what is read is right, or an error; then all is well again."""
    deployed.commit({"web/ConfigMap/a/x.yaml": b"x: 2\n"})
    expected = {**FIRST, "web/ConfigMap/a/x.yaml": b"x: 2\n"}
    for seed in seeds(pytestconfig):
        chance = random.Random(f"{part}{seed}")  # noqa: S311  (a seed makes it repeatable)
        local.fetch()
        flip(chance.choice(files(local.folder, part)), chance)
        local.opened()
        try:
            found = local.files(deployed.tip)
            history = [each.id for each in local.store.history(deployed.tip)]
        except InputError:  # damaged, or not there: both lead to a fetch
            local.fetch()
            found = local.files(deployed.tip)
            history = [each.id for each in local.store.history(deployed.tip)]
        assert (seed, found, history) == (seed, expected, deployed.tips[::-1])


def files(folder: Path, part: str) -> list[Path]:
    if part == "refs":
        return [folder / "HEAD", folder / "config", folder / "FETCH_HEAD"]
    return [folder / MARK] if part == "mark" else sorted((folder / "objects" / "pack").glob(f"*.{part}"))


def test_damage_is_told_once_and_never_taken_for_an_absent_file(deployed: Any, local: Any) -> None:
    """A pack whose index lost an object: the tree still names it."""
    local.fetch()
    for each in (local.folder / "objects" / "pack").iterdir():
        each.unlink()
    local.opened()
    tree = deployed.git("rev-parse", f"{deployed.tip}^{{tree}}")
    with pytest.raises(DamagedError, match="is gone"):
        local.store.changes(None, tree)
    with pytest.raises(DamagedError, match="the store of fetched objects is damaged"):
        local.store.commit(deployed.tip)
    local.fetch()
    assert local.files(deployed.tip) == FIRST


def test_a_folder_with_something_else_in_it_is_not_touched(
    tmp_path: Path, make_client: Callable[..., Any]
) -> None:
    """A mistyped --store must not cost anybody a file."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="the directory holds no bare repository"):
        make_client("file:///nowhere")
    assert (tmp_path / "store" / "thesis.txt").read_text() == "years of work"


BOMB = b"0" * (300 << 20)


@pytest.mark.parametrize(
    ("content", "limits", "why"),
    [
        pytest.param(BOMB, FetchLimits(memory=128 << 20), "takes more than 128 MiB of memory", id="a bomb"),
        pytest.param(
            random.Random(1).randbytes(3 << 20),  # noqa: S311
            FetchLimits(pack=1 << 20),
            "File too large",
            id="a large pack",
        ),
    ],
)  # fmt: skip
def test_what_takes_too_much_is_stopped_in_the_child(
    deployed: Any, make_client: Callable[..., Any], content: bytes, limits: FetchLimits, why: str
) -> None:
    """Agent's fault row 49: a few hundred KiB that unpack to 300 MiB; more bytes than a pack may have."""
    client = make_client(deployed.path.as_uri(), limits=limits)
    good = deployed.tip
    client.fetch()
    deployed.commit({"web/ConfigMap/a/bomb.yaml": content})
    with pytest.raises(UnavailableError, match=why):
        client.fetch()
    assert client.files(good) == FIRST
    deployed.commit({"web/ConfigMap/a/x.yaml": b"x: 2\n"}, parent=good)
    client.fetch()
    assert client.files(deployed.tip)["web/ConfigMap/a/x.yaml"] == b"x: 2\n"


def test_a_file_that_no_cluster_could_store_refuses_its_commit(deployed: Any, local: Any) -> None:
    """The agent itself never reads it."""
    deployed.commit({"web/ConfigMap/a/big.yaml": b"0" * (9 << 20)})
    local.fetch()
    with pytest.raises(RefusedError, match=r"big\.yaml has 9437184 bytes; more than 8 MiB"):
        local.store.commit(deployed.tip)
    with pytest.raises(RefusedError):
        local.opened().commit(deployed.tip)


def test_a_missing_child_is_an_error_like_another(local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Python, no process number, no memory: the agent says so and goes on."""
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(EnvctlError, match="no process can be started for a fetch: No such file"):
        local.fetch()
