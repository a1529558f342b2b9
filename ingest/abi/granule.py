"""One ABI netCDF file on the local disk -> packed counts with their table, validity and grid; or its flags.

What is read, how counts become values and which are usable stands in the row of the product
(`ingest.abi.products`), constants in the file itself. L1b `Rad` becomes reflectance factor (bands 1-6)
or brightness temperature (bands 7-16); L2 products are unpacked as they are. The clear sky that a
listing wants beyond usable observations comes from `open_sky`.
Opening reads what the file says of itself; of the images only the chunks asked for are read, later,
as long as the granule is held. Arrays are (y, x), north to south, west to east.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.abi import abi_file, calibration
from ingest.abi.abi_file import AbiFile, misfit
from ingest.abi.flags import FlagImages, Flags, Quality, SkyRules
from ingest.abi.hdf5_chunks import Chunks, Selection, Window
from lake.errors import GranuleError
from lake.format.arrays import Bools, Counts, Floats
from lake.format.grid import Grid

COUNTS = 1 << 16
"""As many values as a count can have; attributes of unsigned counts may be stored negative."""


@dataclass(frozen=True, slots=True, eq=False)
class Granule:
    """One variable of one file."""

    path: str
    grid: Grid
    packed: Chunks
    """Counts, 16 bits."""
    flags: Chunks
    """`DQF`."""
    table: Floats
    """(count,) quantity of counts up to the fill and the largest valid one; NaN where the count is no
    valid observation, as are all counts beyond."""
    quality: Quality
    """Which flags make an observation usable."""

    def bad(self, flags: Flags) -> NDArray[np.uint8]:
        """Where quality flags call an observation not usable: not 0; of the shape of `flags`."""
        return self.quality.is_bad(flags)

    @property
    def usable(self) -> Bools:
        """(65536,) True = the count has a quantity."""
        usable = np.zeros(COUNTS, np.bool_)
        usable[: self.table.size] = np.isfinite(self.table)
        return usable

    @property
    def counts(self) -> Counts:
        """(y, x) all packed values, read now."""
        return self.packed.image()

    @property
    def good(self) -> Bools:
        """(y, x) True = usable: good quality, and the table has a value; read now."""
        good: Bools = np.isfinite(self.quantity())
        return good

    def quantity(self, window: Window | None = None) -> Floats:
        """(y, x) physical values in the unit of the product; NaN where not good; read now.

        Args:
            window: rows and columns; None: the whole image.
        """
        window = window or self.packed.whole
        counts, flags = self.packed.window(window), self.flags.window(window)
        values = self.table[np.minimum(counts, self.table.size - 1)]
        return np.where((self.bad(flags) == 0) & self.usable[counts], values, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Sky:
    """The flags of one scan that tell clear sky, from its clear-sky product."""

    path: str
    grid: Grid
    images: Mapping[str, Chunks]
    """Flags by variable, of one shape; the first one's chunks are those to ask for."""
    version: str
    """Which meaning the flags have; empty: the product has one meaning."""
    rules: SkyRules
    """Those of the product."""
    rule: str
    """Which pixels count: one of the clear-sky rules."""
    is_invented: bool = False
    """Whether the file shows no observation of the Earth."""

    @property
    def chunks(self) -> Chunks:
        """The image whose chunks are asked for."""
        return next(iter(self.images.values()))

    def flags(self, selection: Selection | None = None) -> FlagImages:
        """(y, x) The flags, read now; the fill value in chunks that are not wanted.

        Args:
            selection: True = wanted, of the shape of the grid of `chunks`.
        """
        grid = self.chunks.grid
        return {
            name: image.image(selection if image.grid == grid else None)
            for name, image in self.images.items()
        }

    def clear(self, selection: Selection | None = None) -> Bools:
        """(y, x) True = counts, by the clear-sky rule; means nothing in chunks that are not wanted."""
        return self.rules.clear[self.rule].holds(self.version, self.flags(selection))

    def clear_in(self, window: Window) -> Bools:
        """(y, x) of a window: True = counts, by the clear-sky rule; read now."""
        flags = {name: image.window(window) for name, image in self.images.items()}
        return self.rules.clear[self.rule].holds(self.version, flags)

    def domain(self, rule: str) -> Bools:
        """(y, x) True = belongs to the domain, by a domain rule that goes by the file."""
        return self.rules.domain[rule].holds(self.version, self.flags())


def open_band(local: str, path: str, variable: str) -> Granule:
    """The observations of one file.

    Args:
        local: where its bytes lie.
        path: its path in the source; the name says product and band, which the content must confirm.
        variable: that the product observes, e.g. `Rad`, `LST`.

    Raises:
        GranuleError: truncated, no HDF5, no ABI file, or of another product or band.
    """
    with abi_file.opened(local, path) as file:
        name, row = file.confirm()
        observes = row.product.observes
        if observes is None or observes.variable != variable:
            raise GranuleError(
                f"{path} is of product {name.product}, wanted one with {variable}; "
                "check the cube's product"
            )
        counts, dqf = file.image(variable), file.image("DQF")
        if counts.kind != np.uint16:
            raise GranuleError(
                f"{path}: {variable} is packed as {counts.kind}, wanted 16-bit counts"
            )
        grid = file.grid(counts.shape)
        if dqf.shape != counts.shape:
            raise GranuleError(misfit(path, "DQF", dqf.shape, f"{variable} has {counts.shape}"))
        table = observes.calibrate(_unpacked(file, variable), name.band or "", file.constant)
        quality = observes.quality[file.version(row.product)]
    return Granule(path, grid, counts, dqf, table, quality)


def open_sky(local: str, path: str, rule: str) -> Sky:
    """Clear sky, and by some products the domain, of one scan.

    Args:
        local: where its bytes lie.
        path: its path in the source; the name says the product, which the content must confirm.
        rule: a clear-sky rule of the product.

    Raises:
        GranuleError: truncated, no HDF5, of a product without that rule, or of no known version.
    """
    with abi_file.opened(local, path) as file:
        name, row = file.confirm()
        rules = row.product.sky
        if rules is None or rule not in rules.clear:
            raise GranuleError(
                f"{path} is of product {name.product}, wanted one that tells clear sky by the rule "
                f"{rule!r}; check clear_sky.product"
            )
        version = file.version(row.product)
        images = {variable: file.image(variable) for variable in rules.variables[version]}
        (first, main), *rest = images.items()
        grid = file.grid(main.shape)
        for variable, image in rest:
            if image.shape != main.shape:
                raise GranuleError(misfit(path, variable, image.shape, f"{first} has {main.shape}"))
        is_invented = file.is_invented
    return Sky(path, grid, images, version, rules, rule, is_invented)


def _unpacked(file: AbiFile, variable: str) -> Floats:
    """Value of every count before calibration, up to the largest valid one and the fill."""
    fill = int(file.number(variable, "_FillValue")) % COUNTS
    limits = file.whole_numbers(variable, "valid_range") or (0, COUNTS - 1)
    valid = (limits[0] % COUNTS, limits[-1] % COUNTS)
    return calibration.unpack(
        max(valid[1], fill) + 1,
        file.number(variable, "scale_factor"),
        file.number(variable, "add_offset"),
        valid,
        fill,
    )
