"""The matrix in every format: complete, the same each time, and readable by others."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from policies.controls import oscal, text
from policies.controls.catalogue import controls
from policies.controls.code import existing
from policies.controls.matrix import Matrix, make
from policies.controls.standing import Evidence, Outcome, Result, State

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
CODE = existing()


def judged() -> Matrix:
    """Some passed, one failed, the rest was not asked."""
    checks = dict.fromkeys(CODE.checks, Result(Outcome.PASSED))
    checks["cluster.default-deny"] = Result(Outcome.FAILED, "none in <sandbox-a> | b")
    return make(CODE, Evidence(checks=checks), AT)


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return judged()


@pytest.fixture(scope="module")
def written(matrix: Matrix) -> dict[str, dict[str, Any]]:
    return oscal.documents(matrix)


def test_every_control_is_in_every_format(
    matrix: Matrix, written: dict[str, dict[str, Any]]
) -> None:
    markdown, html = text.markdown(matrix), text.html(matrix)
    in_catalogues = [found["id"] for found in _dicts(written) if "parts" in found]
    required = [
        found["control-id"]
        for found in _dicts(written["component-definition.json"])
        if "implementation" not in found and "control-id" in found
    ]
    assert sorted(in_catalogues) == sorted(required) == sorted(controls())
    for id_ in controls():
        assert f"| {id_} | " in markdown
        assert f'<tr id="{id_}">' in html


def test_cautions_are_published(matrix: Matrix, written: dict[str, dict[str, Any]]) -> None:
    for page in (text.markdown(matrix), text.html(matrix), json.dumps(written)):
        assert "CC BY 4.0" in page
        assert "SATRE specification" in page
        assert "without the text at hand" in page
        assert "2 December 2027" in page
    row = next(line for line in text.markdown(matrix).splitlines() if "| CYB-8.2j |" in line)
    assert "(confidence medium)" in row


def test_the_same_input_gives_the_same_bytes() -> None:
    one, other = judged(), judged()
    assert text.markdown(one) == text.markdown(other)
    assert text.html(one) == text.html(other)
    assert oscal.documents(one) == oscal.documents(other)
    assert make(CODE).time == "2026-11-21T00:00:00+00:00"


def test_a_failure_is_told(matrix: Matrix, written: dict[str, dict[str, Any]]) -> None:
    row = next(row for row in matrix.rows if row.control.id == "CIS-K8S-5.3.2")
    assert row.state is State.NOT_SATISFIED
    assert "none in &lt;sandbox-a> \\| b" in text.markdown(matrix)
    assert "none in &lt;sandbox-a&gt; | b" in text.html(matrix)
    results = written["assessment-results.json"]["assessment-results"]["results"]
    findings = {one["target"]["target-id"]: one for result in results for one in result["findings"]}
    failed = findings["CIS-K8S-5.3.2_smt"]
    assert failed["target"]["status"]["state"] == "not-satisfied"
    assert failed["target"]["status"]["reason"] == "fail"
    assert failed["related-observations"]
    passed = findings["CIS-K8S-1.2.1_smt"]["target"]["status"]
    assert passed == {"state": "satisfied"}
    # What is planned is not satisfied, though nothing failed; what is out of scope is not judged.
    assert findings["AIA-18.1_smt"]["target"]["status"]["reason"] == "other"
    assert "SATRE-5.1.01_smt" not in findings


class _Page(HTMLParser):
    """Remembers what matters to who hears a page instead of seeing it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_can_be_read_by_everybody(matrix: Matrix) -> None:
    page = _Page()
    page.feed(text.html(matrix))
    assert page.open == []
    names = [tag for tag, _ in page.tags]
    assert "script" not in names
    assert names.count("table") == names.count("caption") == 6
    assert all(attributes.get("scope") for tag, attributes in page.tags if tag == "th")
    assert dict(page.tags)["html"] == {"lang": "en"}
    assert not any(
        "src" in given or not (given.get("href") or "#").startswith("#") for _, given in page.tags
    )
    ids = [given["id"] for _, given in page.tags if "id" in given]
    assert len(ids) == len(set(ids))


def _dicts(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _dicts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _dicts(item)


REQUIRED = {
    "catalog": {"uuid", "metadata", "groups"},
    "component-definition": {"uuid", "metadata", "components"},
    "assessment-results": {"uuid", "metadata", "import-ap", "results"},
}
TOKEN = re.compile(r"[A-Za-z_][\w.-]*")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")


def test_oscal_documents_have_what_they_must(written: dict[str, dict[str, Any]]) -> None:
    assert len(written) == 7
    for name, document in written.items():
        ((kind, content),) = document.items()
        assert REQUIRED[kind] <= content.keys(), name
        assert content["metadata"].keys() >= {"title", "last-modified", "version", "oscal-version"}
        assert content["metadata"]["oscal-version"] == "1.1.3"
        ids = [found["uuid"] for found in _dicts(document) if "uuid" in found]
        assert len(ids) == len(set(ids)), name
        assert {uuid.UUID(one).version for one in ids} == {5}
        for found in _dicts(document):
            for key in ("last-modified", "start", "end", "collected"):
                if key in found:
                    assert TIME.fullmatch(found[key])
            for key in ("control-id", "target-id"):
                if key in found:
                    assert TOKEN.fullmatch(found[key])
            if "value" in found:
                assert found["value"] == found["value"].strip() != ""


def test_oscal_references_lead_somewhere(written: dict[str, dict[str, Any]]) -> None:
    definition = written["component-definition.json"]
    sources = [found["source"] for found in _dicts(definition) if "source" in found]
    assert sorted(sources) == sorted(name for name in written if name.startswith("catalog-"))
    statements = {found["id"] for found in _dicts(written) if found.get("name") == "statement"}
    results = written["assessment-results.json"]
    targets = {found["target-id"] for found in _dicts(results) if "target-id" in found}
    assert targets
    assert targets <= statements
    known = {found["uuid"] for found in _dicts(results) if "uuid" in found}
    asked = {found["observation-uuid"] for found in _dicts(results) if "observation-uuid" in found}
    assert asked
    assert asked <= known
    plan = results["assessment-results"]["import-ap"]["href"]
    assert plan.removeprefix("#") in known


def test_another_content_has_another_id() -> None:
    name = "assessment-results.json"
    before = oscal.documents(make(CODE))[name]["assessment-results"]
    after = oscal.documents(judged())[name]["assessment-results"]
    assert before["uuid"] != after["uuid"]
    assert all("observations" not in result for result in before["results"])
