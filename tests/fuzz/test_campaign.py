"""Some hundred inputs of each kind; `python -m tests.fuzz.campaign` reads as many as one likes."""

import pytest

from tests.fuzz import campaign

INPUTS = {
    "places": 300,
    "legacy_pickles": 400,
    "listings": 200,
    "polygons": 300,
    "granules": 200,
    "documents": 100,
    "answers": 10,
}


@pytest.mark.parametrize("kind", campaign.SHARES)
def test_every_wrong_input_is_read_or_refused_by_name(kind):
    tally = campaign.run(kind, 15, range(INPUTS[kind]))
    assert tally.findings == []
    assert tally.refused > 0
    assert tally.inputs == INPUTS[kind]


def test_error_that_is_none_of_ours_and_a_file_outside_are_findings(tmp_path):
    def fail(_random):
        raise KeyError("no message for a user")

    assert campaign._read_one(fail, campaign.Random(0), [])[0].startswith("KeyError at")
    outcome, _ = campaign._read_one(lambda _: None, campaign.Random(0), ["open /escaped"])
    assert outcome == "wrote open /escaped"
