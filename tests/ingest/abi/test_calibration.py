import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ingest.abi import calibration


def test_unpack_is_nan_at_fill_and_out_of_the_valid_range():
    table = calibration.unpack(10, 0.5, -1.0, (2, 7), 5)
    assert_array_equal(table, [np.nan, np.nan, 0, 0.5, 1, np.nan, 2, 2.5, np.nan, np.nan])


def test_reflectance_factor_is_pi_d_squared_radiance_by_solar_irradiance():
    """Constants of the real CMIP granule of band 1, 2017-09-23: esun, d in astronomical units."""
    kappa0 = np.pi * 1.0033478**2 / 2047.9382
    radiance = np.array([-25.93665, 0.0, 600.0])
    assert_allclose(
        calibration.reflectance_factor(radiance, 0.0015443), radiance * kappa0, rtol=5e-5
    )


@pytest.mark.parametrize(
    "planck",
    [
        calibration.Planck(202263.0, 3698.19, 0.43361, 0.99939),
        calibration.Planck(10803.3, 1392.74, 0.0755, 0.99975),
        calibration.Planck(6454.62, 1173.03, 0.21702, 0.99916),
    ],
    ids=["C07", "C13", "C15"],
)
def test_brightness_temperature_inverts_the_law_of_planck(planck):
    """The law with the constants of CODATA 2018, at the wavenumber that fk2 stands for."""
    h, c, k = 6.62607015e-34, 299792458.0, 1.380649e-23
    wavenumber = planck.fk2 * k / (h * c)  # 1/m
    temperature = np.linspace(180, 340, 33)
    effective = planck.bc1 + planck.bc2 * temperature
    per_metre = 2 * h * c**2 * wavenumber**3 / np.expm1(h * c * wavenumber / (k * effective))
    radiance = per_metre * 1e5  # W m-2 sr-1 m -> mW m-2 sr-1 cm
    assert_allclose(calibration.brightness_temperature(radiance, planck), temperature, atol=0.02)


def test_brightness_temperature_of_a_radiance_not_above_zero_is_nan():
    planck = calibration.Planck(10803.3, 1392.74, 0.0755, 0.99975)
    temperature = calibration.brightness_temperature(np.array([-1.6, 0.0, np.nan, 1e-3]), planck)
    assert_array_equal(np.isnan(temperature), [True, True, True, False])
