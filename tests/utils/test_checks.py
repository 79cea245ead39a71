"""Checks of arguments."""

import math

import numpy as np
import pytest

from perception_kd.utils.checks import (
    check_at_least,
    check_classes,
    check_shape,
    is_finite,
    is_number,
    is_whole,
)


def test_a_number_may_be_the_lowest_and_not_below() -> None:
    check_at_least("workers", 0, 0)
    with pytest.raises(ValueError, match="workers must be at least 0, but got -1"):
        check_at_least("workers", -1, 0)


def test_letters_fit_any_size_and_numbers_their_own() -> None:
    check_shape("points", np.zeros((7, 3)), ("N", 3))
    for shape in ((7, 4), (3,), (7, 3, 1)):
        with pytest.raises(ValueError, match=r"points must have shape \(N, 3\), but got \("):
            check_shape("points", np.zeros(shape), ("N", 3))


def test_classes_must_have_their_names_and_order() -> None:
    check_classes("classes", ["car", "bus"], ("car", "bus"))
    with pytest.raises(ValueError, match=r"in this order, .* differ first in bus for car"):
        check_classes("classes", ("bus", "car"), ("car", "bus"))
    for others in (("car",), ("car", "bus", "truck"), ()):
        with pytest.raises(ValueError, match=r"classes must be .* in this order, but got"):
            check_classes("classes", others, ("car", "bus"))


def test_true_is_no_number_and_nan_neither() -> None:
    assert [is_whole(x) for x in (0, -3, True, 1.0, "1", None)] == [True, True] + 4 * [False]
    assert [is_number(x) for x in (0, 0.5, True, math.nan, "1")] == [True, True] + 3 * [False]
    assert is_number(math.inf)
    assert not is_number(10**400)


def test_integers_above_the_largest_float_are_no_numbers() -> None:
    assert not is_number(10**400)
    assert not is_finite(-(10**400))
    assert is_number(10**300)


def test_numbers_of_numpy_are_finite_and_others_not() -> None:
    finite = (0, -1.5, 10**300, np.float32(2), np.int64(3), np.uint8(4))
    assert all(map(is_finite, finite))
    others = (math.inf, -math.inf, math.nan, np.float32("inf"), True, np.bool_(1), 1j, "1", None)
    assert not any(map(is_finite, (*others, np.complex64(1))))
