"""The syntax of RE2 → the syntax of Python's re module. One pass from left to right."""

import re
from collections.abc import Mapping
from itertools import pairwise

from .problem import NativeError

_MOST_REPEATS = 1000
_NAMED = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7F",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1F\x7F",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_CLASSES: Mapping[str, str] = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
_CONTROLS = {"a": r"\x07", "f": r"\f", "t": r"\t", "n": r"\n", "r": r"\r", "v": r"\v"}
_ANCHORS = {"A": r"(?:\A)", "z": r"(?:\Z)", "b": r"(?a:\b)", "B": r"(?a:\B)"}
_GROUP = re.compile(r"\((?:\?(?:P?<(?P<name>[A-Za-z_]\w*)>|(?P<flags>[imsU]*(?:-[imsU]+)?)(?P<end>[:)])))?")
_REPEAT = re.compile(r"(?:[*+?]|\{(?P<low>\d+)(?P<comma>,(?P<high>\d*))?\})(?P<lazy>\??)")
_HEX = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})")
_OCTAL = re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}")
_REFUSED = (
    (re.compile(r"\(\?<?[=!]"), "look-around, which RE2 does not have"),
    (re.compile(r"\(\?>"), "an atomic group, which RE2 does not have"),
    (re.compile(r"\(\?\("), "a condition, which RE2 does not have"),
    (re.compile(r"\(\?P?[=>]"), "a backreference, which RE2 does not have"),
    (re.compile(r"\(\?#"), "a comment, which RE2 does not have"),
    (re.compile(r"\\(?:[1-9]|k[<{'])"), "a backreference, which RE2 does not have"),
    (re.compile(r"\\[pP]"), "a class of Unicode characters, which envctl does not translate"),
    (re.compile(r"\\C"), "a single byte, which envctl does not translate"),
    (re.compile(r"\\Z"), "\\Z, which RE2 does not have: write \\z"),
)


def translated(pattern: str) -> str:
    """The same pattern for Python. Raises NativeError for what RE2 does not have, with its place."""
    return _Translation(pattern).run()


class _Translation:
    """One pass over a pattern. `flags` are those of the group that is open: i, m, s, U."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._out: list[str] = []
        self._flags = ""
        self._open: list[str] = []
        self._repeatable = False

    def run(self) -> str:
        while self._at < len(self._pattern):
            self._step()
        if self._open:
            raise self._problem("a bracket is not closed")
        return "".join(self._out)

    def _step(self) -> None:
        character = self._pattern[self._at]
        if character == "(":
            self._group()
        elif character == ")":
            self._close()
        elif character == "[":
            self._put(self._class())
        elif character == "\\":
            self._escape()
        elif character in "*+?" or (character == "{" and _REPEAT.match(self._pattern, self._at)):
            self._repeat()
        else:
            self._plain(character)

    def _plain(self, character: str) -> None:
        self._at += 1
        if character == "|":
            self._alternative()
        elif character == "^":
            self._put(r"(?m:^)" if "m" in self._flags else r"(?:\A)")
        elif character == "$":
            self._put(r"(?m:$)" if "m" in self._flags else r"(?:\Z)")
        elif character == ".":
            self._put(r"[\s\S]" if "s" in self._flags else r"[^\n]")
        else:
            self._put(re.escape(character))

    def _put(self, text: str) -> None:
        """One thing that can be repeated; flags are written around each, as they may change anywhere."""
        self._out.append(f"(?i:{text})" if "i" in self._flags else text)
        self._repeatable = True

    def _alternative(self) -> None:
        self._out.append("|")
        self._repeatable = False

    def _group(self) -> None:
        match = _GROUP.match(self._pattern, self._at)
        followed = self._pattern[self._at + 1 : self._at + 2] == "?"
        if match is None or (followed and match.end() == self._at + 1):
            raise self._refusal("a group that RE2 does not have")
        self._at = match.end()
        if match["end"] == ")":
            self._flags = self._changed(match["flags"])
            return
        self._open.append(self._flags)
        if match["end"]:
            self._flags = self._changed(match["flags"])
            self._out.append("(?:")
        else:
            self._out.append(f"(?P<{match['name']}>" if match["name"] else "(")
        self._repeatable = False

    def _changed(self, text: str) -> str:
        on, _, off = text.partition("-")
        return "".join(sorted({*self._flags, *on} - {*off}))

    def _close(self) -> None:
        if not self._open:
            raise self._problem("a bracket is closed that was not opened")
        self._at += 1
        self._flags = self._open.pop()
        self._out.append(")")
        self._repeatable = True

    def _repeat(self) -> None:
        match = _REPEAT.match(self._pattern, self._at)
        if match is None or not self._repeatable:
            raise self._problem("a repetition stands where nothing can be repeated")
        low, high = match["low"], match["high"]
        if any(int(each) > _MOST_REPEATS for each in (low, high) if each):
            raise self._problem(f"RE2 repeats {_MOST_REPEATS} times at most")
        if low and high and int(low) > int(high):
            raise self._problem("the bounds of a repetition are in the wrong order")
        self._at = match.end()
        counted = match[0].removesuffix("?") if match[0] != "?" and match["lazy"] else match[0]
        lazy = bool(match["lazy"]) != ("U" in self._flags)
        self._out.append(counted + ("?" if lazy else ""))
        self._repeatable = False

    def _escape(self) -> None:
        character = self._pattern[self._at + 1 : self._at + 2]
        if character == "Q":
            end = self._pattern.find("\\E", self._at)
            text = self._pattern[self._at + 2 : end if end >= 0 else None]
            self._at = end + 2 if end >= 0 else len(self._pattern)
            for each in text:
                self._put(re.escape(each))
        elif character in _ANCHORS and character:
            self._at += 2
            self._put(_ANCHORS[character])
        elif character.lower() in _CLASSES and character:
            self._at += 2
            self._put(f"[{'^' if character.isupper() else ''}{_CLASSES[character.lower()]}]")
        else:
            self._put(self._single())

    def _single(self) -> str:
        """One escaped character, escaped for Python; stands at the backslash."""
        rest = self._pattern[self._at + 1 :]
        if not rest:
            raise self._problem("a backslash stands at the end")
        if match := _HEX.match(rest):
            code = int(match[1] or match[2], 16)
        elif (match := _OCTAL.match(rest)) and not (rest[0] != "0" and len(match[0]) == 1):
            code = int(match[0], 8)
        elif rest[0] in _CONTROLS:
            self._at += 2
            return _CONTROLS[rest[0]]
        elif rest[0].isascii() and not rest[0].isalnum():
            self._at += 2
            return re.escape(rest[0])
        else:
            raise self._refusal(f"\\{rest[0]}, which RE2 does not have")
        if code > 0x10FFFF:  # noqa: PLR2004
            raise self._problem("a character beyond the last one")
        self._at += 1 + match.end()
        return re.escape(chr(code))

    def _class(self) -> str:
        start = self._at
        self._at += 1
        negated = self._pattern.startswith("^", self._at)
        self._at += negated
        parts: list[str] = []
        while not self._pattern.startswith("]", self._at) or not parts:
            if self._at >= len(self._pattern):
                self._at = start
                raise self._problem("a class of characters is not closed")
            parts.append(self._member())
        self._at += 1
        return f"[{'^' if negated else ''}{''.join(parts)}]"

    def _member(self) -> str:
        """A named class, an escaped class, or one character or range."""
        named = re.compile(r"\[:(\^?)(\w+):\]").match(self._pattern, self._at)
        if named and named[2] in _NAMED and not named[1]:
            self._at = named.end()
            return _NAMED[named[2]]
        if named:
            raise self._problem(f"the class {named[0]} is not translated by envctl")
        if self._pattern[self._at] == "\\" and self._pattern[self._at + 1 : self._at + 2] in tuple("dws"):
            self._at += 2
            return _CLASSES[self._pattern[self._at - 1]]
        if self._pattern[self._at] == "\\" and self._pattern[self._at + 1 : self._at + 2] in tuple("DWS"):
            self._at += 2
            return _complement(self._pattern[self._at - 1].lower())
        first = self._character()
        rest = self._pattern[self._at :]
        if rest.startswith("-") and len(rest) > 1 and rest[1] != "]":
            self._at += 1
            return f"{first}-{self._character()}"
        return first

    def _character(self) -> str:
        if self._pattern[self._at] == "\\":
            return self._single()
        self._at += 1
        return re.escape(self._pattern[self._at - 1])

    def _refusal(self, otherwise: str) -> NativeError:
        for pattern, text in _REFUSED:
            if pattern.match(self._pattern, self._at):
                return self._problem(text)
        return self._problem(otherwise)

    def _problem(self, text: str) -> NativeError:
        return NativeError(f"the argument regex {self._pattern!r} cannot be used: at {self._at + 1}: {text}")


def _complement(name: str) -> str:
    """All characters outside one of the small classes, as ranges."""
    inside = sorted(code for code in range(128) if re.fullmatch(f"[{_CLASSES[name]}]", chr(code)))
    edges = [-1, *inside, 0x110000]
    pairs = ((low + 1, high - 1) for low, high in pairwise(edges) if high - low > 1)
    return "".join(f"\\U{low:08X}-\\U{high:08X}" for low, high in pairs)
