"""Awkward objects, from an evaluated value to a path of the deploy tree or a message."""

import json
from typing import Any

import pytest

from envctl.errors import InputError
from envctl.manifests.build import ComponentValue, build
from envctl.manifests.reader import read
from envctl.model.settings import SizeLimits
from tests.support.awkward_manifests import cases

TAKEN = [pytest.param(*case, id=name) for name, case in cases().items() if not isinstance(case[1], str)]
REFUSED = [pytest.param(*case, id=name) for name, case in cases().items() if isinstance(case[1], str)]


@pytest.mark.parametrize(("value", "found"), TAKEN)
def test_an_awkward_object_goes_where_it_belongs(value: Any, found: tuple[str, ...]) -> None:
    """All files that the value makes, and nothing else; each reads back as its object."""
    objects = build([ComponentValue("web", value, "prod")], SizeLimits())
    assert sorted(each.path for each in objects) == sorted(found)
    assert [read(each.text, each.path, 1 << 20, 64) for each in objects] == [each.value for each in objects]


@pytest.mark.parametrize(("value", "problem"), REFUSED)
def test_what_no_api_server_takes_is_refused(value: Any, problem: str) -> None:
    """The one problem, with its place and the next step."""
    with pytest.raises(InputError) as caught:
        build([ComponentValue("web", value, "prod")], SizeLimits())
    assert [str(each) for each in caught.value.problems] == [f"web $: {problem}"]


def test_there_are_two_hundred_awkward_objects() -> None:
    """Each another one."""
    values = {json.dumps(value) for value, _ in cases().values()}
    assert (len(values), len(values) >= 200) == (len(cases()), True)
