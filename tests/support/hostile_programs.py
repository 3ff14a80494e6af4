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
)
