from __future__ import annotations

from pathlib import Path

import pytest

from infra import config
from infra.cli import configuration_reference as reference


def test_the_page_is_what_the_models_say() -> None:
    assert reference.PAGE.read_text() == reference.page(), (
        "run `python -m infra.cli.configuration_reference`"
    )


def test_the_page_names_every_key_of_every_model() -> None:
    page = reference.page()
    models = [
        model
        for model in vars(config).values()
        if isinstance(model, type) and issubclass(model, config.Model) and model is not config.Model
    ]
    for model in models:
        for key in model.model_fields:
            assert f"| `{key}` |" in page


def test_main_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "PAGE", tmp_path / "docs" / "configuration.md")
    reference.main()
    assert reference.PAGE.read_text() == reference.page()
