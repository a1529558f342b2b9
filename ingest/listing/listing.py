"""The listing: which files of which satellite become which statistics, as a frozen value.

A listing is a TOML file. `load` reads a shipped one by name or any by path; what cannot work is
refused there, naming the key: an unknown key, a product of another sector, a slot no scan can match.

    sat = "goes16"                    t0, tf: first and last day, inclusive, UTC
    sector = "conus"                  conus, fulldisk; becomes part of the geom name
    tolerance_s = 900                 a scan starts at most so far from the time of day it stands for
    [clear_sky], [domain]             product, rule and what the rule means (see `ingest.abi.products`)
    domain.mask                       an independent land mask (see `ingest.plan.landmask`), or "none"
    domain.max_disagreement           so much may the product's land differ from the mask's, 0..1
    prefer = "operational"            or "reprocessed": files that NOAA made again (`RP_`) come first
    [geoms]                           names of geometries by longitude, where others are wanted
    [layout]                          chunk and phases of the store, optional
    [cubes.NAME]                      resolution, product, variable, bands, tods (seconds of the day)

The coarsest resolution of the cubes is the pixel of the store and that of the clear-sky product.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ingest.abi import products
from ingest.abi.flags import Rule
from ingest.listing import masks
from lake.console.messages import brief
from lake.errors import ConfigError
from lake.format.bands import BANDS, Quantity
from lake.format.grid import SIZES, Projection, geom_name
from lake.format.keys import Key, day
from lake.format.order import Layout
from lake.format.schema import PIXEL_COORDINATES, Cube

METRES = {"500m": 500, "1km": 1000, "2km": 2000, "10km": 10000}
"""Resolutions by name, at the sub-satellite point."""

DAY_S = 86400
SECTORS = ("conus", "fulldisk")
MESOSCALE = ("meso1", "meso2")
"""Sectors that move: the pixels of a store are places on the ground, so that none can hold them."""
OPERATIONAL, REPROCESSED = "operational", "reprocessed"
SATS = ("goes16", "goes17", "goes18", "goes19")

_TAKEN = re.compile(rf"geom|overview|factor-\d+|pixel|{PIXEL_COORDINATES.replace(' ', '|')}")
"""Names that cannot be those of cubes: of what stands beside their groups."""


@dataclass(frozen=True, slots=True)
class ClearSky:
    """Which pixels of a scan count."""

    product: str
    """A product whose flags tell clear sky, e.g. `ABI-L2-LSTC`, `ABI-L2-ACMC`."""
    rule: str
    """One of the product's clear-sky rules, see `ingest.abi.products`."""

    def __post_init__(self) -> None:
        _check_one_of("clear_sky.rule", self.rule, self._rules)

    @property
    def meaning(self) -> str | dict[str, str]:
        """What the rule means in words, by version of the product where there are several."""
        return self._rules[self.rule].meaning

    @property
    def _rules(self) -> Mapping[str, Rule]:
        return _rules_of("clear_sky", self.product)


@dataclass(frozen=True, slots=True)
class DomainRule:
    """Which pixels exist, for each geometry, and what must agree with that."""

    product: str
    rule: str
    """One of the product's domain rules: `land` in the first file of the product, land in the `mask`, or
    `water`, which is what the mask does not have as land."""
    mask: str = masks.PACKAGED
    """An independent land mask: `global-land-mask`, path or URL of a file of its layout, `none`."""
    max_disagreement: float = 0.005
    """Under the rule `land`: share of the pixels away from coasts, 0..1, on which product and mask may
    differ. Real files differ on 0.0000 to 0.0008 of them, flags read the wrong way on 0.2 to 1."""

    def __post_init__(self) -> None:
        _check_one_of("domain.rule", self.rule, self._rules)
        if not self.mask or (self.is_by_mask and self.mask == masks.NONE):
            raise ConfigError(
                f"domain.mask is {self.mask!r}, domain.rule {self.rule!r}: wanted "
                f"{masks.PACKAGED!r}, or the path of a mask"
            )
        if not 0 <= self.max_disagreement <= 1:
            raise ConfigError(
                f"domain.max_disagreement is {self.max_disagreement}: wanted a share, 0 to 1"
            )

    @property
    def is_by_mask(self) -> bool:
        """Whether the mask decides, not a file of the product."""
        return self._rules[self.rule].is_by_mask

    @property
    def meaning(self) -> str | dict[str, str]:
        """What the rule means in words, by version of the product where there are several."""
        return self._rules[self.rule].meaning

    @property
    def decides(self) -> dict[str, str]:
        """What of it decides which pixels there are; the mask does not where it only has to agree."""
        fields = {"product": self.product, "rule": self.rule}
        return fields | ({"mask": self.mask} if self.is_by_mask else {})

    @property
    def _rules(self) -> Mapping[str, Rule]:
        return _rules_of("domain", self.product)


@dataclass(frozen=True, slots=True)
class Listing:
    """All that decides what a store holds."""

    sat: str
    listing: str
    t0: date
    """First day."""
    tf: date
    """Last day, inclusive."""
    sector: str
    tolerance_s: int
    """Largest distance between a time of day and the start of the scan that stands for it."""
    clear_sky: ClearSky
    domain: DomainRule
    layout: Layout
    cubes: tuple[Cube, ...]
    geoms: tuple[tuple[str, float], ...] = ()
    """Name of a geometry and longitude of its projection, degrees east; others are named by
    `lake.format.grid.geom_name`."""
    prefer: str = OPERATIONAL
    """`reprocessed`: of two files of one scan the reprocessed one counts; `operational`: no
    reprocessed file is taken."""

    def __post_init__(self) -> None:
        Key(self.sat, self.listing, self.t0, self.tf, self.sector)
        _check_one_of("sat", self.sat, SATS)
        _check_one_of("prefer", self.prefer, (OPERATIONAL, REPROCESSED))
        if self.sector in MESOSCALE:
            raise ConfigError(
                f"sector is {self.sector!r}: mesoscale sectors move, and the pixels of a store are fixed "
                f"places; wanted one of {', '.join(SECTORS)}"
            )
        _check_one_of("sector", self.sector, SECTORS)
        if not 0 < self.tolerance_s < DAY_S // 2:
            raise ConfigError(
                f"tolerance_s is {self.tolerance_s}: wanted seconds, above 0 and below half a day"
            )
        if self.domain.product != self.clear_sky.product:
            raise ConfigError(
                f"domain.product is {self.domain.product}, clear_sky.product "
                f"{self.clear_sky.product}: wanted one product for both"
            )
        if not self.cubes:
            raise ConfigError("cubes is empty: wanted at least one [cubes.NAME]")
        _check_products(self)
        _check_resolutions(self)
        _check_slots(self)
        _check_geoms(self.geoms)

    @property
    def tods(self) -> tuple[int, ...]:
        """Times of day of all cubes, in order of first mention."""
        return tuple(dict.fromkeys(tod for cube in self.cubes for tod in cube.tods))

    def cubes_at(self, tod: int) -> tuple[Cube, ...]:
        """The cubes that observe at this time of day."""
        return tuple(cube for cube in self.cubes if tod in cube.tods)

    def geom_name(self, projection: Projection) -> str:
        """The name of a geometry in keys: its own in `geoms`, else that of `lake.format.grid.geom_name`.

        Raises:
            ConfigError: that name is another geometry's in `geoms`.
        """
        longitude = projection.longitude_of_projection_origin
        if projection.sizes == SIZES:
            for name, at in self.geoms:
                if at == longitude:
                    return name
        name, named = geom_name(projection, self.sector), dict(self.geoms)
        if name in named:
            raise ConfigError(
                f"geoms.{name} is {named[name]}, but files of the projection at {longitude} would "
                f"have that name too: name them, e.g. --set geoms.geom-goes-{self.sector}-1={longitude}"
            )
        return name

    @property
    def digest(self) -> str:
        """SHA-256 of what decides the numbers: not the period, names, or what only has to agree."""
        document = self.to_dict()
        decides = {k: v for k, v in document.items() if k not in ("t0", "tf", "geoms")}
        decides["domain"] = self.domain.decides | {"meaning": self.domain.meaning}
        text = json.dumps(decides, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, shaped like the TOML file; the rules with what they mean."""
        return {
            "sat": self.sat,
            "listing": self.listing,
            "t0": self.t0.isoformat(),
            "tf": self.tf.isoformat(),
            "sector": self.sector,
            "tolerance_s": self.tolerance_s,
            "clear_sky": asdict(self.clear_sky) | {"meaning": self.clear_sky.meaning},
            "domain": asdict(self.domain) | {"meaning": self.domain.meaning},
            "layout": asdict(self.layout),
            "geoms": dict(self.geoms),
            **({} if self.prefer == OPERATIONAL else {"prefer": self.prefer}),
            "cubes": {
                cube.name: {
                    "resolution": cube.resolution,
                    "product": cube.product,
                    "variable": cube.variable,
                    "bands": list(cube.bands),
                    "tods": list(cube.tods),
                }
                for cube in self.cubes
            },
        }

    @staticmethod
    def from_dict(raw: Mapping[str, Any]) -> "Listing":
        """The listing that `to_dict` or a TOML parser wrote.

        Raises:
            ConfigError: an unknown or missing key, a wrong type, a rule that means something else.
        """
        return _from_dict(raw)


def load(name_or_path: str, overrides: Sequence[str] = ()) -> Listing:
    """The listing of a TOML file.

    Args:
        name_or_path: a shipped listing (`clearland-l1b-c0`, `lst-10km`) or the path of a file.
        overrides: `name=value` for any key, dotted where tables nest: `t0=2022-12-01`,
            `layout.chunk=256`, `cubes.day-2km.bands=["C13"]`. A value is TOML, or else plain text.
            Another rule leaves out what the file says that its own rule means.

    Raises:
        ConfigError: no such file, no TOML, or a listing that cannot work; names file and key.
    """
    where, text = _read(name_or_path)
    try:
        raw = tomllib.loads(text)
        for override in overrides:
            _set(raw, override)
        return _from_dict(raw)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is no TOML: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"listing {where}: {error}") from error


def _from_dict(raw: Mapping[str, Any]) -> Listing:
    text, table, whole, days = (str,), (dict,), (int,), (date, str, int)
    top = _fields(
        raw,
        "",
        {"sat": text, "listing": text, "t0": days, "tf": days, "sector": text}
        | {"tolerance_s": whole, "clear_sky": table, "domain": table, "cubes": table},
        {"layout": table, "geoms": table, "prefer": text},
    )
    clear_sky, domain = (
        _rule(top[name], name, optional)
        for name, optional in (
            ("clear_sky", {}),
            ("domain", {"mask": text, "max_disagreement": (float, int)}),
        )
    )
    geoms = top.get("geoms", {})
    geoms = _fields(geoms, "geoms.", {}, dict.fromkeys(geoms, (float, int)))
    layout = _fields(top.get("layout", {}), "layout.", {}, {"chunk": whole, "phases": whole})
    return Listing(
        **{name: top[name] for name in ("sat", "listing", "sector", "tolerance_s")},
        t0=_day(top["t0"]),
        tf=_day(top["tf"]),
        clear_sky=ClearSky(**clear_sky),
        domain=DomainRule(**domain),
        layout=Layout(**layout),
        cubes=tuple(_cubes(top["cubes"])),
        prefer=top.get("prefer", OPERATIONAL),
        geoms=tuple((name, _degrees(name, longitude)) for name, longitude in geoms.items()),
    )


def _degrees(name: str, longitude: float) -> float:
    try:
        return float(longitude)
    except OverflowError as error:
        raise ConfigError(f"geoms.{name} is {brief(longitude)}: wanted degrees east") from error


def _read(name_or_path: str) -> tuple[str, str]:
    shipped = Path(__file__).with_name("shipped")
    names = sorted(f.name.removesuffix(".toml") for f in shipped.iterdir())
    if name_or_path in names:
        return name_or_path, (shipped / f"{name_or_path}.toml").read_text("utf-8")
    try:
        return name_or_path, Path(name_or_path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read the listing {name_or_path}: {error}; wanted the path of a TOML file, or "
            f"one of {', '.join(names)}"
        ) from error


def _set(raw: dict[str, Any], override: str) -> None:
    name, is_given, value = override.partition("=")
    if not name or not is_given:
        raise ConfigError(f"--set {override!r}: wanted name=value, e.g. t0=2022-12-01")
    *tables, last = name.strip().split(".")
    for table in tables:
        raw = raw.setdefault(table, {})
        if not isinstance(raw, dict):
            raise ConfigError(f"--set {override!r}: {table} is a value, it has no keys")
    if last == "rule":
        raw.pop("meaning", None)  # what the file says is meant is that of its own rule
    try:
        raw[last] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        raw[last] = value.strip()


_Types = Mapping[str, tuple[type, ...]]


def _fields(raw: object, prefix: str, required: _Types, optional: _Types) -> dict[str, Any]:
    """The table as a dict of exactly the known keys, each of its type; `prefix` ends with a dot."""
    types = {**required, **optional}
    if not isinstance(raw, Mapping):
        raise ConfigError(
            f"{prefix.rstrip('.')} is {brief(raw)}: wanted a table of {', '.join(types)}"
        )
    for key, value in raw.items():
        if key not in types:
            raise ConfigError(f"unknown key {prefix}{key}: known here are {', '.join(types)}")
        if type(value) not in types[key]:
            names = " or ".join(t.__name__ for t in types[key])
            raise ConfigError(f"{prefix}{key} is {brief(value)}: wanted a {names}")
    if missing := [key for key in required if key not in raw]:
        raise ConfigError(f"missing key {prefix}{missing[0]}: wanted are {', '.join(required)}")
    return dict(raw)


def _day(value: date | str | int) -> date:
    return value if isinstance(value, date) else day(str(value))


def _rule(raw: object, table: str, optional: _Types) -> dict[str, Any]:
    """Product and rule of a table; what it says the rule means must be what the rule does mean."""
    text = {"product": (str,), "rule": (str,)}
    fields = _fields(raw, f"{table}.", text, {"meaning": (dict, str), **optional})
    meaning = fields.pop("meaning", None)
    rule = _rules_of(table, fields["product"]).get(fields["rule"])
    if meaning is not None and rule is not None and meaning != rule.meaning:
        if isinstance(rule.meaning, dict):
            _fields(meaning, f"{table}.meaning.", dict.fromkeys(rule.meaning, (str,)), {})
        raise ConfigError(
            f"{table}.meaning of {fields['rule']!r} is {brief(meaning, 400)}, but here the rule means "
            f"{rule.meaning}: use another rule, or the software that meant this"
        )
    return fields


def _cubes(raw: Mapping[str, Any]) -> Iterator[Cube]:
    text, array = (str,), (list, tuple)
    types = {"resolution": text, "product": text, "variable": text, "bands": array, "tods": array}
    tables = {name: _fields(table, f"cubes.{name}.", types, {}) for name, table in raw.items()}
    for name, table in tables.items():
        _check_one_of(f"cubes.{name}.resolution", table["resolution"], METRES)
        _check_items(f"cubes.{name}.bands", table["bands"], str)
        _check_items(f"cubes.{name}.tods", table["tods"], int)
    coarsest = max((METRES[table["resolution"]] for table in tables.values()), default=0)
    for name, table in tables.items():
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
            raise ConfigError(f"cube name {name!r}: wanted small letters, digits and '-'")
        if _TAKEN.fullmatch(name):
            raise ConfigError(f"cube name {name!r}: a store has this name for something else")
        yield Cube(
            name,
            **{key: table[key] for key in ("resolution", "product", "variable")},
            refinement=coarsest // METRES[table["resolution"]],
            bands=tuple(table["bands"]),
            tods=tuple(table["tods"]),
            quantity=_quantity(table["product"]),
        )


def _quantity(product: str) -> Quantity | None:
    """What a product without bands observes; None: it has bands, or is no product."""
    row = products.SECTOR_PRODUCTS.get(product)
    return row.product.observes.quantity if row and row.product.observes else None


def _check_items(key: str, items: Sequence[object], kind: type) -> None:
    if wrong := [item for item in items if type(item) is not kind]:
        raise ConfigError(f"{key} holds {brief(wrong[0])}: wanted {kind.__name__} alone")


def _check_one_of(key: str, value: str, choices: Sequence[str] | Mapping[str, object]) -> None:
    if value not in choices:
        raise ConfigError(f"{key} is {value!r}: wanted one of {', '.join(choices)}")


def _rules_of(table: str, product: str) -> Mapping[str, Rule]:
    """The rules of a product that a table of the listing may name.

    Raises:
        ConfigError: no such product, or it tells no clear sky.
    """
    telling = [name for name, row in products.SECTOR_PRODUCTS.items() if row.product.sky]
    _check_one_of(f"{table}.product", product, telling)
    rules = products.sky_rules(product)
    return rules.clear if table == "clear_sky" else rules.domain


def _check_products(listing: Listing) -> None:
    """Every product is of the listing's sector and has the cube's variable and bands."""
    observing = [name for name, row in products.SECTOR_PRODUCTS.items() if row.product.observes]
    for cube in listing.cubes:
        _check_one_of(f"cubes.{cube.name}.product", cube.product, observing)
        observes = products.observed(cube.product)
        _check_one_of(f"cubes.{cube.name}.variable", cube.variable, (observes.variable,))
        for band in cube.bands:
            _check_one_of(f"cubes.{cube.name}.bands", band, observes.labels)
    names = {"clear_sky": listing.clear_sky.product}
    names |= {f"cubes.{cube.name}": cube.product for cube in listing.cubes}
    for table, name in names.items():
        sector = products.sector_product(name).sector
        if sector != listing.sector:
            raise ConfigError(
                f"{table}.product {name} is of sector {sector}, the listing's sector is "
                f"{listing.sector}: wanted the same"
            )


def _check_resolutions(listing: Listing) -> None:
    """Every cube has the resolution of its files and refines the clear-sky product's pixels."""
    coarse = products.sector_product(listing.clear_sky.product).resolution or ""
    for cube in listing.cubes:
        key = f"cubes.{cube.name}.resolution"
        for band in cube.bands:
            native = products.sector_product(cube.product).resolution or BANDS[band].resolution
            if native != cube.resolution:
                raise ConfigError(
                    f"{key} is {cube.resolution}, but {cube.product} {band} is {native}: "
                    f"move the band to a cube of {native}"
                )
        if cube.refinement not in (1, 2, 4) or (
            METRES[cube.resolution] * cube.refinement != METRES[coarse]
        ):
            raise ConfigError(
                f"{key} is {cube.resolution}, refinement {cube.refinement}: wanted cubes that "
                f"refine the {coarse} of {listing.clear_sky.product} 1, 2 or 4 times, and one at {coarse}"
            )


def _check_slots(listing: Listing) -> None:
    """Every time of day has scans, of the clear-sky product and the cube's, within the tolerance."""
    for cube in listing.cubes:
        for tod in cube.tods:
            key = f"cubes.{cube.name}.tods"
            if not 0 <= tod < DAY_S:
                raise ConfigError(f"{key} holds {tod}: wanted seconds of the day, 0 to {DAY_S - 1}")
            for name in dict.fromkeys((listing.clear_sky.product, cube.product)):
                minutes = products.sector_product(name).minutes
                distance = min(
                    _distance(tod, hour, minute) for hour in range(-1, 25) for minute in minutes
                )
                if distance > listing.tolerance_s:
                    raise ConfigError(
                        f"{key} holds {tod} ({tod // 3600:02}:{tod // 60 % 60:02} UTC), {distance} s "
                        f"from the nearest scan of {name}: wanted within tolerance_s = "
                        f"{listing.tolerance_s}; its scans start in minutes "
                        f"{', '.join(map(str, minutes))} of the hour"
                    )


def _check_geoms(geoms: Sequence[tuple[str, float]]) -> None:
    """Every name can be part of a key, and no two geometries share one longitude."""
    named: dict[float, str] = {}
    for name, longitude in geoms:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", name):
            raise ConfigError(f"geoms.{name}: wanted a name of letters, digits and '-'")
        if not -180 <= longitude <= 180:
            raise ConfigError(f"geoms.{name} is {longitude}: wanted degrees east, -180 to 180")
        if longitude in named:
            raise ConfigError(
                f"geoms.{name} and geoms.{named[longitude]} are both {longitude}: wanted one name "
                "for each geometry"
            )
        named[longitude] = name


def _distance(tod: int, hour: int, minute: int) -> int:
    """Seconds between a time of day and the nearest instant of a minute."""
    begin = hour * 3600 + minute * 60
    return max(begin - tod, tod - (begin + 59), 0)
