"""Approve: put one's name under a plan that one has read. The name is Git's, as for a commit."""

from envctl.delivery.plan import Approval, PlanFile
from envctl.errors import RefusedError
from envctl.model.times import time_text
from envctl.ports import Repository


def approve(repository: Repository, file: PlanFile) -> tuple[PlanFile, Approval]:
    """The plan with one approval more. Raises RefusedError where this person has approved it already."""
    author, committer = repository.signature()
    if any(_email(each.by) == author.email.lower() for each in file.approvals):
        raise RefusedError(f"{author} has approved this plan already", hint="somebody else has to")
    approval = Approval(str(author), time_text(committer.time), file.plan.digest)
    return file.approved(approval), approval


def _email(person: str) -> str:
    return person.rpartition("<")[2].removesuffix(">").lower()
