"""An environment that is renamed: its objects move to the new one where they stand."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from envctl.planning.ownership import applyset_id, owner


@pytest.fixture
def renamed(make_rig: Callable[..., Any], cm: Any) -> tuple[Any, Any]:
    """An environment whose objects are applied, and one with the same branch under another name."""
    old = make_rig()
    new = make_rig(namespace=old.namespace, agents=old.options.namespace)
    new.options = replace(new.options, take_over=(old.options.environment,))
    old.branch.publish({"web": [cm("a", old.namespace, v="1"), cm("gone", old.namespace)]})
    assert old.once().succeeded
    new.branch.publish({"web": [cm("a", old.namespace, v="1"), cm("b", old.namespace)]})
    return old, new


def shown(result: Any) -> dict[str, str]:
    return {each.id.name: str(each.action) for each in result.results}


def test_what_the_new_branch_has_is_taken_over_and_nothing_goes(renamed: tuple[Any, Any]) -> None:
    """The same object with the new label; what only the old branch had stays as it is."""
    old, new = renamed
    before, gone = old.live("a"), old.live("gone")
    assert shown(new.once()) == {"a": "configured", "b": "created"}
    after = old.live("a")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert owner(after) == new.options.set_id
    assert old.live("gone") == gone
    new.options = replace(new.options, take_over=())
    assert new.once().results == ()
    new.branch.publish(
        {"web": [{**after, "data": {"v": "2"}, "metadata": {"name": "a", "namespace": old.namespace}}]}
    )
    assert shown(new.once()) == {"a": "configured", "b": "deleted"}


def test_without_the_option_the_objects_are_refused_and_it_is_named(renamed: tuple[Any, Any]) -> None:
    """The reason says whose it is, the hint how it goes on."""
    old, new = renamed
    new.options = replace(new.options, take_over=())
    before = old.live("a")
    failed = new.once().failures
    assert [each.id.name for each in failed] == ["a"]
    assert failed[0].reason == f"it belongs to the environment {old.options.environment}"
    assert failed[0].hint.endswith(f"say --take-over {old.options.environment}")
    assert old.live("a") == before


def test_only_what_carries_that_label_is_taken_over(renamed: tuple[Any, Any]) -> None:
    """Another environment's objects, and nobody's, are refused as ever."""
    old, new = renamed
    new.options = replace(new.options, take_over=("another",))
    assert applyset_id("another", new.options.namespace) != old.options.set_id
    assert shown(new.once()) == {"a": "failed", "b": "created"}


def test_an_old_agent_that_still_runs_leaves_them_alone(renamed: tuple[Any, Any], wait_for: Any) -> None:
    """It tells that the object is another's; it neither takes it back nor deletes it."""
    old, new = renamed
    with old.running():
        old.await_applied(old.branch.tip)
        new.once()
        moved = old.live("a")
        wait_for(lambda: any("belongs to the environment" in str(each) for each in old.log), "it tells it")
        old.branch.publish({"web": [{**moved, "metadata": {"name": "c", "namespace": old.namespace}}]})
        wait_for(lambda: old.live("c"), "it goes on with others")
        wait_for(lambda: old.live("gone") is None, "it prunes what is its own")
    assert old.live("a") == moved


def test_apply_and_dry_run_have_the_option(renamed: tuple[Any, Any], cluster: Any, tmp_path: Any) -> None:
    """From the command line: what would happen, and then it does."""
    old, new = renamed
    work = tmp_path / "work"
    subprocess.run(["git", "clone", "--quiet", new.branch.path, work], check=True, capture_output=True)
    subprocess.run(
        ["git", "-C", work, "fetch", "--quiet", "origin", f"{new.branch.ref}:{new.branch.ref}"], check=True
    )
    words = [sys.executable, "-m", "envctl", "apply", new.options.environment, "-C", str(work), "-o", "json"]
    words += ["--kubeconfig", str(cluster.kubeconfig), "--namespace", new.options.namespace]

    def applied(*more: str) -> dict[str, str]:
        done = subprocess.run([*words, *more], capture_output=True, text=True, timeout=60, check=False)
        return {each["object"].split("/")[-1]: each["action"] for each in json.loads(done.stdout)["objects"]}

    assert applied("--dry-run") == {"a": "failed", "b": "created"}
    option = ("--take-over", old.options.environment)
    assert applied("--dry-run", *option) == {"a": "configured", "b": "created"}
    assert applied(*option) == {"a": "configured", "b": "created"}
    assert owner(old.live("a")) == new.options.set_id
