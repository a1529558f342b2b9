"""Dask jobs on the stores of the lake: samples, components, embeddings, clusters, maps.

::

    from dask.distributed import Client
    import lake
    from jobs import cluster, embed

    client = Client()  # or of any cluster
    store = lake.open("goes16/clearland-l1b-c0/20180101_20181231/geom-goes-conus-0", root="s3://bucket/lake")
    run = embed(client, store, latent=32)  # returns at once
    run.progress()
    classes = cluster(client, store, run=run, k=12).result().labels

Every job is a function; `help(embed)` lists its settings. A function gives a `Run`.
"""

from jobs import registry

__all__ = ["Run", "open_run", *registry.FUNCTIONS]  # noqa: PLE0604 (names)


def __getattr__(name: str) -> object:
    """A function, or what it gives; Dask loads with the first."""
    if name in ("Run", "open_run"):
        from jobs.interactive import run  # noqa: PLC0415

        return getattr(run, name)
    if name in registry.FUNCTIONS:
        from jobs.interactive.functions import function  # noqa: PLC0415

        return function(registry.FUNCTIONS[name])
    raise AttributeError(f"module 'jobs' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What there is to use, before any of it is loaded, and the names that every module has."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
