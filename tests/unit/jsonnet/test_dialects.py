"""Each engine's way to tell a failure, in the form of go-jsonnet."""

import pytest

from envctl.jsonnet.dialects import go_form

FORMS = [
    pytest.param(
        "gojsonnet", "RUNTIME ERROR: no\n\ta:1:1-2\t$\n", "RUNTIME ERROR: no\n\ta:1:1-2\t$\n", id="its own"
    ),
    pytest.param("jsonnet", "STATIC ERROR: lib/a:2:2: expected", "lib/a:2:2: expected", id="static"),
    pytest.param(
        "jsonnet",
        "RUNTIME ERROR: no\n\tstd.jsonnet:33:26\t\n\ta:1:1-2\tthunk <x>\n",
        "RUNTIME ERROR: no\n\t<std>:33:26\t\n\ta:1:1-2\tthunk <x>\n",
        id="the standard library",
    ),
    pytest.param(
        "rjsonnet",
        "runtime error: no\nreally\n    /lib/a:2:5-18: error statement\n    argument <x> evaluation\n    field <b> manifestification",
        'RUNTIME ERROR: no\nreally\n\tlib/a:2:5-18\terror statement\n\tField "b"\t',
        id="frames",
    ),
    pytest.param(
        "rjsonnet",
        'syntax error: expected one of ",", got "b"\n    /lib/a:2:2\n    <entry>:1:1-14: import "a"',
        'lib/a:2:2 expected one of ",", got "b"',
        id="syntax",
    ),
    pytest.param("rjsonnet", "no such field: b", "RUNTIME ERROR: no such field: b", id="no place"),
    pytest.param("rjsonnet", "", "RUNTIME ERROR: ", id="nothing"),
]


@pytest.mark.parametrize(("engine", "text", "form"), FORMS)
def test_an_engines_words_take_the_form_of_go_jsonnet(engine: str, text: str, form: str) -> None:
    """So that one reader understands all."""
    assert go_form(engine, text) == form
