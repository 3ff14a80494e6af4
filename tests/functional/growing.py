"""A deploy branch of many commits, written by ``git fast-import`` as envctl would have published them one by one."""

from collections.abc import Iterator

from envctl.delivery.deploy import DeployRecord, deploy_draft, deploy_record
from envctl.model.git import Commit, Signature
from tests.functional.conftest import WHO, Workspace
from tests.functional.tampering import FILE, git, message_of

_START = 1_767_323_045  # the date of WHO
_COMPONENT = "components/web/main.jsonnet"


def grow(small: Workspace, count: int) -> None:
    """Source commits that each change web, an hour apart, and dev's deploy commit of each.

    The branches must be as they are after the first publish of dev.
    """
    sources = _import(small, "refs/heads/main", _sources(small, count), count)
    _import(small, "refs/heads/deploy/dev", _deploys(small, sources), count)
    small.git("reset", "-q", "--hard")


def _import(small: Workspace, ref: str, commits: Iterator[tuple[str, str, str]], count: int) -> list[str]:
    """Commits (message, path, text) on top of a branch; returns their ids, oldest first."""
    stream = []
    for number, (message, path, text) in enumerate(commits, 1):
        who = f"{WHO['name']} <{WHO['email']}> {_START + 3600 * number} +0000"
        stream.append(f"commit {ref}\nauthor {who}\ncommitter {who}\n{_data(message)}")
        if number == 1:
            stream.append(f"from {ref}^0\n")
        stream.append(f"M 100644 inline {path}\n{_data(text)}")
    git(small, "fast-import", "--quiet", "--force", text="".join(stream))
    return git(small, "rev-list", "--reverse", f"--max-count={count}", ref).splitlines()


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


def _sources(small: Workspace, count: int) -> Iterator[tuple[str, str, str]]:
    text = small.git("show", f"main:{_COMPONENT}") + "\n"
    for number in range(1, count + 1):
        yield (
            f"Replicas: {number + 1}\n",
            _COMPONENT,
            text.replace("replicas: 1 ", f"replicas: {number + 1} "),
        )


def _deploys(small: Workspace, sources: list[str]) -> Iterator[tuple[str, str, str]]:
    text = small.git("show", f"deploy/dev:{FILE}") + "\n"
    first = deploy_record(message_of(small, "deploy/dev"))
    assert first
    nobody = Signature("", "", 0, 0)
    for number, source in enumerate(sources, 1):
        record = DeployRecord("dev", 1 + number, source, ("web",), first.renderer)
        commit = Commit(source, "", (), nobody, nobody, f"Replicas: {number + 1}\n")
        yield deploy_draft(record, "", None, commit).message, FILE, text.replace('"1"', f'"{number + 1}"')
