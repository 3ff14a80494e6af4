"""Files of a deploy tree that no reader may take: a corpus of several hundred, each with the line that is wrong.

Each damage is done to each line of a small manifest that it fits. Where a file is wrong as a whole there is no line.
"""

from collections.abc import Iterator
from dataclasses import dataclass

PATH = "web/shop/ConfigMap_bad.yaml"
LINES = (
    "apiVersion: v1",
    "kind: ConfigMap",
    "metadata:",
    "  annotations:",
    "    example.com/owner: team-a",
    "  labels:",
    "    app: web",
    "  name: bad",
    "  namespace: shop",
    "data:",
    "  first: one",
    "  second: two",
    "  third: three",
)
# What a value is replaced with. No reader of YAML may have to guess what it means.
_VALUES = {
    **{f"the plain value {each}": each for each in ("yes", "Off", "~", "0o17", "1:20", "2001-01-01", ".inf", "1_000")},
    **{f"the value {each}": each for each in ("&here x", "*here", "!!str x", "!mine x", "{a: 1, a: 2}", "[1]]")},
    **{f"the value {each}": each for each in ('"open', "'open", '"\\q"', '"\\ud800"', "a: b", "@x", "`x", "%x")},
}  # fmt: skip
_BYTES = {
    "a NUL": b"\x00",
    "an escape": b"\x1b",
    "a carriage return": b"\r",
    "a byte order mark": "\ufeff".encode(),
    "a line separator": "\u2028".encode(),
    "a direction mark": "\u202e".encode(),
    "half a character": b"\xc3",
    "a surrogate": b"\xed\xa0\x80",
    "an overlong slash": b"\xc0\xaf",
}
_WHOLE = {
    "nothing": b"",
    "blank lines": b"\n\n\n",
    "a comment": b"# nothing\n",
    "a list": b"- a\n- b\n",
    "a text": b"text\n",
    "a number": b"12\n",
    "JSON that breaks off": b'{"apiVersion": "v1", "kind":',
    "a gzip header": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "UTF-16": "apiVersion: v1\n".encode("utf-16"),
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n",
    "conflict markers": b"<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n",
    "nested too deep": b"a: " + b"[" * 100_000,
    "mappings nested too deep": b"".join(b" " * depth + b"a:\n" for depth in range(80)),
    "a bomb of aliases": b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
    "an integer of a million digits": b"a: " + b"9" * 1_000_000 + b"\n",
    "a key of a million letters": b"? " + b"a" * 1_000_000 + b"\n: 1\n",
    "more bytes than are read": b"a: " + b"x" * (8 << 20) + b"\n",
}
# A valid document, and not the object that its path says.
_OBJECTS = {
    "no apiVersion": ("apiVersion: v1\n", ""),
    "a number as apiVersion": ("apiVersion: v1\n", "apiVersion: 1\n"),
    "an apiVersion with an empty group": ("apiVersion: v1\n", "apiVersion: /v1\n"),
    "an apiVersion with an empty version": ("apiVersion: v1\n", 'apiVersion: "v1/"\n'),
    "another group": ("apiVersion: v1\n", "apiVersion: apps/v1\n"),
    "no kind": ("kind: ConfigMap\n", ""),
    "another kind": ("kind: ConfigMap\n", "kind: Secret\n"),
    "a list of objects": ("kind: ConfigMap\n", "kind: List\n"),
    "a number as kind": ("kind: ConfigMap\n", "kind: 5\n"),
    "no name": ("  name: bad\n", ""),
    "another name": ("  name: bad\n", "  name: good\n"),
    "a name that goes up": ("  name: bad\n", "  name: ../bad\n"),
    "generateName": ("  name: bad\n", "  generateName: bad-\n"),
    "no namespace": ("  namespace: shop\n", ""),
    "another namespace": ("  namespace: shop\n", "  namespace: kube-system\n"),
    "metadata that is a text": ("  name: bad\n", "  name: [bad]\n"),
}


@dataclass(frozen=True)
class Malformed:
    """One file; `line` 0 where no line is at fault."""

    name: str
    text: bytes
    line: int = 0


def corpus() -> Iterator[Malformed]:
    """All of them, always the same ones."""
    whole = "".join(f"{line}\n" for line in LINES)
    yield from (Malformed(name, text) for name, text in _WHOLE.items())
    yield from (Malformed(name, whole.replace(*pair).encode()) for name, pair in _OBJECTS.items())
    yield Malformed("a second document", f"{whole}---\n{whole}".encode(), len(LINES) + 1)
    yield Malformed("a directive", f"%YAML 1.1\n---\n{whole}".encode(), 1)
    for number, line in enumerate(LINES):
        for name, damaged in _damages(line):
            lines = [each.encode() for each in LINES]
            lines[number : number + 1] = damaged
            at = number + len(damaged)
            yield Malformed(f"{name} in line {at}", b"\n".join(lines) + b"\n", at)


def _damages(line: str) -> Iterator[tuple[str, list[bytes]]]:
    """What can be done to one line; the last of the lines that come of it is at fault."""
    text = line.encode()
    yield from ((name, [text + wrong]) for name, wrong in _BYTES.items())
    yield "a tab for the indent", [b"\t" + text.lstrip()]
    key, _, value = line.partition(": ")
    if value:
        yield "a key that stands twice", [text, text]
        yield from ((name, [f"{key}: {wrong}".encode()]) for name, wrong in _VALUES.items())
        yield "a key that is a number", [b"%s7: x" % (b" " * (len(line) - len(line.lstrip())))]
        yield "a value and more below", [text, b" " * 20 + b"more: x"]
