"""Differences as Markdown: nothing that was compared can act, and the text is never too long."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.cli.markdown import LIMIT, markdown
from envctl.manifests.compare import compare
from envctl.model.objects import ObjectId
from envctl.workflows.rendering.sides import Comparison, ObjectChange


def found(*objects: tuple[str, Any, Any], environment: str = "dev") -> Comparison:
    changes = tuple(
        ObjectChange("web", ObjectId("", "A", environment, name), compare(old, new))
        for name, old, new in objects
    )
    return Comparison("old", "new", (environment, environment), (environment, environment), changes, 0)


def test_fields_are_lines_of_a_diff() -> None:
    """Old and new one below the other, so that Git hosts colour them."""
    old = {"c": [{"name": "web", "image": "a", "x": "1"}], "t": "a\nb\n", "gone": 1}
    new = {"c": [{"name": "web", "image": "b", "x": "2"}], "t": "a\nc\n", "come": {"k": 1}}
    assert (
        markdown((found(("a", old, new)),))
        == """\
- <code>old</code> → <code>new</code>: **1 changed, 0 unchanged**

| Component | Object | Change |
|---|---|---|
| <code>web</code> | <code>A dev/a</code> | changed |

<details><summary><code>web</code>: <code>A dev/a</code> changed</summary>

```diff
  c[name="web"]:
-   image: a
+   image: b
-   x: "1"
+   x: "2"
+ come:
+   k: 1
- gone: 1
  t:
  @@ -1,2 +1,2 @@
    a
-   b
+   c
```

</details>
"""
    )


def test_no_difference_is_one_line() -> None:
    """Nothing to fold."""
    assert markdown((found(),)) == "- <code>old</code> → <code>new</code>: **no differences in 0 objects**\n"


def test_several_environments_are_told_together() -> None:
    """With the names of those that differ alike."""
    text = markdown((found(("a", {"x": 1}, {"x": 2})), found(("a", {"x": 1}, {"x": 2}), environment="prod")))
    assert "| <code>web</code> | <code>A a</code> | changed in <code>dev&#44; prod</code> |" in text
    assert text.count("<details>") == 1


HOSTILE = st.text(
    st.sampled_from(
        ["a", "`", "|", "@", "<", ">", "&", "*", "_", "[", "]", "(", "\n", "#", "~", "\r", "\x1b"]
    ),
    max_size=30,
)


@given(HOSTILE, HOSTILE)
def test_nothing_compared_leaves_its_fence_or_its_cell(name: str, value: str) -> None:
    """Whatever it is made of: what stands outside of the fence is letters and entities."""
    text = markdown((found((name, {"x": "old"}, {"x": value + "new", name: 1})),))
    head, _, rest = text.partition("<details>")
    summary, fence, body = re.fullmatch(
        r"<summary>(.*)</summary>\n\n(`{3,})diff\n(.*)\n\2\n\n</details>\n", rest, re.DOTALL
    ).groups()  # type: ignore[union-attr]
    assert fence not in body
    assert head.count("\n") == 6
    for outside in (head.split("\n")[4], summary):
        assert re.fullmatch(r"(?:[A-Za-z0-9 /:;#&-]|</?code>|(?<=\A)\| | \|)*", outside)
        assert "@" not in outside


@pytest.mark.parametrize(
    "comparisons",
    [
        pytest.param((found(*((f"o{n}", None, {"x": "y" * 150}) for n in range(2_000))),), id="many objects"),
        pytest.param(
            (found(*((f"{n}" + "." * 250, None, {"x": "y"}) for n in range(500))),), id="long names"
        ),
        pytest.param((found(("a", None, {"x": "\u00e9\n" * 50_000})),), id="one huge object"),
        pytest.param(
            tuple(found(("a", None, {"x": n}), environment=f"e{n}") for n in range(2_000)),
            id="many environments",
        ),
    ],
)
def test_the_text_is_never_longer_than_a_pull_request_takes(comparisons: tuple[Comparison, ...]) -> None:
    """Only whole blocks are left out, and how many is told."""
    text = markdown(comparisons, full=True)
    assert len(text.encode()) <= LIMIT
    assert re.search(r"\n… [0-9]+ more objects? not shown here\n\Z", text)
    assert text.count("<details>") == text.count("</details>")
