"""Paths of the deploy tree: readable, reversible, fit for every file system."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.manifests.paths import (
    COMPONENTS_FILE,
    component_of,
    components_text,
    object_path,
    parse_components,
    parse_path,
)
from envctl.model.objects import ObjectId

RBAC = "rbac.authorization.k8s.io"
LONG = "a" * 253
PATHS = [
    pytest.param(
        "web", ObjectId("apps", "Deployment", "prod", "web"), "web/prod/Deployment.apps_web.yaml", id="usual"
    ),
    pytest.param("web", ObjectId("", "Service", "prod", "web"), "web/prod/Service_web.yaml", id="core group"),
    pytest.param(
        "web", ObjectId("", "Namespace", "", "prod"), "web/_cluster/Namespace_prod.yaml", id="cluster-scoped"
    ),
    pytest.param(
        "web",
        ObjectId(RBAC, "ClusterRole", "", "system:Foo"),
        f"web/_cluster/ClusterRole.{RBAC}_system%3AFoo.yaml",
        id="colon",
    ),
    pytest.param(
        "web", ObjectId("", "X", "p", "a_b%/c é"), "web/p/X_a_b%25%2Fc%20%C3%A9.yaml", id="everything odd"
    ),
    pytest.param("web", ObjectId("", "X", "p", "..."), "web/p/X_....yaml", id="dots"),
    pytest.param(
        "con", ObjectId("", "X", "aux", "nul"), "%63on/%61ux/X_nul.yaml", id="device names of Windows"
    ),
    pytest.param(
        "com1.x", ObjectId("x.y", "Con", "p", "a"), "%63om1.x/p/%43on.x.y_a.yaml", id="devices with endings"
    ),
    pytest.param("conf", ObjectId("", "X", "auxiliary", "a"), "conf/auxiliary/X_a.yaml", id="only alike"),
    pytest.param(".git", ObjectId("", "X", "p", "a"), "%2Egit/p/X_a.yaml", id="hidden"),
    pytest.param("a.", ObjectId("", "X", "p", "a"), "a%2E/p/X_a.yaml", id="dot at the end"),
    pytest.param(
        "web", ObjectId("", "X", "_cluster", "a"), "web/%5Fcluster/X_a.yaml", id="no namespace at all"
    ),
    pytest.param("w", ObjectId("", "X", "p", LONG), f"w/p/X_{'a' * 197}%/{'a' * 56}.yaml", id="a long name"),
    pytest.param(
        "w",
        ObjectId("", "X", "p", "a" * 196 + ":" * 20),
        f"w/p/X_{'a' * 196}%/{'%3A' * 20}.yaml",
        id="cut at an escape",
    ),
    pytest.param(
        "w", ObjectId("", "X", "p", "a" * 195), f"w/p/X_{'a' * 195}.y%/aml", id="cut inside the ending"
    ),
    pytest.param(
        "w", ObjectId("", "X", "p", "a" * 197), f"w/p/X_{'a' * 197}%/%.yaml", id="cut before the ending"
    ),
    pytest.param(
        "w",
        ObjectId("", "X", "p", f"{'a' * 197}con"),
        f"w/p/X_{'a' * 197}%/%con.yaml",
        id="cut before a device name",
    ),
]


@pytest.mark.parametrize(("component", "key", "path"), PATHS)
def test_a_path_says_what_the_object_is(component: str, key: ObjectId, path: str) -> None:
    """The table in both directions."""
    assert object_path(component, key) == path
    assert parse_path(path) == (component, key)
    assert component_of(path) == component


NAMES = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300) | st.text(
    alphabet="aA.:_%-/", min_size=1, max_size=300
)


@given(NAMES, NAMES, st.just("") | NAMES, st.just("") | NAMES, NAMES)
def test_every_path_can_be_read_back(
    component: str, kind: str, group: str, namespace: str, name: str
) -> None:
    """Whatever the names are; and the path has plain ASCII segments of a length that all file systems carry."""
    key = ObjectId(group, kind, namespace, name)
    path = object_path(component, key)
    assert parse_path(path) == (component, key)
    assert path.isascii()
    assert all(len(part) <= 200 and part[0] != "." and part[-1] != "." for part in path.split("/")[2:])


EDGES = ("a", ".", "A", ":", "\u00e9", "con.", "%")


@given(st.integers(150, 420), st.sampled_from(EDGES), st.lists(st.sampled_from(EDGES), max_size=8))
def test_a_long_name_may_be_cut_anywhere(length: int, filling: str, end: list[str]) -> None:
    """Inside its ending, before a dot, before a device name or inside of a character."""
    key = ObjectId("", "X", "p", (filling * length)[: length - len(end)] + "".join(end))
    path = object_path("w", key)
    assert parse_path(path) == ("w", key)
    pieces = path.split("/")[2:]
    assert all(len(piece) <= 200 and piece[0] != "." and piece[-1] != "." for piece in pieces)
    assert all(piece.partition(".")[0].lower() != "con" for piece in pieces)


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "hydrator.metadata",
        COMPONENTS_FILE,
        ".envctl/p/X_a.yaml",
        "web/X_a.yaml",
        "web/p/X_a.yml",
        "web/p/X.yaml",
        "web/p/X_.yaml",
        "web/p/_a.yaml",
        "web/p/X_%61.yaml",
        "web/p/X_%3a.yaml",
        "web/p/X_%FF.yaml",
        "web/p/X_é.yaml",
        "web/p/X_\udcff.yaml",
        "web/p/X_a/b.yaml",
        "web/p/X_a%/b.yaml",
        "web//X_a.yaml",
        "/p/X_a.yaml",
        "web/p/X_a:b.yaml",
    ],
)
def test_what_is_no_path_of_an_object_is_told_apart(path: str) -> None:
    """A file that nobody's path is, a differently encoded one included, stands for no object."""
    assert parse_path(path) is None


def test_files_about_the_tree_belong_to_no_component() -> None:
    """Root files and hidden directories; a component's other files are its own."""
    assert [component_of(path) for path in ("README.md", COMPONENTS_FILE, "%FF/x", "web/notes.txt")] == [
        "",
        "",
        "",
        "web",
    ]


GRAPH = {"web": ["platform", "db"], "db": [], "platform": ["cluster"]}
LINES = (
    b'{"dependsOn":[],"name":"db"}\n{"dependsOn":["cluster"],"name":"platform"}\n'
    b'{"dependsOn":["db","platform"],"name":"web"}\n'
)


def test_components_are_written_one_a_line() -> None:
    """Sorted, so that a diff shows one line a component."""
    assert components_text(GRAPH) == LINES
    assert parse_components(LINES) == {"db": (), "platform": ("cluster",), "web": ("db", "platform")}


@given(st.dictionaries(st.text(), st.lists(st.text(), max_size=4), max_size=5))
def test_components_are_read_back(graph: dict[str, list[str]]) -> None:
    """Whatever they are called."""
    assert parse_components(components_text(graph)) == {
        key: tuple(sorted(set(each))) for key, each in graph.items()
    }


@pytest.mark.parametrize(
    ("data", "line"),
    [
        pytest.param(b"{}\n", 1, id="no name"),
        pytest.param(b"[]\n", 1, id="no mapping"),
        pytest.param(LINES + b"web\n", 4, id="no JSON"),
        pytest.param(LINES[:-1], 3, id="no newline at the end"),
        pytest.param(b'{"dependsOn":[1],"name":"a"}\n', 1, id="a dependency that is no string"),
        pytest.param(b'{"dependsOn":["b","a"],"name":"a"}\n', 1, id="unsorted dependencies"),
        pytest.param(b'{"name":"a","dependsOn":[]}\n', 1, id="another order"),
        pytest.param(b'{"dependsOn":[],"name":"a","x":1}\n', 1, id="more keys"),
        pytest.param(b"[" * 100_000, 1, id="deep"),
        pytest.param(b"\xff\n", 1, id="not UTF-8"),
    ],
)
def test_other_forms_of_the_components_file_are_refused(data: bytes, line: int) -> None:
    """The agent orders its work by this file, so a hand edit is named by its line."""
    with pytest.raises(InputError) as caught:
        parse_components(data)
    reason = 'is not of the form {"dependsOn":["..."],"name":"..."}'
    assert str(caught.value) == f"cannot be read\n  .envctl/components:{line}: {reason}"


@pytest.mark.parametrize("data", [LINES + LINES[:29], LINES[29:] + LINES[:29]], ids=["twice", "order"])
def test_components_stand_once_and_in_order(data: bytes) -> None:
    """Else the same graph would have two texts."""
    with pytest.raises(InputError, match="lists components twice or in the wrong order"):
        parse_components(data)
