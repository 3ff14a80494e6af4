"""Which imports a program can make, and whose the imports of several programs are."""

import pytest

from envctl.jsonnet.importing import Request, named_imports, reachable, shares

NAMED = {
    "nothing": ("{ a: 1 }", []),
    "the three forms": ("[import 'a', importstr \"b\", importbin 'c']", ["a", "b", "c"]),
    "no space": ("import'a'+import\"b\"", ["a", "b"]),
    "a verbatim string": ("import @'a' + import @\"c\"", ["a", "c"]),
    "comments between": ("import /* one */ // two\n # three\n 'a'", ["a"]),
    "line breaks": ("import\r\n\t'a'", ["a"]),
    "in a comment, where it does no harm": ("// import 'a'\n1", ["a"]),
    "in a string, where it does no harm": ("\"say import 'a'\"", ["a"]),
    "behind a word that only ends so": ("reimport 'a' + _import 'b'", []),
    "prose": ("# we import the library\n1", []),
    "an import inside what looks like a literal": ("# import 'x import 'a'", ["x import ", "a"]),
    "many comments that lead nowhere": ("// see import" + "/**/" * 5000 + " .", []),
    "an import right behind another": ("import 'a'import 'b'", ["a", "b"]),
}


@pytest.mark.parametrize(("program", "expected"), NAMED.values(), ids=NAMED)
def test_every_literal_behind_an_import_is_named(program: str, expected: list[str]) -> None:
    """Each import that the program could make is there; more may be."""
    assert named_imports(program.encode()) == frozenset(expected)


UNCLEAR = {
    "an escape": "import 'a\\u0062'",
    "a doubled quote": "import @'it''s'",
    "a text block": "import |||\n  a\n|||",
    "brackets": "import ('a')",
    "a NUL, where some engines end a path": "import 'a\0b'",
    "more than ASCII, which engines read in their own ways": "import 'ä'",
    "a backslash": "import @'a\\b'",
    "a line break": "import 'a\nb'",
}


@pytest.mark.parametrize("program", UNCLEAR.values(), ids=UNCLEAR)
def test_what_its_text_does_not_tell_may_be_any_import(program: str) -> None:
    """Where reading the literal would need a jsonnet parser, the answer is: any."""
    assert named_imports(program.encode()) is None


FILES = {
    "main": b"import 'lib' + import 'own'",
    "lib": b"import 'deep/x'",
    "deep/x": b"import 'y'",
    "deep/y": b"1",
}
LEADS: dict[Request, str] = {
    ("", "main"): "main",
    ("", "lib"): "lib",
    ("", "own"): "",
    ("", "deep/x"): "deep/x",
    ("deep", "y"): "deep/y",
    ("", "overlay"): "overlay",
}


def test_imports_are_followed_from_the_folder_of_each_file() -> None:
    """A program could have made its own imports and those of what it imports, and no others."""
    assert reachable(b"import 'main'", LEADS, FILES.get) == frozenset(LEADS) - {("", "overlay")}


def test_each_program_has_its_own_share() -> None:
    """What one overlay imports belongs to its environment; what was not imported belongs to nobody."""
    programs = [b"import 'main'", b"(import 'main') + import 'overlay' + import 'never'"]
    plain, overlaid = shares(programs, LEADS, FILES.get)
    assert overlaid - plain == {("", "overlay")}


@pytest.mark.parametrize(
    "programs",
    [
        pytest.param([b"import 'main'", b"1"], id="an import that none of them names"),
        pytest.param([b"import 'main'", b"import 'over\\u006cay'"], id="a literal that is not read"),
    ],
)
def test_in_doubt_all_imports_are_everybodys(programs: list[bytes]) -> None:
    """A closure is rather too large than too small."""
    assert shares(programs, LEADS, FILES.get) == [frozenset(LEADS)] * 2
