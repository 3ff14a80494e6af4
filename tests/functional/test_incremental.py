"""A render that remembers gives what a render from nothing gives: tree for tree, text for text, error for error."""

import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envctl import wiring
from envctl.model.evaluation import RENDER_VERSION
from envctl.ports import EvaluationTask
from tests.support.rendering import Counting, Place, copied, counting_engine, git

MAIN = """local x = import 'x.libsonnet';
{ config:: { replicas: 1, text: 'none' },
  map: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'NAME' },
         data: { x: std.toString(x), note: importstr 'note.txt', replicas: std.toString($.config.replicas) } } }
"""
VERBATIM = MAIN.replace("import 'x.libsonnet'", "import @'x.libsonnet'")
COMMENTED = MAIN.replace("import 'x.libsonnet'", "import /* here */ 'x.libsonnet'")
BINARY = MAIN.replace("importstr 'note.txt'", "std.md5(std.toString(importbin 'note.txt'))")
CUSTOM = "{ own: { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'thing' } } }"
CLASH = MAIN.replace("NAME", "b")
NO_OBJECT = "{ level: 3 }"
BROKEN = "{ a: }"
CRD = """{ crd: { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition',
  metadata: { name: 'things.example.com' },
  spec: { group: 'example.com', scope: 'SCOPE', names: { kind: 'Thing', plural: 'things' }, versions: [] } } }"""
OBJECTS = '{"type": "object", "properties": {"replicas": {"maximum": MAXIMUM}}}'
ENVIRONMENT = "namespace: NAMESPACE\ncomponents: [a, b, crd]\nconfig: {replicas: 2}\n"

CODE = (
    *(each.replace("NAME", "a") for each in (MAIN, VERBATIM, COMMENTED, BINARY)),
    CUSTOM,
    CLASH,
    NO_OBJECT,
    BROKEN,
)
SHARED = ("1", "{ a: 2 }", "import 'y.libsonnet'", "error 'on purpose'")
NOTES = ("one", "two", "two\n")
OVERLAYS = ("{ config+:: { replicas: 7 } }", "{ map+: { data+: { more: 'yes' } } }", "3")
VARIANTS: dict[str, tuple[str, ...]] = {
    "components/a/main.jsonnet": CODE,
    "components/b/main.jsonnet": (MAIN.replace("NAME", "b"), CUSTOM),
    "components/crd/main.jsonnet": (
        "{}",
        CRD.replace("SCOPE", "Cluster"),
        CRD.replace("SCOPE", "Namespaced"),
    ),
    "components/a/component.yaml": ("dependsOn: [b]\n", "dependsOn: [crd]\n", "dependsOn: [nobody]\n"),
    "components/a/x.libsonnet": SHARED,
    "lib/x.libsonnet": SHARED,
    "vendor/x.libsonnet": SHARED,
    "x.libsonnet": SHARED,
    "lib/y.libsonnet": ("10", "11"),
    "components/a/note.txt": NOTES,
    "lib/note.txt": NOTES,
    "environments/dev/a.jsonnet": OVERLAYS,
    "environments/base/a.jsonnet": OVERLAYS,
    "environments/prod/b.jsonnet": OVERLAYS,
    "environments/base/environment.yaml": ("abstract: true\n", "abstract: true\nconfig: {text: base}\n"),
    "environments/dev/environment.yaml": (
        ENVIRONMENT.replace("NAMESPACE", "dev"),
        ENVIRONMENT.replace("NAMESPACE", "other"),
        ENVIRONMENT.replace("NAMESPACE", "dev") + "extends: base\n",
        ENVIRONMENT.replace("NAMESPACE", "dev").replace("replicas: 2", "replicas: 5"),
        "namespace: dev\ncomponents: [b]\n",
        "namespace: dev\ncomponents: [b, a, crd, absent]\n",
    ),
    "schemas/a.schema.json": (OBJECTS.replace("MAXIMUM", "3"), OBJECTS.replace("MAXIMUM", "9"), "[]"),
    "envctl.yaml": ("limits: {objects: 2}\n", "limits: {objectBytes: 230}\n", "limits: {commitBytes: 500}\n"),
}
START = {
    **{path: VARIANTS[path][0] for path in VARIANTS if "/main.jsonnet" in path},
    "lib/x.libsonnet": "1",
    "lib/y.libsonnet": "10",
    "lib/note.txt": "one",
    "environments/base/environment.yaml": "abstract: true\n",
    "environments/dev/environment.yaml": ENVIRONMENT.replace("NAMESPACE", "dev"),
    "environments/prod/environment.yaml": "namespace: prod\npromotesFrom: dev\ncomponents: [a, b]\n",
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A repository with a commit before the work tree's, both good to pin."""
    root = tmp_path_factory.mktemp("template") / "repository"
    root.mkdir()
    place = Place(root, root, ())
    git(root, "init", "-q", "-b", "main")
    pins = []
    for change in ({}, {"lib/x.libsonnet": "{ newer: true }"}):
        for path, text in {**START, **change}.items():
            place.write(path, text)
        git(root, "add", ".")
        git(root, "commit", "-qm", "Change")
        pins.append(git(root, "rev-parse", "HEAD"))
    place = Place(root, root, tuple(pins))
    place.pin(0, 1)
    return place


@pytest.fixture(scope="module")
def engine() -> Iterator[Counting]:
    with counting_engine() as counting:
        yield counting


@pytest.fixture
def place(template: Place, tmp_path: Path) -> Place:
    return copied(template, tmp_path)


paths = st.sampled_from(sorted(VARIANTS))
edits = st.one_of(
    paths.flatmap(lambda path: st.tuples(st.just("write"), st.just(path), st.sampled_from(VARIANTS[path]))),
    paths.flatmap(lambda path: st.tuples(st.just("write"), st.just(path), st.sampled_from(VARIANTS[path]))),
    st.tuples(st.just("remove"), paths),
    st.tuples(st.just("link"), st.sampled_from(["lib/x.libsonnet", "components/a/note.txt", "vendor"])),
    st.tuples(
        st.just("rename"), st.just("lib/x.libsonnet"), st.sampled_from(["x.libsonnet", "vendor/x.libsonnet"])
    ),
    st.tuples(st.just("pin"), st.integers(0, 1), st.integers(0, 1)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.lists(edits, min_size=1, max_size=3), min_size=1, max_size=4))
def test_a_render_that_remembers_equals_one_from_nothing(
    template: Place,
    engine: Counting,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[list[tuple[object, ...]]],
) -> None:
    """After any edits, trees, texts and errors are those of an empty cache, with or without old entries."""
    place = copied(template, tmp_path_factory.mktemp("edited"))
    place.render(engine, place.files())
    for step in steps:
        for name, *arguments in step:
            getattr(place, str(name))(*arguments)
        full = place.render(engine, None)
        assert place.render(engine, place.files()) == full
        assert place.render(engine, place.files()) == full
    shutil.rmtree(place.root.parent)


def test_nothing_is_evaluated_when_nothing_changed(place: Place, engine: Counting) -> None:
    """A second render asks the engine for nothing, a new clock time or not."""
    first = place.render(engine, place.files())
    os.utime(place.root / "lib/x.libsonnet", (1, 1))
    engine.asked.clear()
    assert place.render(engine, place.files()) == first
    assert engine.asked == []


CHANGES = [
    pytest.param("lib/x.libsonnet", "5", ["a in dev", "b in dev"], id="a library"),
    pytest.param("components/a/x.libsonnet", "5", ["a in dev"], id="a file found earlier on the search path"),
    pytest.param("vendor/x.libsonnet", "5", [], id="a file that would be found later"),
    pytest.param("lib/note.txt", "new", ["a in dev", "b in dev"], id="a text that is imported"),
    pytest.param("environments/dev/a.jsonnet", "{}", ["a in dev"], id="a new overlay"),
    pytest.param("environments/prod/b.jsonnet", "{}", ["b in prod"], id="an overlay of a pinned component"),
    pytest.param("schemas/a.schema.json", "{}", ["a in dev"], id="a new schema"),
    pytest.param("README.md", "text", [], id="a file that nobody imports"),
    pytest.param(
        "environments/dev/environment.yaml",
        ENVIRONMENT.replace("NAMESPACE", "other"),
        [],
        id="a default namespace",
    ),
    pytest.param(
        "environments/dev/environment.yaml",
        "namespace: dev\nconfig: {replicas: 2}\ncomponents: [b, crd, {name: a, config: {text: own}}]\n",
        ["a in dev"],
        id="one component's config",
    ),
]


@pytest.mark.parametrize(("path", "text", "asked"), CHANGES)
def test_only_what_a_change_reaches_is_evaluated(
    place: Place, engine: Counting, path: str, text: str, asked: list[str]
) -> None:
    """The engine is asked for the components whose closure or code changed, and for no other."""
    place.render(engine, place.files())
    place.write(path, text)
    full = place.render(engine, None)
    engine.asked.clear()
    assert place.render(engine, place.files()) == full
    assert sorted(engine.asked) == asked


@pytest.mark.parametrize(
    "code", [MAIN, VERBATIM, COMMENTED, BINARY], ids=["plain", "verbatim", "comment", "binary"]
)
def test_every_form_of_import_is_seen(place: Place, engine: Counting, code: str) -> None:
    """However an import is written, a change of its file is noticed."""
    place.write("components/a/main.jsonnet", code.replace("NAME", "a"))
    place.render(engine, place.files())
    for path in ("lib/x.libsonnet", "lib/note.txt"):
        place.write(path, "12345")
        assert place.render(engine, place.files()) == place.render(engine, None)


def test_every_file_of_a_closure_counts(place: Place, engine: Counting) -> None:
    """A change of any file that an evaluation touched, or of any place it looked at, gives the full result."""
    place.write("components/a/x.libsonnet", "import 'y.libsonnet'")
    place.write("schemas/a.schema.json", "{}")
    source = wiring.open_repository(place.root).work_tree()
    code = "(import 'components/a/main.jsonnet') + (import 'environments/dev/a.jsonnet')"
    place.write("environments/dev/a.jsonnet", "{}")
    closure = engine.evaluate([EvaluationTask("a", code, source)])[0].closure
    files = [path for path in (*closure, "schemas/a.schema.json") if not (place.root / path).is_dir()]
    assert len(files) == 8
    place.render(engine, place.files())
    for path in files:
        before = (place.root / path).read_text() if (place.root / path).exists() else None
        place.write(path, "{ another: 'text' }" if path.endswith("sonnet") else "{}\n")
        assert place.render(engine, place.files()) == place.render(engine, None), path
        place.remove(path)
        assert place.render(engine, place.files()) == place.render(engine, None), path
        if before is not None:
            place.write(path, before)
        assert place.render(engine, place.files()) == place.render(engine, None), path


def test_another_engine_remembers_nothing_of_this_one(place: Place, engine: Counting) -> None:
    """The engine and its version are part of what is remembered."""
    place.render(engine, place.files())
    other = Counting(engine.engine, name="gojsonnet 9.9.9")
    place.render(other, place.files())
    assert sorted(other.asked) == ["a in dev", "a in prod", "b in dev", "b in prod", "crd in dev"]


def test_damaged_entries_are_as_good_as_none(place: Place, engine: Counting) -> None:
    """A byte changed in any entry, or an entry cut short, changes no result."""
    full = place.render(engine, place.files())
    for entry in sorted(place.cache.rglob("*")):
        if entry.is_file():
            data = bytearray(entry.read_bytes())
            data[len(data) // 2] ^= 1
            entry.write_bytes(data)
    assert place.render(engine, place.files()) == full
    for entry in sorted(place.cache.rglob("*")):
        if entry.is_file():
            entry.write_bytes(entry.read_bytes()[:-1])
    assert place.render(engine, place.files()) == full


def test_lost_values_are_evaluated_again_when_they_are_needed(place: Place, engine: Counting) -> None:
    """Entries may go one by one: texts that are wanted and gone are made anew."""
    full = place.render(engine, place.files())
    entries = [each for each in sorted(place.cache.rglob("*")) if each.is_file()]
    for entry in entries:
        kept = entry.read_bytes()
        entry.unlink()
        assert place.render(engine, place.files()) == full
        entry.write_bytes(kept)


def test_a_cache_that_cannot_be_written_fails_nothing(place: Place, engine: Counting) -> None:
    """A file where the cache's folder should be means that nothing is remembered."""
    place.cache.write_text("in the way")
    assert place.render(engine, place.files()) == place.render(engine, None)
    assert place.cache.read_text() == "in the way"


def test_errors_are_found_anew_and_the_rest_is_remembered(place: Place, engine: Counting) -> None:
    """A failing component is evaluated each time; its neighbours are not."""
    place.write("components/a/main.jsonnet", BROKEN)
    first = place.render(engine, place.files())
    engine.asked.clear()
    assert place.render(engine, place.files()) == first
    assert engine.asked == ["a in dev"]


def test_a_failure_that_is_taken_back_leaves_what_was_known(place: Place, engine: Counting) -> None:
    """A component that failed for a while is known again when it is what it was."""
    first = place.render(engine, place.files())
    before = (place.root / "lib/x.libsonnet").read_text()
    place.write("lib/x.libsonnet", "error 'now'")
    assert place.render(engine, place.files()) == place.render(engine, None)
    place.write("lib/x.libsonnet", before)
    engine.asked.clear()
    assert place.render(engine, place.files()) == first
    assert engine.asked == []


def test_renders_at_once_share_a_cache(place: Place, engine: Counting) -> None:
    """Threads that render and change nothing else get the same, whoever writes first."""
    full = place.render(engine, None)
    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(place.render, engine, place.files()) for _ in range(8)]
        assert [each.result() == full for each in running] == [True] * 8


def test_no_entry_holds_more_than_json(place: Place, engine: Counting) -> None:
    """Entries are a checksum and JSON text: nothing in them can be executed."""
    place.render(engine, place.files())
    for entry in place.cache.rglob("*"):
        if entry.is_file():
            json.loads(entry.read_bytes().partition(b"\n")[2][32:])


def test_what_renders_make_is_tied_to_their_version(place: Place, engine: Counting) -> None:
    """Whoever changes what the same closure renders to has to raise RENDER_VERSION, or old entries count on."""
    place.write("envctl.yaml", "{}\n")
    trees = [each[1] for each in place.render(engine, None)]  # type: ignore[attr-defined]
    assert (RENDER_VERSION, trees) == (
        4,
        ["fcebbe082d2fa1e4b0fc52f8e0edd5138563906e", "3b3e46cdb83a388956805d2ce4a3552a336ff84e"],
    )
