"""Made by `python -m tests.settings_page`: the functions of `jobs`, for type checkers and editors."""

from collections.abc import Sequence
from pathlib import Path

from distributed import Client

from jobs.interactive.run import Run as Run
from jobs.interactive.run import open_run as open_run
from lake.reading.run import StoredRun
from lake.reading.store import Store

__all__ = [
    "Run",
    "open_run",
    "sample",
    "pca",
    "mnf",
    "gcca",
    "transform",
    "factor",
    "trajectories",
    "pixel_series",
    "join",
    "import_vectors",
    "embed",
    "umap",
    "cluster",
    "classify",
    "describe_classes",
    "evaluate",
    "map",
]


def sample(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    design: str = 'phase',
    pixels: int = 20000,
    seed: int = 0,
    phase: int = -1,
    phases: int = 0,
    bbox: Sequence[float] | str = (),
    strata: str = '',
    bins: int = 0,
    edges: Sequence[float] | str = (),
    allocation: str = 'proportional',
    neyman: str = '',
    sha256: str = '',
    scores: str | StoredRun = '',
    levels: Sequence[int] | str = (2000, 200, 20),
    fit: int = 100000,
    max_missing: float = 0.5,
    suspect: bool = False,
    cubes: Sequence[str] | str = (),
    months: Sequence[int] | str = (),
    tods: Sequence[int | str] | str = (),
    bands: Sequence[str] | str = (),
    statistics: Sequence[str] | str = ('mean', 'stddev', 'skewness', 'kurtosis'),
    subpixels: str = 'merged',
    static: Sequence[str] | str = (),
) -> Run:
    """Draw a sample of pixels with their features.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/sampling.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        design: How pixels are drawn. One of phase, random, stratified, hierarchical, region.
        pixels: How many pixels to draw; `phase` takes the next number that is whole phases.
        seed: Seed of what is drawn at random.
        phase: The first phase of the sample; -1: drawn at random.
        phases: How many phases are in the sample; 0: as few as hold `pixels` pixels.
        bbox: West, south, east, north of the box of `region`, degrees.
        strata: A coordinate (`lat`, `lon`, `row`, `column`, `superblock`), a run that has `labels`, or the URL of a file, of whose columns `label` is taken.
        bins: Number of equally wide bins of a coordinate.
        edges: Edges between the bins of a coordinate, rising; the first and the last bin are open.
        allocation: `proportional` to pixels, `equal`, or `neyman`: to pixels x standard deviation of `neyman`. One of proportional, equal, neyman.
        neyman: Name of the feature whose total is to be estimated as exactly as possible.
        sha256: SHA-256 of the file; computed when the run is named, so that other content is another run.
        scores: Id of a run that has `scores`, e.g. of `lake pca`.
        levels: Number of clusters of each level, from the cells up.
        fit: How many pixels, drawn at random, the cells are fitted to.
        max_missing: A feature missing in a larger share of the sample is dropped.
        suspect: Whether to take statistics of metrics that may be wrong.
        cubes: Names of cubes; empty: all.
        months: Months, 1 to 12; empty: all that the store has.
        tods: Times of day, UTC; empty: all.
        bands: Names of bands, e.g. `C13`; empty: all.
        statistics: Statistics; each may have a transform behind it, `:log`, `:log1p`, `:sqrt`, `:cbrt` or `:asinh`. Some of mean, stddev, skewness, kurtosis, range, count, min, max, m1, m2, m3, m4.
        subpixels: Whether the subpixels of a pixel are one set of observations, or each has features of its own. One of merged, separate.
        static: Quantities that need no observation, and runs of `lake import vectors`; none unless they are named. Some of latitude, longitude, view_zenith, view_azimuth, solar_zenith, solar_azimuth.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """


def pca(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    run: str | StoredRun = '',
    whiten: bool = False,
    components: int = 200,
    clip: float = 6.0,
    standardise: bool = True,
    refills: int = 1,
    exact: int = 4000,
    passes: int = 4,
) -> Run:
    """Fit principal components and score every pixel.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/components.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        run: Run of `lake sample`, for its features and as the pilot; empty: the one of default settings.
        whiten: Whether all scores get variance 1.
        components: Number of components; at most as many as there are features.
        clip: Standard deviations beyond which a value is cut off.
        standardise: Whether a feature's standard deviation becomes 1; else features keep their units.
        refills: Imputation passes after the first; none are made where no value is missing.
        exact: The largest number of features whose covariance is held; above, a subspace is improved.
        passes: Passes over a store of more features than that; 1 makes a sketch.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """


def mnf(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    second: str | Store = '',
    run: str | StoredRun = '',
    floor: float = 1e-06,
    components: int = 200,
    clip: float = 6.0,
    standardise: bool = True,
    refills: int = 1,
    exact: int = 4000,
    passes: int = 4,
) -> Run:
    """Fit the components that two periods agree on, and score every pixel.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/components.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        second: Key in the lake, or URL, of a store of the same pixels and features in another period.
        run: Run of `lake sample`, for its features and as the pilot; empty: the one of default settings.
        floor: Share of the largest noise variance; noise with a smaller share counts as this.
        components: Number of components; at most as many as there are features.
        clip: Standard deviations beyond which a value is cut off.
        standardise: Whether a feature's standard deviation becomes 1; else features keep their units.
        refills: Imputation passes after the first; none are made where no value is missing.
        exact: The largest number of features whose covariance is held; above, a subspace is improved.
        passes: Passes over a store of more features than that; 1 makes a sketch.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """


def gcca(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    second: str | Store = '',
    run: str | StoredRun = '',
    ridge: float = 0.003,
    components: int = 200,
    clip: float = 6.0,
    standardise: bool = True,
    refills: int = 1,
    exact: int = 4000,
    passes: int = 4,
) -> Run:
    """Fit the components that all months and times of day agree on, and score every pixel.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/components.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        second: Key in the lake, or URL, of a store of the same pixels and features in another period; empty: none.
        run: Run of `lake sample`, for its features and as the pilot; empty: the one of default settings.
        ridge: Share of the mean variance of a feature that is added to the covariance within slots.
        components: Number of components; at most as many as there are features.
        clip: Standard deviations beyond which a value is cut off.
        standardise: Whether a feature's standard deviation becomes 1; else features keep their units.
        refills: Imputation passes after the first; none are made where no value is missing.
        exact: The largest number of features whose covariance is held; above, a subspace is improved.
        passes: Passes over a store of more features than that; 1 makes a sketch.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """


def transform(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    run: str | StoredRun = '',
) -> Run:
    """Score or embed another store by the model of a run.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/components.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        run: Run whose model is applied: of `lake pca`, `lake mnf`, `lake gcca`, `lake factor`, `lake embed` or `lake umap`.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """


def factor(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    method: str = 'cp',
    components: int = 16,
    ranks: Sequence[int] | str = (),
    nonnegative: bool = False,
    zero: str = '',
    clip: float = 6.0,
    ridge: float = 0.0001,
    scan: Sequence[int] | str = (),
    starts: int = 5,
    fitted_on: int = 4000,
    sweeps: int = 200,
    tolerance: float = 1e-06,
    passes: int = 3,
    seed: int = 0,
    expression: str = 'pr,mr,tr,br,sr',
    nonlinearity: str = 'none',
    steps: int = 1000,
    learning_rate: float = 0.1,
    cubes: Sequence[str] | str = (),
    months: Sequence[int] | str = (),
    tods: Sequence[int | str] | str = (),
    bands: Sequence[str] | str = (),
    statistics: Sequence[str] | str = ('mean', 'stddev'),
    subpixels: str = 'merged',
) -> Run:
    """Decompose into factors of pixels, months, times of day, bands and metrics.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/factors.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        method: Kind of decomposition: canonical polyadic (CP), Tucker's with a core, or any expression of einsum. One of cp, tucker, einsum.
        components: Number of components: the length of a pixel's vector.
        ranks: Of Tucker: number of directions of months, times of day, bands, metrics; empty: at most 4 of each. Of `einsum`: sizes of the free letters in their order; empty: 4 each.
        nonnegative: Whether all factors of CP are 0 or more.
        zero: What becomes 0; empty: `lowest` if the model is never below 0, or `cell`. One of cell, channel, lowest, nothing.
        clip: Standard deviations of a channel from the mean, beyond which a value is cut off.
        ridge: Share of a component's mean sum of squares that holds factors small which few cells determine.
        scan: Other numbers of components that are judged on the pilot.
        starts: Random starts of every number of components.
        fitted_on: Number of pixels of the pilot, about: the first of every superblock.
        sweeps: Largest number of sweeps over the pilot.
        tolerance: Share of the sum of squares; sweeps end when one explains no more than this in addition.
        passes: Passes over all pixels that improve the small factors of the pilot.
        seed: Seed of the random starts.
        expression: Of `einsum`: factors by commas, each by its axes: p pixel, m month, t time of day, b band, s metric; other letters are summed over.
        nonlinearity: Of `einsum`: the function that is taken of the sums. One of none, exp, softplus, relu, asinh.
        steps: Of `einsum`: steps of Adam over the pilot.
        learning_rate: Of `einsum`: the highest of Adam; it rises, then falls to 0.
        cubes: Names of cubes; empty: all.
        months: Months, 1 to 12; empty: all that the store has.
        tods: Times of day, UTC; empty: all.
        bands: Names of bands, e.g. `C13`; empty: all.
        statistics: Statistics of each observed month, time of day and band. Some of mean, stddev, skewness, kurtosis, range, count, min, max, m1, m2, m3, m4.
        subpixels: Whether the subpixels of a pixel are one set of observations, or each counts by itself. One of merged, separate.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """


def trajectories(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    second: str | Store = '',
    directions: int = 1,
    fitted_on: int = 5000,
    chosen: Sequence[int] | str = (),
    cubes: Sequence[str] | str = (),
    months: Sequence[int] | str = (),
    tods: Sequence[int | str] | str = (),
    bands: Sequence[str] | str = (),
    statistics: Sequence[str] | str = ('mean',),
    subpixels: str = 'merged',
) -> Run:
    """Trace every pixel over the year and the day, and measure how it moves.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/trajectory.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        second: Key in the lake, or URL, of a store of the same pixels in another period.
        directions: Number of directions of the year, and of the day; a vector has both.
        fitted_on: Number of pixels, about, that the encoder is fitted on: the first of every superblock.
        chosen: Pixels whose loops are drawn, at most 8; empty: from the stillest to one that moves far.
        cubes: Names of cubes; empty: all.
        months: Months, 1 to 12; empty: all that the store has.
        tods: Times of day, UTC; empty: all.
        bands: Names of bands, e.g. `C13`; empty: all.
        statistics: Statistics of each observed month, time of day and band. Some of mean, stddev, skewness, kurtosis, range, count, min, max, m1, m2, m3, m4.
        subpixels: Whether the subpixels of a pixel are one set of observations, or each counts by itself. One of merged, separate.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """


def pixel_series(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    cubes: Sequence[str] | str = (),
) -> Run:
    """Lay the statistics of every pixel side by side, so that a pixel is read at once.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/explorer.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        cubes: Names of cubes; empty: all.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """


def join(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    runs: Sequence[str | StoredRun] = (),
    arrays: Sequence[str] | str = (),
    scaled: str = 'distance',
) -> Run:
    """Join the vectors of several runs as one.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/trajectory.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        runs: Runs whose vectors are joined, in this order.
        arrays: Name of the vectors' array (pixel, d) in each run; empty: the only one of each.
        scaled: How the vectors of each run are scaled, so that none outweighs the others. One of distance, columns, none.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """


def import_vectors(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    file: str = '',
    array: str = '',
    columns: Sequence[str] | str = (),
    pixel: str = '',
    lon: str = '',
    lat: str = '',
    note: str = '',
    sha256: str = '',
) -> Run:
    """Take vectors of pixels from a file of Zarr, Parquet or NumPy.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/vectors.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        file: URL of a `.npy`, `.npz`, `.parquet` or GeoTIFF file, or of a folder that is a Zarr array or group.
        array: Name of the array in a group or archive, or of a column of lists; empty: the only one.
        columns: Columns of a table that are the numbers of a vector; empty: all that do not place the rows.
        pixel: Column that says which pixel a row is of; empty: `pixel`, where there is one.
        lon: Column of longitudes; with `lat` it says where a row lies; empty: `lon` or `longitude`.
        lat: Column of latitudes; empty: `lat` or `latitude`.
        note: What the vectors are, in words of whoever made them.
        sha256: Digest of the file, computed when the run gets its name: another content is another run.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """


def embed(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    inputs: str = '',
    second: str | Store = '',
    run: str | StoredRun = '',
    model: str = '',
    latent: int = 64,
    hidden: int = 0,
    depth: int = 2,
    nested: Sequence[int] | str = (),
    unit: bool = True,
    linear_part: str = '',
    linear: int = 24,
    input_scale: str = 'unit',
    variational: bool = False,
    towers: Sequence[str] | str = (),
    loss: Sequence[str] | str = (),
    weights: Sequence[float] | str = (),
    temperature: float = 0.2,
    blind_to: Sequence[str] | str = (),
    views: Sequence[str] | str = (),
    masked: float = 0.5,
    mask_by: Sequence[str] | str = (),
    fixed: str = 'land',
    draws: int = 1,
    noise: float = 0.1,
    scaling: float = 0.1,
    steps: int = 0,
    batch: int = 1024,
    learning_rate: float = 0.001,
    weight_decay: float = 0.05,
    held_out: float = 0.05,
    seed: int = 0,
    threads: int = 2,
    device: str = 'auto',
    precision: str = 'float32',
    tf32: bool = False,
    checkpoint_seconds: float = 10.0,
    train_on: str = '',
    memory_gb: float = 4.0,
    shuffled_superblocks: int = 4,
    hard_negatives: float = 0.0,
    labels: str = '',
    column: str = 'label',
    sha256: str = '',
    int8: bool = False,
    smoothing: str = '',
    bias_field: str = '',
) -> Run:
    """Learn a vector for every pixel.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/embedding.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        inputs: What the model is given; empty: `gcca` if the store has two months or times of day, else `mnf` with a second store; `features` without, and where there are more of them than gcca takes. One of pca, mnf, gcca, features.
        second: Key in the lake, or URL, of a store of the same pixels in another period.
        run: Run of that job, or of `lake sample` for features; empty: made with default settings.
        model: Kind of the model; empty: `deep` for features, else `residual`. One of residual, plain, deep, cyclic, hierarchical, bands, subpixels, transformer, composite.
        latent: Dimensions of the embedding; at most those of the input for `residual`.
        hidden: Width of hidden layers; 0: that of the model.
        depth: Blocks of `deep`, layers of `bands` and `transformer`.
        nested: The first so many dimensions are trained as embeddings of their own, too (Matryoshka).
        unit: Whether an embedding has length 1.
        linear_part: What stands before the learnt dimensions; `auto` chooses `noise` or `local`; empty: chosen with the recipe. One of none, noise, local, auto.
        linear: Dimensions of the linear part; at most those of the input.
        input_scale: What inputs that are scores are divided by: `unit`, each by its standard deviation; `common`, all by one number. One of unit, common.
        variational: Whether the code of a pixel is a normal distribution (VAE); it goes with `loss=kl`.
        towers: Statistics that have an encoder of their own, as `mean+stddev,skewness+kurtosis`; none: one of all.
        loss: Terms of the loss; empty: the best measured for the stores. Some of infonce, alignment, uniformity, supervised, vicreg, barlow, decorrelation, blind, mse, huber, wasserstein, sliced, chamfer, sinkhorn, ssim, kl.
        weights: Weights, one for each term; empty: the terms' own.
        temperature: Temperature of the softmax of `infonce` and `supervised`.
        blind_to: Quantities of the place that vectors are not to tell. Some of latitude, longitude, view_zenith, view_azimuth.
        views: How the two views of a pixel come to differ; empty: the best measured for the stores. Some of periods, neighbours, slots, bands, mask, stages, scaling, noise.
        masked: Share of the inputs, or of their groups, that `mask` and `stages` hide.
        mask_by: Attributes of inputs: those that agree in them are hidden together; empty: each by itself. Some of cube, band, month, tod, statistic, subpixel.
        fixed: What has one set of hidden inputs in the second half of `stages`: `land`, all pixels; `pixel`, each. One of land, pixel.
        draws: How many pairs of views of a pixel a step has; every first view is compared with every second one.
        noise: Standard deviation of the view `noise`; the inputs' own is 1.
        scaling: Standard deviation of the factor of the view `scaling`.
        steps: Steps of the training; 0: as many as are ten passes over the pixels, and 240 at least.
        batch: Pixels of a step; all of them if there are fewer.
        learning_rate: The highest learning rate; it rises for a tenth of the steps and falls to nothing (one-cycle).
        weight_decay: Weight decay of AdamW.
        held_out: Share of the pixels that are never trained on; their loss is recorded.
        seed: Seed of the weights, the batches and the views.
        threads: Threads of the CPU; another number gives other roundings.
        device: Where to train; `auto`: on a GPU where there is one. One of auto, cpu, cuda.
        precision: `float32`, or `bfloat16` for products of matrices (mixed precision). One of float32, bfloat16.
        tf32: Whether a GPU may round products of float32 to 10 bits.
        checkpoint_seconds: Seconds between checkpoints.
        train_on: Pixels to train on, those of the sample or all; empty: `all` beside a linear part, else `sample`. One of sample, all.
        memory_gb: Gigabytes; inputs of `all` pixels that are larger stream through memory, superblock by superblock.
        shuffled_superblocks: Superblocks in memory together while they stream; their pixels are shuffled with each other.
        hard_negatives: Share of a batch whose hard negatives join it, pixels of other means whose fine pixels look alike; of the sample, and of stores with finer cubes.
        labels: URL of a file of classes, for loss=supervised; pixels without a label are a class of their own.
        column: The column of classes of a table, or the attribute of polygons.
        sha256: SHA-256 of the labels; found when the run is named, so that another content is another run.
        int8: Whether embeddings are stored in a quarter of the bytes; needs `unit`.
        smoothing: `prototypes`: vectors are averaged with those around that are alike, then drawn to vectors that many pixels have; `neighbours`: averaged once; or `none`; empty: the first beside a linear part. One of prototypes, neighbours, none.
        bias_field: `removed`: what lies smoothly over the scores, as haze does, is taken off them where the linear part is filtered; or `kept`; empty: the former beside `linear_part=local` or `auto`. One of removed, kept.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """


def umap(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    run: str | StoredRun = '',
    array: str = '',
    second: str | Store = '',
    components: int = 2,
    neighbours: int = 15,
    min_dist: float = 0.1,
    spread: float = 1.0,
    metric: str = 'euclidean',
    pixels: int = 150000,
    labels: str = '',
    column: str = 'label',
    sha256: str = '',
    densmap: bool = False,
    density_weight: float = 2.0,
    hidden: int = 128,
    steps: int = 0,
    batch: int = 1024,
    negatives: int = 5,
    learning_rate: float = 0.003,
    seed: int = 0,
    threads: int = 2,
    device: str = 'auto',
    checkpoint_seconds: float = 10.0,
) -> Run:
    """Lay the manifold of the pixels flat, by an encoder that places every pixel.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/umap.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        run: Run whose vectors are laid out; none: scores, of `mnf` where there is a second store, else of `pca`.
        array: Name of the vectors' array (pixel, d) in the run; empty: the only one.
        second: Key in the lake, or URL, of a store of the same pixels in another period, for `mnf`.
        components: Numbers that a pixel gets: 2 or 3 for pictures, 16 for clusters.
        neighbours: Nearest neighbours of a pixel: few show details, many the whole.
        min_dist: How near pixels may come: small packs clusters tightly.
        spread: Over what distance nearness falls, at least `min_dist`.
        metric: Distance of vectors. One of euclidean, manhattan, chebyshev, cosine, correlation.
        pixels: Pixels of the sample that the graph is made of; all, where there are fewer.
        labels: URL of a file of classes that the graph is intersected with.
        column: The column of classes, where the file is a table.
        sha256: Of the labels; found when the run is named, so that another content is another run.
        densmap: Whether dense land stays dense (densMAP).
        density_weight: Of densMAP's term.
        hidden: Width of the two hidden layers of the encoder.
        steps: Steps of the training; 0: three passes over the edges, but 600 to 1500.
        batch: Edges of a step.
        negatives: Random pairs for each edge.
        learning_rate: The highest; it rises for a tenth of the steps and falls to nothing (one-cycle).
        seed: Of the sample, the graph and the training.
        threads: Threads of the CPU; another number gives other roundings.
        device: Where to train; `auto`: on a GPU where there is one. One of auto, cpu, cuda.
        checkpoint_seconds: Seconds between checkpoints.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """


def cluster(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    run: str | StoredRun = '',
    k: int = 8,
    n_init: int = 10,
    seed: int = 0,
    array: str = '',
    method: str = 'kmeans',
    fitted_on: int = 0,
    most: int = 20,
    smallest: int = 50,
) -> Run:
    """Group pixels by the vectors of a run: surface classes.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/classes.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        run: Run whose vectors are clustered: of `pca`, `mnf`, `gcca`, `factor`, `embed`, `trajectory`, ...; empty: the embedding of default settings, made if need be.
        k: Number of clusters; 0: chosen, the largest that is as stable as the most stable one.
        n_init: Number of random starts, of which the best is taken.
        seed: Seed of the random starts.
        array: Name of the vectors' array (pixel, d) in the run; empty: the only one.
        method: Method of clustering. One of kmeans, minibatch, spherical, mixture, hdbscan.
        fitted_on: Number of pixels, evenly spaced, that clusters are fitted on; 0: those of the sample.
        most: Largest number of clusters that is tried where it is chosen.
        smallest: Number of pixels of the smallest cluster of `hdbscan`, among those that it is fitted on.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """


def classify(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    run: str | StoredRun = '',
    labels: str = '',
    column: str = 'label',
    array: str = '',
    sha256: str = '',
    most: int = 20000,
    square: int = 20,
    seed: int = 0,
) -> Run:
    """Predict the class of every pixel from labels of some.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/classes.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        run: Run that has the vectors.
        labels: URL of a file of classes.
        column: Name of the column of classes of a table, or of the attribute of polygons.
        array: Name of the vectors' array in the run; empty: its only array (pixel, d).
        sha256: Digest of the labels, computed when the run gets its name: another content is another run.
        most: Largest number of labelled pixels that the regression is trained on.
        square: Rows and columns of a square of the checkerboard.
        seed: Seed of the pixels that are drawn, where there are more labels.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """


def describe_classes(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    run: str | StoredRun = '',
    labels: str = '',
    column: str = 'label',
    sha256: str = '',
    vectors: str | StoredRun = '',
    array: str = '',
    typical: int = 5,
    nearest: int = 3,
) -> Run:
    """Describe classes: area, spectrum, cycles, typical pixels, nearest classes.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/classes.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        run: Run whose classes are described: of `cluster` or `classify`; none: the classes of `labels`.
        labels: URL of a file of classes.
        column: Name of the column of classes of a table, or of the attribute of polygons.
        sha256: Digest of the labels, computed when the run gets its name.
        vectors: Run whose vectors say what is typical and near; none: the one that the classes were made from.
        array: Name of the vectors' array (pixel, d) in that run; empty: the only one.
        typical: Number of typical pixels of each class.
        nearest: Number of nearest classes of each class.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """


def evaluate(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    run: str | StoredRun = '',
    labels: str = '',
    column: str = 'label',
    array: str = '',
    sha256: str = '',
    other: str | StoredRun = '',
    quantities: Sequence[str] | str = (),
    first: int = 0,
    seeds: int = 3,
    patterns: bool = True,
    chosen: Sequence[int] | str = (),
    square: int = 20,
    most: int = 8000,
    few: int = 500,
    pairs: int = 2000,
    near: int = 10,
) -> Run:
    """Measure the vectors of a run against known classes.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/evaluation.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        run: Run that has the vectors.
        labels: URL of a file of classes.
        column: Name of the column of classes of a table, or of the attribute of polygons.
        array: Name of the vectors' array in the run; empty: its only array (pixel, d).
        sha256: Digest of the labels, computed when the run gets its name: another content is another run.
        other: Run by the same model, of another period of the same pixels; empty: one period is measured.
        quantities: Columns of the table that regression predicts; together they are the truth of `overlap`.
        first: Number of the d columns that are taken, from the first; 0: all.
        seeds: Number of seeds; each moves the checkerboard and draws pixels anew.
        patterns: Whether to measure how well the patterns of subpixels are predicted, where the store has some.
        chosen: Pixels whose neighbours are drawn; empty: the middle pixels of the largest classes.
        square: Rows and columns of a square of the checkerboard that separates training from held-out pixels.
        most: Largest number of pixels on each side: training, and held out.
        few: Number of training labels of the `few_` probes.
        pairs: Number of pixels whose distances to each other are all computed.
        near: Number of nearest neighbours that `overlap`, `trustworthiness` and `continuity` compare.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """


def map(
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    pictures: Sequence[str] | str = ('domain', 'counts', 'mean', 'order', 'pca', 'clusters', 'embedding', 'comparison'),
    run: str | StoredRun = '',
    cube: str = '',
    band: str = '',
    month: int = 0,
    tod: int | str = -1,
    phase: int = 0,
) -> Run:
    """Draw maps of a store and of what was made from it.

    Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
    that is done is not made again; one that was stopped or failed goes on. docs/reading.md says more.

    Args:
        client: of any Dask cluster, synchronous; its workers make the run.
        store: opened by `lake.open`, or its key or URL.
        lake: folder or URL of the lake that gets the run; None: the one of the store.
        force: make the run anew, though it is done.
        pictures: Pictures to draw. Some of domain, counts, mean, order, pca, clusters, embedding, comparison.
        run: Run to draw, with those that it builds on: of `cluster`, `embed`, `pca`, `trajectory`, `join`, or of `transform` by the model of an embedding. What else the pictures need is of default settings.
        cube: Cube of the counts and the mean; empty: the first that has the band.
        band: Band of the counts and the mean; empty: the one nearest to 10.35 um.
        month: Month of the mean; 0: the month that has most observations, at `tod` if that is given.
        tod: Time of day of the mean, seconds of the UTC day; -1: that with most observations.
        phase: Phase that the picture of the pixel order shows dark.

    Returns:
        The run, to wait for, watch, stop, read and draw.

    Raises:
        ConfigError: settings that cannot work, found before the cluster is asked.
        MissingError: no such store, or no such run that it should build on; or no worker.
    """
