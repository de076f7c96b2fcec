"""The packages of others, none of which need be installed: one that is missing is named."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from eqchip.emulator.errors import InputError


@dataclass(frozen=True)
class Package:
    """A package that a backend or a file format needs.

    Attributes
    ----------
    module : str
        What is imported.
    missing : str
        Said where it cannot be; ``{error}`` stands for why.
    python : tuple of int, optional
        The one version of Python that it supports.
    another_python : str
        Said on any other; ``{found}`` stands for that one.
    """

    module: str
    missing: str
    python: tuple[int, int] | None = None
    another_python: str = ""

    def require(self) -> ModuleType:
        """Import it.

        Raises
        ------
        InputError
            If it is not here, with what to install.
        """
        here = sys.version_info[:2]
        if self.python is not None and here != self.python:
            raise InputError(self.another_python.format(found=".".join(map(str, here))))
        hook = sys.excepthook
        try:
            return import_module(self.module)
        except ImportError as error:
            raise InputError(self.missing.format(error=error)) from error
        finally:
            sys.excepthook = hook  # Brian2 would call every uncaught error a bug of its own


BRIAN2 = Package(
    "brian2",
    "brian2 cannot be imported ({error}); expected it installed: pip install 'eqchip[brian2]'",
)
LAVA = Package(
    "lava",
    "backend 'lava': lava-nc is not installed; expected it: pip install 'eqchip[lava]'",
    (3, 10),  # the only one that lava-nc 0.10 supports
    "backend 'lava': this is Python {found}; expected Python 3.10 for lava-nc 0.10: "
    "there, pip install 'eqchip[lava]'",
)
NIR = Package("nir", "nir is not installed; expected it: pip install 'eqchip[nir]'")
SIMPY = Package("simpy", "discrete: SimPy is not installed; pip install 'eqchip[simpy]'")
