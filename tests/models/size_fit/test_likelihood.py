import numpy as np
import pytest
from scipy.optimize import approx_fprime

from models.size_fit.estimator import _ORDINAL
from models.size_fit.latent import NAMES, PLACED, START, WIDTH, Given
from models.size_fit.likelihood import loss_and_slope
from models.size_fit.ordinal import OrdinalFit


@pytest.fixture(scope="module")
def lines(trained):
    """Lines of a shop with all there is to know: charts, children, two people, silence."""
    _, _, data = trained
    known = np.flatnonzero((data.y >= 0) & data.sized)
    X, y = data.X[known][:, _ORDINAL], data.y[known]
    drawn, quiet = OrdinalFit.drawn(X[:, PLACED], y, data.told[known])
    assert 0 < np.count_nonzero(quiet) < len(quiet)
    return Given.of(X[drawn]), y[drawn], quiet


@pytest.mark.parametrize("seed", [0, 1])
def test_the_slope_is_that_of_the_loss_in_every_parameter(lines, seed):
    theta = START + 0.5 * WIDTH * np.random.default_rng(seed).standard_normal(len(START))
    _, slope = loss_and_slope(theta, *lines)
    measured = approx_fprime(theta, lambda here: loss_and_slope(here, *lines)[0], 1e-6)
    for name, one, other in zip(NAMES, slope, measured, strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=2e-6), name


def test_every_parameter_is_moved_by_the_lines_and_not_by_its_prior_alone(lines):
    _, slope = loss_and_slope(START, *lines)  # where the prior is flat
    assert (np.abs(slope) > 1e-5).all()
