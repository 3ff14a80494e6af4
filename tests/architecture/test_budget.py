"""The style budget: short functions, short files, pure floors, few patches (CONTRIBUTING.md)."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "envctl").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PURE = ("errors", "model", "ports", "config", "manifests", "planning", "delivery", "health")
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef

IMPURE_MODULES = {
    "os",
    "subprocess",
    "socket",
    "time",
    "random",
    "threading",
    "tempfile",
    "shutil",
    "urllib",
    "http",
}
IMPURE_CALLS = {"open", "print", "input"}


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a file with its length in lines, without its docstring."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, FUNCTIONS):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node, clean=False) is not None:
                doc = node.body[0]
                length -= (doc.end_lineno or doc.lineno) - doc.lineno + 1
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", length


def percentile(values: list[int], share: float) -> int:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def test_functions_stay_short() -> None:
    """Median at most 9 lines, 95 in 100 at most 36, none above 60."""
    found = [each for path in SOURCES for each in functions(path)]
    lengths = [length for _, length in found]
    assert [each for each in found if each[1] > 60] == []
    assert percentile(lengths, 0.95) <= 36
    assert statistics.median(lengths) <= 9


def test_files_stay_short() -> None:
    """No file of the package or its tests is longer than 500 lines."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in [*SOURCES, *TESTS]}
    assert {path: length for path, length in lengths.items() if length > 500} == {}


@pytest.mark.parametrize("floor", PURE)
def test_pure_floors_do_no_io(floor: str) -> None:
    """No clock, file, environment variable, network, process or print on floors 0 to 3."""
    found = [
        f"{path.relative_to(ROOT)}:{line} {what}"
        for path in SOURCES
        if path.relative_to(ROOT / "envctl").parts[0].removesuffix(".py") == floor
        for line, what in impurities(ast.parse(path.read_text()))
    ]
    assert found == []


def impurities(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name.partition(".")[0] for alias in node.names]
            yield from ((node.lineno, name) for name in names if name in IMPURE_MODULES)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in IMPURE_MODULES:
            yield node.lineno, str(node.module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            yield node.lineno, node.func.id
        if isinstance(node, ast.Attribute) and node.attr in {"now", "today", "utcnow"}:
            yield node.lineno, node.attr


def test_only_the_command_line_prints() -> None:
    """print and click stay in cli/; the worker and the agent report through what they are given."""
    found = []
    for path in SOURCES:
        if path.relative_to(ROOT / "envctl").parts[0] == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
            if isinstance(node, ast.Import) and any(each.name == "click" for each in node.names):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []


def test_processes_never_start_through_a_shell() -> None:
    """No shell=True and no os.system anywhere."""
    found = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if re.search(r"shell\s*=\s*True|os\.system\(", path.read_text())
    ]
    assert found == []


def test_public_names_have_docstrings() -> None:
    """Every module and every public class and function says what it guarantees (95 in 100 at least)."""
    total, missing = 0, []
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        for name, node in public_nodes(path, tree):
            total += 1
            if ast.get_docstring(node) is None:
                missing.append(name)
    assert len(missing) <= total * 0.05, missing


def public_nodes(path: Path, tree: ast.Module) -> Iterator[tuple[str, ast.Module | ast.ClassDef | FUNCTIONS]]:
    yield str(path.relative_to(ROOT)), tree
    for node in tree.body:
        if isinstance(node, ast.ClassDef | FUNCTIONS) and not node.name.startswith("_"):
            yield f"{path.relative_to(ROOT)} {node.name}", node


def test_patching_is_a_last_resort() -> None:
    """At most 3 uses of monkeypatch or mock in 100 tests: fakes fulfil ports instead."""
    text = "\n".join(path.read_text() for path in TESTS if path != Path(__file__))
    tests = len(re.findall(r"^\s*(?:async )?def test_", text, re.MULTILINE))
    patches = len(re.findall(r"monkeypatch\.(?:setattr|setitem|delattr)|mock\.patch|MagicMock", text))
    assert patches <= 0.03 * tests
