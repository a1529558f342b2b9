"""How a training is shown while it runs."""

import io
import json
from dataclasses import dataclass, field
from types import SimpleNamespace

from PIL import Image

from jobs.embedding import live_training, loss_curve
from jobs.embedding.live_training import LiveTraining
from jobs.embedding.train import CurvePoint
from lake.storage.connect import connect

TRAIN = {"infonce": 1.0, "vicreg": 2.0, "loss": 3.0}
HELD_OUT = {"infonce": 1.5, "vicreg": 2.5, "loss": 4.0}
CURVE = [CurvePoint(step, TRAIN, HELD_OUT) for step in (1, 2)]


@dataclass
class StepState:
    step: int
    curve: list = field(default_factory=list)


def test_training_under_way_has_its_rate_and_its_curve_in_the_lake(tmp_path, monkeypatch):
    clock = iter([100.0, 102.0, 110.0, 110.0])
    monkeypatch.setattr(live_training, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    live = LiveTraining(connect(tmp_path), "embed-1", 20, 140)
    live.show(StepState(24, CURVE))
    assert list(tmp_path.iterdir()) == []  # two seconds after the last time
    live.show(StepState(40, CURVE))
    document = json.loads((tmp_path / "progress.json").read_text())
    assert (document["done"], document["total"]) == (40, 140)
    assert (document["per_second"], document["seconds_left"]) == (2.0, 50.0)
    assert document["detail"] == (
        "loss 3 (held out 4), infonce 1 (held out 1.5), vicreg 2 (held out 2.5)"
    )
    lines = (tmp_path / "loss.jsonl").read_text().splitlines()
    assert [json.loads(line)["held_out"]["vicreg"] for line in lines] == [2.5, 2.5]
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_write_that_takes_long_puts_off_the_next(tmp_path, monkeypatch):
    clock = iter([0.0, 5.0, 6.0, 25.0, 26.1, 26.1])
    monkeypatch.setattr(live_training, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    live = LiveTraining(connect(tmp_path), "embed-1", 0, 100)
    steps = []
    for step in (10, 20, 30):  # at 5, 25 and 26.1 s; the first write takes one second
        live.show(StepState(step, CURVE))
        steps.append(json.loads((tmp_path / "progress.json").read_text())["done"])
    assert steps == [10, 10, 30]


def test_picture_has_a_panel_for_the_loss_and_for_each_of_several_terms():
    alone = [CurvePoint(1, {"mse": 1.0, "loss": 1.0}, None)]
    widths = [
        Image.open(io.BytesIO(loss_curve.picture(curve, "title"))).width for curve in (alone, CURVE)
    ]
    assert widths == [450, 1350]


def test_curve_without_points_says_nothing():
    assert loss_curve.newest([]) == ""
