"""Synthetic clear-sky mask (ACM) files of a scene: cloud mask in two and in four steps, quality flags.

The layout is that of real ABI-L2-ACMC files as public readers know it: `BCM`, `ACM` and `DQF` are bytes
with `_Unsigned` and the fill value 255. Attributes that no reader uses are left out.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ingest.synthetic import encode
from ingest.synthetic.encode import Shape, Times
from ingest.synthetic.imager import CLEAR, PROBABLY_CLEAR, PROBABLY_CLOUDY
from ingest.synthetic.scene import Scene

PRODUCT = "ABI-L2-ACMC"
FILL = 255
LARGEST_ZENITH = 70
"""Beyond this angle, in degrees, the mask is of degraded quality."""
BAD_SHARE = 0.01
"""Share of the pixels for which tests of band 2 failed."""

_FAULTS = 5
"""Number of the random stream of a seed."""
_MEANINGS = {
    "BCM": "clear_or_probably_clear cloudy_or_probably_cloudy",
    "ACM": "clear probably_clear probably_cloudy cloudy",
    "DQF": "good_quality_qf invalid_due_to_not_geolocated_or_algorithm_non_execution_qf "
    "degraded_due_to_LZA_threshold_exceeded_qf "
    "invalid_due_to_bad_or_missing_input_band_14_brightness_temperature_qf "
    "degraded_due_to_bad_input_band_7_pixel_qf degraded_due_to_failed_band_2_tests_qf "
    "degraded_due_to_other_bad_bands_qf",
}


@dataclass(frozen=True, slots=True, eq=False)
class AcmImage:
    """The clear-sky mask of one scan; arrays (Y, X)."""

    bcm: NDArray[np.uint8]
    """0 clear or probably clear, 1 cloudy or probably cloudy."""
    acm: NDArray[np.uint8]
    """0 clear, 1 probably clear, 2 probably cloudy, 3 cloudy."""
    dqf: NDArray[np.uint8]
    """0 good, 1 not computed, 2 large zenith angle, 5 tests of band 2 failed."""


def acm_image(scene: Scene) -> AcmImage:
    """The clear-sky mask of a scene, of any surface."""
    landscape = scene.landscape
    acm = np.digitize(scene.cloud, (CLEAR, PROBABLY_CLEAR, PROBABLY_CLOUDY)).astype(np.uint8)
    faults = np.random.default_rng(
        [landscape.seed, _FAULTS, scene.when.toordinal(), scene.when.hour]
    )
    dqf = np.where(faults.random(acm.shape) < BAD_SHARE, 5, 0)
    dqf = np.where(landscape.view_zenith > LARGEST_ZENITH, 2, dqf)
    dqf = np.where(landscape.on_earth, dqf, FILL).astype(np.uint8)
    bcm, acm = (np.where(landscape.on_earth, mask, FILL) for mask in (acm >= 2, acm))
    return AcmImage(bcm.astype(np.uint8), acm.astype(np.uint8), dqf)


def acm_file(image: AcmImage, times: Times) -> bytes:
    """A whole ABI-L2-ACMC file."""
    rows, columns = image.bcm.shape
    values = {"BCM": image.bcm, "ACM": image.acm, "DQF": image.dqf}
    signed = {name: flags.view(np.int8) for name, flags in values.items()}
    return encode.fill_blank(
        _blank((rows, columns)), signed, times, encode.file_name(times, PRODUCT)
    )


@cache
def _blank(shape: Shape) -> bytes:
    """A file without images."""
    with encode.blank_file() as file:
        encode.write_frame(file, shape, 1, "ABI L2 Clear Sky Mask", "L2")
        for name, meanings in _MEANINGS.items():
            count = len(meanings.split())
            attributes = {"long_name": f"ABI L2+ Clear Sky Mask {name}", "_Unsigned": "true"}
            flags = encode.flag_attributes("int8", (0, count - 1), range(count), meanings)
            encode.create_image(file, name, "int8", -1, attributes | flags)
        encode.write_version(file, "OR_ABI-L2-ALG-ACM", "v01r00")
        file.flush()
        return bytes(file.id.get_file_image())
