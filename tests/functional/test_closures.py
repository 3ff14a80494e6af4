"""Which files a component depends on: programs that fool whoever guesses, and what a change of one file does to them.

Each case is two environments of one component. Rendered together they must give what each gives
alone, and after a change a render that remembers must give what one from nothing gives.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.rendering import Counting, Place, counting_engine, git
from tests.support.repositories import RICH, rich_box

BOTH = ("dev", "prod")
WRAP = "{ config:: {}, map: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { x: '' + (CODE) } } }"
LINKS = (
    '{"version": 1, "dependencies": [{"source": {"git": {"remote": "https://github.com/org/tool.git",'
    ' "subdir": "SUBDIR"}}, "version": "main", "sum": ""}], "legacyImports": true}'
)


def wrapped(code: str) -> str:
    """A component whose one object shows the value of an expression."""
    return WRAP.replace("CODE", code)


def after(prelude: str) -> str:
    """A component that imports x.libsonnet behind some text that a careless reader stumbles over."""
    return f"local q = {prelude}; local x = import 'x.libsonnet';\n" + wrapped("x")


@dataclass(frozen=True)
class Case:
    """A component, the files around it, one change (None deletes), and the environments that it changes."""

    name: str
    main: str
    change: tuple[str, str | None]
    changed: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)


X = ("lib/x.libsonnet", "2")
DEV, PROD = "environments/dev/a.jsonnet", "environments/prod/a.jsonnet"
BY_ENVIRONMENT = "if std.get($.config, 'env', '') == 'dev' then (DEV) else (PROD)"


def forked(dev: str, prod: str = "0") -> str:
    return wrapped(BY_ENVIRONMENT.replace("DEV", dev).replace("PROD", prod))


SHOWING = "{ map+: { data+: { more: '' + (CODE) } } }"


def showing(code: str) -> str:
    """An overlay that shows the value of an expression."""
    return SHOWING.replace("CODE", code)


SPELLINGS = {
    "a plain import": "import 'x.libsonnet'",
    "double quotes": 'import "x.libsonnet"',
    "no space": "import'x.libsonnet'",
    "a verbatim string": "import @'x.libsonnet'",
    "a verbatim string without a space": 'import@"x.libsonnet"',
    "a comment between": "import /* 'y.libsonnet' */ 'x.libsonnet'",
    "a line comment between": "import // it's here\n 'x.libsonnet'",
    "a hash comment between": "import# \"\n'x.libsonnet'",
    "a Windows line end between": "import\r\n'x.libsonnet'",
    "a tab between": "import\t'x.libsonnet'",
    "an escape in the name": "import 'x.libson\\u006eet'",
    "another escape in the name": "import '..\\/..\\/lib/x.libsonnet'",
    "a way round": "import '../../lib/../lib/./x.libsonnet'",
    "the root": "import 'lib/x.libsonnet'",
    "a text": "importstr 'x.libsonnet'",
    "a text without a space": "importstr'x.libsonnet'",
    "bytes": "std.md5(std.toString(importbin 'x.libsonnet'))",
    "bytes, verbatim, with a comment": "std.toString(importbin /**/ @'x.libsonnet')",
    "a function's body": "(function() import 'x.libsonnet')()",
    "a default of a parameter": "(function(v=import 'x.libsonnet') v)()",
    "an array": "[import 'x.libsonnet'][0]",
    "a comprehension": "[import 'x.libsonnet' for i in [1]][0]",
    "a condition": "if (import 'x.libsonnet') == 1 then 'one' else 'many'",
    "an assertion": "assert (import 'x.libsonnet') < 2 : 'too many'; 1",
    "an error": "if (import 'x.libsonnet') > 1 then error (importstr 'x.libsonnet') else 1",
    "a computed field": "({ [importstr 'x.libsonnet']: 1 })",
    "a computed field of a comprehension": "({ [k]: import 'x.libsonnet' for k in ['one'] }.one)",
    "a hidden field": "({ hidden:: import 'x.libsonnet' }.hidden)",
    "an index": "[1, 2, 3][import 'x.libsonnet']",
    "a slice": "[1, 2, 3][(import 'x.libsonnet'):]",
    "an operand": "1+import 'x.libsonnet'",
    "a native function's callback": "std.map(function(i) import 'x.libsonnet', [1])[0]",
    "a local object's local": "({ local v = import 'x.libsonnet', r: v }.r)",
}
PRELUDES = {
    "a quote in a comment": "1 // don't\n",
    "a quote in a hash comment": '1 # "\n',
    "a quote in a block comment": "1 /* it's */",
    "a comment that opens in a string": "'/* ' + \" // \" + '#'",
    "an escaped quote": "'it\\'s'",
    "an escaped backslash at the end": "'\\\\'",
    "a verbatim backslash at the end": "@'\\'",
    "a doubled quote in a verbatim string": "@'it''s' + @\"\"\"\"",
    "a text block with quotes": "|||\n  it's \" here\n|||",
    "a text block with bars inside": "|||\n  a ||| b\n    |||\n|||",
    "a text block that is chomped": "|||-\n  it's\n|||",
    "a text block with an empty line": "|||\n  it's\n\n  '\n|||",
    "a text block that ends far to the right": "|||\n\t\tit's\n\t|||",
    "two bars": "(true || false)",
    "a slash": "4 / 2",
    "a string over two lines": "'it\n/*'",
    "a field named import": "{ 'import': 1 }['import']",
    "names that begin like an import": "(local imported = 1, importer = 2, import_ = 3; imported)",
    "a dollar and brackets": "{ a: { b: $ } }.a",
}
DECOYS = {
    "a string": "\"import 'x.libsonnet'\"",
    "a verbatim string": "@\"import 'x.libsonnet'\"",
    "a text block": "|||\n  import 'x.libsonnet'\n|||",
    "a comment": "1 // import 'x.libsonnet'\n",
    "a block comment": "1 /* import 'x.libsonnet' */",
    "an import that is not forced": "local v = import 'x.libsonnet'; 1",
    "a branch that is not taken": "if true then 1 else import 'x.libsonnet'",
}

CASES = [
    *(Case(f"an import by {name}", wrapped(code), X, BOTH) for name, code in SPELLINGS.items()),
    *(Case(f"an import after {name}", after(text), X, BOTH) for name, text in PRELUDES.items()),
    *(Case(f"no import but {name}", wrapped(code), X, ()) for name, code in DECOYS.items()),
    Case("an import that one environment takes", forked("import 'x.libsonnet'"), X, ("dev",)),
    Case("a text that one environment takes", forked("importstr 'x.libsonnet'"), X, ("dev",)),
    Case(
        "code that one environment runs and the other only reads",
        forked("import 'm.libsonnet'", "importstr 'm.libsonnet'"),
        X,
        ("dev",),
        {"components/a/m.libsonnet": "import 'x.libsonnet'"},
    ),
    Case(
        "code that one environment runs and the other only reads, changed itself",
        forked("import 'm.jsonnet'", "importstr 'm.jsonnet'"),
        ("components/a/m.jsonnet", "import 'y.libsonnet'"),
        BOTH,
        {"components/a/m.jsonnet": "import 'x.libsonnet'"},
    ),
    Case(
        "a function that one environment calls",
        "local m = import 'm.libsonnet';\n" + forked("m.load()"),
        X,
        ("dev",),
        {"components/a/m.libsonnet": "{ load():: import 'x.libsonnet' }"},
    ),
    Case("an overlay's import", wrapped("1"), X, ("dev",), {DEV: showing("import 'x.libsonnet'")}),
    Case(
        "an import of an overlay's overlay",
        wrapped("1"),
        X,
        ("dev",),
        {
            DEV: "import 'more.libsonnet'",
            "environments/dev/more.libsonnet": "local x = import 'x.libsonnet'; " + showing("x"),
        },
    ),
    Case(
        "an overlay that is another environment's",
        wrapped("1"),
        (PROD, showing("8")),
        BOTH,
        {DEV: "import '../prod/a.jsonnet'", PROD: showing("9")},
    ),
    Case(
        "one overlay of two",
        wrapped("1"),
        (PROD, showing("8")),
        ("prod",),
        {DEV: showing("9"), PROD: showing("9")},
    ),
    Case("a first overlay", wrapped("1"), (PROD, showing("8")), ("prod",)),
    Case("a last overlay", wrapped("1"), (DEV, None), ("dev",), {DEV: showing("8")}),
    Case(
        "an overlay that takes the component itself",
        wrapped("import 'x.libsonnet'"),
        X,
        BOTH,
        {DEV: showing("(import '../../components/a/main.jsonnet').map.data.x")},
    ),
    Case(
        "a field that only an overlay shows",
        "{ config:: {}, extra:: import 'x.libsonnet', "
        + wrapped("1").removeprefix("{ config:: {},").replace("'' + (1)", "'1'"),
        X,
        ("prod",),
        {PROD: showing("$.extra")},
    ),
    Case(
        "one file by two search paths, of which one environment takes one",
        forked("import 'x.libsonnet'", "import 'lib/x.libsonnet'"),
        X,
        BOTH,
    ),
    Case(
        "a file found earlier than before, for one of two spellings",
        forked("import 'x.libsonnet'", "import 'lib/x.libsonnet'"),
        ("components/a/x.libsonnet", "7"),
        ("dev",),
    ),
    Case(
        "a file found earlier, for the importer in another folder only",
        forked("import 'm.libsonnet'", "import 'x.libsonnet'"),
        ("lib/deep/x.libsonnet", "7"),
        ("dev",),
        {
            "components/a/m.libsonnet": "import 'deep/m.libsonnet'",
            "lib/deep/m.libsonnet": "import 'x.libsonnet'",
        },
    ),
    Case(
        "a vendored file behind one of lib", wrapped("import 'x.libsonnet'"), ("vendor/x.libsonnet", "7"), ()
    ),
    Case(
        "a file that was missing for one environment",
        forked("import 'new.libsonnet'"),
        ("vendor/new.libsonnet", "5"),
        ("dev",),
    ),
    Case(
        "a file that goes missing for one environment", forked("import 'x.libsonnet'"), (X[0], None), ("dev",)
    ),
    Case(
        "a file that becomes bad for one environment",
        forked("import 'x.libsonnet'"),
        (X[0], "error 'on purpose'"),
        ("dev",),
    ),
    Case(
        "a file that is mended for one environment",
        forked("import 'bad.libsonnet'"),
        ("lib/bad.libsonnet", "5"),
        ("dev",),
        {"lib/bad.libsonnet": "{ a: }"},
    ),
    Case(
        "an import of an error's words",
        forked("error importstr 'x.libsonnet'"),
        X,
        ("dev",),
    ),
    Case(
        "a lazy import that a change elsewhere forces",
        wrapped("if import 'switch.libsonnet' then import 'x.libsonnet' else 0"),
        ("lib/switch.libsonnet", "true"),
        BOTH,
        {"lib/switch.libsonnet": "false"},
    ),
    Case(
        "a lazy import that one environment's config forces",
        forked("import 'x.libsonnet'", "0"),
        ("environments/prod/environment.yaml", "namespace: n\ncomponents: [a]\nconfig: {env: dev}\n"),
        ("prod",),
    ),
    Case(
        "a name that is an import in another file",
        "local m = import 'm.libsonnet';\n" + wrapped("m.nested.deeper"),
        X,
        BOTH,
        {
            "components/a/m.libsonnet": "{ nested: import 'n/n.libsonnet' }",
            "components/a/n/n.libsonnet": "{ deeper: import '../o.libsonnet' }",
            "components/a/o.libsonnet": "import 'x.libsonnet'",
        },
    ),
    Case(
        "a bundler's link that leads elsewhere",
        wrapped("import 'one/t.libsonnet'"),
        ("jsonnetfile.lock.json", LINKS.replace("SUBDIR", "two/one")),
        BOTH,
        {
            "jsonnetfile.lock.json": LINKS.replace("SUBDIR", "one"),
            "vendor/github.com/org/tool/one/t.libsonnet": "1",
            "vendor/github.com/org/tool/two/one/t.libsonnet": "2",
        },
    ),
    Case(
        "a folder in the place of a bundler's link",
        forked("import 'one/t.libsonnet'"),
        ("vendor/one/t.libsonnet", "5"),
        ("dev",),
        {
            "jsonnetfile.lock.json": LINKS.replace("SUBDIR", "one"),
            "vendor/github.com/org/tool/one/t.libsonnet": "1",
        },
    ),
    Case(
        "a second lock file",
        forked("import 'one/t.libsonnet'"),
        ("vendor/jsonnetfile.lock.json", LINKS.replace("SUBDIR", "one")),
        ("dev",),
        {"vendor/github.com/org/tool/one/t.libsonnet": "1"},
    ),
]


@pytest.fixture(scope="module")
def engine() -> Iterator[Counting]:
    with counting_engine() as counting:
        yield counting


def place_of(case: Case, folder: Path) -> Place:
    """A repository with one component in two environments."""
    root = folder / "repository"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    place = Place(root, folder / "cache", ())
    files = {
        "components/a/main.jsonnet": case.main,
        "lib/x.libsonnet": "1",
        "lib/y.libsonnet": "11",
        **{
            f"environments/{each}/environment.yaml": f"namespace: n\ncomponents: [a]\nconfig: {{env: {each}}}\n"
            for each in BOTH
        },
        **case.files,
    }
    for path, text in files.items():
        place.write(path, text)
    return place


def alone(place: Place, engine: Counting) -> list[object]:
    """Every environment, each in a render of its own."""
    return [each for name in BOTH for each in listed(place.render(engine, None, [name]))]


def listed(rendered: object) -> list[object]:
    assert isinstance(rendered, list), rendered
    return rendered


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_change_reaches_what_it_changes_and_nothing_else(
    tmp_path: Path, engine: Counting, case: Case
) -> None:
    """The environments that change are the named ones; with or without memory, alone or together."""
    place = place_of(case, tmp_path)
    before = listed(place.render(engine, place.files()))
    assert before == alone(place, engine)
    path, text = case.change
    place.remove(path) if text is None else place.write(path, text)
    full = alone(place, engine)
    changed = tuple(name for name, old, new in zip(BOTH, before, full, strict=True) if old != new)
    assert changed == case.changed
    assert place.render(engine, place.files()) == full
    assert place.render(engine, place.files(), BOTH[::-1]) == full[::-1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_change_is_seen_by_whoever_rendered_one_environment_before(
    tmp_path: Path, engine: Counting, case: Case
) -> None:
    """Environments that were rendered one by one, or only one of them, are known as well as all at once."""
    place = place_of(case, tmp_path)
    for name in BOTH:
        place.render(engine, place.files(), [name])
    path, text = case.change
    place.remove(path) if text is None else place.write(path, text)
    place.render(engine, place.files(), ["prod"])
    assert place.render(engine, place.files()) == alone(place, engine)


OVERLAYS = [
    each for each in CASES if "overlay" in each.name and len(each.changed) == 1 and "shows" not in each.name
]


@pytest.mark.parametrize("case", OVERLAYS, ids=lambda case: case.name)
def test_a_change_of_one_environment_evaluates_no_other(tmp_path: Path, engine: Counting, case: Case) -> None:
    """Environments that go through the engine together have closures of their own."""
    place = place_of(case, tmp_path)
    place.render(engine, place.files())
    path, text = case.change
    place.remove(path) if text is None else place.write(path, text)
    engine.asked.clear()
    place.render(engine, place.files())
    assert engine.asked == [f"a in {name}" for name in case.changed]


LOCK = "environments/prod/lock.yaml"
ALL = ("dev", "prod", "stage")
STAGE = "environments/stage/environment.yaml"
LEAVES = {
    "lib/y.libsonnet": ["a in dev", "a in stage"],
    "vendor/v.libsonnet": ["b in dev", "b in stage"],
    "vendor/github.com/org/tool/one/deep.libsonnet": ["a in dev", "a in stage"],
    "environments/dev/more.libsonnet": ["a in dev"],
    "environments/prod/b.jsonnet": ["b in prod"],
    "components/a/component.yaml": [],
    ".gitattributes": [],
}


@pytest.fixture
def rich(tmp_path: Path) -> Place:
    """A repository in which every kind of file decides something, and a cache that knows it."""
    box = rich_box(tmp_path / "repository")
    box.commit({STAGE: "namespace: stage\ncomponents: [a, b]\n"})  # goes through the engine with dev
    return Place(box.path, tmp_path / "cache", ())


@pytest.mark.parametrize(("path", "asked"), LEAVES.items(), ids=LEAVES)
def test_a_leaf_evaluates_what_reads_it(rich: Place, engine: Counting, path: str, asked: list[str]) -> None:
    """One file changed: the engine is asked for those who import it, and for nobody else."""
    assert rich.render(engine, rich.files(), ALL) == rich.good(engine, ALL)
    rich.write(path, (rich.root / path).read_text() + "\n# A comment.\n")
    full = rich.render(engine, None, ALL)
    engine.asked.clear()
    assert rich.render(engine, rich.files(), ALL) == full
    assert engine.asked == asked


def other_content(path: str) -> list[str]:
    """A comment, another value, an error."""
    if path.endswith("sonnet"):
        return ["{ another: 'text' }\n", "error 'on purpose'", "{ a:"]
    return ["{}\n", "another: text\n", "- a\n- b\n", ""]


def mutations(place: Place, path: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """All that can happen to a file, by name."""
    file = place.root / path
    text, name = file.read_text(), file.name
    yield "a comment", lambda: place.write(path, f"{text}\n# A comment.\n")
    for content in other_content(path):
        yield f"content {content!r}", lambda content=content: place.write(path, content)
    yield "deleted", lambda: place.remove(path)
    yield "renamed", lambda: place.rename(path, f"{path}.old")
    yield "executable", lambda: file.chmod(0o755)
    yield "a link", lambda: place.link(path)
    yield "a folder", lambda: (place.remove(path), place.write(f"{path}/{name}", text))
    yield (
        "its folder renamed",
        lambda: file.parent.rename(file.parent.with_name("moved")) if "/" in path else 0,
    )
    tails = {name, f"{file.parent.name}/{name}"}
    for folder in ("components/a", "lib", "vendor", "environments/dev", "."):
        others = [f"{folder}/{tail}" for tail in sorted(tails) if not (place.root / folder / tail).exists()]
        yield (
            f"shadowed from {folder}",
            lambda others=others: [place.write(each, "{ shadow: 'text' }\n") for each in others],
        )


@pytest.mark.parametrize("path", [*sorted(RICH), LOCK, STAGE])
def test_whatever_happens_to_a_file_is_noticed(rich: Place, engine: Counting, path: str) -> None:
    """With memory or without: the same trees, texts and errors; and after it is taken back, the old ones."""
    before = rich.good(engine, ALL)
    assert rich.render(engine, rich.files(), ALL) == before
    seen = 0
    for name, mutate in mutations(rich, path):
        mutate()
        full = rich.render(engine, None, ALL)
        assert rich.render(engine, rich.files(), ALL) == full, name
        assert rich.render(engine, rich.files(), ALL) == full, name
        seen += full != before
        git(rich.root, "clean", "-qfdx")
        git(rich.root, "reset", "-q", "--hard")
        assert rich.render(engine, rich.files(), ALL) == before, name
    assert seen or path in {".gitattributes", "schemas/a.schema.json"}
