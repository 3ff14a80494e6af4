"""Which imports a program can make, found in its text: more than it makes, never fewer.

jsonnet takes nothing but a literal behind ``import``, ``importstr`` and ``importbin``
(specification, "Lexing" and "Abstract Syntax"). So the literals behind each such word, in comments
and strings too, are all imports that a file could ever ask for.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

_WORD = re.compile(rb"(?<![A-Za-z0-9_])import(?:str|bin)?(?![A-Za-z0-9_])")
_LITERAL = re.compile(rb"@?(?:'(?P<single>[^']*)'(?P<more1>')?|\"(?P<double>[^\"]*)\"(?P<more2>\")?)")
_SPACE = re.compile(rb"[ \t\r\n]*")
# How often a text may be read over, so that no text takes more than a moment.
_PASSES = 8
_SLACK = 64 * 1024
# What every engine surely takes for the same path: some end it at a NUL, each reads bad UTF-8 in its own way.
_PLAIN = re.compile(rb"[ -\[\]-~]*")

Request = tuple[str, str]
"""The folder of the importing file ("" for the root), and the path asked for."""


@lru_cache(maxsize=512)  # every batch asks for the same libraries
def named_imports(program: bytes) -> frozenset[str] | None:
    """The paths that a program could import; None where its text does not tell, which means any."""
    found: set[str] = set()
    work = _PASSES * len(program) + _SLACK
    for word in _WORD.finditer(program):
        at = _behind(program, word.end())
        literal = _LITERAL.match(program, at) if at is not None else None
        work -= (literal.end() if literal else at or len(program)) - word.end()
        if at is None or work < 0 or program.startswith((b"(", b"|||"), at):
            return None
        if literal is None:
            continue
        text = literal["single"] if literal["single"] is not None else literal["double"]
        if literal["more1"] or literal["more2"] or not _PLAIN.fullmatch(text):
            return None
        found.add(text.decode("ascii"))
    return frozenset(found)


def _behind(program: bytes, at: int) -> int | None:
    """Where the spaces and comments from a place on end; None for a comment without an end."""
    while True:
        space = _SPACE.match(program, at)
        at = space.end() if space else at
        if program.startswith((b"//", b"#"), at):
            at = program.find(b"\n", at)
        elif program.startswith(b"/*", at):
            at = program.find(b"*/", at + 2) + 2
            if at < 2:  # noqa: PLR2004  not found
                return None
        else:
            return at
        if at < 0:
            return len(program)


def reachable(
    program: bytes,
    leads: Mapping[Request, str],
    read: Callable[[str], bytes | None],
) -> frozenset[Request] | None:
    """Which of the imports that were made a program could have made, itself or through others.

    `leads` maps each import that was made to the file it led to ("" for a refused one), `read` gives a file's
    contents. None where some text does not tell.
    """
    made: set[Request] = set()
    pending: list[tuple[str, bytes]] = [("", program)]
    files: set[str] = set()
    while pending:
        folder, contents = pending.pop()
        wanted = named_imports(contents)
        if wanted is None:
            return None
        for request in ((folder, each) for each in wanted):
            if request not in leads or request in made:
                continue
            made.add(request)
            path = leads[request]
            if path and path not in files:
                files.add(path)
                pending.append((posixpath.dirname(path), read(path) or b""))
    return frozenset(made)


def shares(
    programs: Iterable[bytes], leads: Mapping[Request, str], read: Callable[[str], bytes | None]
) -> list[frozenset[Request]]:
    """For each program of one evaluation, the imports that may be its own.

    Where a text does not tell, or an import is nobody's, all imports are everybody's.
    """
    everything = frozenset(leads)
    found = [reachable(each, leads, read) for each in programs]
    sure = [each for each in found if each is not None]
    if len(sure) < len(found) or frozenset().union(*sure) != everything:
        return [everything for _ in found]
    return sure
