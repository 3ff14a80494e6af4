"""Limits of a deploy tree: what is exactly as large passes, one more fails with the object and the next step."""

from pathlib import Path

import pytest

from tests.functional.conftest import Workspace
from tests.functional.failing import fails

MAIN = "components/web/main.jsonnet"
PROGRAM = """local named(name, text) = {
  apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: name }, data: { text: text },
};
{ small: named('small', 'x'), large: [named('large', 'éé')] }
"""
RENDERED = (
    "dev: 2 objects, not published yet\n  + ConfigMap dev/large  (web)\n  + ConfigMap dev/small  (web)\n"
)


@pytest.fixture
def sizes(small: Workspace, tmp_path: Path) -> dict[str, int]:
    """The bytes of both objects' files; characters of two bytes among them."""
    small.write(MAIN, PROGRAM)
    small.ok("render", "dev", "--out", str(tmp_path / "out"))
    files = (tmp_path / "out" / "dev" / "web").rglob("*.yaml")
    found = {each.stem: each.stat().st_size for each in files}
    assert found["ConfigMap_large"] > found["ConfigMap_small"]
    return found


def limited(small: Workspace, limits: str, *arguments: str) -> tuple[int, str]:
    small.write("envctl.yaml", f"limits: {{{limits}}}\n")
    outcome = small.envctl("render", "dev", *arguments)
    return outcome.code, outcome.out + outcome.err


def failed(error: str) -> tuple[int, str]:
    return 1, f"dev: failed\n  error: {error}\n"


@pytest.mark.parametrize("arguments", [(), ("--no-cache",)], ids=["remembering", "without memory"])
def test_the_limit_is_the_last_value_that_passes(
    small: Workspace, sizes: dict[str, int], arguments: tuple[str, ...]
) -> None:
    """Bytes of an object, of all, and their number; remembered renders are held to limits that changed."""
    large, total = sizes["ConfigMap_large"], sum(sizes.values())
    exact = f"objectBytes: {large}, commitBytes: {total}, objects: 2"
    one_less = {
        f"objectBytes: {large - 1}": (
            f"web $.large[0]: ConfigMap dev/large is {large} bytes long; the limit is {large - 1}\n"
            "  hint: split it, or raise limits.objectBytes in envctl.yaml"
        ),
        f"commitBytes: {total - 1}": (
            f"all objects are {total} bytes long; the limit is {total - 1}\n"
            f"  hint: ConfigMap dev/large at web $.large[0] is the largest, with {large}; "
            "raise limits.commitBytes in envctl.yaml"
        ),
        "objects: 1": (
            "there are 2 objects; the limit is 1\n  hint: 2 are of web; raise limits.objects in envctl.yaml"
        ),
    }
    for limits, error in one_less.items():
        assert limited(small, exact, *arguments) == (0, RENDERED)
        assert limited(small, limits, *arguments) == failed(error)


MANY = "{ all: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'o%%d' %% n } } for n in std.range(1, %d)] }"


def test_bounds_hold_without_any_setting(small: Workspace) -> None:
    """Writer's fault row 14: 5,000 objects are published; more than 10,000 are refused, with the way on.

    How long 5,000 objects take among 100,000 files and 1 GB is measured by ``benchmarks/large.py``.
    """
    small.write(MAIN, MANY % 5_000)
    small.commit("Add 5,000 objects")
    assert small.json("render", "dev", "--publish")["environments"][0]["objects"] == 5_000
    small.write(MAIN, MANY % 10_001)
    assert fails(small, "render", "dev").err == (
        "dev: failed\n  error: there are 10,001 objects; the limit is 10,000\n"
        "  hint: 10,001 are of web; raise limits.objects in envctl.yaml\n"
    )


def test_every_object_that_is_too_large_is_named(small: Workspace) -> None:
    """In one pass. All objects together are counted once each of them fits."""
    small.write("envctl.yaml", "limits: {objectBytes: 10, commitBytes: 10, objects: 1}\n")
    small.write(MAIN, PROGRAM)
    assert fails(small, "render", "dev").err == (
        "dev: failed\n"
        "  error: 2 problems in the rendered objects\n"
        "    web $.large[0]: ConfigMap dev/large is 93 bytes long; the limit is 10\n"
        "      split it, or raise limits.objectBytes in envctl.yaml\n"
        "    web $.small: ConfigMap dev/small is 88 bytes long; the limit is 10\n"
        "      split it, or raise limits.objectBytes in envctl.yaml\n"
    )
