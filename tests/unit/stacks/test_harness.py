"""The deploy harness itself: what it must not let through."""

from __future__ import annotations

import pulumi
import pytest

from tests.harness.deploy import deploy


class Thing(pulumi.CustomResource):
    made: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("test:index:Thing", name, {"made": None}, opts)


COMPUTED = {"test:index:Thing": lambda name, _: {"made": f"{name}!"}}


def test_an_error_in_an_apply_fails_the_deployment() -> None:
    def program() -> None:
        def fail(_: str) -> str:
            raise ZeroDivisionError

        Thing("one").made.apply(fail)

    with pytest.raises(ZeroDivisionError):
        deploy(program, computed=COMPUTED)


def test_an_output_in_a_string_fails_the_deployment() -> None:
    def program() -> None:
        pulumi.export("said", f"{Thing('one').made}")

    with pytest.raises(Exception, match="not supported"):
        deploy(program, computed=COMPUTED)


def test_options_are_told() -> None:
    def program() -> None:
        one = Thing("one")
        two = Thing(
            "two",
            pulumi.ResourceOptions(
                parent=one, deleted_with=one, replacement_trigger=one.made, protect=True
            ),
        )
        pulumi.export("made", two.made)

    deployment = deploy(program, computed=COMPUTED)
    one, two = deployment.named("one"), deployment.named("two")
    assert two.parent == two.deleted_with == one.urn
    assert two.replacement_trigger == "one!"
    assert two.protect
    assert deployment.exports == {"made": "two!"}
    assert deployment.waits_for(two) == {"one"}
