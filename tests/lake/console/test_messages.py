import json
from datetime import date
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from lake.console.messages import emit, json_text


def strictly(text: str):
    """The document that a parser reads which refuses NaN and Infinity, as browsers' and jq's do."""

    def refuse(constant: str):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_numbers_that_json_lacks_become_null():
    document = {"west": float("nan"), "bounds": [float("inf"), (-float("inf"), 1.5)], "count": 3}
    assert strictly(json_text(document)) == {
        "west": None,
        "bounds": [None, [None, 1.5]],
        "count": 3,
    }


def test_numbers_and_arrays_of_numpy_stay_numbers():
    document = [
        np.float32(0.5),
        np.float64("nan"),
        np.float32("nan"),
        np.int64(7),
        np.array([1.0, np.nan]),
    ]
    assert strictly(json_text(document)) == [0.5, None, None, 7, [1.0, None]]


def test_other_types_become_their_text():
    document = MappingProxyType(
        {"day": date(2020, 7, 1), "path": Path("a/b"), "is_live": True, "no": None}
    )
    assert strictly(json_text(document)) == {
        "day": "2020-07-01", "path": "a/b", "is_live": True, "no": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("as_json", "out"), [(True, '{\n "pixels": 0\n}\n'), (False, "no pixel\n")]
)
def test_result_is_one_document_or_text_on_stdout(capsys, as_json, out):
    emit({"pixels": 0}, "no pixel", as_json=as_json)
    assert capsys.readouterr() == (out, "")
