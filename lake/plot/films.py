"""Films: figures that change, written as GIF by Pillow, or as MP4 where ffmpeg is installed."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from lake.errors import ConfigError
from lake.storage.files import write_whole

ENDINGS = (".gif", ".mp4")
COLOURS = 256
"""Number of colours of a GIF."""
MAP_COLOURS, FREQUENT, GREYS = 200, 24, 32
"""Shares of them: colours of the map, the most frequent ones of the first frame, greys of text and lines."""
DPI = 110

Frame = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A figure that changes from frame to frame."""

    figure: Figure
    frames: int
    """Number of frames."""
    show: Callable[[int], None]
    """Changes the figure into that of a frame, by its number from 0."""
    colours: NDArray[np.uint8]
    """(n, 3) red, green, blue of the map in all frames, at most `MAP_COLOURS`."""


def save(film: Film, path: Path, *, fps: float = 2, dpi: float = DPI) -> None:
    """Write a film in the format of the file's ending.

    Args:
        film: the film to write; its figure then shows the last frame.
        path: ends in `.gif` or `.mp4`.
        fps: frames a second.
        dpi: dots per inch.

    Raises:
        ConfigError: another ending; or MP4, and there is no ffmpeg.
    """
    check(path)
    film.figure.set_dpi(dpi)
    if path.suffix.lower() == ".gif":
        write_whole(path, lambda draft: _gif(_frames(film), draft, fps, film.colours))
    else:
        write_whole(path, lambda draft: _mp4(_frames(film), draft, fps))


def check(path: Path) -> None:
    """Refuse what `save` could not write.

    Raises:
        ConfigError: see `save`.
    """
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(f"{path} is to be a film: wanted a file that ends in .gif or .mp4")
    if path.suffix.lower() == ".mp4":
        _ffmpeg()


def _frames(film: Film) -> Iterator[Frame]:
    """(row, column, 3) images of all frames; MP4 needs even numbers of rows and columns."""
    canvas = FigureCanvasAgg(film.figure)
    for number in range(film.frames):
        film.show(number)
        canvas.draw()
        rgb = np.asarray(canvas.buffer_rgba())[:, :, :3]
        yield rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2].copy()


def _gif(frames: Iterator[Frame], path: Path, fps: float, film_colours: NDArray[np.uint8]) -> None:
    first = next(frames)
    palette = _palette(first, film_colours)
    images = (
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in chain([first], frames)
    )
    next(images).save(
        path, "GIF", save_all=True, append_images=images, duration=round(1000 / fps), loop=0,
        optimize=False, disposal=1,
    )  # fmt: skip


def _palette(frame: Frame, film_colours: NDArray[np.uint8]) -> Image.Image:
    """One palette for all frames: the frequent colours of the first, those of the map, and greys."""
    colours, counts = np.unique(frame.reshape(-1, 3), axis=0, return_counts=True)
    frequent = colours[np.argsort(-counts)[:FREQUENT]]
    greys = np.linspace(0, 255, GREYS).astype(np.uint8)[:, None].repeat(3, axis=1)
    palette = Image.new("P", (1, 1))
    palette.putpalette(
        np.concatenate([frequent, film_colours[:MAP_COLOURS], greys]).ravel().tolist()
    )
    return palette


def _mp4(frames: Iterator[Frame], path: Path, fps: float) -> None:
    first = next(frames)
    rows, columns, _ = first.shape
    command = [
        _ffmpeg(), "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24",
        "-s", f"{columns}x{rows}", "-r", f"{fps:g}", "-i", "-", "-c:v", "libx264",
        "-pix_fmt", "yuv420p", "-crf", "18", "-movflags", "+faststart", str(path),
    ]  # fmt: skip
    with tempfile.TemporaryFile() as messages:
        writer = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=messages)  # noqa: S603 (ours)
        pipe = writer.stdin
        try:
            if pipe is not None:
                pipe.write(first.tobytes())
                for frame in frames:
                    pipe.write(frame.tobytes())
                pipe.close()
        except BrokenPipeError:
            writer.kill()
        if writer.wait():
            messages.seek(0)
            cause = messages.read().decode("utf-8", "replace").strip()
            raise ConfigError(f"ffmpeg could not write {path}: {cause}; a .gif needs no ffmpeg")


def _ffmpeg() -> str:
    """Path of ffmpeg: of the machine, or of the package imageio-ffmpeg."""
    if installed := shutil.which("ffmpeg"):
        return installed
    try:
        packaged: str = import_module("imageio_ffmpeg").get_ffmpeg_exe()
    except (ModuleNotFoundError, RuntimeError) as error:
        raise ConfigError(
            "an .mp4 needs ffmpeg: install it, or 'pip install imageio-ffmpeg'; a .gif needs neither"
        ) from error
    return packaged
