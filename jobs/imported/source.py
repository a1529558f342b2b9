"""The file of `lake import vectors`: what it is read by, and its digest."""

import hashlib
from dataclasses import asdict, dataclass, field

from jobs.imported import (
    image_file,
    numpy_file,
    object_file,
    parquet_file,
    placement,
    zarr_file,
)
from jobs.imported.image_file import VectorImage
from jobs.imported.placement import Placement
from jobs.imported.vector_file import VectorFile
from lake.errors import ConfigError
from lake.storage.connect import folder_and_name
from lake.storage.objects import exists

HASHED_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class VectorSource:
    """What is read."""

    file: str
    """URL."""
    array: str = ""
    """Name of the array in a group or archive, or of a column of lists; empty: the only one."""
    columns: tuple[str, ...] = ()
    """Columns of a table that are the numbers of a vector; empty: all that do not place the rows."""
    placement: Placement = field(default_factory=Placement)
    """The columns that place rows."""

    @property
    def is_image(self) -> bool:
        """Whether the file is an image, whose cells lie where it says."""
        return self.file.endswith(image_file.ENDINGS)


def content(source: VectorSource) -> VectorFile | VectorImage:
    """The file, an image or not; raises as `opened` and `opened_image`."""
    return opened_image(source) if source.is_image else opened(source)


def opened(source: VectorSource) -> VectorFile:
    """The file of vectors, by the ending of its name.

    Raises:
        ConfigError: another kind of file, or a name that it does not have.
        MissingError: there is none.
        DataError: it is damaged, or its vectors are no numbers.
    """
    objects, name = folder_and_name(source.file)
    single = (
        numpy_file.SINGLE, numpy_file.ARCHIVE, parquet_file.ENDING, *image_file.ENDINGS,
    )  # fmt: skip
    if source.columns and not name.endswith(parquet_file.ENDING):
        raise ConfigError(f"columns={','.join(source.columns)} goes with a {parquet_file.ENDING}")
    if name.endswith((numpy_file.SINGLE, numpy_file.ARCHIVE)):
        return numpy_file.read(objects, name, source.array)
    if name.endswith(parquet_file.ENDING):
        known = {placement.PIXEL, *(each for pair in placement.PLACES for each in pair)}
        placing = (*known, source.placement.pixel, source.placement.lon, source.placement.lat)
        return parquet_file.read(objects, name, source.array, source.columns, placing)
    if exists(objects, name):
        raise ConfigError(
            f"{source.file} is no file that is read here: wanted {', '.join(single)}, or the folder of a "
            "Zarr array or group"
        )
    return zarr_file.read(objects, name, source.array)


def opened_image(source: VectorSource) -> VectorImage:
    """The file, which is an image.

    Raises:
        ConfigError: a setting that goes with tables, or rasterio is not installed.
        MissingError: there is none.
        DataError: it is damaged, says no place, or its cells are no numbers.
    """
    options = {"array": source.array, "columns": source.columns} | asdict(source.placement)
    if given := [name for name, value in options.items() if value]:
        raise ConfigError(
            f"{source.file} is an image, whose cells lie where it says: leave out {', '.join(given)}"
        )
    objects, name = folder_and_name(source.file)
    return image_file.read(objects, name)


def digest(url: str) -> tuple[str, int]:
    """SHA-256 and bytes of a file; of a folder, of the names, sizes and contents of all that is in it."""
    objects, name = folder_and_name(url)
    total, size = hashlib.sha256(), 0
    paths = [name] if exists(objects, name) else objects.list(name)
    for path in paths:
        length = objects.stat(path).size
        size += length
        if path != name:
            total.update(f"{path.removeprefix(name)}\0{length}\0".encode())
        with object_file.opened(objects, path) as file:
            while data := file.read(HASHED_BYTES):
                total.update(data)
    return total.hexdigest(), size
