"""The agent's process without its Git server, or without room for its store: the cluster stays, and is still kept."""

import contextlib
import json
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envctl.model.cluster import ResourceType
from tests.controlplane.agent.conftest import config_map
from tests.controlplane.agent.faults.conftest import FIRST, SECOND, Faulty
from tests.support import disks
from tests.support.disks import Disk, small_disk
from tests.support.git_servers import GitServer, git_http_server

NO_DISK = disks.missing()


@pytest.fixture
def remote(faulty: Faulty, tmp_path: Path) -> Iterator[GitServer]:
    """The branch's repository over TLS, for one user; the agent's repository from now on."""
    root = faulty.rig.branch.path.parent
    with git_http_server(root, users={"ann": "first"}, tls=tmp_path / "tls") as served:
        url = served.url(faulty.rig.branch.path.name)
        faulty.rig.options = replace(faulty.rig.options, remote=url)
        yield served


@pytest.fixture
def credentials(remote: GitServer, tmp_path: Path) -> Path:
    """A folder as a mounted Secret is."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    assert remote.certificate
    for name, text in {
        "username": "ann",
        "password": "first",
        "ca.crt": remote.certificate.read_text(),
    }.items():
        (folder / name).write_text(text)
    return folder


def keeps_what_is_there(faulty: Faulty) -> None:
    """The state stays as it was applied, and drift is healed as ever."""
    live: Any = faulty.rig.live("change")
    faulty.rig.kube.replace(faulty.rig.config_map_type, {**live, "data": {"x": "drifted"}})
    faulty.wait(lambda: faulty.rig.data("change") == {"x": "1"}, "drift is healed meanwhile")
    assert faulty.rig.data("leave") == {"x": "1"}
    assert faulty.rig.data("new") is None


def source(faulty: Faulty) -> tuple[str, str]:
    """Whether the source is read, and what is said of it."""
    condition = faulty.rig.status().condition("SourceReady")
    return (condition.reason, condition.message) if condition else ("", "")


def told(faulty: Faulty, words: str) -> list[str]:
    """What the agent's process logged with these words."""
    messages = [json.loads(line)["message"] for line in faulty.log().splitlines()]
    return [each for each in messages if words in each]


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_git_server_that_refuses_costs_nothing_but_news(
    status: int, faulty: Faulty, remote: GitServer, credentials: Path
) -> None:
    """Agent's fault row 50: told once, with when the branch was last read; no request a second; then it goes on by itself."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with faulty.process("--credentials", str(credentials)):
        rig.await_applied(rig.branch.tip)
        remote.script = lambda _method, _path: (
            status,
            {"Retry-After": "1"} if status == 429 else {},
            b"not now",
        )
        tip = faulty.publish(*SECOND)
        faulty.wait(lambda: str(status) in source(faulty)[1], "it is told")
        assert "(last read 20" in source(faulty)[1]
        asked = len(remote.requests)
        keeps_what_is_there(faulty)
        faulty.wait(lambda: len(remote.requests) > asked + 1, "it is asked again")
        assert len(told(faulty, "cannot read the branch")) == 1
        remote.script = lambda _method, _path: None
        rig.await_applied(tip)
        faulty.check()


def test_a_password_that_was_revoked_is_read_again_from_its_file(
    faulty: Faulty, remote: GitServer, credentials: Path
) -> None:
    """Agent's fault row 50: the server wants another one, the file gets it, and the process goes on without a restart."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with faulty.process("--credentials", str(credentials)):
        rig.await_applied(rig.branch.tip)
        remote.users = {"ann": "second"}
        tip = faulty.publish(*SECOND)
        faulty.wait(lambda: "gives no access" in source(faulty)[1], "it is told")
        keeps_what_is_there(faulty)
        (credentials / "password").write_text("second")
        rig.await_applied(tip)
        assert source(faulty)[0] == "Read"
        faulty.check()


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_commit_that_cannot_be_fetched_is_not_refused(
    status: int, faulty: Faulty, remote: GitServer, credentials: Path
) -> None:
    """Agent's fault row 50: the branch is looked up well, and its new commit is not given: told once, of the branch."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with faulty.process("--credentials", str(credentials)):
        rig.await_applied(rig.branch.tip)
        remote.edit = lambda body, answer: (status, {}, b"no") if b"command=fetch" in body else answer
        tip = faulty.publish(*SECOND)
        found = rig.await_condition("Ready", "SourceFailed")
        assert [found.condition(name).reason for name in ("SourceReady", "Stalled")] == ["Failed", "Free"]
        assert found.condition("SourceReady").message == found.condition("Ready").message
        keeps_what_is_there(faulty)
        remote.edit = lambda _body, answer: answer
        rig.await_applied(tip)
        faulty.check()
    assert len(told(faulty, "cannot read the branch")) == 1
    assert told(faulty, "refused") == []


@contextlib.contextmanager
def halted(remote: GitServer) -> Iterator[threading.Event]:
    """Inside, answers to fetches stop in their middle; the event says that one has."""
    reached, over = threading.Event(), threading.Event()

    def halt(body: bytes) -> None:
        if b"command=fetch" in body:
            reached.set()
            over.wait(60)

    remote.halt = halt
    try:
        yield reached
    finally:
        remote.halt = lambda _body: None
        over.set()


def test_while_a_fetch_stands_still_drift_is_healed(
    faulty: Faulty, remote: GitServer, credentials: Path
) -> None:
    """The server stops in the middle of its answer: heals do not wait for it, and then the commit is applied."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with faulty.process("--credentials", str(credentials)):
        rig.await_applied(rig.branch.tip)
        with halted(remote) as reached:
            tip = faulty.publish(*SECOND)
            assert reached.wait(30)
            keeps_what_is_there(faulty)
            faulty.wait(lambda: rig.status().healed == 1, "the status is kept up to date")
            assert (rig.status().ready, rig.status().applied != tip) == (True, True)
        rig.await_applied(tip)
        faulty.check()


def claim(namespace: str) -> dict[str, Any]:
    """A volume claim that nobody binds here, so that it stays Progressing."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"name": "db", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def test_while_a_fetch_stands_still_the_commit_before_goes_on(
    faulty: Faulty, remote: GitServer, credentials: Path
) -> None:
    """Its steps go on where their wait ends; with the newer commit here, waiting ends at once."""
    rig = faulty.rig
    kind = ResourceType("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", namespaced=True)
    web = config_map("web", rig.namespace, x="1")
    waits = {"db": [claim(rig.namespace)], "web": [web]}
    rig.branch.publish(waits, depends_on={"db": [], "web": ["db"]})
    with faulty.process("--credentials", str(credentials)):
        rig.await_condition("Ready", "Waiting")
        with halted(remote) as reached:
            rig.branch.publish({**waits, "web": [config_map("web", rig.namespace, x="2")]})
            assert reached.wait(30)
            bound = {**claim(rig.namespace), "status": {"phase": "Bound"}}
            del bound["spec"]
            rig.kube.apply_status(kind, bound)
            faulty.wait(lambda: rig.data("web") == {"x": "1"}, "the commit before is applied to its end")
        faulty.wait(lambda: rig.data("web") == {"x": "2"}, "the newer one follows")
        rig.await_applied(rig.branch.tip)


def test_a_store_that_is_damaged_is_fetched_anew_and_drift_is_healed(
    faulty: Faulty, credentials: Path
) -> None:
    """What drifted is read from the store, which holds something else by then."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with faulty.process("--credentials", str(credentials)):
        rig.await_applied(rig.branch.tip)
        (pack,) = (rig.store.with_suffix("") / "objects" / "pack").glob("*.pack")
        data = bytearray(pack.read_bytes())
        data[len(data) // 3 : len(data) * 2 // 3] = bytes(len(data) * 2 // 3 - len(data) // 3)
        pack.chmod(0o600)
        with pack.open("r+b") as opened:  # in place, since the agent has it open
            opened.write(data)
        for name in ("change", "keep", "leave"):
            live: Any = rig.live(name)
            rig.kube.replace(rig.config_map_type, {**live, "data": {"x": "drifted"}})
        faulty.wait(lambda: [rig.data(name) for name in ("change", "keep", "leave")] == [{"x": "1"}] * 3)
        rig.await_applied(faulty.publish(*SECOND))
        faulty.check()


def test_an_agent_that_is_told_to_end_leaves_a_fetch_that_stands_still(
    faulty: Faulty, remote: GitServer, credentials: Path
) -> None:
    """It ends well within seconds, and the next one fetches anew."""
    rig = faulty.rig
    faulty.publish(*FIRST)
    with faulty.process("--credentials", str(credentials)) as process:
        rig.await_applied(rig.branch.tip)
        with halted(remote) as reached:
            tip = faulty.publish(*SECOND)
            assert reached.wait(30)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
    with faulty.process("--credentials", str(credentials)):
        rig.await_applied(tip)
        faulty.check()


FULL: dict[str, tuple[str, Callable[[Disk], object], Callable[[Disk], object]]] = {
    "no room": ("8m", lambda disk: disk.fill(0), Disk.make_room),
    "no inodes": ("8m,nr_inodes=400", Disk.use_up_inodes, Disk.free_inodes),
    "read-only": ("8m", lambda disk: disk.remount("ro"), lambda disk: disk.remount("rw")),
}


@pytest.mark.skipif(bool(NO_DISK), reason=NO_DISK or "root may mount")
@pytest.mark.parametrize("how", FULL)
def test_a_store_without_room_waits_for_some(how: str, faulty: Faulty, tmp_path: Path) -> None:
    """Agent's fault row 48: a new commit cannot be fetched; it is told, all stays as it was, and there is room again.

    What was fetched before is read from there, so drift is healed meanwhile.
    """
    rig, (size, fill, relieve) = faulty.rig, FULL[how]
    faulty.publish(*FIRST)
    with small_disk(tmp_path / "disk", size) as disk, faulty.process("--store", str(disk.path / "store")):
        rig.await_applied(rig.branch.tip)
        fill(disk)
        tip = faulty.publish(*SECOND)
        faulty.wait(lambda: not rig.status().ready, "it is told")
        message = rig.await_condition("Ready", "SourceFailed").condition("Ready").message
        assert any(each in message for each in ("No space left", "Read-only file system")), message
        keeps_what_is_there(faulty)
        relieve(disk)
        rig.await_applied(tip)
        faulty.check()
