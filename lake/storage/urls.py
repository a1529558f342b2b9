"""URLs of folders and objects."""

from pathlib import Path


def join(root: str | Path, path: str) -> str:
    """The URL of `path` below `root`."""
    return f"{str(root).rstrip('/')}/{path}" if path else str(root)


def absolute(url: str) -> str:
    """A folder by its absolute path, so that it means the same to every process; a URL as it is."""
    if "://" in url and not url.startswith("file://"):
        return url
    return str(Path(url.removeprefix("file://")).expanduser().absolute())
