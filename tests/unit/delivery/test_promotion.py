"""Promotions: which pins move, and what the commit says."""

import pytest

from envctl.delivery.promotion import PinMove, Selection, promotion_message, select
from envctl.model.lock import Pin

OLD, NEW = "1" * 40, "2" * 40


@pytest.mark.parametrize(
    ("available", "pinned", "wanted", "chosen", "expected"),
    [
        pytest.param(
            {"a": NEW, "b": NEW}, {}, ["b", "a"], [],
            Selection((PinMove("a", None, NEW), PinMove("b", None, NEW)), (), ()),
            id="a first promotion takes everything, sorted",
        ),
        pytest.param(
            {"a": NEW, "b": NEW}, {"a": OLD, "b": NEW}, ["a", "b"], [],
            Selection((PinMove("a", OLD, NEW),), ("b",), ()),
            id="what is equal stays",
        ),
        pytest.param(
            {"a": NEW, "b": NEW}, {"a": OLD, "b": OLD}, ["a", "b"], ["b"],
            Selection((PinMove("b", OLD, NEW),), (), ()),
            id="only what is chosen moves",
        ),
        pytest.param(
            {"a": NEW}, {}, ["a", "b"], [],
            Selection((PinMove("a", None, NEW),), (), ()),
            id="a component that the source environment lacks is left alone",
        ),
        pytest.param(
            {"a": NEW}, {}, ["a", "b"], ["b", "z"],
            Selection((), (), ("b", "z")),
            id="chosen components must be in both",
        ),
    ],
)  # fmt: skip
def test_pins_move_by_the_table(
    available: dict[str, str],
    pinned: dict[str, str],
    wanted: list[str],
    chosen: list[str],
    expected: Selection,
) -> None:
    """Every case of selecting pins."""
    assert select(available, {name: Pin(each) for name, each in pinned.items()}, wanted, chosen) == expected


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        pytest.param(
            [], Selection((PinMove("b", OLD, NEW),), ("c",), (), {"a": "5xx"}), id="a whole set leaves it out"
        ),
        pytest.param(["a"], Selection((PinMove("a", OLD, NEW),), (), ()), id="its name moves it"),
        pytest.param(["c"], Selection((PinMove("c", NEW, NEW),), (), ()), id="its name takes the hold away"),
    ],
)
def test_a_held_pin_moves_only_by_name(chosen: list[str], expected: Selection) -> None:
    """What was rolled back is not promoted again by accident."""
    pinned = {"a": Pin(OLD, hold="5xx"), "b": Pin(OLD), "c": Pin(NEW, hold="good as it is")}
    assert select({"a": NEW, "b": NEW, "c": NEW}, pinned, ["a", "b", "c"], chosen) == expected


def test_a_promotion_message_reads_as_a_change_log() -> None:
    """Per component old and new pin, the commits in between, then the trailers."""
    moves = [PinMove("gateway", OLD, NEW, ("abc Add a header",)), PinMove("web", None, NEW)]
    assert promotion_message("staging", "prod", "f" * 40, moves, reason="Release 7") == (
        "Promote staging to prod: gateway, web\n"
        "\n"
        "gateway: 111111111111 -> 222222222222\n"
        "  - abc Add a header\n"
        "web: (none) -> 222222222222\n"
        "\n"
        "Envctl-Environment: prod\n"
        f"Envctl-Promoted-From: staging@{'f' * 40}\n"
        "Envctl-Reason: Release 7\n"
    )


def test_a_long_change_log_is_cut() -> None:
    """Twenty commits a component are listed, the rest is counted; many components are counted in the subject."""
    subjects = tuple(f"c{number} change" for number in range(25))
    moves = [PinMove(name, OLD, NEW, subjects if name == "a" else ()) for name in "abcd"]
    message = promotion_message("dev", "staging", "f" * 40, moves, forced=["direction"])
    assert message.startswith("Promote dev to staging: 4 components\n")
    assert "  - c19 change\n  - and 5 more\n" in message
    assert message.endswith(f"Envctl-Promoted-From: dev@{'f' * 40}\nEnvctl-Forced: direction\n")
