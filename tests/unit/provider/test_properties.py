from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from infra.plugins.values import UNKNOWN
from infra.provider import properties


class Inner(BaseModel, extra="forbid"):
    port: Annotated[int, Field(ge=1)]


class Model(BaseModel):
    name: Annotated[str, Field(pattern="^[a-z]+$")]
    low_port: Annotated[int, Field(alias="lowPort")] = 1
    inner: Inner | None = None
    tags: Annotated[list[str], Field(default_factory=list)]
    limits: dict[str, Inner] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.low_port > 100:
            raise ValueError("lowPort is above 100")
        return self


def faults(news: dict[str, Any]) -> dict[str, str]:
    checked = properties.check(Model, news)
    return {failure.property: failure.reason for failure in checked.failures}


def test_defaults_are_filled_in_under_pulumis_names() -> None:
    checked = properties.check(Model, {"name": "a", "inner": {"port": 2}})
    assert checked.inputs == {
        "name": "a",
        "lowPort": 1,
        "inner": {"port": 2},
        "tags": [],
        "limits": {},
    }
    assert checked.failures == []


def test_every_fault_is_named_by_its_property() -> None:
    news = {
        "name": "A",
        "lowPort": "x",
        "inner": {"port": 0, "prot": 1},
        "limits": {"a.b": {"port": 0}},
        "other": 1,
    }
    found = faults(news)
    assert set(found) == {
        "name",
        "lowPort",
        "inner.port",
        "inner.prot",
        'limits["a.b"].port',
        "other",
    }
    assert "known are inner, limits, lowPort, name, tags" in found["other"]


def test_a_missing_property() -> None:
    assert faults({}) == {"name": "is missing"}
    assert faults({"name": None}) == {"name": "is missing"}


def test_what_concerns_several_properties() -> None:
    assert faults({"name": "a", "lowPort": 101}) == {"": "lowPort is above 100"}


def test_what_is_not_known_yet_is_let_through_and_the_rest_is_checked() -> None:
    checked = properties.check(Model, {"name": UNKNOWN, "inner": {"port": UNKNOWN}, "lowPort": "x"})
    assert [failure.property for failure in checked.failures] == ["lowPort"]
    assert checked.inputs["name"] is UNKNOWN
    assert checked.inputs["inner"] == {"port": UNKNOWN}
    assert properties.check(Model, {"name": UNKNOWN, "lowPort": 101}).failures == []


def test_a_fault_does_not_show_the_value() -> None:
    assert "canary" not in str(faults({"name": "CANARY", "inner": "canary"})).lower()
