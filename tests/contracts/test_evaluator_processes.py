"""Worker processes: what they are given, what they leave behind, and whom they outlive."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from envctl.jsonnet import worker as worker_program
from envctl.jsonnet.engines import engine_file, engine_named
from envctl.jsonnet.evaluator import JsonnetEvaluator
from envctl.jsonnet.limits import Limits
from envctl.ports import EvaluationTask
from tests.support.engines import engine_names
from tests.support.trees import MemoryTree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ONE = [EvaluationTask("gateway in prod", "1", MemoryTree({}))]
ENDLESS = "-" * 500_000 + "1"


@pytest.fixture
def worker() -> Iterator[Path]:
    """The folder under /proc of a worker that has served a task."""
    with JsonnetEvaluator(workers=1) as engine:
        engine.evaluate(ONE)
        yield Path("/proc") / str(pid_of(engine))


def pid_of(engine: JsonnetEvaluator) -> int:
    (worker,) = engine._workers
    return worker._process.pid


def status(process: Path) -> dict[str, str]:
    lines = (process / "status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def wait_until(happened: Callable[[], bool]) -> None:
    """Wait for something that must happen; a minute is never needed."""
    for _ in range(6000):
        if happened():
            return
        time.sleep(0.01)
    raise AssertionError("it never happened")


def test_a_worker_inherits_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No HOME, no token: only what the engine reads.

    Writer's fault row 26: what is not there cannot leak.
    """
    monkeypatch.setenv("ENVCTL_CANARY", "secret")
    with JsonnetEvaluator(workers=1) as engine:
        engine.evaluate(ONE)
        found = Path(f"/proc/{pid_of(engine)}/environ").read_bytes().decode().split("\0")
    names = {each.partition("=")[0] for each in found if each}
    assert names == {"GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK", "LC_ALL", "MALLOC_ARENA_MAX"}


def test_a_worker_holds_no_descriptor_of_the_parent(tmp_path: Path) -> None:
    """Only pipes, and what the engine's runtime waits with; even inheritable files are closed."""
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)  # noqa: FBT003
        with JsonnetEvaluator(workers=2) as engine:
            engine.evaluate(ONE * 4)
            for each in engine._workers:
                links = [str(path.readlink()) for path in Path(f"/proc/{each._process.pid}/fd").iterdir()]
                assert {link.partition(":")[0] for link in links} <= {"pipe", "anon_inode"}


def test_a_worker_stands_nowhere_and_may_do_little(worker: Path) -> None:
    """Root folder, strict umask, a session of its own, no new privileges."""
    found = status(worker)
    assert (worker / "cwd").readlink() == Path("/")
    assert (found["Umask"], found["NoNewPrivs"]) == ("0077", "1")
    assert os.getsid(int(worker.name)) == int(worker.name)


def test_a_worker_is_limited_by_the_kernel(worker: Path) -> None:
    """Memory, open files, and no writing of files or cores."""
    lines = (worker / "limits").read_text().splitlines()[1:]
    limits = {line[:26].strip(): line[26:].split()[1] for line in lines}
    assert limits["Max address space"] == str((1280 + 2048) << 20)
    assert (limits["Max file size"], limits["Max core file size"], limits["Max open files"]) == (
        "0",
        "0",
        "64",
    )


def test_a_worker_has_no_network_where_the_kernel_allows_that(worker: Path) -> None:
    """An empty network namespace, without even a route."""
    if (worker / "ns/net").readlink() == Path("/proc/self/ns/net").readlink():
        pytest.skip("this kernel allows no user namespaces here")
    assert (worker / "net/route").read_text().splitlines()[1:] == []


CONFINED = """
import importlib.util, os, socket, sys
spec = importlib.util.spec_from_file_location("worker", sys.argv[1])
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)
file = os.open(sys.argv[2], os.O_RDONLY)
worker.confine({"parent": os.getppid(), "memory": 3 << 30, "libraries": {}}, file)
engine = worker.load_engine("_gojsonnet", file)
for path in sys.argv[2:]:
    try:
        open(path).close()
        print("opened", path)
    except PermissionError:
        print("refused")
try:
    socket.create_connection(("127.0.0.1", 9), timeout=5)
except OSError as error:
    print(type(error).__name__)
try:
    engine.evaluate_file("/etc/passwd")
except RuntimeError as error:
    print(str(error).rpartition(": ")[2])
"""


def test_the_kernel_refuses_files_and_network_even_to_the_engine_itself(tmp_path: Path) -> None:
    """Not only our import callback stands between a component and the machine."""
    if ctypes.CDLL(None).syscall(444, None, 0, 1) < 4:
        pytest.skip("this kernel has no Landlock that knows networks")
    (tmp_path / "secret").write_text("CANARY")
    engine = str(engine_file(engine_named("gojsonnet")))
    places = [str(tmp_path / "secret"), "/etc/passwd", "/proc/self/environ", "/dev/zero"]
    program = [sys.executable, "-I", "-S", "-c", CONFINED, worker_program.__file__, engine, *places]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        f"opened {engine}",
        *["refused"] * 4,
        "PermissionError",
        "permission denied",
    ]


@pytest.mark.parametrize("name", engine_names())
def test_the_engine_never_enters_this_process(name: str) -> None:
    """A crash of the engine must not be ours, and a fork after its start would hang."""
    code = (
        "import sys\n"
        "from envctl.jsonnet.evaluator import JsonnetEvaluator\n"
        "from envctl.ports import EvaluationTask\n"
        "from tests.support.trees import MemoryTree\n"
        f"with JsonnetEvaluator('{name}') as engine:\n"
        "    print(engine.evaluate([EvaluationTask('a', '1 + 1', MemoryTree({}))])[0].value)\n"
        "print([name for name in sys.modules if 'jsonnet' in name and 'envctl' not in name])\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("2\n[]\n", "")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> set[str]:
    found: set[str] = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[1] == str(os.getpid()):
            found.add(path.parent.name)
    return found


def test_nothing_is_left_behind() -> None:
    """No zombie, no descriptor, no thread; whether workers lived, died or were killed."""
    before = children(), descriptors(), threading.active_count()
    for _ in range(3):
        with JsonnetEvaluator(limits=Limits(wall=0.2), workers=2) as engine:
            tasks = [EvaluationTask("a", code, MemoryTree({})) for code in ("1", ENDLESS, "[" * 200_000, "2")]
            assert [each.value for each in engine.evaluate(tasks)] == [1, None, None, 2]
    assert (children(), descriptors(), threading.active_count()) == before


def test_a_worker_that_was_killed_while_idle_is_replaced_unseen() -> None:
    """No task pays for what happened between two."""
    with JsonnetEvaluator(workers=1) as engine:
        engine.evaluate(ONE)
        first = pid_of(engine)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: status(Path(f"/proc/{first}"))["State"].startswith("Z"))
        assert engine.evaluate(ONE)[0].value == 1
        assert pid_of(engine) != first


def test_a_worker_killed_by_somebody_else_says_so() -> None:
    """As the kernel does when memory runs out."""
    with JsonnetEvaluator(workers=1) as engine:
        engine.evaluate(ONE)
        victim = pid_of(engine)
        killer = threading.Timer(0.2, os.kill, (victim, signal.SIGKILL))
        killer.start()
        (outcome,) = engine.evaluate([EvaluationTask("gateway in prod", ENDLESS, MemoryTree({}))])
        killer.join()
    assert str(outcome.error) == (
        "gateway in prod could not be evaluated: its process was killed from outside\n"
        "hint: the machine may be out of memory; try again"
    )


ORPHAN = """
import sys
from envctl.jsonnet.evaluator import JsonnetEvaluator
from envctl.ports import EvaluationTask
from tests.support.trees import MemoryTree
with JsonnetEvaluator(workers=1) as engine:
    engine.evaluate([EvaluationTask("a", "1", MemoryTree({}))])
    (worker,) = engine._workers
    print(worker._process.pid, flush=True)
    engine.evaluate([EvaluationTask("a", "-" * 500_000 + "1", MemoryTree({}))])
"""


def gone(pid: int) -> bool:
    try:
        return status(Path(f"/proc/{pid}"))["State"].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_busy_worker_dies_with_its_parent(how: signal.Signals) -> None:
    """Even where the parent could not say goodbye; an interrupt does not wait for the deadline."""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", ORPHAN], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        time.sleep(0.2)
        parent.send_signal(how)
        wait_until(lambda: gone(worker))
        assert parent.wait(20) != 0


BUSY = """
import sys
from envctl.jsonnet.evaluator import JsonnetEvaluator
from envctl.ports import EvaluationTask
from tests.support.trees import MemoryTree
tree = MemoryTree({})
endless = "local f(x) = f(x + 1) tailstrict; f(0)"
with JsonnetEvaluator(workers=2) as engine:
    print("started", flush=True)
    engine.evaluate([EvaluationTask(f"{at}", endless, tree, f"group {at % 3}") for at in range(12)])
"""


def test_an_interrupted_batch_is_not_done_one_by_one() -> None:
    """The end of a batch by an interrupt is no failure of it: nothing begins after that."""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        time.sleep(1)
        parent.send_signal(signal.SIGINT)
        assert parent.wait(10) != 0  # one task by itself would take its minute


class Refusing(ThreadPoolExecutor):
    """An executor that has no room for the second half of the work."""

    def __init__(self) -> None:
        super().__init__(1)
        self.taken = 0

    def submit(self, function, /, *arguments, **named):  # type: ignore[no-untyped-def]
        self.taken += 1
        if self.taken > 1:
            raise RuntimeError("no room")
        return super().submit(function, *arguments, **named)


def test_an_executor_that_refuses_ends_the_evaluation() -> None:
    """What cannot be submitted is told at once, and nobody waits for it."""
    tree = MemoryTree({})
    tasks = [EvaluationTask(f"{at}", f"{at}", tree, "group") for at in range(9)]
    with (
        JsonnetEvaluator(workers=1, executor=Refusing()) as engine,
        pytest.raises(RuntimeError, match="no room"),
    ):
        engine.evaluate(tasks)


def test_another_executor_does_the_same_work() -> None:
    """Any executor of the shape of `concurrent.futures` will do; it is shut down with the evaluator."""
    tree = MemoryTree({})
    tasks = [EvaluationTask(f"{at}", f"{at}", tree, "group") for at in range(9)]
    with ThreadPoolExecutor(1) as pool:
        with JsonnetEvaluator(workers=1, executor=pool) as engine:
            assert [each.value for each in engine.evaluate(tasks)] == list(range(9))
        with pytest.raises(RuntimeError):
            pool.submit(print)


def test_closing_twice_is_fine() -> None:
    """And an evaluator that was never used closes as well."""
    engine = JsonnetEvaluator()
    engine.close()
    engine.close()
