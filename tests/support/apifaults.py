"""What can happen to a request on its way to the API server and back: the acts of an `apiproxy` script."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from tests.support.apiproxy import Act, Answer, Turn

Edit = Callable[[Iterator[bytes]], Iterator[bytes]]
"""What becomes of the lines (events) of a watch."""

_REASONS = {
    401: "Unauthorized",
    403: "Forbidden",
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def cut_before(turn: Turn) -> None:
    """The line breaks before the server hears anything."""
    turn.cut()


def cut_after(turn: Turn) -> None:
    """The server did it, and its answer is lost."""
    turn.forward()
    turn.cut()


def cut_body(size: int) -> Act:
    """The line breaks after `size` bytes of the answer's body."""

    def cut_in_body(turn: Turn) -> None:
        turn.reply(turn.forward(), cut_after=size)

    return cut_in_body


def truncated(size: int) -> Act:
    """The answer's body ends after `size` bytes, and its length says that this is all."""
    return rewritten(lambda answer: replace(answer, body=answer.body[:size]))


def answered(
    status: int, body: bytes | None = None, headers: Mapping[str, str] | None = None, *, after: bool = False
) -> Act:
    """Another answer than the server's, which is not asked (`after`: is asked first). By default a Status object."""
    value = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status}
    value |= {"reason": _REASONS.get(status, ""), "message": f"the proxy says {status}"}
    content = json.dumps(value).encode() if body is None else body

    def answer(turn: Turn) -> None:
        if after:
            turn.forward()
        turn.reply(Answer(status, {"Content-Type": "application/json", **(headers or {})}, content))

    answer.__name__ = f"answered_{status}"
    return answer


def nonsense(turn: Turn) -> None:
    """The server did it; the answer is no JSON, with 200."""
    turn.reply(replace(turn.forward(), body=b'{"kind": "Config'))


def stalled(turn: Turn) -> None:
    """Nothing comes back, and the connection stays open; the server is not asked."""
    turn.wait()
    turn.cut()


def stalled_after(turn: Turn) -> None:
    """The server did it; nothing comes back, and the connection stays open."""
    turn.forward()
    turn.wait()
    turn.cut()


def delayed(seconds: float) -> Act:
    """It takes so much longer."""

    def delay(turn: Turn) -> None:
        turn.wait(seconds)
        turn.pass_on()

    return delay


def then(function: Callable[[], object], act: Act, *, after: bool = False) -> Act:
    """Something else happens first (`after`: once the server did it), as a kill of the client."""

    def acted(turn: Turn) -> None:
        if after:
            turn.forward()
        function()
        act(turn)

    return acted


def rewritten(function: Callable[[Answer], Answer]) -> Act:
    """Another answer, made of the server's."""

    def rewrite(turn: Turn) -> None:
        turn.reply(function(turn.forward()))

    return rewrite


def replayed(answer: Answer) -> Act:
    """An older answer, as a server says it that lags behind; take it from `Exchange.answer`."""

    def replay(turn: Turn) -> None:
        turn.reply(answer)

    return replay


def events(edit: Edit) -> Act:
    """A watch whose events are edited."""

    def edit_events(turn: Turn) -> None:
        answer = turn.forward()
        turn.reply(replace(answer, lines=edit(answer.lines)) if answer.lines is not None else answer)

    return edit_events


def _changes(lines: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """The lines; with each change after the initial state its number from 1, with others 0."""
    number, initial = 0, True
    for line in lines:
        event = json.loads(line)
        bookmark = event["type"] == "BOOKMARK"
        number += not bookmark and not initial
        yield line, 0 if bookmark or initial else number
        initial = initial and "k8s.io/initial-events-end" not in str(event["object"].get("metadata"))


def dropped(*numbers: int) -> Edit:
    """Changes of these numbers (from 1, after the initial state) never come."""
    return lambda lines: (line for line, number in _changes(lines) if number not in numbers)


def doubled(*numbers: int) -> Edit:
    """Changes of these numbers come twice."""
    return lambda lines: (
        each for line, number in _changes(lines) for each in [line] * (1 + (number in numbers))
    )


def swapped(number: int) -> Edit:
    """The change of this number comes after the next one."""

    def swap(lines: Iterator[bytes]) -> Iterator[bytes]:
        held = b""
        for line, each in _changes(lines):
            if each == number:
                held = line
                continue
            yield line
            if held and each == number + 1:
                yield held
                held = b""

    return swap


def silent_after(number: int, turns_quiet: Callable[[], object] = lambda: None) -> Edit:
    """After so many lines nothing more comes, not even a bookmark; the connection stays open."""

    def quieten(lines: Iterator[bytes]) -> Iterator[bytes]:
        for count, line in enumerate(lines, 1):
            if count <= number:
                yield line
            elif count == number + 1:
                turns_quiet()

    return quieten
