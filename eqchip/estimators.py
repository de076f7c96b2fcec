"""Estimators after scikit-learn's conventions: ``eq.EPClassifier`` and ``eq.EPRegressor``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.own import Prepared, prepare
from eqchip.emulator.data.targets import Range
from eqchip.emulator.engine.lowering import lower_fixed
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.classifier import Classifier
from eqchip.emulator.training.fit import fit
from eqchip.runs import RunDirectory
from eqchip.settings import configuration
from eqchip.training import Trainer

NUMBERS = (np.float64, np.float32)  # types that samples are taken in


class _Estimator(BaseEstimator):
    """What both have: parameters, training, and what the outputs say."""

    _task: ClassVar[str]
    _inputs: Any
    _mirror: Any

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

    def _learn(self, X: np.ndarray, y: np.ndarray) -> Prepared:
        """Train on samples that are checked; what they were prepared with."""
        self.n_features_in_ = X.shape[1]
        made = prepare(X, y, test=0, scaling=self.scaling, task=self._task)
        self._inputs = made.inputs
        data = Dataset.of(made, "arrays")
        config = configuration(
            data,
            network=(data.train_x.shape[1], *self.hidden, data.classes),
            on_chip=self.on_chip,
            settings=self._settings(),
        )
        self._train(config, data)
        self.n_iter_ = config.descent.epochs
        return made

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
            command = f"{type(self).__name__}.fit"
            self.run_ = RunDirectory.create(Path(self.out), config, command)
            fit(self.run_, data, threads=self.threads)
            self.network_, self._mirror = self.run_.network(), self.run_.mirror()
            return
        trainer = Trainer(config, data, threads=self.threads)
        for _ in trainer:
            pass
        self.network_, self._mirror = trainer.network, trainer.mirror or None

    def _outputs(self, X: Any) -> np.ndarray:
        """Potentials of the output units at the end of the free phase, (n, outputs)."""
        check_is_fitted(self)
        X = check_array(X, dtype=NUMBERS, estimator=self)
        if X.shape[1] != self.n_features_in_:
            raise InputError(
                f"X has {X.shape[1]} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )
        learned = self.config_.on_chip
        lowered = fixed = None
        if learned is not None:
            fixed = learned.fixed
            lowered = lower_fixed(self.network_, fixed, mirror=self._mirror)
        classifier = Classifier(self.config_, self.network_, self.threads, lowered, fixed)
        return classifier.outputs(self._inputs(X))


class EPClassifier(ClassifierMixin, _Estimator):
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

    _task = "classification"

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
        X, y = check_X_y(X, y, dtype=NUMBERS, estimator=self)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"y holds {len(self.classes_)} class; expected at least two classes")
        self._learn(X, numbers)
        return self

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


class EPRegressor(RegressorMixin, MultiOutputMixin, _Estimator):
    """A network of spiking units that learns numbers by Equilibrium Propagation.

    Features are scaled into on and off channels by itself, and targets onto potentials: see
    :meth:`eqchip.Dataset.from_arrays`. A potential has ends, so nothing much beyond the smallest
    and the largest target of training is ever predicted.

    Parameters
    ----------
    hidden, epochs, on_chip, scaling, random_state, threads, out, settings
        As of :class:`EPClassifier`.

    Attributes
    ----------
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
    >>> import numpy as np
    >>> x = np.random.RandomState(0).uniform(-2, 2, (200, 1))
    >>> model = EPRegressor(hidden=(20,), epochs=60).fit(x[::2], np.sin(x[::2, 0]))
    >>> bool(model.score(x[1::2], np.sin(x[1::2, 0])) > 0.8)
    True
    """

    _task = "regression"
    _targets: Range

    def fit(self, X: Any, y: Any) -> EPRegressor:
        """Learn.

        Parameters
        ----------
        X : array-like, shape (n, features)
        y : array-like, shape (n,) or (n, outputs)

        Raises
        ------
        InputError
            A ValueError: if the data or a parameter are wrong.
        """
        X, y = check_X_y(
            X, y, dtype=NUMBERS, multi_output=True, y_numeric=True, estimator=self
        )  # fmt: skip
        self._flat = y.ndim == 1
        made = self._learn(X, y)
        assert isinstance(made.targets, Range)
        self._targets = made.targets
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The numbers of each sample.

        Parameters
        ----------
        X : array-like, shape (n, features)

        Returns
        -------
        ndarray, shape (n,) or (n, outputs)
            As `y` was.
        """
        outputs = self._outputs(X)  # refuses what is not fitted
        found = self._targets.values(outputs)
        return found[:, 0] if self._flat else found


def _seed(random_state: Any) -> int:
    if random_state is None:
        return 0
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    return int(random_state)
