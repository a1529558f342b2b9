"""Encodes synthetic granules as files of the real layout: netCDF-4 by HDF5, names, attributes, packing.

What a reader may depend on is as in real GOES-16 CONUS files: dimension scales, int16 axes with
float32 scale and offset, `_Unsigned`, fill values and valid ranges, chunks of at most 250 x 250,
zlib level 1 without shuffle, scalar calibration variables with -999 where they do not apply, the
version container. Statistics of the image, star looks and names of input files are left out.

A file is a copy of a blank one of its kind, which holds all metadata and is made once a process.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import uuid4

import h5py
import numpy as np
from numpy.typing import ArrayLike

from ingest.abi.abi_file import INVENTED
from ingest.synthetic.imager import (
    CHANNELS,
    LST_FILL,
    LST_OFFSET,
    LST_SCALE,
    LST_VALID,
    Image,
    LstImage,
    kappa0,
)
from ingest.synthetic.landscape import PROJECTION, axes

EPOCH = datetime(2000, 1, 1, 12, tzinfo=UTC)
UNUSED = -999.0
LARGEST_CHUNK = 250
LST_PRODUCT, BAND_PRODUCT = "ABI-L2-LSTC", "ABI-L1b-RadC"

PQI_FIELDS = (3, 12, 16, 32, 192, 768, 1024, 2048, 4096)
"""Masks of the v02 product quality information."""

_MEANINGS = {
    "band": "good_pixel_qf conditionally_usable_pixel_qf out_of_range_pixel_qf no_value_pixel_qf",
    "v01": "good_retrieval_qf valid_input_data_qf invalid_due_to_bad_or_missing_input_data_qf "
    "valid_clear_conditions_qf invalid_due_to_cloudy_conditions_qf valid_LZA_qf "
    "degraded_due_to_LZA_threshold_exceeded_qf valid_land_or_inland_water_surface_type_qf "
    "invalid_due_to_water_surface_type_qf valid_land_surface_temperature_qf "
    "invalid_due_to_out_of_range_land_surface_temperature_qf",
    "v02": "high_quality_retrieval_qf, medium_quality_retrieval_qf, low_quality_retrieval_qf, "
    "no_retrieval_qf",
}

Attributes = Mapping[str, Any]
Shape = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a file, UTC: begin and end of its scan, and creation."""

    start: datetime
    end: datetime
    created: datetime


def file_name(times: Times, product: str, band: str = "") -> str:
    """The name of a product's file; empty band: the product has none."""
    stamps = zip("sec", (times.start, times.end, times.created), strict=True)
    return f"OR_{product}-M6{band}_G16_{'_'.join(letter + _stamp(t) for letter, t in stamps)}.nc"


def band_file(band: str, image: Image, times: Times, distance: float) -> bytes:
    """A whole ABI-L1b-RadC file.

    Args:
        band: `C01`, ...
        image: the counts and flags.
        times: begin and end of the scan, and creation of the file.
        distance: from Earth to sun, astronomical units.
    """
    refinement = CHANNELS[band].refinement
    rows, columns = image.counts.shape
    values: dict[str, ArrayLike] = {
        "Rad": image.counts.view(np.int16),
        "DQF": image.dqf,
        "earth_sun_distance_anomaly_in_AU": distance,
    }
    if CHANNELS[band].kappa0:
        values["kappa0"] = kappa0(band, distance)
    blank = _blank_band(band, (rows // refinement, columns // refinement))
    return fill_blank(blank, values, times, file_name(times, BAND_PRODUCT, band))


def lst_file(image: LstImage, times: Times) -> bytes:
    """A whole ABI-L2-LSTC file."""
    values: dict[str, ArrayLike] = {"LST": image.counts, "DQF": image.dqf}
    if image.pqi is not None:
        values["PQI"] = image.pqi
    rows, columns = image.counts.shape
    return fill_blank(
        _blank_lst(image.version, (rows, columns)), values, times, file_name(times, LST_PRODUCT)
    )


def fill_blank(blank: bytes, values: Mapping[str, ArrayLike], times: Times, name: str) -> bytes:
    """A blank file with its variables, times and name filled in."""
    start, end = ((t - EPOCH).total_seconds() for t in (times.start, times.end))
    texts = {
        "dataset_name": name,
        "date_created": _iso(times.created),
        "time_coverage_start": _iso(times.start),
        "time_coverage_end": _iso(times.end),
    }
    image = h5py.h5f.open_file_image(blank, h5py.h5f.FILE_IMAGE_OPEN_RW)
    with h5py.File(image) as file:
        filling = {**values, "t": (start + end) / 2, "time_bounds": (start, end)}
        for variable, value in filling.items():
            file[variable][...] = value
        _attach(file, texts)
        file.flush()
        return bytes(image.get_file_image())


def blank_file() -> h5py.File:
    """A new file in memory; its name is its own, as HDF5 opens no name twice at once, whatever the thread."""
    return h5py.File(uuid4().hex, "w", driver="core", backing_store=False)


@cache
def _blank_band(band: str, shape: Shape) -> bytes:
    """A file of one band without an image; `shape` is the coarse grid's."""
    channel = CHANNELS[band]
    with blank_file() as file:
        write_frame(file, shape, channel.refinement, "ABI L1b Radiances", "L1b")
        unit = "W m-2 sr-1 um-1" if channel.kappa0 else "mW m-2 sr-1 (cm-1)-1"
        packing = {"scale_factor": channel.scale, "add_offset": channel.offset}
        attributes = {"long_name": "ABI L1b Radiances", "_Unsigned": "true", "units": unit}
        bits = {"sensor_band_bit_depth": np.array([channel.bits], np.int8)}
        valid = {"valid_range": np.array([0, channel.fill - 1], np.int16)}
        create_image(
            file,
            "Rad",
            "int16",
            channel.fill,
            attributes | bits | valid | float_attributes(packing),
        )
        attributes = {"long_name": "ABI L1b Radiances data quality flags", "_Unsigned": "true"}
        create_image(
            file,
            "DQF",
            "int8",
            -1,
            attributes | flag_attributes("int8", (0, 3), range(4), _MEANINGS["band"]),
        )
        file.create_dataset("band", shape=(1,), dtype=">f4").make_scale(_no_variable(1))
        _scalar(file, "band_id", np.array([channel.number], np.int8), {"units": "1"}, "band")
        wavelength = np.array([channel.wavelength_um], np.float32)
        _scalar(file, "band_wavelength", wavelength, {"units": "um"}, "band")
        esun = np.pi / channel.kappa0 if channel.kappa0 else UNUSED
        scalars = {"esun": esun, "kappa0": UNUSED, "earth_sun_distance_anomaly_in_AU": 1.0}
        names = ("planck_fk1", "planck_fk2", "planck_bc1", "planck_bc2")
        scalars |= dict(zip(names, channel.planck or (UNUSED,) * 4, strict=True))
        for name, value in scalars.items():
            _scalar(file, name, np.float32(value), float_attributes({"_FillValue": UNUSED}))
        write_version(file, "OR_ABI-L1b-ALG-COMMON", "v01r00")
        file.flush()
        return bytes(file.id.get_file_image())


@cache
def _blank_lst(version: str, shape: Shape) -> bytes:
    """An LST file without an image."""
    with blank_file() as file:
        write_frame(file, shape, 1, "ABI L2+ Land Surface (Skin) Temperature", "L2")
        attributes = {"long_name": "ABI L2+ Land Surface (Skin) Temperature", "units": "K"}
        valid = {"valid_range": np.array(LST_VALID[version], np.uint16)}
        packing = {"scale_factor": LST_SCALE, "add_offset": LST_OFFSET}
        create_image(
            file, "LST", "uint16", LST_FILL, attributes | valid | float_attributes(packing)
        )
        if version == "v01":
            masks: tuple[int, ...] = (22, 2, 2, 4, 4, 8, 8, 16, 16, 32, 32)
            flags = flag_attributes(
                "uint16", (0, 40), (0, 0, 2, 0, 4, 0, 8, 0, 16, 0, 32), _MEANINGS["v01"]
            )
        else:
            masks = (3, 3, 3, 3)
            flags = flag_attributes("uint16", (0, 3), range(4), _MEANINGS["v02"])
            indicators = {"flag_masks": np.array(PQI_FIELDS, np.uint16)}
            create_image(
                file,
                "PQI",
                "uint16",
                65535,
                {"long_name": "Product quality indicators"} | indicators,
            )
        attributes = {"long_name": "ABI L2+ Land Surface (Skin) Temperature data quality flags"}
        create_image(
            file,
            "DQF",
            "uint16",
            65535,
            attributes | flags | {"flag_masks": np.array(masks, np.uint16)},
        )
        write_version(file, "OR_ABI-L2-ALG-LST", f"{version}r00")
        file.flush()
        return bytes(file.id.get_file_image())


def write_frame(
    file: h5py.File, shape: Shape, refinement: int, title: str, level: str, scene: str = "CONUS"
) -> None:
    """Write what files of every kind have: dimensions, axes, times, projection."""
    resolution = {1: "2km", 2: "1km", 4: "0.5km"}[refinement]
    attributes = {
        "Conventions": "CF-1.7",
        "naming_authority": "gov.nesdis.noaa",
        "title": title,
        "summary": f"{INVENTED}an invented landscape, no observation of the Earth",
        "processing_level": level,
        "platform_ID": "G16",
        "orbital_slot": "GOES-East",
        "scene_id": scene,
        "instrument_ID": "FM1",
        "timeline_id": "ABI Mode 6",
        "spatial_resolution": f"{resolution} at nadir",
    }
    _attach(file, attributes)
    place = axes(shape, refinement)
    for name, angles in (("y", place.y), ("x", place.x)):
        axis = file.create_dataset(name, data=np.arange(angles.size, dtype=np.int16))
        axis.make_scale(name)
        step = round((angles[-1] - angles[0]) / (angles.size - 1), 6)
        _attach(axis, float_attributes({"scale_factor": step, "add_offset": round(angles[0], 6)}))
        _attach(axis, {"units": "rad", "standard_name": f"projection_{name}_coordinate"})
    file.create_dataset("number_of_time_bounds", shape=(2,), dtype=">f4").make_scale(
        _no_variable(2)
    )
    seconds = {"units": "seconds since 2000-01-01 12:00:00"}
    _scalar(file, "t", np.float64(0), seconds | {"standard_name": "time", "bounds": "time_bounds"})
    _scalar(file, "time_bounds", np.zeros(2), {}, "number_of_time_bounds")
    _projection(file)


def _projection(file: h5py.File) -> None:
    major, minor = PROJECTION.semi_major_axis, PROJECTION.semi_minor_axis
    numbers = {
        "perspective_point_height": PROJECTION.perspective_point_height,
        "semi_major_axis": major,
        "semi_minor_axis": minor,
        "inverse_flattening": round(major / (major - minor), 7),
        "latitude_of_projection_origin": 0.0,
        "longitude_of_projection_origin": PROJECTION.longitude_of_projection_origin,
    }
    texts = {"grid_mapping_name": "geostationary", "sweep_angle_axis": "x"}
    doubles = {name: np.array([value]) for name, value in numbers.items()}
    _scalar(file, "goes_imager_projection", np.int32(-2147483647), texts | doubles)
    subpoint = {"standard_name": "longitude", "units": "degrees_east"}
    _scalar(file, "nominal_satellite_subpoint_lon", np.float32(-75.2), subpoint)


def create_image(file: h5py.File, name: str, dtype: str, fill: int, attributes: Attributes) -> None:
    """Create a chunked, compressed variable on (y, x) without data."""
    shape = file["y"].size, file["x"].size
    variable = file.create_dataset(
        name,
        shape=shape,
        dtype=dtype,
        chunks=tuple(-(-n // -(-n // LARGEST_CHUNK)) for n in shape),
        compression="gzip",
        compression_opts=1,
        fillvalue=fill,
    )
    for dimension, scale in enumerate("yx"):
        variable.dims[dimension].attach_scale(file[scale])
    of_image = {"grid_mapping": "goes_imager_projection", "coordinates": "t y x"}
    _attach(variable, {"_FillValue": np.array([fill], dtype)} | of_image | dict(attributes))


def _scalar(
    file: h5py.File,
    name: str,
    value: Any,  # noqa: ANN401
    attributes: Attributes,
    dimension: str | None = None,
) -> None:
    """Create a small variable with at most one dimension."""
    variable = file.create_dataset(name, data=value)
    if dimension:
        variable.dims[0].attach_scale(file[dimension])
    _attach(variable, attributes)


def write_version(file: h5py.File, algorithm: str, version: str) -> None:
    """Write the container that says algorithm and version."""
    texts = {"algorithm_version": f"{algorithm}_{version}.zip", "product_version": version}
    _scalar(file, "algorithm_product_version_container", np.int32(-2147483647), texts)


def flag_attributes(
    dtype: str, valid: tuple[int, int], values: Iterable[int], meanings: str
) -> dict[str, Any]:
    """Attributes of a variable of flags."""
    return {
        "valid_range": np.array(valid, dtype),
        "flag_values": np.array(tuple(values), dtype),
        "flag_meanings": meanings,
        "units": "1",
    }


def float_attributes(values: Mapping[str, float]) -> dict[str, Any]:
    """Attributes of a variable of flags."""
    """Attributes as the files have them: float32 with one element."""
    return {name: np.array([value], np.float32) for name, value in values.items()}


def _attach(owner: h5py.Group | h5py.Dataset, attributes: Attributes) -> None:
    for name, value in attributes.items():
        owner.attrs[name] = np.bytes_(value) if isinstance(value, str) else value


def _no_variable(size: int) -> str:
    """The name that netCDF-4 gives to a dimension without a variable."""
    return f"This is a netCDF dimension but not a netCDF variable.{size:10d}"


def _stamp(t: datetime) -> str:
    return f"{t:%Y%j%H%M%S}{t.microsecond // 100000}"


def _iso(t: datetime) -> str:
    return f"{t:%Y-%m-%dT%H:%M:%S}.{t.microsecond // 100000}Z"
