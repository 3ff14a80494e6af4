"""The bare engine: what a render is measured against. One process, nothing of envctl's render path.

    python benchmarks/bare.py file ENGINE ENTRY [FOLDER...]    one file, with the engine's own search path
    python benchmarks/bare.py calls ENGINE ROOT                 JSON list of programs on standard input
    python benchmarks/bare.py floor ENGINE ROOT                 the same, to text and blob ids

`floor` is the least that any renderer in Python does with the values: parse them, find the
objects, write each as YAML with a plain emitter, and hash it as Git does.
"""

import argparse
import hashlib
import importlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

MODULES = {"gojsonnet": "_gojsonnet", "jsonnet": "_jsonnet", "rjsonnet": "rjsonnet"}
NATIVES = {
    "escapeStringRegex": ("str",),
    "manifestJsonFromJson": ("json", "indent"),
    "manifestYamlFromJson": ("json",),
    "parseJson": ("json",),
    "parseYaml": ("yaml",),
    "regexMatch": ("regex", "string"),
    "regexSubst": ("regex", "src", "repl"),
    "sha256": ("str",),
}


def native(name: str) -> Callable[..., Any]:
    """A native function of Tanka's; its code is loaded when a program first calls one."""

    def call(*values: Any) -> Any:
        return _natives().call(name, NATIVES[name], values)

    return call


def _natives() -> Any:
    """envctl's native functions, without envctl: the engines bring none."""
    if "natives" not in sys.modules:
        place = Path(__file__).parents[1] / "envctl/jsonnet/natives/__init__.py"
        spec = importlib.util.spec_from_file_location("natives", place)
        if spec is None or spec.loader is None:
            raise SystemExit(f"{place} is not there")
        module = importlib.util.module_from_spec(spec)
        sys.modules["natives"] = module
        spec.loader.exec_module(module)
    return sys.modules["natives"]


def evaluate_file(engine: str, entry: str, folders: Sequence[str]) -> None:
    """One file. The last folder wins; rjsonnet, which wants the first one to, gets them reversed."""
    letters = engine == "jsonnet"
    natives = {
        name: (tuple("abc"[: len(names)]) if letters else names, native(name))
        for name, names in NATIVES.items()
    }
    ordered = list(reversed(folders)) if engine == "rjsonnet" else list(folders)
    module = importlib.import_module(MODULES[engine])
    module.evaluate_file(entry, jpathdir=ordered, native_callbacks=natives)


def evaluate_calls(engine: str, root: Path, codes: Iterable[str]) -> Iterator[str]:
    """Programs that import from the importing folder, `lib/` and the root; each file is read once."""
    module = importlib.import_module(MODULES[engine])
    places: dict[str, bytes | None] = {}

    def find(folder: str, name: str) -> tuple[str, Any]:
        for at in (folder, "lib/", ""):
            path = at + name
            if path not in places:
                file = root / path
                places[path] = file.read_bytes() if file.is_file() else None
            contents = places[path]
            if contents is not None:
                return path, contents.decode() if engine == "rjsonnet" else contents
        raise FileNotFoundError(name)

    for code in codes:
        yield module.evaluate_snippet("<entry>", code, import_callback=find)


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The Kubernetes objects anywhere in a value."""
    if isinstance(value, dict):
        if "kind" in value and "apiVersion" in value:
            yield value
        else:
            for each in value.values():
                yield from objects(each)
    elif isinstance(value, list):
        for each in value:
            yield from objects(each)


def block(value: Any, indent: str, out: list[str]) -> None:
    """A plain YAML emitter: block style, every string quoted as JSON does."""
    for key, each in sorted(value.items()) if isinstance(value, dict) else (("-", each) for each in value):
        head = f"{indent}-" if key == "-" and isinstance(value, list) else f"{indent}{key}:"
        if isinstance(each, dict | list) and each:
            out.append(head)
            block(each, indent + "  ", out)
        else:
            out.append(f"{head} {json.dumps(each)}")


def floor(text: str) -> None:
    """From an evaluation's text to each object's text and blob id, thrown away."""
    for each in objects(json.loads(text)):
        out: list[str] = []
        block(each, "", out)
        data = "\n".join(out).encode()
        hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mode", choices=("file", "calls", "floor"))
    parser.add_argument("engine", choices=MODULES)
    parser.add_argument("path")
    parser.add_argument("folders", nargs="*")
    options = parser.parse_args()
    if options.mode == "file":
        evaluate_file(options.engine, options.path, options.folders)
        return
    for text in evaluate_calls(options.engine, Path(options.path), json.load(sys.stdin)):
        if options.mode == "floor":
            floor(text)


if __name__ == "__main__":
    main()
