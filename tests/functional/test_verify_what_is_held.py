"""Trees and histories of deploy branches, changed with plain Git, one thing at a time: the whole answer of ``envctl verify``."""

import pytest

from tests.functional import tampers
from tests.functional.conftest import Workspace
from tests.functional.tampering import says
from tests.functional.tampers import Tampered

HELD = {
    "a file edited": Tampered(
        tampers.file_edited,
        """
        deploy/dev ({deploy/dev}): not what source {main} renders to
          ~ web/dev/ConfigMap_web.yaml
        deploy/dev: the last good commit is {good~1}
        hint: to put it right, publish again: envctl render dev --publish
        """,
    ),
    "a file made executable": Tampered(
        tampers.mode_changed,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          a file's mode or kind was changed, or an empty folder added in web
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "a file added": Tampered(
        tampers.file_added,
        """
        deploy/dev ({deploy/dev}): not what source {main} renders to
          + web/dev/Secret_stolen.yaml
        deploy/dev: the last good commit is {good~1}
        hint: to put it right, publish again: envctl render dev --publish
        """,
    ),
    "a file deleted": Tampered(
        tampers.file_deleted,
        """
        deploy/dev ({deploy/dev}): not what source {main} renders to
          - web/dev/ConfigMap_web.yaml
        deploy/dev: the last good commit is {good~1}
        hint: to put it right, publish again: envctl render dev --publish
        """,
    ),
    "a file moved": Tampered(
        tampers.file_moved,
        """
        deploy/dev ({deploy/dev}): not what source {main} renders to
          + web/dev/ConfigMap_w.yaml
          - web/dev/ConfigMap_web.yaml
        deploy/dev: the last good commit is {good~1}
        hint: to put it right, publish again: envctl render dev --publish
        """,
    ),
    "a file made a link": Tampered(
        tampers.file_made_a_link,
        """
        deploy/dev ({deploy/dev}): not what source {main} renders to
          ~ web/dev/ConfigMap_web.yaml
        deploy/dev: the last good commit is {good~1}
        hint: to put it right, publish again: envctl render dev --publish
        """,
    ),
    "an empty folder": Tampered(
        tampers.empty_folder,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          a file's mode or kind was changed, or an empty folder added in zoo
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "a tree with a name twice": Tampered(
        tampers.dishonest_tree,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          a tree holds entries that Git does not allow
          zoo/x: the same name twice
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "everything deleted": Tampered(
        tampers.emptied,
        """
        deploy/dev ({deploy/dev}): not what source {main} renders to
          - .envctl/components
          - web/dev/ConfigMap_web.yaml
        deploy/dev: the last good commit is {good~1}
        hint: to put it right, publish again: envctl render dev --publish
        """,
    ),
    "the tree of another environment": Tampered(
        tampers.tree_of_another_environment,
        """
        deploy/dev ({deploy/dev}): not what source {main} renders to
          - web/dev/ConfigMap_web.yaml
          + web/prod/ConfigMap_web.yaml
        deploy/dev: the last good commit is {good~1}
        hint: to put it right, publish again: envctl render dev --publish
        """,
    ),
    "the tree of the commit before": Tampered(
        tampers.tree_of_the_commit_before,
        """
        deploy/dev ({deploy/dev}): not what source {main} renders to
          ~ web/dev/ConfigMap_web.yaml
          Envctl-Components is web, expected empty
          it changes nothing: envctl makes no such commit
        deploy/dev: the last good commit is {good~1}
        hint: to put it right, publish again: envctl render dev --publish
        """,
    ),
}


STANDS = {
    "a merge with the source": Tampered(
        tampers.merge,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          it is a merge; deploy branches are linear
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "cut off from its history": Tampered(
        tampers.cut_off,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          Envctl-Sequence is 3, expected 1
        hint: there is no deploy commit below it; move the branch aside: git branch -m deploy/dev dev-aside; then publish again: envctl render dev --publish
        """,
    ),
    "a commit left out": Tampered(
        tampers.commit_left_out,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          Envctl-Sequence is 3, expected 2
        deploy/dev: 2 commits ({good~2} to {deploy/dev}): 1 good, 1 not
        deploy/dev: the last good commit is {good~2}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~2}; then publish again: envctl render dev --publish
        """,
        command="verify dev --all",
        err="""
        rendering dev again: 0 of 2 commits done
        """,
    ),
    "put upon the source history": Tampered(
        tampers.on_the_source_history,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          the commit before it, {main}, is no deploy commit of the environment: it lies in the source history
        hint: there is no deploy commit below it; move the branch aside: git branch -m deploy/dev dev-aside; then publish again: envctl render dev --publish
        """,
    ),
    "the whole branch put upon the source history": Tampered(
        tampers.root_on_the_source_history,
        """
        deploy/dev ({deploy/dev~2}): not as envctl writes it for source {main~3}
          the commit before it, {main}, is no deploy commit of the environment: it lies in the source history
        deploy/dev: 3 commits ({deploy/dev~2} to {deploy/dev}): 2 good, 1 not
        deploy/dev: the last good commit is {deploy/dev}
        hint: the tip is good, so nothing has to be put right; the log of your Git host tells who pushed the others
        """,
        command="verify dev --all",
        err="""
        rendering dev again: 0 of 3 commits done
        """,
    ),
    "put upon another environment": Tampered(
        tampers.on_another_environment,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          the commit before it, {deploy/prod}, is no deploy commit of the environment
        hint: there is no deploy commit below it; move the branch aside: git branch -m deploy/dev dev-aside; then publish again: envctl render dev --publish
        """,
    ),
    "reordered": Tampered(
        tampers.reordered,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main~2}
          its source {main~2} is older than {main}, that of the commit before it
        deploy/dev: 3 commits ({good~2} to {deploy/dev}): 2 good, 1 not
        deploy/dev: the last good commit is {deploy/dev~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {deploy/dev~1}; then publish again: envctl render dev --publish
        """,
        command="verify dev --all",
        err="""
        rendering dev again: 0 of 3 commits done
        """,
    ),
    "an old commit again on top": Tampered(
        tampers.replayed,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main~2}
          its source {main~2} is older than {main}, that of the commit before it
        deploy/dev: the last good commit is {good}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good}; then publish again: envctl render dev --publish
        """,
    ),
    "the same commit again on top": Tampered(
        tampers.repeated,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          Envctl-Components is web, expected empty
          it changes nothing: envctl makes no such commit
        deploy/dev: the last good commit is {good}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good}; then publish again: envctl render dev --publish
        """,
    ),
    "the branch of another environment": Tampered(
        tampers.branch_of_another_environment,
        """
        deploy/prod ({deploy/prod}): no deploy commit of prod: it belongs to environment dev
          by Ann <ann@example.com>, 2026-01-02T03:04:05Z: dev: Four replicas
        hint: there is no deploy commit below it; move the branch aside: git branch -m deploy/prod prod-aside
        """,
        command="verify prod",
    ),
    "replaced by the source branch": Tampered(
        tampers.branch_on_the_source,
        """
        deploy/dev ({main}): no deploy commit of dev: it lacks the Envctl- trailers
          by Ann <ann@example.com>, 2026-01-02T03:04:05Z: Four replicas
        hint: there is no deploy commit below it; move the branch aside: git branch -m deploy/dev dev-aside
        """,
    ),
    "a hand edit on top": Tampered(
        tampers.edited_on_top,
        """
        deploy/dev ({deploy/dev}): no deploy commit of dev: it lacks the Envctl- trailers
          by Mallory <mallory@example.com>, 2026-02-03T04:05:06+01:00: Quick fix for the outage
          ~ web/dev/ConfigMap_web.yaml
        deploy/dev: 2 commits ({good} to {deploy/dev}): 1 good, 1 not
        deploy/dev: the last good commit is {good}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good}
        """,
    ),
    "a hand edit in red": Tampered(
        tampers.edited_in_red,
        """
        deploy/dev ({deploy/dev}): no deploy commit of dev: it lacks the Envctl- trailers
          by Mal\\x1b[31mlory <mallory@example.com>, 2026-02-03T04:05:06+01:00: All is well \\x1b[1A
          + x\\x1b[2Jy
        deploy/dev: 2 commits ({good} to {deploy/dev}): 1 good, 1 not
        deploy/dev: the last good commit is {good}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good}
        """,
    ),
    "two hand edits on top": Tampered(
        tampers.edited_twice_on_top,
        """
        deploy/dev ({deploy/dev}): no deploy commit of dev: it lacks the Envctl- trailers
          by Mallory <mallory@example.com>, 2026-02-03T04:05:06+01:00: Say why
          + notes.md
        deploy/dev ({deploy/dev~1}): no deploy commit of dev: it lacks the Envctl- trailers
          by Mallory <mallory@example.com>, 2026-02-03T04:05:06+01:00: Quick fix for the outage
          ~ web/dev/ConfigMap_web.yaml
        deploy/dev: 3 commits ({good} to {deploy/dev}): 1 good, 2 not
        deploy/dev: the last good commit is {good}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good}
        """,
    ),
    "a hand edit under another name": Tampered(
        tampers.edited_under_another_name,
        """
        deploy/dev ({deploy/dev}): no deploy commit of dev: it lacks the Envctl- trailers
          by Ann <ann@example.com>, 2026-01-02T03:04:05Z: Quick fix for the outage
          committed by Mallory <mallory@example.com>, 2026-02-03T04:05:06+01:00
          ~ web/dev/ConfigMap_web.yaml
        deploy/dev: 2 commits ({good} to {deploy/dev}): 1 good, 1 not
        deploy/dev: the last good commit is {good}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good}
        """,
    ),
    "an empty commit on top": Tampered(
        tampers.empty_on_top,
        """
        deploy/dev ({deploy/dev}): no deploy commit of dev: it lacks the Envctl- trailers
          by Mallory <mallory@example.com>, 2026-02-03T04:05:06+01:00: Start CI again
        deploy/dev: 2 commits ({good} to {deploy/dev}): 1 good, 1 not
        deploy/dev: the last good commit is {good}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good}
        """,
    ),
    "reverted by Git": Tampered(
        tampers.reverted,
        """
        deploy/dev ({deploy/dev}): no deploy commit of dev: it lacks the Envctl- trailers
          by Ann <ann@example.com>, 2026-01-02T03:04:05Z: Revert "dev: Four replicas"
          ~ web/dev/ConfigMap_web.yaml
        deploy/dev: 2 commits ({good} to {deploy/dev}): 1 good, 1 not
        deploy/dev: the last good commit is {good}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good}
        """,
    ),
    "a hand edit below a deploy commit": Tampered(
        tampers.edited_below_the_top,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          the commit before it, {deploy/dev~1}, is no deploy commit of the environment
        deploy/dev ({deploy/dev~1}): no deploy commit of dev: it lacks the Envctl- trailers
          by Mallory <mallory@example.com>, 2026-02-03T04:05:06+01:00: Quick fix for the outage
          ~ web/dev/ConfigMap_web.yaml
        deploy/dev: 5 commits ({good~2} to {deploy/dev}): 3 good, 2 not
        deploy/dev: the last good commit is {good}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good}; then publish again: envctl render dev --publish
        """,
        command="verify dev --all",
        err="""
        rendering dev again: 0 of 5 commits done
        """,
    ),
    "the source merged in": Tampered(
        tampers.source_merged_in,
        """
        deploy/dev ({deploy/dev}): no deploy commit of dev: it lacks the Envctl- trailers
          by Ann <ann@example.com>, 2026-01-02T03:04:05Z: Merge main
          + components/web/main.jsonnet
          + environments/dev/environment.yaml
          + environments/prod/environment.yaml
          + environments/prod/lock.yaml
        deploy/dev: 2 commits ({good} to {deploy/dev}): 1 good, 1 not
        deploy/dev: the last good commit is {good}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good}
        """,
    ),
}


@pytest.mark.parametrize("case", [pytest.param(each, id=name) for name, each in HELD.items()])
def test_every_file_is_proven(line: Workspace, case: Tampered) -> None:
    """Writer's fault row 29: what was edited by hand is named, file by file."""
    case.do(line)
    says(line, case.command, case.out, case.code, case.err)


@pytest.mark.parametrize("case", [pytest.param(each, id=name) for name, each in STANDS.items()])
def test_where_a_commit_stands_is_proven(line: Workspace, case: Tampered) -> None:
    """Writer's fault row 29: what else lies on the branch, who made it, and the way back."""
    case.do(line)
    says(line, case.command, case.out, case.code, case.err)
