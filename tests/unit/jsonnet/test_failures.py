"""The engine's words → errors that people understand. The words are those of the real engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.jsonnet.failures import explain

FILES = {
    "components/gateway/main.jsonnet": b"local k = import 'k.libsonnet';\n{ config:: { replicas: 2 } }\n",
    "lib/k.libsonnet": b"{ deployment(name):: { kind: 'Deployment' } }\n",
}
FRAMES = "\tcomponents/gateway/main.jsonnet:2:3-20\tobject <anonymous>\n\t<entry>:1:1-40\t$\n\tDuring evaluation\t\n"


def explained(text: str, refusal: InputError | None = None) -> str:
    return str(explain(text, "gateway in prod", FILES.get, refusal))


CASES = [
    pytest.param(
        f"RUNTIME ERROR: replicas must be positive\n{FRAMES}",
        "components/gateway/main.jsonnet:2:3: replicas must be positive\n  while evaluating gateway in prod",
        id="error of the program's own",
    ),
    pytest.param(
        f"RUNTIME ERROR: first line\n\nthird line\n{FRAMES}",
        "components/gateway/main.jsonnet:2:3: first line\n\nthird line\n  while evaluating gateway in prod",
        id="many lines",
    ),
    pytest.param(
        f"RUNTIME ERROR: Field does not exist: replica\n{FRAMES}",
        "components/gateway/main.jsonnet:2:3: there is no field replica\n  while evaluating gateway in prod\n"
        "hint: did you mean replicas?",
        id="missing field, one is spelt alike",
    ),
    pytest.param(
        f"RUNTIME ERROR: Field does not exist: zzz\n{FRAMES}",
        "components/gateway/main.jsonnet:2:3: there is no field zzz\n  while evaluating gateway in prod",
        id="missing field, none is spelt alike",
    ),
    pytest.param(
        "components/gateway/main.jsonnet:1:11-17 Unknown variable: imports\n\nlocal k = imports;\n\n",
        "components/gateway/main.jsonnet:1:11: there is no variable imports\n  while evaluating gateway in prod\n"
        "hint: did you mean import?",
        id="unknown variable",
    ),
    pytest.param(
        "RUNTIME ERROR: components/gateway/main.jsonnet:(2:3)-(3:4) Expected a comma before next field\n"
        "\tlib/k.libsonnet:1:1-5\tthunk <k> from <$>\n\t<entry>:1:1-40\t$\n\tDuring evaluation\t\n",
        "components/gateway/main.jsonnet:2:3: a comma is missing before this\n"
        "  lib/k.libsonnet:1:1: in k\n  while evaluating gateway in prod\n"
        "hint: write it, or close the bracket that is open here",
        id="syntax error in an imported file",
    ),
    pytest.param(
        '<entry>:1:9-10 Unexpected: "}" while parsing terminal\n\n{ a: 1 +}\n\n',
        'gateway in prod: "}" stands where a value should begin\nhint: something is missing just before it',
        id="syntax error in the entry",
    ),
    pytest.param(
        'RUNTIME ERROR: couldn\'t manifest function as JSON\n\tField "b"\t\n\tArray element 2\t\n'
        '\tField "a b"\t\n\tDuring manifestation\t\n',
        '$["a b"][2].b: a function is visible in the output\n  while evaluating gateway in prod\n'
        "hint: call it, or hide its field with ::",
        id="function in the output",
    ),
    pytest.param(
        "RUNTIME ERROR: no\n\tlib/k.libsonnet:1:5-9\tfunction <deployment>\n"
        '\tcomponents/gateway/main.jsonnet:2:3-20\tobject <anonymous>\n\tField "web"\t\n\tDuring manifestation\t\n',
        "lib/k.libsonnet:1:5: no\n  components/gateway/main.jsonnet:2:3: in an object\n"
        "  while evaluating gateway in prod\n  $.web: this part of the output needs it",
        id="error while making the output",
    ),
    pytest.param(
        "RUNTIME ERROR: Assertion failed. 1 != 2\n\t<std>:861:7-56\tfunction <anonymous>\n" + FRAMES,
        "components/gateway/main.jsonnet:2:3: Assertion failed. 1 != 2\n  while evaluating gateway in prod",
        id="frames of the standard library are left out",
    ),
    pytest.param(
        "RUNTIME ERROR: max stack frames exceeded.\n"
        + "\tlib/k.libsonnet:1:5-9\tfunction <f>\n" * 9
        + "\t...\n"
        + FRAMES,
        "lib/k.libsonnet:1:5: the evaluation does not end: functions or fields call each other without end\n"
        "  lib/k.libsonnet:1:5: in function f\n  components/gateway/main.jsonnet:2:3: in an object\n"
        "  while evaluating gateway in prod\n"
        "hint: look for a field that needs itself, or a recursion without a last step",
        id="endless recursion, repeated frames once",
    ),
    pytest.param(
        f"RUNTIME ERROR: Undefined external variable: HOME\n{FRAMES}",
        "components/gateway/main.jsonnet:2:3: there is no external variable HOME: components get nothing from "
        "outside\n  while evaluating gateway in prod\nhint: put the value into the config of environment.yaml",
        id="external variable",
    ),
    pytest.param(
        "INTERNAL ERROR: (CRASH) runtime error: index out of range\ngoroutine 1\n stack of the engine",
        "gateway in prod: the jsonnet engine failed by a bug of its own: (CRASH) runtime error: index out of range\n"
        "hint: make the code around this place simpler, and report it to the engine's authors",
        id="crash inside the engine",
    ),
    pytest.param("", "gateway in prod: the engine failed and did not say why", id="nothing"),
]


@pytest.mark.parametrize(("text", "told"), CASES)
def test_engine_words_become_plain_ones(text: str, told: str) -> None:
    """What, where, from where, and what next."""
    assert explained(text) == told


@pytest.mark.parametrize(
    "garbage", ["importer error: \x00\x01\ufffd", "importer error: etc/passwd root:x:0:0\nroot:x", ""]
)
def test_a_refused_import_is_told_in_our_words_at_the_place_that_imports(garbage: str) -> None:
    """The engine's own words are dropped: its binding hands on memory behind them."""
    refusal = InputError('import "x" is an absolute path', hint="stay inside")
    assert explained(f"RUNTIME ERROR: {garbage}\n{FRAMES}", refusal) == (
        'components/gateway/main.jsonnet:2:3: import "x" is an absolute path\n'
        "  while evaluating gateway in prod\nhint: stay inside"
    )


def test_a_refusal_with_a_place_of_its_own_keeps_it() -> None:
    """A broken lock file is what must be mended; the import only came upon it."""
    refusal = InputError("no lock file", place="jsonnetfile.lock.json")
    assert explained(f"RUNTIME ERROR: x\n{FRAMES}", refusal) == (
        "jsonnetfile.lock.json: no lock file\n  components/gateway/main.jsonnet:2:3: in an object\n"
        "  while evaluating gateway in prod"
    )


def test_a_program_cannot_point_at_files_that_it_did_not_import() -> None:
    """A message of its own that looks like a parser's is only a message."""
    assert explained(f"RUNTIME ERROR: /etc/passwd:1:2 oh\n{FRAMES}").startswith(
        "components/gateway/main.jsonnet:2:3: /etc/passwd:1:2 oh"
    )


def test_a_program_cannot_write_to_the_terminal() -> None:
    """Escape sequences and changes of direction are shown, not obeyed; lines and tabs stay."""
    assert explained(f"RUNTIME ERROR: \x1b[31mred\x9b\u202e\r\tnext\n{FRAMES}").startswith(
        "components/gateway/main.jsonnet:2:3: \\u001b[31mred\\u009b\\u202e\\u000d\tnext\n"
    )


def test_long_traces_and_messages_are_bounded() -> None:
    """An error fits a screen."""
    frames = "".join(f"\tlib/k.libsonnet:{n}:1-2\tfunction <f{n}>\n" for n in range(1, 200))
    error = explain(f"RUNTIME ERROR: {'x' * 10_000}\n{frames}\t<entry>:1:1-2\t$\n", "key", FILES.get)
    assert len(error.summary) == 2002
    assert [problem.place for problem in error.problems] == [
        *(f"lib/k.libsonnet:{n}:1" for n in range(2, 10)),
        "lib/k.libsonnet:199:1",
        "",
    ]


@given(st.text(alphabet=st.sampled_from('a:1\t\n<>()-"$ é\0'), max_size=80) | st.text(max_size=200))
def test_any_text_makes_an_error_that_names_the_task(text: str) -> None:
    """Whatever an engine says, nothing breaks and the task is named."""
    assert "gateway in prod" in explained(text)
    assert "gateway in prod" in explained(f"RUNTIME ERROR: {text}\n{FRAMES}")
