"""Each engine's way to tell a failure → the form of go-jsonnet, which `failures` takes apart.

The C++ engine differs by a heading; rjsonnet writes frames as lines of four spaces, ``place: step``,
names files by absolute paths (its worker stands in ``/``), and leaves out the innermost place.
"""

import re

_STATIC = "STATIC ERROR: "
_STEP = re.compile(r" {4}/?(?P<place>[^\n]+?:\d+:\d+(?:-[\d:]+)?)(?::\s+(?P<doing>.*))?")
_MEMBER = re.compile(r" {4}field <(?P<field>.*)> manifestification")
_SYNTAX = re.compile(r"syntax error: (?P<message>.*)", re.DOTALL)
_DETAIL = re.compile(r" {4}(?:std\.format of .*|.* evaluation|during \w+ call)")


def go_form(engine: str, text: str) -> str:
    """What an engine said, in the form of go-jsonnet. Any text has one."""
    if engine == "rjsonnet":
        return _from_rust(text)
    return text.removeprefix(_STATIC).replace("\tstd.jsonnet:", "\t<std>:") if engine == "jsonnet" else text


def _from_rust(text: str) -> str:
    lines = text.rstrip().split("\n")
    trace: list[str] = []
    while len(lines) > 1 and (step := _step(lines[-1])) is not None:
        trace[:0] = [step] if step else []
        lines.pop()
    message = "\n".join(lines)
    syntax = _SYNTAX.fullmatch(message)
    if syntax and trace:
        place = trace[0].split("\t")[1]
        return f"{place} {syntax['message']}"
    return "\n".join(["RUNTIME ERROR: " + message.removeprefix("runtime error: "), *trace])


def _step(line: str) -> str | None:
    """One line of a trace in go-jsonnet's form, "" for one that says nothing, None for no such line."""
    if member := _MEMBER.fullmatch(line):
        return f'\tField "{member["field"]}"\t'
    if step := _STEP.fullmatch(line):
        return f"\t{step['place']}\t{step['doing'] or ''}"
    return "" if _DETAIL.fullmatch(line) else None
