"""One changed file committed onto a branch by dulwich alone: the base of the figures for publishing.

    python benchmarks/bare_commit.py REPOSITORY BRANCH PATH TEXT

Opens the repository, reads the trees on the way to the path, writes the blob, those trees and a
commit, and moves the branch by compare-and-swap.
"""

import sys
import time

from dulwich.objects import Blob, Commit, Tree
from dulwich.repo import Repo


def replaced(store: object, tree: Tree, path: list[bytes], blob: Blob) -> list[object]:
    """The objects to write for one file in place of another one, the top tree last."""
    name, *rest = path
    mode, old = tree[name]
    below = replaced(store, store[old], rest, blob) if rest else [blob]  # type: ignore[index]
    tree[name] = (mode, below[-1].id)  # type: ignore[attr-defined]
    return [*below, tree]


def commit_file(root: str, branch: str, path: str, text: str) -> None:
    """Open, read, write, move the branch."""
    repo = Repo(root)
    store, ref = repo.object_store, f"refs/heads/{branch}".encode()
    store.fsync_object_files = True  # as envctl does
    head = repo.refs[ref]
    written = replaced(
        store, store[store[head].tree], path.encode().split(b"/"), Blob.from_string(text.encode())
    )
    new = Commit()
    new.tree, new.parents = written[-1].id, [head]
    new.author = new.committer = b"Ann <ann@example.com>"
    new.author_time = new.commit_time = int(time.time())
    new.author_timezone = new.commit_timezone = 0
    new.message = b"Change one file\n"
    for each in [*written, new]:
        store.add_object(each)
    if not repo.refs.set_if_equals(ref, head, new.id):
        raise SystemExit("the branch moved")
    repo.close()


if __name__ == "__main__":
    commit_file(*sys.argv[1:])
