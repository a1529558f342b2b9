"""Every error this project raises on purpose.

    LakeError
    |- ConfigError      (ValueError)          exit 64: a listing, setting, key or target that cannot work
    |- DataError        (ValueError)          exit 65: an input that is not what it should be
    |  |- GranuleError                        a satellite file that cannot be read or lacks something
    |  |- GeometryError                       two geometries where one is wanted
    |  |- NoStepError                         a source without one complete time step of a period
    |  `- LegacyError                         a pickle that asks for more than arrays, or does not fit
    |- MissingError     (FileNotFoundError)   exit 1: no such store, generation, run or object
    |- FormatError      (ValueError)          exit 1: a store of another format version
    |- OverlapError     (ValueError)          exit 1: one time step in two ledgers
    |- UnreachableError (ConnectionError)     exit 1: a server that fails, however often one asks
    |- StoppedError     (RuntimeError)        exit 1: a run that was asked to stop
    |- SpaceError       (OSError)             exit 1: no room for what must be written
    `- ConflictError    (RuntimeError)        exit 1: another writer was faster, too often

A message says what is wrong, what was found, what was wanted, where, and the next step.
"""


class LakeError(Exception):
    """Whatever this project refuses to do; the message is meant for the user."""

    exit_code = 1


class ConfigError(LakeError, ValueError):
    """A listing, setting, key or target that cannot work."""

    exit_code = 64


class DataError(LakeError, ValueError):
    """An input that is not what it should be."""

    exit_code = 65


class GranuleError(DataError):
    """A satellite file that cannot be read, or lacks what is needed."""


class GeometryError(DataError):
    """Two geometries where one is wanted."""


class NoStepError(DataError):
    """A source that has not one complete time step of a period."""


class LegacyError(DataError):
    """A legacy pickle that asks for more than arrays, or does not fit its domain."""


class MissingError(LakeError, FileNotFoundError):
    """No such store, generation, run or object."""

    def __str__(self) -> str:
        """The message alone, not the errno form of OSError."""
        return str(self.args[0]) if self.args else ""


class FormatError(LakeError, ValueError):
    """A store of a format version that this software does not read."""


class OverlapError(LakeError, ValueError):
    """One time step in two ledgers: merging them would count it twice."""


class UnreachableError(LakeError, ConnectionError):
    """A server that fails, however often one asks."""


class StoppedError(LakeError, RuntimeError):
    """A run that was asked to stop, or that another attempt took over."""


class SpaceError(LakeError, OSError):
    """No room for what must be written."""


class ConflictError(LakeError, RuntimeError):
    """Another writer was faster, more often than we try again."""
