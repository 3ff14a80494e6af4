"""Locks of refs and of the index: those of others are told and left alone, those of our own dead are cleared."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from envctl.errors import ConflictError
from envctl.gitstore import locks
from envctl.gitstore.locks import lock_of
from envctl.model.git import RefUpdate
from tests.support.repositories import Box, draft

MAIN = "refs/heads/main"
WITH_DULWICH = "import sys, time; from dulwich.file import GitFile; f = GitFile(sys.argv[1], 'wb')"
WITH_ENVCTL = (
    "import sys, time, pathlib; from envctl.gitstore.locks import hold;"
    " lock = hold(pathlib.Path(sys.argv[1])); lock.__enter__()"
)


def holding(path: Path, program: str) -> subprocess.Popen[bytes]:
    """A process that holds a lock, until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{program}; print('ready', flush=True); time.sleep(600)", str(path)],
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout
    process.stdout.close()


def move(box: Box) -> str:
    """Move main by one commit."""
    repository = box.open()
    head = repository.resolve("HEAD")
    commit = repository.write_commit(draft(repository.commit(head).tree, head, message="moved\n"))
    repository.move_ref(RefUpdate(MAIN, head, commit), "move")
    return commit


AGES = [
    pytest.param(5, "less than a minute", id="seconds"),
    pytest.param(60, "1 minute", id="a minute"),
    pytest.param(7300, "2 hours", id="hours"),
    pytest.param(86400 * 9, "9 days", id="days"),
]


@pytest.mark.parametrize(("seconds", "age"), AGES)
@pytest.mark.parametrize("name", ["refs/heads/main", "index"])
def test_a_lock_of_a_dead_run_is_told_with_its_age_and_never_stolen(
    full: Box, name: str, seconds: int, age: str
) -> None:
    """Writer's fault row 16: another program was killed; only a person can know that nobody uses the lock."""
    path = full.path / ".git" / name
    kill(holding(path, WITH_DULWICH))
    lock, head = lock_of(path), full.git("rev-parse", MAIN)
    when = time.time() - seconds
    os.utime(lock, (when, when))
    with pytest.raises(ConflictError) as caught:
        move(full) if name == MAIN else full.open().refresh("readme", full.git("rev-parse", "HEAD:readme"))
    assert str(caught.value) == (
        f"{lock}: another process works on the repository: its lock file was made {age} ago, "
        "and no process that can be seen here has it open\n"
        "hint: wait for it; where no Git process runs any more, remove the file"
    )
    assert lock.exists()
    assert full.git("rev-parse", MAIN) == head
    lock.unlink()
    move(full)


@pytest.mark.parametrize(
    ("program", "by"), [(WITH_DULWICH, "{pid}, which has it open"), (WITH_ENVCTL, "{pid} of envctl")]
)
def test_a_lock_that_somebody_holds_is_told_with_the_process(full: Box, program: str, by: str) -> None:
    """Writer's fault row 16: who has the file open, or says so in the lock, is named by its id."""
    holder = holding(full.path / ".git" / MAIN, program)
    try:
        with pytest.raises(ConflictError) as caught:
            move(full)
    finally:
        kill(holder)
    assert caught.value.summary == (
        "another process works on the repository: its lock file was made less than a minute ago by process "
        + by.format(pid=holder.pid)
    )


def test_git_respects_our_locks_and_takes_them_for_no_refs(full: Box) -> None:
    """The git program refuses to move the ref, and lists the same refs as before."""
    refs, head = full.git("for-each-ref"), full.git("rev-parse", "HEAD")
    holder = holding(full.path / ".git" / MAIN, WITH_ENVCTL)
    try:
        assert full.git("for-each-ref") == refs
        assert list(full.open().refs("refs/heads/")) == ["refs/heads/main", "refs/heads/release/1.0"]
        full.git("update-ref", MAIN, f"{head}~1", head, check=False)
        assert full.git("rev-parse", "HEAD") == head
        full.git("gc", "-q", check=False)
        full.git("pack-refs", "--all", check=False)
        assert full.git("for-each-ref") == refs
        assert full.git("fsck", "--strict", "--no-dangling") == ""
    finally:
        kill(holder)


@pytest.mark.parametrize("name", ["refs/heads/main", "index"])
def test_a_lock_of_our_own_killed_process_stops_nobody(full: Box, name: str) -> None:
    """Writer's fault row 16: it names its process, and that one has certainly ended."""
    path = full.path / ".git" / name
    kill(holding(path, WITH_ENVCTL))
    assert lock_of(path).is_symlink()
    token = os.readlink(lock_of(path)).rpartition("|")[2]  # noqa: PTH115
    half = path.with_name(f"tmp_{token}.lock")
    half.write_text("half of an id")
    if name == "index":
        assert full.open().refresh("readme", full.git("rev-parse", "HEAD:readme"))
    else:
        assert move(full) == full.git("rev-parse", MAIN)
    assert not os.path.lexists(lock_of(path))
    assert not half.exists()


STRANGE = [
    pytest.param("envctl|another machine|{pid}|1|ab12", "99999 of envctl, on another machine or before this one was started", id="another machine"),
    pytest.param("envctl|{machine}|{alive}|{start}|ab12", "{alive} of envctl", id="alive"),
]  # fmt: skip


@pytest.mark.parametrize(("target", "by"), STRANGE)
def test_a_lock_of_which_nobody_can_know_that_it_is_dead_is_left(full: Box, target: str, by: str) -> None:
    """Another machine's process, or another container's, may well be alive."""
    lock = lock_of(full.path / ".git" / MAIN)
    values = {
        "pid": 99999,
        "machine": locks._machine(),
        "alive": os.getpid(),
        "start": locks._start(os.getpid()),
    }
    lock.symlink_to(target.format(**values))
    with pytest.raises(ConflictError) as caught:
        move(full)
    assert caught.value.summary.endswith(f"less than a minute ago by process {by.format(**values)}")
    assert lock.is_symlink()


def test_a_number_that_another_process_has_by_now_is_not_the_holder(full: Box) -> None:
    """Process ids come again; when it was started tells them apart."""
    lock = lock_of(full.path / ".git" / MAIN)
    lock.symlink_to(f"envctl|{locks._machine()}|{os.getpid()}|1|ab12")
    assert move(full) == full.git("rev-parse", MAIN)


def test_many_that_clear_the_same_dead_lock_do_not_get_in_each_others_way(full: Box) -> None:
    """Each moves the ref once; every move is in the history."""
    program = (
        "import sys; from pathlib import Path; from tests.support.repositories import Box\n"
        "from tests.functional.gitstore.test_locks import move\n"
        "from envctl.errors import ConflictError\n"
        "for _ in range(20):\n"
        "    try: move(Box(Path(sys.argv[1]))); break\n"
        "    except ConflictError: pass\n"
        "else: sys.exit(1)\n"
    )
    before = int(full.git("rev-list", "--count", MAIN))
    kill(holding(full.path / ".git" / MAIN, WITH_ENVCTL))
    many = [subprocess.Popen([sys.executable, "-c", program, full.path]) for _ in range(6)]
    assert [each.wait() for each in many] == [0] * 6
    assert int(full.git("rev-list", "--count", MAIN)) == before + 6


def test_a_log_that_cannot_be_written_does_not_undo_the_move(full: Box) -> None:
    """The ref has moved; to say otherwise would be wrong."""
    log = full.path / ".git/logs" / MAIN
    log.unlink()
    log.mkdir()
    (log / "in the way").touch()
    assert move(full) == full.git("rev-parse", MAIN)
