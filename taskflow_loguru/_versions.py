"""The versions of the host and of loguru that this version of taskflow-loguru works with."""

from __future__ import annotations

from importlib.metadata import version

NEWEST_TESTED = {"fastapi-taskflow": "0.12.1", "loguru": "0.7.3"}


def incompatible(package: str, error: Exception) -> ImportError:
    """Return the error to raise if *package* lacks one of the private names that are used here."""
    tested = NEWEST_TESTED[package]
    return ImportError(
        f"taskflow-loguru does not work with {package} {version(package)}: {error}. "
        f"Upgrade taskflow-loguru, or install the newest {package} that it is tested with: "
        f"pip install '{package}<={tested}'"
    )
