"""The engine's words → an error that says what is wrong, where, and what to do next.

The engine writes a message (which may have many lines), then one line a frame, innermost first:
a tab, the place, a tab, what was being evaluated. A parser's message instead begins with its place
and ends with the line of code. Lines about fields say where in the output it happened.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from envctl.errors import InputError, Problem
from envctl.jsonnet.values import member_path
from envctl.jsonnet.words import visible
from envctl.jsonnet.worker import ENTRY

Read = Callable[[str], bytes | None]

_FRAMES = 10
_MESSAGE = 2000
_PATH = 200
_RUNTIME = "RUNTIME ERROR: "
_PLACE = re.compile(
    r"(?P<file>[^\t\n]+?):(?:(?P<line>\d+):(?P<column>\d+)(?:-\d+)?|\((?P<line2>\d+):(?P<column2>\d+)\)-\(\d+:\d+\))"
)
_FIELD = re.compile(r'Field "(?P<field>.*)"')
_ELEMENT = re.compile(r"Array element (?P<index>\d+)")
_DOING = re.compile(r"(?P<kind>thunk|function|object)(?: <(?P<name>[^<>]+)>)?.*")
_WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{2,}")
_NEAR = 0.75
_ARTICLES = {"function": "a function", "object": "an object"}
# What the engine says, what envctl says instead, and the next step.
_WORDING = (
    (
        r"max stack frames exceeded\.|stack overflow, .*|infinite recursion detected",
        "the evaluation does not end: functions or fields call each other without end",
        "look for a field that needs itself, or a recursion without a last step",
    ),
    (
        r"(?:Undefined external variable|external variable is not defined): (?P<variable>.*)",
        "there is no external variable {variable}: components get nothing from outside",
        "put the value into the config of environment.yaml",
    ),
    (
        r"couldn't manifest function (?:as JSON|in JSON output\.)|tried to manifest function",
        "a function is visible in the output",
        "call it, or hide its field with ::",
    ),
    (
        r"Unexpected type null, expected function|only functions can be called, got null",
        "null is called like a function",
        "std.native gives null for a function that envctl does not have",
    ),
    (r"Unexpected type (?P<got>\w+), expected (?P<need>\w+)", "{need} expected, {got} found", ""),
    (r"only functions can be called, got (?P<got>\w+)", "function expected, {got} found", ""),
    (
        r"failed to execute native callback.*|native extensions can only take primitives\.",
        "a native function takes strings, numbers, booleans and null only",
        "hand it text: std.manifestJsonEx(value, '')",
    ),
    (
        r"std\.thisFile is deprecated.*",
        "the jsonnet engine rjsonnet has no std.thisFile",
        "evaluate with the engine gojsonnet",
    ),
    (r"(?:Field does not exist|no such field): (?P<name>[^\n]*).*", "there is no field {name}", ""),
    (
        r"(?:Unknown variable|variable is not defined): (?P<name>.*)",
        "there is no variable {name}",
        "declare it: local {name} = …;",
    ),
    (
        r"Duplicate field(?: name)?: (?P<field>.*)",
        "the object has two fields {field}",
        "remove one, or join them with +:",
    ),
    (r"division by zero\.|attempted to divide by zero", "something is divided by zero", ""),
    (
        (
            r"Missing argument: (?P<parameter>.*)|function parameter (?P<parameter2>.*) not bound in call\."
            r"|function argument is not passed: (?P<parameter3>[^\n]*).*"
        ),
        "the call does not give the argument {parameter}{parameter2}{parameter3}",
        "",
    ),
    (
        r"Unexpected: (?P<token>.*) while parsing terminal",
        "{token} stands where a value should begin",
        "something is missing just before it",
    ),
    (
        r"Unexpected: (?P<token>.*) while parsing field definition",
        "{token} stands where a field should begin",
        "a bracket or comma may be missing just before it",
    ),
    (
        r"Expected a comma before next (?:field|array element)\.?",
        "a comma is missing before this",
        "write it, or close the bracket that is open here",
    ),
    (
        r"Exceeded maximum parse depth limit\.",
        "the code is nested too deeply",
        "look for brackets or operators nested hundreds of levels deep",
    ),
    (
        r"type error: number out of bounds: (?P<number>\S+) not in .*",
        "{number} is too large or too small a number here",
        "",
    ),
    (
        r"Unexpected end of file\.?|expected one of .*, got \"EOF\"",
        "the file ends too early",
        "a bracket or quote is not closed",
    ),
    (
        r"expected one of .*, got (?P<token>\"[^\n]*\")",
        "{token} is not expected here",
        "a comma, bracket or operator may be missing just before it",
    ),
    (
        (
            r"(?:import_callback error|error invoking native extension \w+): MemoryError:?.*"
            r"|importer error: <NULL>"
        ),
        "the memory does not suffice for an imported file or the answer of a native function",
        "import less, or raise evaluation.memory in envctl.yaml",
    ),
    (r"not a number", "the result is not a number", ""),
    (r"embedded null character", "the code holds a NUL character", "write \\u0000 inside a string"),
    (r"Unterminated String", "the string is not closed", "put the same quote at its end"),
    (r"overflow", "a number is too large", ""),
    (
        r"INTERNAL ERROR:? *(?P<first>[^\n]*).*",
        "the jsonnet engine failed by a bug of its own: {first}",
        "make the code around this place simpler, and report it to the engine's authors",
    ),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a source file."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of the engine's trace."""

    place: Place
    doing: str


@dataclass(frozen=True, slots=True)
class Report:
    """What the engine said, taken apart. `path` is the JSON path in the output ("" where none was made)."""

    message: str
    place: Place | None
    frames: tuple[Frame, ...]
    path: str


def explain(text: str, key: str, read: Read, refusal: InputError | None = None) -> InputError:
    """What the engine said of the task `key`, as an error. `read` gives the text of imported files.

    `refusal` is why an import was refused, where one was: the engine's own words on that are no use.
    """
    report = parse_report(text, read)
    shown = [frame for frame in report.frames if not _internal(frame.place)]
    place = report.place or (shown[0].place if shown else None)
    if not (report.place or (refusal and refusal.place)):
        del shown[:1]
    summary, hint = (refusal.summary, refusal.hint) if refusal else _plain(report, place, read)
    where = (refusal and refusal.place) or (_place_text(place, key) if place else report.path or key)
    steps = _trace(shown)
    if where != key:
        steps = (*steps, Problem("", f"while evaluating {key}"))
    details = refusal.problems if refusal else ()
    return InputError(summary, place=where, hint=hint, problems=details + steps + _output(report, where))


def parse_report(text: str, read: Read) -> Report:
    """Take the engine's text apart. Understands any text; what is no trace is message."""
    lines = visible(text).rstrip().split("\n")
    trace: list[list[str]] = []
    while len(lines) > 1 and _is_step(lines[-1], read):
        trace.append([*lines.pop()[1:].split("\t"), ""][:2])
    trace.reverse()
    frames = tuple(Frame(place, doing) for where, doing in trace if (place := _parse_place(where)))
    message = "\n".join(lines)
    at_run_time = message.startswith(_RUNTIME)
    # A parser shows the line of code after an empty line.
    message = message.removeprefix(_RUNTIME) if at_run_time else message.partition("\n\n")[0]
    place, message = _leading_place(message, read)
    again, rest = _leading_place(message, read)
    # Of half a surrogate pair go-jsonnet tells the place twice.
    if place and again and place == again:
        message = rest
    return Report(message, place, frames, _output_path([where for where, _ in trace]))


def _is_step(line: str, read: Read) -> bool:
    """Whether a line belongs to the trace; a message may look alike, but names no file that was read."""
    if not line.startswith("\t"):
        return False
    place = _parse_place(line[1:].partition("\t")[0])
    return place is None or _internal(place) or _is_read(place, read)


def _is_read(place: Place, read: Read) -> bool:
    return place.file == ENTRY or read(place.file) is not None


def _leading_place(message: str, read: Read) -> tuple[Place | None, str]:
    """The place that a parser's message begins with; a message of the program's own may look alike."""
    match = _PLACE.match(message)
    place = _parse_place(match[0]) if match else None
    if match is None or place is None or not _is_read(place, read):
        return None, message
    return place, message[match.end() :].lstrip(": ")


def _parse_place(text: str) -> Place | None:
    match = _PLACE.match(text)
    if not match:
        return None
    return Place(
        match["file"], int(match["line"] or match["line2"]), int(match["column"] or match["column2"])
    )


def _output_path(trace: Sequence[str]) -> str:
    """The JSON path that was being made: the trace names its members from the inside out."""
    path = "$"
    for where in reversed(trace):
        if field := _FIELD.fullmatch(where):
            path = member_path(path, field["field"])
        elif element := _ELEMENT.fullmatch(where):
            path = member_path(path, int(element["index"]))
    if path == "$":
        return ""
    return path if len(path) <= _PATH else f"{path[:_PATH]}…"


def _internal(place: Place) -> bool:
    return place.file.startswith("<") and place.file != ENTRY


def _place_text(place: Place, key: str) -> str:
    # The entry snippet is generated: its lines mean nothing to a reader.
    return key if place.file == ENTRY else str(place)


def _trace(frames: Sequence[Frame]) -> tuple[Problem, ...]:
    """The frames as problems, repetitions and the middle of a long trace left out."""
    steps: list[Problem] = []
    for frame in frames:
        step = Problem(str(frame.place), _doing(frame.doing))
        if frame.place.file != ENTRY and step not in steps[-1:]:
            steps.append(step)
    return tuple(steps if len(steps) < _FRAMES else [*steps[: _FRAMES - 2], steps[-1]])


def _doing(text: str) -> str:
    match = _DOING.fullmatch(text)
    if not match:
        return "called from here"
    name = match["name"] if match["name"] not in (None, "anonymous", "array_element") else ""
    if match["kind"] == "thunk":
        return f"in {name}" if name else "in a value needed here"
    return f"in {match['kind']} {name}" if name else f"in {_ARTICLES[match['kind']]}"


def _output(report: Report, where: str) -> tuple[Problem, ...]:
    shown = report.path and where != report.path
    return (Problem(report.path, "this part of the output needs it"),) if shown else ()


def _plain(report: Report, place: Place | None, read: Read) -> tuple[str, str]:
    """The message in plain words, and a hint where there is one."""
    message = report.message if len(report.message) <= _MESSAGE else f"{report.message[:_MESSAGE]} …"
    for pattern, text, hint in _WORDING:
        match = re.fullmatch(pattern, message, re.DOTALL | re.IGNORECASE)
        if match:
            values = {name: value or "" for name, value in match.groupdict().items()}
            near = _near(values["name"], place, read) if "name" in values else ""
            return text.format(**values), near or hint.format(**values)
    return message.strip() or "the engine failed and did not say why", ""


def _near(name: str, place: Place | None, read: Read) -> str:
    """Names in the failing file that are spelt alike: the engine does not say what it would have known."""
    contents = read(place.file) if place and place.file != ENTRY else None
    words = {word.decode() for word in _WORD.findall(contents or b"")} - {name}
    close = get_close_matches(name, sorted(words), n=3, cutoff=_NEAR)
    return f"did you mean {' or '.join(close)}?" if close else ""
