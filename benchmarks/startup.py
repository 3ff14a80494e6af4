"""`envctl --help` against `python -c "import click"`: what a command costs before it does anything."""

import sys
from pathlib import Path

from timing import medians, report

RUNS = 21


def main() -> None:
    envctl = str(Path(sys.executable).with_name("envctl"))
    found = medians(
        {
            "python -c 'import click'": [sys.executable, "-c", "import click"],
            "envctl --help": [envctl, "--help"],
            "envctl --version": [envctl, "--version"],
        },
        RUNS,
    )
    report("Start-up", found, "python -c 'import click'", "envctl --help at most 1.5 x")


if __name__ == "__main__":
    main()
