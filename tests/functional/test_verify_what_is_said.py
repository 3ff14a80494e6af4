"""What a deploy commit says of itself, changed with plain Git, one thing at a time: the whole answer of ``envctl verify``."""

import pytest

from tests.functional import tampers
from tests.functional.conftest import Workspace
from tests.functional.tampering import says
from tests.functional.tampers import Tampered

SAID = {
    "nothing was done": Tampered(
        tampers.nothing,
        """
        deploy/dev ({good}): exactly what source {main} renders to
        """,
        code=0,
    ),
    "another subject": Tampered(
        tampers.subject,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          its subject is 'dev: Forty replicas', expected 'dev: Four replicas'
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "a body": Tampered(
        tampers.body,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          its message holds other text than envctl writes
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "a blank line at the end": Tampered(
        tampers.blank_line_at_the_end,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          its message holds other text than envctl writes
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "a trailer dropped": Tampered(
        tampers.components_dropped,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          Envctl-Components is missing, expected web
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "components that did not change": Tampered(
        tampers.components_changed,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          Envctl-Components is gateway web, expected web
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "no renderer": Tampered(
        tampers.renderer_dropped,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          Envctl-Renderer is missing
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "a renderer with a message": Tampered(
        tampers.renderer_of_its_own,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          Envctl-Renderer is approved by Ann, envctl 0.1.0, gojsonnet 0.22.0, expected envctl and an engine with their versions
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "a sequence too high": Tampered(
        tampers.sequence_jumps,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          Envctl-Sequence is 30, expected 3
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "a sequence too low": Tampered(
        tampers.sequence_again,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          Envctl-Sequence is 2, expected 3
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "another author": Tampered(
        tampers.author,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          its author is Mallory <mallory@example.com>, expected Ann <ann@example.com> as in the source commit {main}
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "another author date": Tampered(
        tampers.author_date,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          its author date is 2026-02-03T04:05:06+01:00, expected 2026-01-02T03:04:05Z as in the source commit {main}
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "another time zone": Tampered(
        tampers.author_zone,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          its author date is 2026-01-02T05:04:05+02:00, expected 2026-01-02T03:04:05Z as in the source commit {main}
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "another committer": Tampered(
        tampers.committer,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          its committer is Mallory <mallory@example.com>, expected Ann <ann@example.com> as in the source commit {main}
          its committer date is 2026-02-03T04:05:06+01:00, expected 2026-01-02T03:04:05Z as in the source commit {main}
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "trailers in another order": Tampered(
        tampers.trailers_in_another_order,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          its trailers stand in another order
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "a trailer twice": Tampered(
        tampers.trailer_twice,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          Envctl-Sequence is there 2 times (7, 3), expected 3
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "trailers in the body": Tampered(
        tampers.trailers_in_the_body,
        """
        deploy/dev ({deploy/dev}): no deploy commit of dev: it lacks the Envctl- trailers
          by Ann <ann@example.com>, 2026-01-02T03:04:05Z: dev: Four replicas
          ~ web/dev/ConfigMap_web.yaml
        deploy/dev: 2 commits ({good~1} to {deploy/dev}): 1 good, 1 not
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}
        """,
    ),
    "a forged permission to prune": Tampered(
        tampers.permission_forged,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          Envctl-Allow-Prune is ConfigMap, which no source commit says
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "a forged promotion with its approval": Tampered(
        tampers.promotion_forged,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          Envctl-Promoted-From is qa@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, which no source commit says
          Envctl-Approved-By is Ann <ann@example.com>, which no source commit says
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "a trailer of others": Tampered(
        tampers.foreign_trailer,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source {main}
          Signed-off-by is Mallory <mallory@example.com>, which no source commit says
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "a promotion hushed up": Tampered(
        tampers.promotion_hushed_up,
        """
        deploy/prod ({deploy/prod}): not as envctl writes it for source {main~1}
          Envctl-Promoted-From is missing, expected dev@{full good~1}
        hint: there is no deploy commit below it; move the branch aside: git branch -m deploy/prod prod-aside; then publish again: envctl render prod --publish
        """,
        command="verify prod",
    ),
    "an older source": Tampered(
        tampers.source_of_another_commit,
        """
        deploy/dev ({deploy/dev}): not what source {main~3} renders to
          ~ web/dev/ConfigMap_web.yaml
          its subject is 'dev: Four replicas', expected 'dev: Add web'
          its source {main~3} is older than {main~2}, that of the commit before it
        deploy/dev: the last good commit is {good~1}
        hint: to put it right, publish again: envctl render dev --publish
        """,
    ),
    "a source by name": Tampered(
        tampers.source_by_name,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for any source
          Envctl-Source-Commit is main, which is no commit id
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "a source cut short": Tampered(
        tampers.source_cut_short,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for any source
          Envctl-Source-Commit is {main}, which is no commit id
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "a source that nobody has": Tampered(
        tampers.source_unknown,
        "",
        code=1,
        err="""
        error: deploy/dev ({deploy/dev}): its source commit 012345678901 is not in this repository
        hint: fetch it (git fetch, in a shallow clone with --unshallow), or publish again
        """,
    ),
    "a source without the environment": Tampered(
        tampers.source_without_the_environment,
        """
        deploy/dev ({deploy/dev}): not as envctl writes it for source 39324642c19e
          there is no environment dev in commit 39324642c19e
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}; then publish again: envctl render dev --publish
        """,
    ),
    "a source that does not render": Tampered(
        tampers.source_that_does_not_render,
        "",
        code=1,
        err="""
        error: the source of deploy/dev does not render any more
          components/web/main.jsonnet:1:1: no
          while evaluating web in dev
        """,
    ),
    "another environment in the trailers": Tampered(
        tampers.environment_renamed,
        """
        deploy/dev ({deploy/dev}): no deploy commit of dev: it belongs to environment prod
          by Ann <ann@example.com>, 2026-01-02T03:04:05Z: dev: Four replicas
          ~ web/dev/ConfigMap_web.yaml
        deploy/dev: 2 commits ({good~1} to {deploy/dev}): 1 good, 1 not
        deploy/dev: the last good commit is {good~1}
        hint: put the branch back to its last good commit: git branch -f deploy/dev {good~1}
        """,
    ),
}


@pytest.mark.parametrize("case", [pytest.param(each, id=name) for name, each in SAID.items()])
def test_what_a_commit_says_of_itself_is_proven(line: Workspace, case: Tampered) -> None:
    """Writer's fault row 29: message, trailers, people and dates are those of its source."""
    case.do(line)
    says(line, case.command, case.out, case.code, case.err)
