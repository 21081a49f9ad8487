"""kube-bench's verdicts: read from what it really prints, and compared with the list both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policies.controls import claims
from policies.controls.catalogue import controls
from tests.live.support import kube_bench
from tests.live.support.kube_bench import Known, Verdict

#: As kube-bench 0.15.6 printed it over files and processes as the lab's roles make them; cut to
#: four results.
PRINTED = json.dumps(
    {
        "Controls": [
            {
                "id": "1",
                "version": "cis-1.12",
                "detected_version": "1.18",
                "text": "Control Plane Security Configuration",
                "node_type": "master",
                "tests": [
                    {
                        "section": "1.1",
                        "type": "",
                        "pass": 19,
                        "fail": 1,
                        "warn": 2,
                        "info": 0,
                        "desc": "Control Plane Node Configuration Files",
                        "results": [
                            {
                                "test_number": "1.1.11",
                                "test_desc": "Ensure that the etcd data directory permissions ...",
                                "audit": "DATA_DIR=''",
                                "AuditEnv": "",
                                "AuditConfig": "",
                                "type": "",
                                "remediation": "",
                                "test_info": [""],
                                "status": "PASS",
                                "actual_value": "permissions=700",
                                "scored": True,
                                "IsMultiple": False,
                                "expected_result": "permissions has permissions 700, ...",
                            },
                            {
                                "test_number": "1.1.12",
                                "test_desc": "Ensure that the etcd data directory ownership ...",
                                "audit": "DATA_DIR=''",
                                "AuditEnv": "",
                                "AuditConfig": "",
                                "type": "",
                                "remediation": "",
                                "test_info": [""],
                                "status": "FAIL",
                                "actual_value": "root:root\n",
                                "scored": True,
                                "IsMultiple": False,
                                "expected_result": "'etcd:etcd' is present",
                            },
                        ],
                    }
                ],
                "total_pass": 53,
                "total_fail": 1,
                "total_warn": 6,
                "total_info": 0,
            },
            {
                "id": "4",
                "version": "cis-1.12",
                "detected_version": "1.18",
                "text": "Worker Node Security Configuration",
                "node_type": "node",
                "tests": [
                    {
                        "section": "4.3",
                        "type": "",
                        "pass": 0,
                        "fail": 1,
                        "warn": 0,
                        "info": 0,
                        "desc": "kube-proxy",
                        "results": [
                            {
                                "test_number": "4.3.1",
                                "test_desc": "Ensure that the kube-proxy metrics service ...",
                                "audit": "/bin/ps -fC $proxybin",
                                "AuditEnv": "",
                                "AuditConfig": "/bin/sh -c '...'",
                                "type": "",
                                "remediation": "",
                                "test_info": [""],
                                "status": "FAIL",
                                "actual_value": "",
                                "scored": True,
                                "IsMultiple": False,
                                "expected_result": "",
                                "reason": 'failed to run: "/bin/ps -fC proxy"',
                            },
                            {
                                "test_number": "3.1.1",
                                "test_desc": "Client certificate authentication ...",
                                "audit": "",
                                "AuditEnv": "",
                                "AuditConfig": "",
                                "type": "manual",
                                "remediation": "",
                                "test_info": [""],
                                "status": "WARN",
                                "actual_value": "",
                                "scored": False,
                                "IsMultiple": False,
                                "expected_result": "",
                                "reason": "Test marked as a manual test",
                            },
                        ],
                    }
                ],
                "total_pass": 0,
                "total_fail": 1,
                "total_warn": 1,
                "total_info": 0,
            },
        ],
        "Totals": {"total_pass": 53, "total_fail": 2, "total_warn": 7, "total_info": 0},
    }
)
LISTED = {
    "1.1.12": Known("1.1.12", "FAIL", ("control-plane",), "etcd has no account"),
    "4.3.1": Known("4.3.1", "FAIL", ("control-plane", "worker"), "no kube-proxy"),
}


def test_what_it_prints_is_read() -> None:
    found = kube_bench.parse(PRINTED)
    assert found["1.1.11"] == Verdict("1.1.11", "PASS", False, "permissions=700")
    assert found["1.1.12"] == Verdict("1.1.12", "FAIL", False, "root:root")
    assert found["4.3.1"].why == 'failed to run: "/bin/ps -fC proxy"'
    assert found["3.1.1"].manual


def test_a_section_of_which_nothing_was_asked_has_no_verdicts() -> None:
    document = json.loads(PRINTED)
    document["Controls"][0]["tests"] = None
    assert "1.1.11" not in kube_bench.parse(json.dumps(document))


@pytest.mark.parametrize("text", ["", "{}", "[]", "error: no benchmark"])
def test_what_is_no_run_is_no_verdict(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        kube_bench.parse(text)


def test_a_control_that_is_judged_twice_is_an_error() -> None:
    document = json.loads(PRINTED)
    document["Controls"].append(document["Controls"][0])
    with pytest.raises(ValueError, match=r"1\.1\.11 is judged twice"):
        kube_bench.parse(json.dumps(document))


def test_the_list_is_compared_both_ways() -> None:
    found = kube_bench.parse(PRINTED)
    assert kube_bench.differences("control-plane", found, LISTED) == []
    # Seeded: something else fails, what is listed passes, what is listed was not judged.
    worse: dict[str, Any] = {**found, "1.1.11": Verdict("1.1.11", "FAIL", False, "777")}
    assert kube_bench.differences("control-plane", worse, LISTED) == [
        "1.1.11 is FAIL, not PASS: 777"
    ]
    better = {**found, "1.1.12": Verdict("1.1.12", "PASS", False, "etcd:etcd")}
    assert kube_bench.differences("control-plane", better, LISTED) == [
        "1.1.12 is PASS, not FAIL: etcd:etcd"
    ]
    less = {key: one for key, one in found.items() if key != "4.3.1"}
    assert kube_bench.differences("control-plane", less, LISTED) == [
        "4.3.1 is listed and was not judged"
    ]


def test_a_reason_holds_for_its_machines_only() -> None:
    found = {"1.1.12": kube_bench.parse(PRINTED)["1.1.12"]}
    listed = {"1.1.12": LISTED["1.1.12"]}
    assert kube_bench.differences("worker", found, listed) == [
        "1.1.12 is FAIL, not PASS: root:root"
    ]


def test_what_is_left_to_people_is_known() -> None:
    found = {"1.2.3": Verdict("1.2.3", "WARN", True, "")}
    assert kube_bench.differences("worker", found, {}) == [
        "1.2.3 is new among what is left to people"
    ]


def test_the_list_itself() -> None:
    listed = kube_bench.known()
    assert listed
    for one in listed.values():
        assert f"CIS-K8S-{one.control}" in controls(), one.control
        assert one.says in ("FAIL", "WARN")
        assert set(one.roles) <= kube_bench.TARGETS.keys()
        assert one.roles
        assert len(one.because) > 10


def test_no_control_is_claimed_by_a_verdict_that_is_not_passed() -> None:
    not_passed = {*kube_bench.known(), *kube_bench.MANUAL}
    for id_, claim in claims.claims().items():
        for check in claim.checks:
            if check.startswith("judges.kube-bench"):
                number = id_.removeprefix("CIS-K8S-")
                assert check == f"judges.kube-bench[{number}]", f"{id_} is claimed by {check}"
                assert number not in not_passed, f"{id_} is claimed and does not pass"
