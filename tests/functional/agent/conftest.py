"""A deploy branch on real Git servers, and the store that an agent fetches it into. No cluster is needed."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from envctl.gitstore.deploystore import DeployStore, open_deploy_store
from envctl.gitstore.fetching import DEFAULT_LIMITS, FetchLimits
from envctl.model.access import Access
from tests.support.git_servers import GitServer, git_http_server
from tests.support.repositories import FixedClock

REF = "refs/heads/deploy/prod"
FIRST = {
    "web/ConfigMap/a/x.yaml": b"x: 1\n",
    "web/ConfigMap/a/y.yaml": b"y: 1\n",
    "db/ConfigMap/a/z.yaml": b"z: 1\n",
}


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies, certificates, keys and agents of whoever runs the tests do not count."""
    for name in list(os.environ):
        if name.startswith(("GIT_SSL_", "GIT_SSH", "SSH_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@dataclass
class Deployed:
    """A bare repository with the branch deploy/prod, written with the git program."""

    path: Path
    tips: list[str] = field(default_factory=list)

    @property
    def tip(self) -> str:
        return self.tips[-1]

    def git(self, *words: str, data: bytes = b"") -> str:
        done = subprocess.run(["git", "-C", self.path, *words], input=data, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def commit(self, files: Mapping[str, bytes], *, parent: str | None = None) -> str:
        """Change some files, on top of the tip or of another commit ("" for none), and move the branch there."""
        before = self.tip if parent is None and self.tips else parent
        stream = [f"commit {REF}\ncommitter T <t@example.com> {1700000000 + len(self.tips)} +0000\n".encode()]
        stream += [b"data 7\nchange\n", f"from {before}\n".encode() if before else b""]
        for path, text in files.items():
            stream += [b"M 100644 inline %s\ndata %d\n" % (path.encode(), len(text)), text, b"\n"]
        if not before:
            self.move(None)
        self.git("fast-import", "--quiet", "--force", data=b"".join(stream))
        self.tips.append(self.git("rev-parse", REF))
        return self.tip

    def move(self, commit: str | None) -> None:
        """Move the branch anywhere, or delete it."""
        self.git("update-ref", *(["-d", REF] if commit is None else [REF, commit]))


@pytest.fixture
def deployed(tmp_path: Path) -> Deployed:
    """A branch with one commit."""
    path = tmp_path / "served" / "platform.git"
    subprocess.run(["git", "init", "--quiet", "--bare", path], check=True)
    made = Deployed(path)
    made.commit(FIRST)
    return made


@dataclass
class Client:
    """An agent's store, and the folder with its credentials."""

    folder: Path
    credentials: Path
    url: str = ""
    limits: FetchLimits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        self.credentials.mkdir(exist_ok=True)
        self.store = self.opened()

    def close(self) -> None:
        self.store.close()

    def opened(self) -> DeployStore:
        """The store as a new process finds it."""
        access = Access(folder=self.credentials)
        self.store = open_deploy_store(self.folder, clock=FixedClock(), access=access, limits=self.limits)
        return self.store

    def give(self, **texts: str) -> None:
        """Put credentials into the folder, as a mounted Secret changes."""
        for name, text in texts.items():
            (self.credentials / {"ca": "ca.crt"}.get(name, name)).write_text(text)

    def look(self) -> str | None:
        return self.store.remote_refs(self.url, [REF])[REF]

    def fetch(self) -> str | None:
        return self.store.fetch(self.url, [REF])[REF]

    def files(self, commit: str) -> dict[str, bytes]:
        """All files of a commit, as the agent reads them."""
        tree = self.store.commit(commit).tree
        return {each.path: self.store.blob(each.new or "") for each in self.store.changes(None, tree)}


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Makes clients; their connections are closed."""
    with contextlib.ExitStack() as stack:

        def make(url: str, name: str = "store", limits: FetchLimits = DEFAULT_LIMITS) -> Client:
            client = Client(tmp_path / name, tmp_path / f"{name}.credentials", url, limits)
            stack.enter_context(contextlib.closing(client))
            return client

        yield make


@pytest.fixture
def server(deployed: Deployed, tmp_path: Path) -> Iterator[GitServer]:
    """The repository over TLS, for one user."""
    users = {"ann": "first"}
    with git_http_server(deployed.path.parent, users=users, tls=tmp_path / "tls") as served:
        yield served


@pytest.fixture
def client(server: GitServer, make_client: Callable[..., Client]) -> Client:
    """A client with good credentials."""
    made = make_client(server.url("platform.git"))
    assert server.certificate
    made.give(username="ann\n", password="first\n", ca=server.certificate.read_text())
    return made


@pytest.fixture
def local(deployed: Deployed, make_client: Callable[..., Client]) -> Client:
    """A client of the repository on this machine, which is quicker."""
    return make_client(deployed.path.as_uri())
