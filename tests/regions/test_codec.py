"""Files of region ids: nothing is lost, and files that cannot be right are named."""

import zipfile
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from perception_kd.io.errors import BrokenFileError
from perception_kd.regions.codec import (
    NoRegion,
    RegionIds,
    decode_region_ids,
    encode_region_ids,
)


@settings(deadline=None, max_examples=50)
@given(arrays(np.int32, st.integers(0, 60), elements=st.integers(-8, 59)))
def test_any_ids_survive(region_ids: RegionIds) -> None:
    region_ids = np.minimum(region_ids, len(region_ids) - 1)
    again = decode_region_ids(encode_region_ids(region_ids), "a.npz", len(region_ids))
    assert again.dtype == np.int32
    np.testing.assert_array_equal(again, region_ids)


def test_convention_negative_ids_are_reasons() -> None:
    # Caches hold these numbers: they must stay what they are.
    assert {reason.name: int(reason) for reason in NoRegion} == {
        "NOISE": -1,
        "GROUND": -2,
        "EGO_STRIP": -3,
        "TOO_LOW": -4,
        "TOO_HIGH": -5,
        "TOO_THIN": -6,
        "TOO_LARGE": -7,
        "TOO_SMALL": -8,
    }


def test_numpy_reads_the_file() -> None:
    with np.load(BytesIO(encode_region_ids(np.array([3, -2])))) as archive:
        assert archive["region_ids"].tolist() == [3, -2]


def test_a_truncated_file_is_named() -> None:
    data = encode_region_ids(np.arange(300))
    for length in range(0, len(data), 11):
        with pytest.raises(BrokenFileError, match=r"a\.npz is not a complete file of region ids"):
            decode_region_ids(data[:length], "a.npz", 300)


def test_a_file_with_a_changed_byte_is_named() -> None:
    data = bytearray(encode_region_ids(np.arange(300)))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(BrokenFileError, match=r"a\.npz is not a complete file of region ids"):
        decode_region_ids(bytes(data), "a.npz", 300)


def test_ids_of_another_sweep_are_named() -> None:
    data = encode_region_ids(np.zeros(4, np.int32))
    with pytest.raises(BrokenFileError, match=r"5 int32, one .*but got int32 of shape \(4,\)"):
        decode_region_ids(data, "a.npz", 5)


@pytest.mark.parametrize("wrong", [-9, 5, 2**31 - 1])
def test_ids_beyond_the_points_are_refused(wrong: int) -> None:
    data = encode_region_ids(np.array([0, 1, wrong, 1, -8]))
    with pytest.raises(BrokenFileError, match=rf"a\.npz has ids from .*{wrong}.*from -8 to 4"):
        decode_region_ids(data, "a.npz", 5)


def test_a_claim_of_many_ids_takes_no_memory() -> None:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive, archive.open("region_ids.npy", "w") as member:
        header = {"descr": "<i4", "fortran_order": False, "shape": (10**12,)}
        np.lib.format.write_array_header_1_0(member, header)  # type: ignore[no-untyped-call]
    with pytest.raises(BrokenFileError, match=r"5 int32, .* of shape \(1000000000000,\)"):
        decode_region_ids(file.getvalue(), "a.npz", 5)


def test_a_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match=r"region_ids must have shape \(N,\), but got \(2, 2\)"):
        encode_region_ids(np.zeros((2, 2), int))
