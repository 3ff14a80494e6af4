"""Programs that mean harm, and what each engine makes of them: its own message, or the end of its worker."""

from dataclasses import dataclass, field

ENDLESS = "the evaluation does not end: functions or fields call each other without end"


@dataclass(frozen=True)
class Hostile:
    """A program, what its error says (None: a limit ends its worker), and where other engines differ."""

    name: str
    code: str
    told: str | None
    otherwise: dict[str, str | None] = field(default_factory=dict)
    slow: bool = False
    """Whether a limit may come first on a slow machine."""


@dataclass(frozen=True)
class Strange:
    """A program that looks hostile and has a value; `otherwise` has what other engines say of it."""

    name: str
    code: str
    value: object
    otherwise: dict[str, str] = field(default_factory=dict)


HUGE = "the memory does not suffice for an imported file or the answer of a native function"
TRUNCATED = "Truncated unicode surrogate pair escape sequence in string literal."
HALF: dict[str, str | None] = {
    "jsonnet": "Invalid non-BMP Unicode escape in string literal",
    "rjsonnet": 'expected <escaped string>, got "EOF"',
}
DEEP = "the code is nested too deeply"
NO_TEXT = "holds bytes that are no UTF-8 text, and this jsonnet engine imports text only"

PROGRAMS = (
    Hostile(
        "a comprehension of a thousand million items",
        "[a + b + c for a in std.range(1, 1000) for b in std.range(1, 1000) for c in std.range(1, 1000)]",
        None,
    ),
    Hostile("an object of a hundred million fields", "{ ['k%d' % i]: i for i in std.range(1, 1e8) }", None),
    Hostile("a format of two thousand million columns", "'%2000000000d' % 1", ENDLESS, {"rjsonnet": None}),
    Hostile("a format whose width is an argument", "'%*d' % [2000000000, 1]", ENDLESS, {"rjsonnet": None}),
    Hostile("sorting a hundred million numbers", "std.sort(std.makeArray(1e8, function(i) -i))", None),
    Hostile(
        "a flat map of a million millions",
        "std.flatMap(function(x) std.range(1, 1e6), std.range(1, 1e6))",
        None,
    ),
    Hostile("a list that grows by copies", "std.foldl(function(a, b) a + [a], std.range(1, 1e6), [])", None),
    Hostile(
        "JSON of 200,000 open brackets",
        "std.parseJson(std.repeat('[', 200000))",
        "failed to parse JSON: invalid character '[' exceeded max depth",
        {"jsonnet": None, "rjsonnet": "failed to parse json: recursion limit exceeded at line 1 column 128"},
    ),
    Hostile(
        "YAML of 100,000 open brackets",
        "std.parseYaml(std.repeat('[', 100000))",
        "failed to parse YAML: error converting YAML to JSON: yaml: exceeded max depth of 10000",
        {
            "jsonnet": "YAML error",
            "rjsonnet": "failed to parse yaml: recursion limit exceeded at line 1 column 256",
        },
    ),
    Hostile(
        "YAML whose aliases multiply, for the native function",
        "(std.native('parseYaml'))('a: &a [x,x,x,x,x,x,x,x,x,x]\\n' + std.join('', ['%s: &%s [*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s]\\n' % ([c1, c1] + std.makeArray(10, function(_) c0)) for p in [['a','b'],['b','c'],['c','d'],['d','e'],['e','f'],['f','g'],['g','h'],['h','i'],['i','j']] for c0 in [p[0]] for c1 in [p[1]]]))",
        "std.native('parseYaml') failed: the argument yaml is no YAML for JSON: line 6: the document contains excessive aliasing",
    ),
    Hostile(
        "YAML of 100,000 open brackets, for the native function",
        "(std.native('parseYaml'))(std.repeat('[', 100000))",
        "std.native('parseYaml') failed: the argument yaml is no YAML for JSON: line 1: more than 300 levels or 1,000,000 values",
    ),
    Hostile(
        "JSON of 100,000 open brackets, for the native function",
        "(std.native('parseJson'))(std.repeat('[', 100000))",
        "std.native('parseJson') failed: the argument json is nested deeper than 300 levels",
    ),
    Hostile(
        "JSON with a number that is too large",
        "(std.native('parseJson'))('1e999')",
        "std.native('parseJson') failed: the argument json has a number that is too large: 1e999",
    ),
    Hostile(
        "JSON with NaN",
        "(std.native('parseJson'))('NaN')",
        "std.native('parseJson') failed: the argument json is no JSON: it has NaN",
    ),
    Hostile(
        "a pattern that goes back without end",
        "(std.native('regexMatch'))('(a+)+$', std.repeat('a', 40) + 'b')",
        None,
    ),
    Hostile(
        "a native function that runs programs", "(std.native('exec'))('id')", "null is called like a function"
    ),
    Hostile(
        "an exponent of nine digits",
        "1e999999999",
        "a number is too large",
        {
            "rjsonnet": "gateway in prod has a number that is infinite or not a number, which JSON cannot carry"
        },
    ),
    Hostile("nothing divided by nothing", "0 / 0", "something is divided by zero"),
    Hostile(
        "the logarithm of zero",
        "std.log(0)",
        "a number is too large",
        {
            "rjsonnet": "gateway in prod has a number that is infinite or not a number, which JSON cannot carry"
        },
    ),
    Hostile(
        "the root of minus one",
        "std.sqrt(-1)",
        "the result is not a number",
        {"rjsonnet": "-1 is too large or too small a number here"},
    ),
    Hostile(
        "the variable HOME",
        "std.extVar('HOME')",
        "there is no external variable HOME: components get nothing from outside",
    ),
    Hostile("text of /etc/passwd", "importstr '/etc/passwd'", 'import "/etc/passwd" is an absolute path'),
    Hostile("bytes of /etc/passwd", "importbin '/etc/passwd'", 'import "/etc/passwd" is an absolute path'),
    Hostile("code of /etc/passwd", "import '/etc/passwd'", 'import "/etc/passwd" is an absolute path'),
    Hostile(
        "text of /proc/self/environ",
        "importstr '/proc/self/environ'",
        'import "/proc/self/environ" is an absolute path',
    ),
    Hostile("text of /dev/zero", "importstr '/dev/zero'", 'import "/dev/zero" is an absolute path'),
    Hostile(
        "a path that climbs",
        "importstr '../../../etc/passwd'",
        'import "../../../etc/passwd" leads out of the repository',
    ),
    Hostile(
        "a path that climbs later",
        "importstr 'lib/../../x'",
        'import "lib/../../x" leads out of the repository',
    ),
    Hostile(
        "a path that climbs by percent signs",
        "importstr '%2e%2e/%2e%2e/etc/passwd'",
        'import "%2e%2e/%2e%2e/etc/passwd" was not found',
    ),
    Hostile(
        "a path that climbs by backslashes",
        "importstr '..\\\\..\\\\etc\\\\passwd'",
        'import "..\\\\..\\\\etc\\\\passwd" was not found',
    ),
    Hostile("a URL of a file", "importstr 'file:///etc/passwd'", 'import "file:///etc/passwd" was not found'),
    Hostile("an empty path", "importstr ''", 'import "" names no file'),
    Hostile(
        "a path with terminal escapes", "importstr '\\u001b[31mred'", 'import "\\u001b[31mred" was not found'
    ),
    Hostile("a symbolic link", "importstr 'link'", 'import "link" leads through the symbolic link lib/link'),
    Hostile(
        "a folder that is a symbolic link",
        "importstr 'folder/x'",
        'import "folder/x" leads through the symbolic link lib/folder',
    ),
    Hostile(
        "a file of a submodule",
        "importstr 'vendor/sub/x'",
        'import "vendor/sub/x" leads into the submodule vendor/sub, whose files are not in this repository',
    ),
    Hostile(
        "code of a Git LFS pointer",
        "import 'lfs.libsonnet'",
        'import "lfs.libsonnet" found lib/lfs.libsonnet, a Git LFS pointer, whose contents are not here',
    ),
    Hostile(
        "text of a Git LFS pointer",
        "importstr 'lfs.libsonnet'",
        'import "lfs.libsonnet" found lib/lfs.libsonnet, a Git LFS pointer, whose contents are not here',
    ),
    Hostile("two files that import each other", "import 'ping.libsonnet'", ENDLESS),
    Hostile("a file that imports itself", "import 'self.libsonnet'", ENDLESS),
    Hostile("3,000 files that import one another", "import 'many/0.libsonnet'", ENDLESS, {"jsonnet": None}),
    Hostile(
        "code that is no text",
        "import 'png'",
        "Could not lex the character '\\x00'",
        {
            "jsonnet": "the file ends too early",
            "rjsonnet": "lib/png holds bytes that are no UTF-8 text, and this jsonnet engine imports text only",
        },
    ),
    Hostile(
        "an error with terminal escapes",
        "error '\\u001b]0;owned\\u0007\\u001b[2J'",
        "\\u001b]0;owned\\u0007\\u001b[2J",
    ),
    Hostile("an error that is an object", "error { a: 1 }", '{"a": 1}'),
    Hostile("an assertion about itself", "{ assert self.a.b, a: self }", "there is no field b"),
    Hostile(
        "objects 400 levels deep",
        "local f(n) = if n == 0 then {} else { a: f(n - 1) }; f(400)",
        "the value of gateway in prod is nested deeper than 100 levels",
    ),
    Hostile(
        "super without a parent",
        "({ a: super.a }).a",
        "Attempt to use super when there is no super class.",
        {"jsonnet": "attempt to use super when there is no super class.", "rjsonnet": "no super found"},
    ),
    Hostile("a field that needs itself", "local o = { a: 1 + self.a }; o.a", ENDLESS),
    Hostile("a function in the output", "{ a: function(x) x }", "a function is visible in the output"),
    Hostile("a function with a required argument", "function(x) x", "the call does not give the argument x"),
    Hostile(
        "shared nodes that are 2^40 as text",
        "local a0 = ['x']; "
        + "".join(f"local a{n} = [a{n - 1}, a{n - 1}]; " for n in range(1, 41))
        + "std.length(std.manifestJson(a40))",
        None,
    ),
    Hostile(
        "a replacement by a larger text",
        "std.strReplace(std.repeat('a', 1e5), 'a', std.repeat('b', 1e5))",
        None,
    ),
    Hostile("a thousand million lines", "std.lines(std.makeArray(1e9, function(i) 'x'))", None),
    Hostile(
        "a character beyond Unicode",
        "std.char(1114112)",
        "Invalid unicode codepoint, got 1.114112e+06",
        {
            "jsonnet": "invalid unicode codepoint, got 1114112",
            "rjsonnet": "invalid unicode codepoint: 1114112",
        },
    ),
    Hostile(
        "a power of a thousand million",
        "std.pow(10, 1e9)",
        "a number is too large",
        {
            "rjsonnet": "gateway in prod has a number that is infinite or not a number, which JSON cannot carry"
        },
    ),
    Hostile(
        "a field twice",
        "{ a: 1, ['a']: 2 }",
        'the object has two fields "a"',
        {"rjsonnet": "the object has two fields a"},
    ),
    Hostile(
        "a text block that is not closed",
        "|||\n" + "  x\n" * 100_000 + "",
        "Text block not terminated with |||",
        {"jsonnet": "text block not terminated with |||", "rjsonnet": '"|" is not expected here'},
    ),
    Hostile("text of 100 MB", "importstr 'huge'", None, {"rjsonnet": HUGE}, slow=True),
    Hostile("code of 100 MB", "import 'huge'", None, {"rjsonnet": HUGE}, slow=True),
    Hostile("bytes of 100 MB", "importbin 'huge'", None, {"rjsonnet": HUGE}, slow=True),
    Hostile("an error of 10 MB", "error std.repeat('x', 1e7)", "xxxxxxxx", slow=True),
    Hostile(
        "a failed assertion of 10 MB",
        "assert false : std.repeat('x', 1e7); 1",
        "xxxxxxxx",
        {"rjsonnet": "assert failed: xxxxxxxx"},
        slow=True,
    ),
    Hostile(
        "a flood of traces",
        "std.foldl(function(a, i) std.trace(std.repeat('t', 1000), a), std.range(1, 5000), error 'the end')",
        "the end",
    ),
    Hostile("100,000 parentheses", "(" * 100_000 + "1" + ")" * 100_000, None, {"jsonnet": DEEP}),
    Hostile("100,000 arrays", "[" * 100_000 + "]" * 100_000, None, {"jsonnet": DEEP}),
    Hostile("100,000 objects", "{a:" * 100_000 + "1" + "}" * 100_000, None, {"jsonnet": DEEP}),
    Hostile("100,000 conditions", "if true then " * 100_000 + "1", None, {"jsonnet": DEEP}),
    Hostile("100,000 functions", "function() " * 100_000 + "1", None, {"jsonnet": DEEP}),
    Hostile("100,000 errors", "error " * 100_000 + "1", None, {"jsonnet": DEEP}),
    Hostile("100,000 assertions", "assert true;" * 100_000 + "1", None, {"jsonnet": DEEP}),
    Hostile("an import with half of a surrogate pair", "importstr '\\ud800'", TRUNCATED, HALF),
    Hostile("half of a surrogate pair", "'\\ud800'", TRUNCATED, HALF),
    Hostile(
        "a place that the program made up",
        "error 'a\\n\\tfake.jsonnet:1:1-2\\tfunction <x>'",
        "a\n\tfake.jsonnet:1:1-2\tfunction <x>",
    ),
    Hostile(
        "a place as rjsonnet writes it",
        "error 'a\\n    fake.jsonnet:1:1-2: function <x>'",
        "a\n    fake.jsonnet:1:1-2: function <x>",
        {"rjsonnet": "a\n\tfake.jsonnet:1:1-2\tfunction <x>"},
    ),
    Hostile("an error that reorders text", "error '\\u202egpj'", "\\u202egpj"),
    Hostile("an error in a default argument", "function(x=error 'no') x", "no"),
    Hostile(
        "a NUL character in the code",
        "1\0",
        "the code holds a NUL character",
        {"rjsonnet": '"\\0" is not expected here'},
    ),
    Hostile(
        "code that is a program of Linux",
        "import 'elf'",
        "Could not lex the character '\\x7f'",
        {"jsonnet": "Could not lex the character '\\u007f'", "rjsonnet": f"lib/elf {NO_TEXT}"},
    ),
    Hostile(
        "code in UTF-16",
        "import 'utf16'",
        "Could not lex the character '\\ufffd'",
        {"jsonnet": "Could not lex the character code 255", "rjsonnet": f"lib/utf16 {NO_TEXT}"},
    ),
    Hostile(
        "the repository's own folder", "importstr '../.git/config'", 'import "../.git/config" leads out of'
    ),
    Hostile("the home folder", "importstr '~/x'", 'import "~/x" was not found'),
    Hostile("a path of two slashes", "importstr '//etc/passwd'", 'import "//etc/passwd" is an absolute path'),
    Hostile(
        "a URL of a cloud's secrets",
        "importstr 'http://169.254.169.254/x'",
        'import "http://169.254.169.254/x" was not found',
    ),
    Hostile("a path of 100,000 letters", f"importstr '{'a' * 100_000}'", 'import "aaaaaaaa'),
    Hostile("a path of 5,000 folders", f"importstr '{'a/' * 5_000}x'", 'import "a/a/a/'),
    Hostile(
        "a path that is computed",
        "import ('x' + 'y')",
        "Computed imports are not allowed",
        {"jsonnet": "computed imports are not allowed", "rjsonnet": "computed imports are not supported"},
    ),
    Hostile("an object that joins itself", "local o = o + {}; o", ENDLESS),
    Hostile("an array in itself", "local a = [a]; a", ENDLESS, {"rjsonnet": None}, slow=True),
    Hostile("text of 400 MB in base64", "std.base64(std.repeat('a', 4e8))", None),
    Hostile("a digest of 300 MB", "(std.native('sha256'))(std.repeat('a', 3e8))", None),
    Hostile(
        "a native replacement by a larger text",
        "(std.native('regexSubst'))('a', std.repeat('a', 1e5), std.repeat('b', 1e5))",
        None,
    ),
)

# What is no harm, but looks like it.
STRANGE = (
    Strange("minus zero", "[-0, 0 * -1]", [0, 0]),
    Strange("NUL characters in strings", "{ 'a\\u0000b': 'c\\u0000d' }", {"a\0b": "c\0d"}),
    Strange(
        "a binary file as text",
        "local text = importstr 'png'; '%s' % (text != '')",
        "true",
        {"rjsonnet": f"lib/png {NO_TEXT}"},
    ),
    Strange("a binary file as bytes", "std.length(importbin 'png')", 256, {"rjsonnet": f"lib/png {NO_TEXT}"}),
    # Two engines end the path there and never say so.
    Strange(
        "a NUL character in a path",
        "importstr 'x\\u0000y'",
        "42",
        {"rjsonnet": 'import "x\\u0000y" has a NUL character, which no path may have'},
    ),
    Strange(
        "half of a surrogate pair by number",
        "std.char(55296)",
        "\ufffd",
        {
            "jsonnet": "the output holds a string that is no UTF-8 text",
            "rjsonnet": "invalid unicode codepoint: 55296",
        },
    ),
    Strange(
        "a YAML tag that runs programs",
        "(std.native('parseYaml'))('!!python/object/apply:os.system [id]')",
        [["id"]],
    ),
)
