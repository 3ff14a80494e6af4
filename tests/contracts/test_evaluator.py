"""The Evaluator port, fulfilled by real worker processes with a real engine."""

import importlib.metadata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.errors import UsageError
from envctl.jsonnet.engines import ENGINES
from envctl.jsonnet.evaluator import JsonnetEvaluator
from envctl.model.evaluation import Evaluation
from envctl.ports import EvaluationTask
from tests.support.engines import engine_names
from tests.support.trees import MemoryTree, blob_id

EMPTY = MemoryTree({})


@pytest.fixture(scope="module", params=engine_names())
def evaluator(request: pytest.FixtureRequest) -> Iterator[JsonnetEvaluator]:
    """Two workers of each engine that serve all tests of this module."""
    with JsonnetEvaluator(request.param, workers=2) as engine:
        yield engine


def tasks(tree: MemoryTree, *codes: str) -> list[EvaluationTask]:
    return [EvaluationTask(f"task {number}", code, tree) for number, code in enumerate(codes)]


def name_of(engine: JsonnetEvaluator) -> str:
    return engine.version.partition(" ")[0]


def one(engine: JsonnetEvaluator, code: str, tree: MemoryTree = EMPTY) -> Evaluation:
    (outcome,) = engine.evaluate([EvaluationTask("gateway in prod", code, tree)])
    return outcome


def test_the_version_names_the_engine_exactly(evaluator: JsonnetEvaluator) -> None:
    """As the audit trail writes it."""
    name, _, version = evaluator.version.partition(" ")
    assert name in ENGINES
    assert version == importlib.metadata.version(ENGINES[name].distribution)


def test_an_unknown_engine_lists_the_known_ones() -> None:
    """Before any process is started."""
    with pytest.raises(UsageError) as caught:
        JsonnetEvaluator("kjsonnet")
    assert (
        str(caught.value)
        == "there is no jsonnet engine kjsonnet\nhint: engines: gojsonnet, jsonnet, rjsonnet"
    )


def test_outcomes_come_in_the_order_of_the_tasks(evaluator: JsonnetEvaluator) -> None:
    """Whichever worker was faster."""
    codes = [f"std.foldl(function(a, b) a + b, std.range(1, {n % 2 * 5000}), 0) * 0 + {n}" for n in range(20)]
    outcomes = evaluator.evaluate(tasks(EMPTY, *codes))
    assert [(each.key, each.value) for each in outcomes] == [(f"task {n}", n) for n in range(20)]


def test_one_failing_task_does_not_stop_the_others(evaluator: JsonnetEvaluator) -> None:
    """The failed one has no value, the others no error."""
    outcomes = evaluator.evaluate(tasks(EMPTY, "1", "error 'no'", "3"))
    assert [each.value for each in outcomes] == [1, None, 3]
    assert [str(each.error) if each.error else "" for each in outcomes] == ["", "task 1: no", ""]


LIBRARY = MemoryTree(
    {
        "components/gateway/main.jsonnet": "local k = import 'k.libsonnet';\n{ web: k.web('gateway') }\n",
        "lib/k.libsonnet": "local text = importstr 'banner.txt';\n"
        "{ web(name):: { name: name, text: text }, unused:: import 'never.libsonnet', file:: std.thisFile }\n",
        "lib/banner.txt": "grüezi",
        "lib/place.libsonnet": "std.thisFile",
        "lib/bytes": b"\xff\x00\xfe",
        "lib/broken.libsonnet": "{ a: 1\n  b: 2 }\n",
    }
)


def test_imports_are_read_from_the_tree(evaluator: JsonnetEvaluator) -> None:
    """The closure names files and vain searches, not lazy imports.

    Writer's fault row 27: an import that nothing needs is not in it.
    """
    outcome = one(evaluator, "import 'components/gateway/main.jsonnet'", LIBRARY)
    assert outcome.error is None
    assert outcome.value == {
        "web": {"name": "gateway", "text": "grüezi"},
    }
    assert dict(outcome.closure) == {
        "components/gateway": "tree",
        "components/gateway/k.libsonnet": "",
        "components/gateway/main.jsonnet": blob_id(LIBRARY.files["components/gateway/main.jsonnet"]),
        "lib/banner.txt": blob_id("grüezi".encode()),
        "lib/k.libsonnet": blob_id(LIBRARY.files["lib/k.libsonnet"]),
    }


def test_a_file_knows_its_path_in_the_repository(evaluator: JsonnetEvaluator) -> None:
    """Where the engine tells it at all."""
    outcome = one(evaluator, "import 'place.libsonnet'", LIBRARY)
    if name_of(evaluator) == "rjsonnet":
        assert str(outcome.error) == (
            "lib/place.libsonnet:1:5: the jsonnet engine rjsonnet has no std.thisFile\n"
            "  while evaluating gateway in prod\nhint: evaluate with the engine gojsonnet"
        )
    else:
        assert outcome.value == "lib/place.libsonnet"


def test_binary_imports_keep_every_byte_or_are_refused(evaluator: JsonnetEvaluator) -> None:
    """`importbin` gives numbers, and zero bytes do not end a file; rjsonnet could only bend them."""
    if name_of(evaluator) == "rjsonnet":
        assert str(one(evaluator, "importbin 'bytes'", LIBRARY).error) == (
            "gateway in prod: lib/bytes holds bytes that are no UTF-8 text, and this jsonnet engine imports "
            "text only\nhint: evaluate with the engine gojsonnet"
        )
        assert one(evaluator, "importbin 'banner.txt'", LIBRARY).value == list("grüezi".encode())
        return
    assert one(evaluator, "importbin 'bytes'", LIBRARY).value == [255, 0, 254]
    assert one(evaluator, "std.length(importstr 'bytes')", LIBRARY).value == 3


def test_a_failed_evaluation_has_its_closure_too(evaluator: JsonnetEvaluator) -> None:
    """Mending any of these, or adding what was missing, may mend it: so they must be known."""
    outcome = one(evaluator, "(import 'k.libsonnet').unused", LIBRARY)
    assert str(outcome.error) == (
        'lib/k.libsonnet:2:52: import "never.libsonnet" was not found\n'
        "  while evaluating gateway in prod\n"
        "hint: looked for lib/never.libsonnet, vendor/never.libsonnet, never.libsonnet"
    )
    assert dict(outcome.closure) == {
        "k.libsonnet": "",
        "lib": "tree",
        "lib/k.libsonnet": blob_id(LIBRARY.files["lib/k.libsonnet"]),
        "lib/never.libsonnet": "",
        "never.libsonnet": "",
        "vendor": "",
    }


def test_a_syntax_error_names_the_line_of_its_file(evaluator: JsonnetEvaluator) -> None:
    """Not the line that imports it."""
    outcome = one(evaluator, "import 'broken.libsonnet'", LIBRARY)
    reason, hint = "a comma is missing before this", "write it, or close the bracket that is open here"
    if name_of(evaluator) == "rjsonnet":
        reason, hint = (
            '"b" is not expected here',
            "a comma, bracket or operator may be missing just before it",
        )
    assert str(outcome.error) == (
        f"lib/broken.libsonnet:2:3: {reason}\n  while evaluating gateway in prod\nhint: {hint}"
    )


def test_a_refused_import_is_told_at_its_place_and_opens_nothing(evaluator: JsonnetEvaluator) -> None:
    """Many times in a row, for the engine's binding hands on memory behind messages of refused imports."""
    path = "" if name_of(evaluator) == "jsonnet" else "  $.x: this part of the output needs it\n"
    files = {"components/a/main.jsonnet": "{\n  x: importstr '/etc/passwd',\n}\n"}
    for tree in [MemoryTree(files) for _ in range(20)]:
        outcome = one(evaluator, "import 'components/a/main.jsonnet'", tree)
        assert str(outcome.error) == (
            'components/a/main.jsonnet:2:6: import "/etc/passwd" is an absolute path\n'
            "  while evaluating gateway in prod\n"
            f"{path}hint: imports stay inside the repository: copy the file into it, for example under vendor/"
        )
        assert tree.reads in ([], ["components/a/main.jsonnet"])


FORBIDDEN = [
    "/etc/passwd",
    "/proc/self/environ",
    "../../../etc/passwd",
    "link",
    "folder/link/passwd",
    "sub/file",
    "folder",
    "pointer.json",
    "missing",
    "",
]


@pytest.mark.parametrize("how", ["import", "importstr", "importbin"])
@pytest.mark.parametrize("wanted", FORBIDDEN)
def test_forbidden_imports_of_every_kind_fail_without_contents(
    evaluator: JsonnetEvaluator, how: str, wanted: str
) -> None:
    """The error names the path asked for and the importing file, and holds no byte of any file.

    Writer's fault row 22: absolute, climbing, linked, and device paths.
    """
    tree = MemoryTree(
        {
            "lib/a.libsonnet": f"{how} '{wanted}'",
            "lib/folder/file": "CANARY",
            "lib/pointer.json": "version https://git-lfs.github.com/spec/v1\noid sha256:CANARY\nsize 3\n",
        },
        links={"lib/link", "lib/folder/link"},
        submodules={"lib/sub"},
    )
    error = one(evaluator, "import 'a.libsonnet'", tree).error
    assert error is not None
    assert str(error).startswith(f'lib/a.libsonnet:1:1: import "{wanted}" ')
    assert "CANARY" not in str(error)
    assert "root:" not in str(error)


@pytest.mark.parametrize(
    "code",
    ["std.extVar('PATH')", "std.extVar('HOME')", "std.native('env')('PATH')", "std.native('exec')(['id'])"],
)
def test_programs_see_no_variables_and_no_functions_of_the_outside(
    evaluator: JsonnetEvaluator, code: str
) -> None:
    """What a component gets, it gets from the tree.

    Writer's fault row 26: neither external variables nor native functions nor the environment.
    """
    assert one(evaluator, code).error is not None


def test_what_programs_print_is_no_answer(evaluator: JsonnetEvaluator) -> None:
    """`std.trace` neither breaks the conversation nor blocks it, however much it prints."""
    outcome = one(evaluator, "std.trace(std.repeat('x', 1000000), std.trace('R\\n{}', 1))")
    assert (outcome.value, outcome.error) == (1, None)


def test_a_tree_is_read_once_for_all_tasks_and_workers() -> None:
    """Five hundred files of a shared library are not read again for each environment."""
    tree = MemoryTree(LIBRARY.files)
    with JsonnetEvaluator(workers=2) as engine:
        for _ in range(3):
            engine.evaluate(tasks(tree, *["import 'components/gateway/main.jsonnet'"] * 8))
    assert sorted(tree.reads) == ["components/gateway/main.jsonnet", "lib/banner.txt", "lib/k.libsonnet"]


def test_trees_are_not_mixed_up(evaluator: JsonnetEvaluator) -> None:
    """A worker that has seen a path in one tree reads it anew in another."""
    trees = [MemoryTree({"lib/x": f"{n % 3}"}) for n in range(12)]
    given = [EvaluationTask(str(n), "import 'x'", tree) for n, tree in enumerate(trees)]
    assert [each.value for each in evaluator.evaluate(given)] == [n % 3 for n in range(12)]


def test_one_evaluator_serves_many_threads(evaluator: JsonnetEvaluator) -> None:
    """Each call gets its own outcomes."""

    def run(number: int) -> list[object]:
        codes = [f"(import 'k.libsonnet').web('{number}-{n}').name" for n in range(5)]
        return [each.value for each in evaluator.evaluate(tasks(LIBRARY, *codes))]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(run, range(16)))
    assert found == [[f"{number}-{n}" for n in range(5)] for number in range(16)]


CODES = [
    "{ a: 1 }",
    "import 'components/gateway/main.jsonnet'",
    "importstr 'banner.txt'",
    "import 'broken.libsonnet'",
    "import 'missing.libsonnet'",
    "error 'no'",
    "local f(x) = f(x + 1); f(0)",
    "{ f: function() 1 }",
]


@pytest.fixture(scope="module")
def alone(evaluator: JsonnetEvaluator) -> dict[str, Evaluation]:
    """What each program gives in a fresh process of its own."""
    found = {}
    for code in CODES:
        with JsonnetEvaluator(name_of(evaluator), workers=1) as engine:
            found[code] = one(engine, code, LIBRARY)
    return found


@settings(max_examples=25, deadline=None)
@given(codes=st.lists(st.sampled_from(CODES), max_size=12))
def test_an_outcome_depends_on_nothing_but_its_task(
    evaluator: JsonnetEvaluator, alone: dict[str, Evaluation], codes: list[str]
) -> None:
    """Neither the order of tasks, nor the number of workers, nor what a worker did before matters."""
    given_tasks = [EvaluationTask("gateway in prod", code, LIBRARY) for code in codes]
    for code, outcome in zip(codes, evaluator.evaluate(given_tasks), strict=True):
        expected = alone[code]
        assert (outcome.value, str(outcome.error)) == (expected.value, str(expected.error))
        assert outcome.closure == expected.closure


DIFFERENT_PATHS = [
    pytest.param(b"import 'one.libsonnet\0zz'", b"import 'one.libsonnet'", "lib/one.libsonnet", id="NUL"),
    pytest.param(
        b"import '\xe2\x82.libsonnet'",
        "import '\ufffd\ufffd.libsonnet'".encode(),
        "lib/\ufffd\ufffd.libsonnet",
        id="bad UTF-8",
    ),
]


@pytest.mark.parametrize(("odd", "plain", "file"), DIFFERENT_PATHS)
def test_no_spelling_of_a_path_hides_it_from_a_closure(odd: bytes, plain: bytes, file: str) -> None:
    """An engine may read a path otherwise than it is written; the file is then in every closure of the batch."""
    tree = MemoryTree({"x1": odd, "x2": plain, file: "'one'"})
    tasks = [EvaluationTask(name, f"local x = import '{name}'; x", tree, "group") for name in ("x1", "x2")]
    with JsonnetEvaluator("gojsonnet", workers=1) as engine:
        outcomes = engine.evaluate(tasks)
    for each in outcomes:
        assert each.error is not None or file in each.closure
    assert outcomes[1].value == "one"
