"""Estimators after scikit-learn's conventions: ``eq.EPClassifier``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.own import fitted
from eqchip.emulator.description import notation
from eqchip.emulator.engine.lowering import lower_fixed
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.classifier import Classifier
from eqchip.emulator.training.fit import fit
from eqchip.runs import RunDirectory
from eqchip.settings import configuration
from eqchip.training import Trainer


class EPClassifier(ClassifierMixin, BaseEstimator):
    """A network of spiking units that learns classes by Equilibrium Propagation.

    Features are scaled into on and off channels by itself: see :meth:`eqchip.Dataset.from_arrays`.
    What is not given is chosen for data that nobody has seen: see ``docs/data.md``.

    Parameters
    ----------
    hidden : sequence of int
        Units of the hidden layers.
    epochs : int, optional
        Default: at least 20, and as many as see 20,000 samples.
    on_chip : str or path, optional
        Learn on this chip, in its integers: its name, or its file.
    scaling : {"on-off", "grey"}, optional
        See :meth:`eqchip.Dataset.from_arrays`.
    random_state : int or RandomState, optional
        Of all that is drawn. Default: 0, so that the same data give the same network.
    threads : int, optional
        Default: all processors. The result does not depend on it.
    out : path, optional
        Keep the training as a run directory, for :func:`eqchip.report` and the command line; a
        tenth of the samples is then set aside, for what they run. Default: it is not kept, and
        all samples are trained on.
    settings : dict, optional
        Others, by the names that they have in :func:`eqchip.train`.

    Attributes
    ----------
    classes_ : ndarray
    n_features_in_ : int
    network_ : Network
    n_iter_ : int
        Epochs.
    run_ : RunDirectory or None

    Notes
    -----
    It passes scikit-learn's estimator checks.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True)
    >>> model = EPClassifier(hidden=(20,), epochs=30).fit(x[::2], y[::2])
    >>> bool(model.score(x[1::2], y[1::2]) > 0.8)
    True
    """

    def __init__(
        self,
        hidden: Sequence[int] = (100,),
        *,
        epochs: int | None = None,
        on_chip: str | Path | None = None,
        scaling: str | None = None,
        random_state: Any = 0,
        threads: int | None = None,
        out: str | Path | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.hidden = hidden
        self.epochs = epochs
        self.on_chip = on_chip
        self.scaling = scaling
        self.random_state = random_state
        self.threads = threads
        self.out = out
        self.settings = settings

    def fit(self, X: Any, y: Any) -> EPClassifier:
        """Learn.

        Parameters
        ----------
        X : array-like, shape (n, features)
        y : array-like, shape (n,)
            Classes: numbers or texts.

        Raises
        ------
        InputError
            A ValueError: if the data or a parameter are wrong.
        """
        X, y = check_X_y(X, y, dtype=(np.float64, np.float32), estimator=self)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"y holds {len(self.classes_)} class; expected at least two classes")
        self.n_features_in_ = X.shape[1]
        self._scaling = fitted(X, self.scaling)
        data = Dataset(
            name="arrays",
            train_x=self._scaling(X),
            train_y=numbers.astype(np.int64),
            test_x=np.zeros((0, int(np.prod(self._scaling.shape))), np.float32),
            test_y=np.zeros(0, np.int64),
            shape=self._scaling.shape,
            classes=len(self.classes_),
            source="arrays",
            labels=tuple(str(one) for one in self.classes_.tolist()),
            scaling=self._scaling.text,
        )
        config = configuration(
            data,
            network=self._layers(data),
            on_chip=self.on_chip,
            settings=self._settings(),
        )
        self._train(config, data)
        self.n_iter_ = config.descent.epochs
        return self

    def _layers(self, data: Dataset) -> tuple[notation.Entry, ...]:
        return (data.train_x.shape[1], *self.hidden, data.classes)

    def _settings(self) -> dict[str, Any]:
        """Settings as `configuration` takes them."""
        given: dict[str, Any] = {"seed": _seed(self.random_state)}
        if self.out is None:
            given["validation"] = 0
        if self.epochs is not None:
            given["epochs"] = self.epochs
        return {**given, **(self.settings or {})}

    def _train(self, config: Any, data: Dataset) -> None:
        self.config_ = config
        self.run_ = None
        if self.out is not None:
            self.run_ = RunDirectory.create(Path(self.out), config, "EPClassifier.fit")
            fit(self.run_, data, threads=self.threads)
            self.network_, self._mirror = self.run_.network(), self.run_.mirror()
            return
        trainer = Trainer(config, data, threads=self.threads)
        for _ in trainer:
            pass
        self.network_, self._mirror = trainer.network, trainer.mirror or None

    def decision_function(self, X: Any) -> np.ndarray:
        """Potentials of the output units at the end of the free phase.

        Parameters
        ----------
        X : array-like, shape (n, features)

        Returns
        -------
        ndarray, shape (n, classes)
            Of two classes, shape (n,): how far the second is above the first.
        """
        found = self._outputs(X)
        return found[:, 1] - found[:, 0] if len(self.classes_) == 2 else found

    def predict(self, X: Any) -> np.ndarray:
        """The class of each sample.

        Parameters
        ----------
        X : array-like, shape (n, features)

        Returns
        -------
        ndarray, shape (n,)
        """
        best = self._outputs(X).argmax(axis=1)
        found: np.ndarray = self.classes_[best]
        return found

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = check_array(X, dtype=(np.float64, np.float32), estimator=self)
        if X.shape[1] != self.n_features_in_:
            raise InputError(
                f"X has {X.shape[1]} features, but EPClassifier is expecting "
                f"{self.n_features_in_} features as input"
            )
        learned = self.config_.on_chip
        lowered = fixed = None
        if learned is not None:
            fixed = learned.fixed
            lowered = lower_fixed(self.network_, fixed, mirror=self._mirror)
        classifier = Classifier(self.config_, self.network_, self.threads, lowered, fixed)
        return classifier.outputs(self._scaling(X))


def _seed(random_state: Any) -> int:
    if random_state is None:
        return 0
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    return int(random_state)
