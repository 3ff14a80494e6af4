"""Paths of the deploy tree: one file per object, reversible, fit for every file system and Git host.

    <component>/<namespace or _cluster>/<kind>[.<group>]_<name>.yaml

Characters other than ASCII letters, digits, ``-``, ``.`` and ``_`` are percent-encoded as UTF-8,
and so are leading dots, trailing dots and the device names of Windows. A file name longer
than 200 bytes is cut into directories whose names end with ``%``; what follows begins with ``%`` where
it would else begin with a dot or be such a device name.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from envctl.errors import InputError, Problem
from envctl.model.objects import ObjectId

COMPONENTS_FILE: Final = ".envctl/components"
_CLUSTER: Final = "_cluster"
_SUFFIX: Final = ".yaml"
_MAX_SEGMENT: Final = 200
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_UNSAFE_GROUP = re.compile(r"[^A-Za-z0-9.-]")
_UNSAFE_KIND = re.compile(r"[^A-Za-z0-9-]")
_DEVICE = re.compile(r"(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|\Z)")
_EDGE_DOT = re.compile(r"\A\.|\.\Z")
_ENCODED = re.compile(rb"%([0-9A-F]{2})")
# Where a name was cut; a percent sign that encodes nothing only shields the beginning of a piece.
_SEAM = re.compile(r"%/(?:%(?![0-9A-F]{2}))?")


def object_path(component: str, key: ObjectId) -> str:
    """The path of an object's file in the deploy tree. `parse_path` is its inverse."""
    namespace = _segment(key.namespace) if key.namespace else _CLUSTER
    if key.namespace == _CLUSTER:
        namespace = "%5Fcluster"
    group = f".{_quote(_UNSAFE_GROUP, key.group)}" if key.group else ""
    kind = _quote(_UNSAFE_KIND, key.kind)
    file = _guard(f"{kind}{group}_{_quote(_UNSAFE, key.name)}{_SUFFIX}")
    return "/".join((component_folder(component), namespace, *_cut(file)))


def component_folder(component: str) -> str:
    """The folder of the deploy tree that holds a component's files, and nothing else."""
    return _segment(component)


def parse_path(path: str) -> tuple[str, ObjectId] | None:
    """The component and the object that a path stands for; None for every path of another form."""
    parts = path.split("/")
    file = _SEAM.sub("", "/".join(parts[2:]))
    if not file.endswith(_SUFFIX):
        return None
    type_part, _, name = file.removesuffix(_SUFFIX).partition("_")
    kind, _, group = type_part.partition(".")
    namespace = "" if parts[1] == _CLUSTER else parts[1]
    try:
        component, kind, group, namespace, name = (
            _unquote(part) for part in (parts[0], kind, group, namespace, name)
        )
    except UnicodeError:
        return None
    found = ObjectId(group, kind, namespace, name)
    if not (component and found.kind and found.name):
        return None
    # What only decodes to the same names is another file, not the object's own.
    return (component, found) if object_path(component, found) == path else None


def component_of(path: str) -> str:
    """The component that a file of the deploy tree belongs to; empty for files about the tree itself."""
    head, slash, _ = path.partition("/")
    if not slash or head.startswith("."):
        return ""
    try:
        return _unquote(head)
    except UnicodeError:
        return ""


def folded(path: str) -> str:
    """What file systems that fold case and Unicode form make of a path's names.

    The percent signs of an encoded path would hide that two names look the same. Names that are cut into
    directories are put together first: a cut may go through a character of several bytes.
    """
    whole = _unquote(_SEAM.sub("", path))
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", whole).casefold())


def components_text(graph: Mapping[str, Sequence[str]]) -> bytes:
    """The file that carries the components and what each depends on: one JSON line each, sorted."""
    return "".join(
        json.dumps({"dependsOn": sorted(set(graph[name])), "name": name}, separators=(",", ":")) + "\n"
        for name in sorted(graph)
    ).encode()


def parse_components(data: bytes) -> Mapping[str, tuple[str, ...]]:
    """The inverse of `components_text`. Raises InputError, naming the line, for any other form."""
    graph: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        name, depends_on = _parse_line(line, number)
        graph[name] = depends_on
        if components_text({name: depends_on}) != line:
            raise _bad_line(number)
    if components_text(graph) != data:
        raise InputError("lists components twice or in the wrong order", place=COMPONENTS_FILE)
    return graph


def _parse_line(line: bytes, number: int) -> tuple[str, tuple[str, ...]]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _bad_line(number) from error
    depends_on = entry.get("dependsOn") if isinstance(entry, dict) else None
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not isinstance(depends_on, list):
        raise _bad_line(number)
    if not all(isinstance(each, str) for each in depends_on):
        raise _bad_line(number)
    return name, tuple(depends_on)


def _bad_line(number: int) -> InputError:
    reason = 'is not of the form {"dependsOn":["..."],"name":"..."}'
    return InputError("cannot be read", problems=(Problem(f"{COMPONENTS_FILE}:{number}", reason),))


def _quote(unsafe: re.Pattern[str], text: str) -> str:
    return unsafe.sub(lambda match: _encode(match.group()), text)


def _encode(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _unquote(text: str) -> str:
    return _ENCODED.sub(lambda match: bytes.fromhex(match.group(1).decode()), text.encode()).decode()


def _segment(text: str) -> str:
    return _guard(_quote(_UNSAFE, text))


def _guard(segment: str) -> str:
    """A segment that no file system takes for something special."""
    segment = _EDGE_DOT.sub("%2E", segment)
    return _encode(segment[0]) + segment[1:] if _DEVICE.match(segment) else segment


def _cut(file: str) -> Iterator[str]:
    """A file name in pieces of at most 200 bytes; never inside an encoded character."""
    while len(file) > _MAX_SEGMENT:
        at = _MAX_SEGMENT - 1
        at -= next((back for back in (1, 2) if file[at - back] == "%"), 0)
        yield file[:at] + "%"
        file = _shielded(file[at:])
    yield file


def _shielded(piece: str) -> str:
    """The next piece of a name that was cut, so that no file system takes it for something special."""
    return f"%{piece}" if piece.startswith(".") or _DEVICE.match(piece) else piece
