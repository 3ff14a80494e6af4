"""Seeded runs of commits, faults, kills and foreign hands: in the end the cluster is the branch, each time.

`--random-faults SECONDS --seed N` runs for so long, from that seed on. The seed decides what is done and in which
order; how far the agent is by then, the machine decides.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane.agent.faults.conftest import Faulty
from tests.controlplane.agent.faults.random_run import Run
from tests.support.git_servers import GitServer, git_http_server
from tests.support.oracle import wrong_deletes

FEW, MANY = 12, 30


def seeds(first: int, seconds: float) -> Iterator[int]:
    """Two seeds, or as many as there is time for."""
    end, seed = time.monotonic() + seconds, first
    while seed < first + 2 or time.monotonic() < end:
        yield seed
        seed += 1


def test_random_faults_leave_the_cluster_as_the_branch_says(
    make_faulty: Callable[..., Faulty],
    cluster: Any,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    record_property: Any,
    capsys: Any,
) -> None:
    """No wrong delete, no lost prune, no foreign write, in any of the runs."""
    seconds = pytestconfig.getoption("random_faults")
    serve: AbstractContextManager[GitServer] = git_http_server(tmp_path)
    total: Counter[str] = Counter()
    with serve as git:
        for seed in seeds(pytestconfig.getoption("seed"), seconds):
            run = Run(make_faulty(), git, cluster.dev, seed)
            try:
                run.go(MANY if seconds else FEW)
            except BaseException:
                with capsys.disabled():
                    print(f"\nseed {seed} failed: {dict(run.counts)}")  # noqa: T201
                raise
            total += run.counts + counted(run.faulty)
    record_property("random faults", str(dict(total)))
    with capsys.disabled():
        print(f"\nrandom faults: {dict(total)}, wrong deletes: {total['wrong deletes']}")  # noqa: T201


def counted(faulty: Faulty) -> Counter[str]:
    """What the audit log says that the agent did."""
    written = [each for each in faulty.writes() if each.done]
    deletes = sum(each.verb == "delete" for each in written)
    wrong = len(wrong_deletes(written, faulty.inventory, faulty.trees))
    return Counter({"runs": 1, "writes": len(written), "deletes": deletes, "wrong deletes": wrong})
