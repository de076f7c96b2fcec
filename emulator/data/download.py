"""The published files of named data sets: where they are, what they hold, fetching them."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eqchip.emulator.errors import InputError

FILES = {  # name -> dimensions
    "train-images-idx3-ubyte": 3,
    "train-labels-idx1-ubyte": 1,
    "t10k-images-idx3-ubyte": 3,
    "t10k-labels-idx1-ubyte": 1,
}
_PIECE = 2**16
_REASON_LENGTH = 400


@dataclass(frozen=True)
class Published:
    """Where a data set is published, and sha256 of what is.

    ``archives`` are the .gz files as served; ``contents`` the same uncompressed, by
    which a copy is known however it was compressed. Both in the order of ``FILES``.
    """

    url: str
    archives: tuple[str, ...]
    contents: tuple[str, ...]


PUBLISHED = {
    "mnist": Published(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    "fashion-mnist": Published(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",  # no https; sums guard it
        (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
        (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
}


@dataclass(frozen=True)
class Archive:
    """A data set that is published as one file, and the checksum that is published with it."""

    url: str
    file: str
    checksum: str


ARCHIVES = {
    "cifar-10": Archive(
        "https://www.cs.toronto.edu/~kriz/",
        "cifar-10-binary.tar.gz",
        "md5:c32a1d4ab5d03f1284b67883e8d87530",  # of https://www.cs.toronto.edu/~kriz/cifar.html
    ),
}


def fetch(name: str, progress: bool) -> list[Path]:
    """Download the four archives, unless the user's cache holds them whole.

    Parameters
    ----------
    name : {"mnist", "fashion-mnist"}
    progress : bool
        Show a bar on stderr while downloading.

    Returns
    -------
    list of Path
        In the order of ``FILES``, each with the published checksum.

    Raises
    ------
    InputError
        If a file cannot be had, or comes with another checksum.
    """
    published = PUBLISHED[name]
    archives = [f"{file}.gz" for file in FILES]
    sums = dict(zip(archives, (f"sha256:{s}" for s in published.archives), strict=True))
    return _cached(name, published.url, sums, f"the four {name} IDX files", progress)


def fetch_archive(name: str, progress: bool) -> Path:
    """Download the archive of a data set, unless the user's cache holds it whole.

    Parameters
    ----------
    name : {"cifar-10"}
    progress : bool
        Show a bar on stderr while downloading.

    Raises
    ------
    InputError
        If it cannot be had, or comes with another checksum.
    """
    archive = ARCHIVES[name]
    sums = {archive.file: archive.checksum}
    (path,) = _cached(name, archive.url, sums, f"the binary files of {name}", progress)
    return path


def _cached(name: str, url: str, sums: dict[str, str], what: str, progress: bool) -> list[Path]:
    """Files of a place, from the user's cache or downloaded into it."""
    import pooch  # slow to import, so only when needed

    cache = pooch.create(path=Path(pooch.os_cache("eqchip")) / name, base_url=url, registry=sums)
    logger, paths = pooch.get_logger(), []
    level = logger.level
    logger.setLevel("WARNING")  # the bar says it better
    try:
        for file in sums:
            bar = _Bar(f"{name} {file}") if progress else None
            downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=_PIECE)
            try:
                paths.append(Path(cache.fetch(file, downloader=downloader)))
            except (OSError, ValueError) as error:  # requests' errors are OSErrors
                reason = textwrap.shorten(f"{type(error).__name__}: {error}", _REASON_LENGTH)
                raise InputError(
                    f"{url}{file}: download failed ({reason}); expected network access, or a "
                    f"directory with {what}: --data DIR"
                ) from None
            finally:
                if bar is not None:
                    bar.close()
    finally:
        logger.setLevel(level)
    return paths


class _Bar:
    """What pooch asks of a progress bar, drawn by rich; unseen until a download starts."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._progress: Any = None

    @property
    def total(self) -> int | None:
        return None if self._progress is None else self._progress.tasks[0].total

    @total.setter
    def total(self, size: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        self._progress = Progress(*columns, console=console)
        self._progress.add_task(self._label, total=size or None)  # 0: the server did not say
        self._progress.start()

    def update(self, amount: int) -> None:
        self._progress.advance(self._progress.tasks[0].id, amount)

    def reset(self) -> None:
        self._progress.update(self._progress.tasks[0].id, completed=0)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
