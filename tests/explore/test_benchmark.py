"""The benchmark of the explorer, on a lake that is small enough for a test."""

from tests import benchmarks


def test_benchmark_measures_maps_and_clicks(chrome, tmp_path):
    with benchmarks.loaded("explorer") as module:
        module.CUBES = (module.CUBES[0], module.CUBES[3])  # those of few numbers
        module.QUIET_MS = 300
        measured = module.measure(
            chrome, str(tmp_path), pixels=20000, latent=16, clicks=2, repeats=1
        )
    assert abs(measured["pixels"] - 20000) < 10  # some are equally far away
    assert 0 < measured["first_map_s"]["median"] < 60
    assert len(measured["clicks_ms"]) == len(measured["classes_ms"]) == 2
    assert 0 < measured["class_ms"]["median"] < 60_000
    reads = measured["reads"]
    assert 0 < reads["another band"]["bytes"] < reads["first map, with the page"]["bytes"]
    assert 0 < reads["the next pixel, with series"]["bytes"] < 200_000
    assert 0 < measured["series_share"] < 1
    assert 0 < measured["click_ms"]["median"] <= measured["click_ms"]["most"]
