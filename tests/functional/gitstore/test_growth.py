"""Row 33 of the writer's fault matrix: a deploy branch that has grown for years costs no more than a young one."""

from collections.abc import Iterator
from pathlib import Path

from envctl.gitstore.repository import GitRepository, open_store
from tests.support.repositories import ANN, Box, FixedClock

COMMITS = 3_000
REF = "refs/heads/deploy/prod"


def grown(first: int, last: int, base: str = "") -> Iterator[bytes]:
    """Deploy commits as `git fast-import` takes them, each with one changed file of 40."""
    for number in range(first, last + 1):
        by = f"{ANN.name} <{ANN.email}> {ANN.time + 60 * number} +0000"
        message = f"prod: Change {number}\n\nEnvctl-Environment: prod\nEnvctl-Sequence: {number}\n"
        parent = f"from {base}\n" if base and number == first else ""
        yield (
            f"commit {REF}\nauthor {by}\ncommitter {by}\ndata {len(message)}\n{message}\n{parent}"
        ).encode()
        for each in range(40) if number == 1 else (number % 40,):
            text = f"{number} {each}\n"
            yield f"M 100644 inline app{each}/prod/ConfigMap_app{each}.yaml\ndata {len(text)}\n{text}\n".encode()


def objects(store: Path) -> int:
    """How many objects a repository holds."""
    found = dict(line.split(": ") for line in Box(store).git("count-objects", "-v").splitlines())
    return int(found["count"]) + int(found["in-pack"])


class Reads:
    """Counts what is read of a repository."""

    def __init__(self, repository: GitRepository) -> None:
        self.count = 0
        self._find = repository._objects.find
        repository._objects.find = self.find  # type: ignore[method-assign]

    def find(self, object_id: str) -> tuple[int, bytes] | None:
        self.count += 1
        return self._find(object_id)


def test_a_fetch_brings_what_is_new_and_all_that_leads_to_it_can_be_checked(box: Box, tmp_path: Path) -> None:
    """After thousands of commits, five new ones: their objects come, and their descent is told from them alone."""
    box.git("fast-import", "--quiet", stdin=b"".join(grown(1, COMMITS)))
    store = open_store(tmp_path / "store", clock=FixedClock())
    accepted = store.fetch(str(box.path), [REF])[REF]
    assert accepted == box.git("rev-parse", REF)
    before = objects(tmp_path / "store")
    box.git("fast-import", "--quiet", stdin=b"".join(grown(COMMITS + 1, COMMITS + 5, f"{REF}^0")))
    new = store.fetch(str(box.path), [REF])[REF]
    assert new == box.git("rev-parse", REF)
    # A commit, its tree, the trees of the component and the namespace, and the file.
    assert objects(tmp_path / "store") - before == 5 * 5
    again = open_store(tmp_path / "store", clock=FixedClock())
    reads = Reads(again)
    assert again.is_ancestor(accepted, new)
    assert not again.is_ancestor(new, accepted)
    assert len(list(again.since(accepted, new))) == 5
    assert reads.count < 60
