"""Which imports a program can make, found in its text: more than it makes, never fewer.

jsonnet takes nothing but a literal behind ``import``, ``importstr`` and ``importbin``
(specification, "Lexing" and "Abstract Syntax"). So the literals behind each such word, in comments
and strings too, are all imports that a file could ever ask for.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping

# The group between the word and its literal is atomic: comments can be split in one way only.
_IMPORT = re.compile(
    rb"(?<![A-Za-z0-9_])import(?:str|bin)?(?![A-Za-z0-9_])"
    rb"(?>(?:[ \t\r\n]|//[^\n]*(?:\n|\Z)|#[^\n]*(?:\n|\Z)|/\*[^*]*\*+(?:[^/*][^*]*\*+)*/)*)"
    rb"(?:(?P<odd>\(|\|\|\|)|@?(?:'(?P<single>[^']*)'(?P<more1>')?|\"(?P<double>[^\"]*)\"(?P<more2>\")?))",
)
# What every engine surely takes for the same path: some end it at a NUL, each reads bad UTF-8 in its own way.
_PLAIN = re.compile(rb"[ -\[\]-~]*")

Request = tuple[str, str]
"""The folder of the importing file ("" for the root), and the path asked for."""


def named_imports(program: bytes) -> frozenset[str] | None:
    """The paths that a program could import; None where its text does not tell, which means any."""
    found: set[str] = set()
    at = 0
    while match := _IMPORT.search(program, at):
        # The next search starts behind the word, not behind the literal: that may hold the next import.
        at = match.start() + len(b"import")
        literal = match["single"] if match["single"] is not None else match["double"]
        if literal is None or match["more1"] or match["more2"] or not _PLAIN.fullmatch(literal):
            return None
        found.add(literal.decode("ascii"))
    return frozenset(found)


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
