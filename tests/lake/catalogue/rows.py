"""Rows of a catalogue whose stores need not be there: of three satellites, two periods, two listings."""

from dataclasses import replace

from lake.catalogue.catalogue import Row

ROW = Row(
    key="goes16/lst/20200101_20201231/geom-goes-conus-0",
    sat="goes16",
    listing="lst",
    t0="2020-01-01",
    tf="2020-12-31",
    geom="geom-goes-conus-0",
    number=1,
    generation="goes16/lst/20200101_20201231/geom-goes-conus-0/v/00000001-a.zarr",
    pixels=10,
    cubes="lst-10km",
    months=2,
    merged=5,
    pending=0,
    missing=1,
    suspect="",
    west=-120.5,
    south=20.0,
    east=-70.0,
    north=50.0,
)


def row(
    sat="goes16",
    listing="lst",
    period=("2018-01-01", "2018-12-31"),
    box=(-120, 20, -70, 50),
    **more,
) -> Row:
    t0, tf = period
    key = f"{sat}/{listing}/{t0.replace('-', '')}_{tf.replace('-', '')}/geom-goes-conus-0"
    west, south, east, north = map(float, box)
    return replace(
        ROW, key=key, sat=sat, listing=listing, t0=t0, tf=tf, west=west, south=south, east=east,
        north=north, **more,
    )  # fmt: skip


ROWS = [
    row(),
    row(period=("2019-01-01", "2019-12-31")),
    row(sat="goes17", box=(150, 10, 190, 40)),
    row(sat="goes18", box=(-180, -80, 180, 80)),
    row(listing="clearland", cubes="day-2km day-500m"),
]
