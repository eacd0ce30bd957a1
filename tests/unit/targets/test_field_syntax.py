"""Values of fields are errors exactly if bake rejects them; an engine test compares the lists."""

import json
from pathlib import Path

import pytest
from support.field_values import ACCEPTED, REJECTED, WITHOUT_BUILDER

from compiler.errors import CompileError
from compiler.pipeline import compile_matrix


def messages(folder: Path, field: str, value: object) -> list[str]:
    """Return the errors of a matrix with this value of a field."""
    (folder / "context").mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    image = {"dockerfile": "Dockerfile", "context": "context", field: value}
    (folder / "matrix.yaml").write_text(json.dumps({"images": {"i": image}}))
    try:
        compile_matrix(folder / "matrix.yaml")
    except CompileError as error:
        return [diagnostic.message for diagnostic in error.diagnostics]
    return []


@pytest.mark.parametrize("field", ACCEPTED)
def test_accepted_values_are_valid(tmp_path: Path, field: str) -> None:
    """What bake accepts is not an error."""
    values = (*ACCEPTED[field], *WITHOUT_BUILDER.get(field, ()))
    found = {str(value): messages(tmp_path, field, value) for value in values}

    assert {value: errors for value, errors in found.items() if errors} == {}


@pytest.mark.parametrize("field", REJECTED)
def test_rejected_values_are_errors(tmp_path: Path, field: str) -> None:
    """What bake rejects is one error, which names the field."""
    for value in REJECTED[field]:
        [message] = messages(tmp_path, field, value)
        assert f"`{field}`" in message
