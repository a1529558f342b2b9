"""The command `lake plot`, in this process."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.jobs.small import Truth


def opened(path: Path) -> tuple[int, int]:
    """Width of an image, and its frames."""
    with Image.open(path) as image:
        return image.width, getattr(image, "n_frames", 1)


@pytest.fixture
def inside(truth: Truth, tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAKE_ROOT", str(truth.root))
    return tmp_path


def test_a_key_alone_makes_a_picture(truth, inside, run_lake):
    code, out, err = run_lake("plot", "map", truth.key, "--json")
    assert (code, err) == (0, "")
    printed = json.loads(out)
    assert Path(printed["path"]) == inside / "map.png"
    assert opened(printed["path"])[0] > 500


def test_url_of_a_store_needs_no_lake(truth, inside, run_lake, monkeypatch):
    monkeypatch.delenv("LAKE_ROOT")
    store = f"{truth.root}/{truth.key}"
    code, _, _ = run_lake(
        "plot", "map", store, "--month", "2", "--tod", "18:00", "--minus", "tod=15:00", "--out", "d.pdf"
    )  # fmt: skip
    assert code == 0
    assert (inside / "d.pdf").read_bytes().startswith(b"%PDF-")


def test_film_of_hours(truth, inside, run_lake):
    code, out, _ = run_lake(
        "plot", "map", truth.key, "--animate", "hours", "--dpi", "50", "--statistic", "stddev"
    )
    assert code == 0
    assert "map.gif" in out
    assert opened(inside / "map.gif")[1] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("map", "KEY", "--tod", "3 pm"), 2, "'3 pm' is no time of day: wanted HH:MM"),
        (("map", "KEY", "--tod", "04:00"), 64, "15:00 UTC"),
        (("map", "KEY", "--minus", "year=2020"), 64, "wanted month=1, tod=06:00"),
        (("map", "KEY", "--out", "nowhere/map.png"), 64, "there is no folder"),
        (("map", "KEY", "--out", "map.jpg"), 64, "ends in .png, .pdf, .svg"),
        (("cycle", "KEY", "--point", "32"), 2, "'32' is no place: wanted LON,LAT"),
        (("cycle", "KEY", "--point", "10,10"), 65, "lie in no pixel of"),
        (("run", "pca-000000000000"), 1, "there is no run"),
    ],
)
def test_wrong_use_is_told_with_what_is_right(truth, inside, run_lake, arguments, code, message):
    result, _, err = run_lake(
        "plot", *(truth.key if option == "KEY" else option for option in arguments)
    )
    assert result == code
    assert message in err
    assert not list(inside.iterdir())


def test_cycle_of_two_points(truth, inside, run_lake, small_points):
    code, _, _ = run_lake("plot", "cycle", truth.key, *small_points, "--over", "diurnal")
    assert code == 0
    assert opened(inside / "cycle.png")[0] > 500


@pytest.fixture
def small_points(truth) -> list[str]:
    import lake

    lon, lat = lake.open(f"{truth.root}/{truth.key}").domain.lonlat()
    return [part for i in (0, 40) for part in ("--point", f"{lon[i]},{lat[i]}")]


def test_components_have_charts_and_loops_are_refused_before_the_points(
    inside, run_lake, chain, small_points
):
    for name, arguments in (
        ("scree.png", ("scree", chain.pca)),
        ("loadings.png", ("loadings", chain.pca, "--component", "2")),
        (f"{chain.pca}.png", ("run", chain.pca, "--component", "1")),
    ):
        code, _, err = run_lake("plot", *arguments)
        assert code == 0, err
        assert opened(inside / name)[0] > 400
    code, _, err = run_lake("plot", "loops", chain.pca, "--point", "10,10")
    assert code == 64
    assert "which has no loops: wanted one of 'lake trajectory'" in err
    code, _, err = run_lake("plot", "run", chain.sample)
    assert code == 64
    assert "it has features (sample, feature), sample.parquet" in err


def test_point_elsewhere_is_refused_with_where_the_pixels_are(truth, inside, run_lake):
    code, _, err = run_lake("plot", "cycle", truth.key, "--point", "10,10")
    assert code == 65
    assert "--point 10,10: 1 of 1 points lie in no pixel" in err
    assert "give another point" in err
    assert "outside=" not in err
