"""Synthetic sea surface temperature (SST) files of a scene: packed temperatures, quality flags.

The layout is that of real ABI-L2-SSTF files as public readers know it: `SST` uint16, scale 0.00244163,
offset 180, fill value 65535; `DQF` bytes. The valid range is inferred: it ends where 340 K do. A crop
of the CONUS grid stands for the disk. Attributes that no reader uses are left out.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ingest.synthetic import encode
from ingest.synthetic.encode import Shape, Times
from ingest.synthetic.imager import CLEAR, PROBABLY_CLEAR, PROBABLY_CLOUDY
from ingest.synthetic.scene import Scene

PRODUCT = "ABI-L2-SSTF"
SCALE, OFFSET, FILL = 0.00244163, 180.0, 65535
VALID = (0, 65530)
GOOD, DEGRADED, SEVERELY_DEGRADED, UNPROCESSED = range(4)

_MEANINGS = (
    "good_quality_qf degraded_quality_qf severely_degraded_quality_qf invalid_due_to_unprocessed_qf"
)


@dataclass(frozen=True, slots=True, eq=False)
class SstImage:
    """The sea surface temperature of one scan; arrays (Y, X)."""

    counts: NDArray[np.uint16]
    dqf: NDArray[np.uint8]
    """0 good, 1 degraded, 2 severely degraded, 3 land or cloud, 255 off the Earth."""


def sst_image(scene: Scene) -> SstImage:
    """The product over water; clouds degrade it, thick ones hide it."""
    landscape = scene.landscape
    limits = (CLEAR, PROBABLY_CLEAR, PROBABLY_CLOUDY)
    dqf = np.where(landscape.land, UNPROCESSED, np.digitize(scene.cloud, limits))
    dqf = np.where(landscape.on_earth, dqf, 255).astype(np.uint8)
    kelvin = scene.skin - 10 * scene.cloud
    counts = np.rint((kelvin - OFFSET) / SCALE).clip(*VALID)
    return SstImage(np.where(dqf < UNPROCESSED, counts, FILL).astype(np.uint16), dqf)


def sst_file(image: SstImage, times: Times) -> bytes:
    """A whole ABI-L2-SSTF file."""
    rows, columns = image.counts.shape
    values: dict[str, ArrayLike] = {"SST": image.counts, "DQF": image.dqf.view(np.int8)}
    return encode.fill_blank(
        _blank((rows, columns)), values, times, encode.file_name(times, PRODUCT)
    )


@cache
def _blank(shape: Shape) -> bytes:
    """A file without images."""
    with encode.blank_file() as file:
        title = "ABI L2+ Sea Surface (Skin) Temperature"
        encode.write_frame(file, shape, 1, title, "L2", "Full Disk")
        packing = encode.float_attributes({"scale_factor": SCALE, "add_offset": OFFSET})
        valid = {"valid_range": np.array(VALID, np.uint16)}
        attributes = {"long_name": title, "units": "K"}
        encode.create_image(file, "SST", "uint16", FILL, attributes | valid | packing)
        attributes = {"long_name": f"{title} data quality flags", "_Unsigned": "true"}
        flags = encode.flag_attributes("int8", (0, 3), range(4), _MEANINGS)
        encode.create_image(file, "DQF", "int8", -1, attributes | flags)
        encode.write_version(file, "OR_ABI-L2-ALG-SST", "v01r00")
        file.flush()
        return bytes(file.id.get_file_image())
