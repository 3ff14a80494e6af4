"""What renders remember: per environment the closure and the part of each component, and values by key.

Nothing here is believed because of a time or a commit: an entry counts while each path of its
closure still has the evidence it had. Only what went well is remembered, so errors are found anew.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from envctl import __version__
from envctl.errors import InputError
from envctl.manifests.parts import Kind, Part
from envctl.model.evaluation import RENDER_VERSION, evidence
from envctl.model.values import JsonValue
from envctl.ports import RenderCache, Tree

Evidence = tuple[str, str]
"""A path and what was found there."""


@dataclass(frozen=True, slots=True)
class Known:
    """A component that was rendered. `code` is the digest of its entry code, `value` the place of its value.

    `spans` are positions in its record's table: from, to (exclusive), from, to, ... `part` is
    None where it was evaluated but not built, because of another component.
    """

    code: str
    spans: tuple[int, ...]
    value: str
    defines: Mapping[Kind, bool]
    part: Part | None

    def positions(self) -> Iterator[int]:
        """The positions of its closure in the record's table."""
        return _positions(self.spans)


@dataclass(frozen=True, slots=True)
class Fresh:
    """A component that is to be remembered; as `Known`, with its closure, and the key of its value."""

    code: str
    closure: Mapping[str, str]
    value: str
    defines: Mapping[Kind, bool]
    part: Part | None


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one environment. The closures of its components share one table."""

    table: tuple[Evidence, ...] = ()
    known: Mapping[str, Known] = field(default_factory=dict)

    def holding(self, units: Iterable[tuple[str, str, Tree]]) -> set[str]:
        """Which of these components (name, digest of code, tree) would evaluate as they did.

        Components of one tree share their checks: each path is looked up once.
        """
        by_tree: dict[int, tuple[Tree, list[str]]] = {}
        for name, code, tree in units:
            if name in self.known and self.known[name].code == code:
                by_tree.setdefault(id(tree), (tree, []))[1].append(name)
        return {name for tree, names in by_tree.values() for name in self._holding(tree, names)}

    def _holding(self, tree: Tree, names: Sequence[str]) -> Iterator[str]:
        used = {at for spans in {self.known[name].spans for name in names} for at in _positions(spans)}
        broken = {at for at in used if _found(tree, self.table[at][0]) != self.table[at][1]}
        for name in names:
            if not broken or broken.isdisjoint(self.known[name].positions()):
                yield name

    def fresh(self, name: str) -> Fresh:
        """A known component, to be remembered again."""
        known = self.known[name]
        closure = dict(self.table[at] for at in known.positions())
        return Fresh(known.code, closure, known.value, known.defines, known.part)


def _found(tree: Tree, path: str) -> str | None:
    """The evidence at a path; None where the tree is dishonest about it, which is never what was found."""
    try:
        return evidence(tree.entry(path))
    except InputError:
        return None


def _positions(spans: Sequence[int]) -> Iterator[int]:
    for start, stop in zip(spans[::2], spans[1::2], strict=True):
        yield from range(start, stop)


def record_of(components: Mapping[str, Fresh]) -> Record:
    """One record. What most closures have in common comes first, so that most spans are long."""
    uses = Counter(item for each in components.values() for item in each.closure.items())
    table = tuple(sorted(uses, key=lambda item: (-uses[item], item)))
    place = {item: at for at, item in enumerate(table)}
    known = {
        name: Known(
            each.code,
            _spans(sorted(place[item] for item in each.closure.items())),
            each.value,
            each.defines,
            each.part,
        )
        for name, each in components.items()
    }
    return Record(table, known)


def _spans(positions: Iterable[int]) -> tuple[int, ...]:
    spans: list[int] = []
    for at in positions:
        if spans and spans[-1] == at:
            spans[-1] = at + 1
        else:
            spans += (at, at + 1)
    return tuple(spans)


class Memory:
    """A render cache in the words of renders. Without a cache it remembers nothing."""

    def __init__(self, cache: RenderCache | None, engine: str) -> None:
        self._cache = cache
        self._packs: dict[str, Mapping[str, JsonValue]] = {}
        self._scope = f"{__version__} {RENDER_VERSION} {engine}"

    def code(self, code: str) -> str:
        """The digest of an entry code under this engine and this version of renders."""
        return _digest([self._scope, code])

    def value_key(self, code: str, closure: Mapping[str, str]) -> str:
        """The key of a value: a digest of everything that decided it."""
        return _digest([code, *sorted(closure.items())])

    def recall(self, environment: str) -> Record:
        """What is known of an environment: nothing where it is not known in a form that is understood."""
        data = self._cache.get(self._record_key(environment)) if self._cache else None
        if data is None:
            return Record()
        try:
            return _decoded(json.loads(data))
        except (ValueError, TypeError, KeyError, IndexError):
            return Record()

    def keep(self, environment: str, record: Record) -> None:
        """Remember an environment."""
        if self._cache:
            self._cache.put(self._record_key(environment), compact(_encoded(record)))

    def value(self, place: str) -> tuple[JsonValue] | None:
        """The value at a place, in a tuple because it may be null; None where it is not there."""
        pack, _, key = place.partition(" ")
        found = self._pack(pack)
        if key in found:
            return (found[key],)
        return self._loaded(f"value {place}")

    def keep_value(self, place: str, value: JsonValue) -> None:
        """Remember one value whose place was lost."""
        if self._cache:
            self._cache.put(f"value {place}", compact(value))

    def keep_values(self, texts: Mapping[str, bytes]) -> Mapping[str, str]:
        """Remember values, given as JSON by their keys, in one entry. Returns the place of each."""
        pack = _digest(sorted(texts))
        if self._cache and texts:
            members = (b'"%s":%s' % (key.encode(), text) for key, text in texts.items())
            self._cache.put(f"values {pack}", b"{%s}" % b",".join(members))
        return {key: f"{pack} {key}" for key in texts}

    def _pack(self, pack: str) -> Mapping[str, JsonValue]:
        if pack not in self._packs:
            found = self._loaded(f"values {pack}")
            # Values of one pack are asked for one after the other; more packs would only fill the memory.
            self._packs = {pack: found[0] if found and isinstance(found[0], dict) else {}}
        return self._packs[pack]

    def _loaded(self, key: str) -> tuple[JsonValue] | None:
        data = self._cache.get(key) if self._cache else None
        try:
            return None if data is None else (json.loads(data),)
        except ValueError:
            return None

    def _record_key(self, environment: str) -> str:
        return f"environment {self._scope} {environment}"


def compact(value: Any) -> bytes:
    """JSON text without spaces."""
    return json.dumps(value, separators=(",", ":")).encode()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _encoded(record: Record) -> Any:
    return {
        "table": record.table,
        "known": [
            [
                name,
                each.code,
                each.spans,
                each.value,
                [(*kind, said) for kind, said in each.defines.items()],
                _encoded_part(each.part) if each.part else None,
            ]
            for name, each in record.known.items()
        ],
    }


def _encoded_part(part: Part) -> Any:
    asked = [(*kind, said) for kind, said in part.asked.items()]
    return [part.component, part.namespace, part.tails, part.blobs, part.sizes, part.tree, asked, part.waves]


def _decoded(data: Any) -> Record:
    table = tuple((path, found) for path, found in data["table"])
    known = {
        name: Known(
            code, tuple(spans), value, _kinds(defines), _decoded_part(part) if part is not None else None
        )
        for name, code, spans, value, defines, part in data["known"]
    }
    return Record(table, known)


def _decoded_part(data: Any) -> Part:
    component, namespace, tails, blobs, sizes, tree, asked, waves = data
    files = (tuple(tails), tuple(blobs), tuple(sizes))
    return Part(component, namespace, *files, tree, _kinds(asked), tuple(waves))


def _kinds(data: Any) -> dict[Kind, Any]:
    return {(group, kind): said for group, kind, said in data}
