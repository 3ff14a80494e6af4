"""What it takes to commit one changed object, without any start-up or evaluation: envctl, and dulwich alone.

    python benchmarks/publish_inside.py REPOSITORY BRANCH PATH TEXT

Opens the repository, renders prod from its HEAD, and then times publishing that from a repository
opened anew; and `bare_commit.py`'s commit of TEXT. Prints wall-clock and processor seconds of both.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from bare_commit import commit_file

from envctl import wiring
from envctl.workflows.publishing.publish import Outcome, publish, renderer_of
from envctl.workflows.rendering.render import render
from envctl.workflows.sources.source import at_revision


def timed(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    root, branch, path, text = sys.argv[1:]
    repository = wiring.open_repository(Path(root))
    source = at_revision(repository, "HEAD")
    with wiring.evaluator(repository) as engine:
        cache = wiring.render_cache(repository)
        rendered = render(repository, engine, source, ("prod",), cache)[0]
        renderer = renderer_of(engine)

        def ours() -> None:
            done = publish(wiring.open_repository(Path(root)), rendered, source.commit, renderer)
            if done.outcome is not Outcome.CREATED or len(done.changes) != 1:
                raise SystemExit(f"not one object, but {done}")

        found = *timed(ours), *timed(lambda: commit_file(root, branch, path, text))
    print(*found)


if __name__ == "__main__":
    main()
