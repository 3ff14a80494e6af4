"""What the readers of YAML have in common: plain values out of parser events, without recursion."""

from dataclasses import dataclass
from typing import Any, Final

import yaml
from yaml import events

LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser where it was compiled in, else PyYAML's own."""

NO_CHARACTER: Final = "is not YAML: it has an escape for a character that does not exist"
"""What ValueError and OverflowError mean: PyYAML's own parser takes numeric escapes unchecked."""


@dataclass(slots=True)
class Open:
    """A collection that is being read. `key` is the mapping key that waits for its value."""

    value: dict[str, Any] | list[Any]
    key: str | None = None

    def take(self, value: Any) -> bool:
        """Put a value in; False where a key has to come first."""
        if isinstance(self.value, list):
            self.value.append(value)
        elif self.key is not None:
            self.value[self.key], self.key = value, None
        else:
            return False
        return True


def collection(event: Any) -> dict[str, Any] | list[Any]:
    """The collection that an event begins."""
    return {} if isinstance(event, events.MappingStartEvent) else []


def line_of(event: Any) -> int:
    """The line on which an event begins, counted from 1."""
    line: int = event.start_mark.line
    return line + 1


def syntax_problem(error: yaml.MarkedYAMLError) -> tuple[int, str]:
    """The line of a syntax error, and what is wrong there: of what never ends, the line where it begins."""
    is_open = "end of stream" in str(error.problem) and error.context_mark
    mark = error.context_mark if is_open else error.problem_mark or error.context_mark
    reason = ", ".join(part for part in (error.context, error.problem) if part)
    return mark.line + 1 if mark else 1, f"is not YAML: {reason}"
