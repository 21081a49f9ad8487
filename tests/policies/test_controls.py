"""What is claimed for controls: each stands somewhere, and nothing is claimed that is not there."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import pytest

from policies.audit import Audited, Fault, Stand
from policies.audit import Standing as AuditStanding
from policies.controls import claims as claiming
from policies.controls.catalogue import CATALOGUES, DATA, by_number, controls
from policies.controls.claims import Claim, Served, Server
from policies.controls.code import Code, all_tests, base, existing, live_checks
from policies.controls.standing import (
    Evidence,
    Outcome,
    Result,
    Standing,
    State,
    of_audit,
    of_audited,
    of_verify,
    standings,
)
from policies.registry import all_rules
from policies.rule import Place, Rule

CODE = existing()
CLAIMS = claiming.claims()
NOW = claiming.serving(CLAIMS, CODE)
PASSED = Result(Outcome.PASSED)
SERVERS = sorted({server for servers in NOW.values() for server in servers})
GREEN = Evidence(
    dict.fromkeys(CODE.rules, PASSED),
    dict.fromkeys((one.id for one in SERVERS if one.by == "check"), PASSED),
)


def stand(
    code: Code = CODE, evidence: Evidence = GREEN, accepted: Served = NOW
) -> dict[str, Standing]:
    return {row.control.id: row for row in standings(CLAIMS, code, accepted, evidence)}


def without(server: Server) -> Code:
    """The code after something was deleted."""
    rules = {id_: rule for id_, rule in CODE.rules.items() if server != Server("rule", id_)}
    return dataclasses.replace(
        CODE,
        rules=rules,
        checks=CODE.checks - ({base(server.id)} if server.by == "check" else set()),
        tests=CODE.tests - ({server.id} if server.by == "test" else set()),
    )


def test_catalogues_are_whole() -> None:
    found = [one.catalogue for one in controls().values()]
    assert {name: found.count(name) for name in CATALOGUES} == {
        "satre": 185,
        "ai-act": 75,
        "eudpr": 41,
        "cybersecurity": 24,
        "cis-kubernetes": 130,
    }
    assert all(one.duty and one.title and one.number for one in controls().values())


@pytest.mark.parametrize("rule", all_rules().values(), ids=lambda rule: rule.id)
def test_every_rule_names_controls_that_exist(rule: Rule) -> None:
    assert rule.controls, "a rule that serves nothing needs no place here"
    assert set(rule.controls) <= controls().keys(), "ids are those of policies/controls/data"
    assert len(set(rule.controls)) == len(rule.controls)
    out = [id_ for id_ in rule.controls if CLAIMS.get(id_, Claim()).out]
    assert not out, f"claims.yaml says that {out} are out of scope: take them out of there"


def test_every_control_has_one_standing() -> None:
    """Served, out of scope, or planned; and what is out of scope is served by nothing."""
    for id_ in controls():
        claim = CLAIMS.get(id_, Claim())
        served = bool(NOW[id_]) and not claim.out and not claim.planned
        assert [served, bool(claim.out), bool(claim.planned)].count(True) == 1, (
            f"{id_}: nothing serves it, and claims.yaml does not say why"
        )
        assert not (claim.out and NOW[id_]), f"{id_} is out of scope, and yet served"


def test_nothing_is_claimed_that_does_not_exist() -> None:
    found = {id_: claiming.missing(id_, claim, CODE) for id_, claim in CLAIMS.items()}
    assert {id_: faults for id_, faults in found.items() if faults} == {}


def test_what_serves_controls_is_what_was_accepted() -> None:
    expected = claiming.written(NOW)
    assert expected == claiming.SERVED.read_text(), (
        "rules, checks or claims changed: look at what `python -m policies.reference` changes in "
        "policies/controls/data/served.csv, and commit it"
    )


def test_what_is_served_is_satisfied_when_everything_passed() -> None:
    states = {row.state for id_, row in stand().items() if row.servers and not row.planned}
    assert State.NOT_SATISFIED not in states
    assert State.SATISFIED in states
    for row in stand().values():
        if any(one.by != "test" for one in row.servers) and not row.planned:
            assert row.state is State.SATISFIED, row


@pytest.mark.parametrize("server", SERVERS, ids=lambda one: f"{one.by}-{one.id}")
def test_what_is_deleted_turns_its_controls(server: Server) -> None:
    """With everything else green, whatever else serves them; and accepting the deletion does not
    save what nothing else serves.
    """
    code = without(server)
    rows, forgotten = stand(code), stand(code, accepted={})
    for id_, servers in NOW.items():
        if server in servers:
            assert rows[id_].state is State.NOT_SATISFIED
            assert any(server.id in why for why in rows[id_].because)
        if servers == {server}:
            assert forgotten[id_].state is State.NOT_SATISFIED


def test_a_failure_turns_its_controls() -> None:
    failing = dataclasses.replace(
        GREEN, checks={**GREEN.checks, "cluster.tls": Result(Outcome.FAILED, "port 6443")}
    )
    row = stand(evidence=failing)["SATRE-2.8.02"]
    assert row.state is State.NOT_SATISFIED
    assert "check cluster.tls failed: port 6443" in row.because


def test_what_was_skipped_or_not_asked_is_not_called_satisfied() -> None:
    skipped = Result(Outcome.SKIPPED, "no dm-crypt")
    for checks, why in (
        ({**GREEN.checks, "hosts.disk-encryption": skipped}, "was skipped: no dm-crypt"),
        (
            {k: v for k, v in GREEN.checks.items() if k != "hosts.disk-encryption"},
            "check hosts.disk-encryption was not asked",
        ),
    ):
        row = stand(evidence=dataclasses.replace(GREEN, checks=checks))["EUDPR-33.1a-rest"]
        assert row.state is State.IN_PLACE
        assert any(why in one for one in row.because)
    assert State.SATISFIED not in {row.state for row in stand(evidence=Evidence()).values()}


def test_results_of_commands() -> None:
    document = {
        "checks": [
            {"id": "hosts.ssh[a]", "area": "hosts", "outcome": "passed", "message": ""},
            {"id": "hosts.ssh[b]", "area": "hosts", "outcome": "failed", "message": "open"},
            {"id": "hosts.time[a]", "area": "hosts", "outcome": "passed", "message": ""},
            {"id": "hosts.time[b]", "area": "hosts", "outcome": "skipped", "message": "container"},
            {"id": "vault.raft", "area": "vault", "outcome": "passed", "message": ""},
        ]
    }
    found = of_verify(document)
    assert found["hosts.ssh[a]"] == PASSED
    assert {id_: result for id_, result in found.items() if "[" not in id_} == {
        "hosts.ssh": Result(Outcome.FAILED, "open"),
        "hosts.time": Result(Outcome.SKIPPED, "container"),
        "vault.raft": PASSED,
    }
    assert of_audit({"a": "passed", "b": "failed"}) == {"a": PASSED, "b": Result(Outcome.FAILED)}
    with pytest.raises(ValueError, match="green"):
        of_audit({"a": "green"})


def test_cautions_are_carried() -> None:
    with (DATA / "law.csv").open(newline="") as file:
        medium = {row["id"] for row in csv.DictReader(file) if row["confidence"] == "medium"}
    assert len(medium) > 20
    assert all("confidence medium" in controls()[id_].marks for id_ in medium)
    dated = {id_ for id_, one in controls().items() if any("2027" in m for m in one.marks)}
    articles = {id_.split(".")[0] for id_ in dated}
    assert articles == {
        *(f"AIA-{n}" for n in (9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 26, 27)),
        "AIA-IV",
    }
    assert controls()["SATRE-1.7.02"].marks == ("only where personal data is held",)
    assert all(CLAIMS[id_].out for id_ in controls() if id_.startswith("SATRE-5."))


def test_what_claims_may_not_say(tmp_path: Path) -> None:
    empty: dict[str, list[object]] = {"out_of_scope": [], "planned": [], "served": []}
    out = {"because": "so", "controls": ["SATRE-1.1.01"]}
    later = {"missing": "that", "controls": ["SATRE-1.1.01"]}
    served = {"checks": ["x"], "controls": ["SATRE-1.1.01"]}
    cases: list[tuple[dict[str, list[object]], str]] = [
        ({"out_of_scope": [out], "planned": [later]}, "claimed twice"),
        ({"out_of_scope": [out], "served": [served]}, "out of scope"),
        ({"planned": [{"missing": "x", "controls": ["SATRE-9"]}]}, "no control SATRE-9"),
    ]
    for number, (wrong, why) in enumerate(cases):
        file = tmp_path / f"{number}.yaml"
        file.write_text(str({**empty, **wrong}))
        with pytest.raises(ValueError, match=why):
            claiming.claims(file)


def test_a_check_may_carry_the_number_of_its_control(tmp_path: Path) -> None:
    """One line for all that one judge serves, each by a case of its own."""
    served = {"checks": ["judge[{number}]"], "controls": ["CIS-K8S-1.1.11", "CIS-K8S-1.1.14"]}
    file = tmp_path / "claims.yaml"
    file.write_text(str({"out_of_scope": [], "planned": [], "served": [served]}))
    found = claiming.claims(file)
    assert found["CIS-K8S-1.1.11"].checks == ("judge[1.1.11]",)
    assert found["CIS-K8S-1.1.14"].checks == ("judge[1.1.14]",)


def test_checks_and_tests_are_found_in_their_files(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "import pytest\n\n\n"
        '@pytest.mark.check(id="a.b", area="a")\n'
        '@pytest.mark.parametrize("x", [1])\n'
        "def test_one(x): ...\n\n\n"
        "def test_two(): ...\n"
    )
    assert live_checks(tmp_path) == {"a.b"}
    assert all_tests(tmp_path, tmp_path) == {"test_a.py::test_one", "test_a.py::test_two"}
    code = Code({}, frozenset(("a.b", "a.c")), frozenset())
    assert code.checks_like("a.*") == ["a.b", "a.c"]
    assert code.checks_like("a.b[case]") == ["a.b[case]"]
    assert code.checks_like("a.b*case*") == ["a.b*case*"]
    assert code.checks_like("a.d*case*") == []


def test_of_a_check_with_cases_those_count_that_are_meant() -> None:
    evidence = Evidence(checks={"a[x-one]": PASSED, "a[y]": Result(Outcome.FAILED)})
    assert evidence.of(Server("check", "a*x-*")) == PASSED
    assert evidence.of(Server("check", "a[y]")) == Result(Outcome.FAILED)
    assert evidence.of(Server("check", "a*")) == Result(Outcome.FAILED)
    assert evidence.of(Server("check", "a*z*")) is None


def test_of_an_audit_the_last_place_counts() -> None:
    rule = next(iter(all_rules().values()))
    holds, not_here = AuditStanding(Stand.HOLDS), AuditStanding(Stand.NOT_HERE)
    nothing = AuditStanding(Stand.NOTHING, because="Nobody looked.")
    broken = AuditStanding(Stand.BROKEN, (Fault("Pod a/b", "runs as root"),))
    for places, expected in (
        ((holds, holds, holds), PASSED),
        ((holds, not_here, not_here), PASSED),
        ((holds, not_here, nothing), Result(Outcome.SKIPPED, "Nobody looked.")),
        ((holds, broken, holds), Result(Outcome.FAILED, "Pod a/b: runs as root")),
    ):
        audited = Audited(rule, dict(zip(Place, places, strict=True)))
        assert of_audited([audited]) == {rule.id: expected}


def test_numbers_are_sorted_as_numbers() -> None:
    assert sorted(["5.2.10", "5.2.9", "5.10"], key=by_number) == ["5.2.9", "5.2.10", "5.10"]
