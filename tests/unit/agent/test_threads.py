"""No thread of an agent ends without a word."""

from envctl.agent.threads import AgentThread


def test_a_bug_in_a_thread_is_handed_on() -> None:
    """The thread that decides gets the very error, and can end the agent with it."""
    found: list[Exception] = []
    bug = KeyError("nobody expected this")

    def work() -> None:
        raise bug

    thread = AgentThread("envctl-test", work, found.append)
    thread.start()
    thread.join()
    assert found == [bug]


def test_a_thread_that_has_done_its_work_says_nothing() -> None:
    """Its end is no crash."""
    done: list[str] = []
    found: list[Exception] = []
    thread = AgentThread("envctl-test", lambda: done.append("done"), found.append)
    thread.start()
    thread.join()
    assert (done, found) == (["done"], [])
