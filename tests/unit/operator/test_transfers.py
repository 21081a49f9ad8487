"""Who counts in a review of files, and what comes of it."""

from __future__ import annotations

import pytest

from infra.operator.transfers import decide, required, reviewers
from infra.sandbox.resource import Verdict
from infra.sandbox.transfer import Approval, Content, Direction, File, Phase, Spec, Transfer
from tests.unit.operator.sandboxes import NO, OTHERS, REQUESTER, RULES, sandbox

ONE, TWO, THREE = OTHERS


UID = "00000000-0000-0000-0000-000000000002"


def asked(
    *approved: str, requester: str = REQUESTER, no: Verdict | None = None, uid: str = UID
) -> Transfer:
    return Transfer(
        name="results",
        namespace="sandbox-x-example",
        uid=UID,
        spec=Spec(
            sandbox="demo",
            requester=requester,
            direction=Direction.EXPORT,
            content=Content.REPORT,
            files=(File(name="a.pdf", sha256="0" * 64, size=1, type="application/pdf"),),
            approvals=tuple(Approval(by=by, uid=uid) for by in approved),
            rejection=no,
        ),
    )


@pytest.mark.parametrize(
    ("classification", "approved", "phase"),
    [
        # Sandboxes of public data need nobody here; files always do.
        ("public", (), Phase.REQUESTED),
        ("public", (ONE,), Phase.APPROVED),
        ("internal", (), Phase.REQUESTED),
        ("internal", (ONE,), Phase.APPROVED),
        ("confidential", (ONE,), Phase.REQUESTED),
        ("confidential", (ONE, TWO), Phase.APPROVED),
        ("confidential", (ONE, TWO, THREE), Phase.APPROVED),
        # Whatever the API server let through.
        ("internal", (REQUESTER,), Phase.REQUESTED),
        ("confidential", (ONE, REQUESTER), Phase.REQUESTED),
        ("confidential", (ONE, ONE), Phase.REQUESTED),
        ("internal", ("",), Phase.REQUESTED),
    ],
)
def test_as_many_others_as_must(
    classification: str, approved: tuple[str, ...], phase: Phase
) -> None:
    found = decide(asked(*approved), sandbox(classification=classification), RULES)
    assert found.phase is phase, found


def test_neither_who_asks_nor_whose_sandbox_it_is_counts() -> None:
    assert reviewers(asked(REQUESTER, ONE, TWO, requester=TWO), sandbox()) == (ONE,)


def test_an_approval_of_what_was_there_before_does_not_count() -> None:
    found = decide(asked(ONE, TWO, uid=UID.replace("2", "3")), sandbox(), RULES)
    assert found.phase is Phase.REQUESTED


def test_a_no_is_stronger_than_every_yes() -> None:
    found = decide(asked(ONE, TWO, no=NO), sandbox(), RULES)
    assert (found.phase, found.because) == (Phase.REJECTED, NO.reason)


def test_a_classification_that_the_rules_do_not_know_needs_somebody() -> None:
    assert required(sandbox(), RULES.__class__({}, RULES.longest_life, RULES.profiles)) == 1
