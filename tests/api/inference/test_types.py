"""Kinds of arrays that a trained network takes and gives, for mypy and when run."""

from typing import Any, assert_type

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import perception_kd
from perception_kd import TrainedNetwork
from tests.api.inference.test_network import RAD, Make


def test_features_are_of_the_kind_that_was_given(trained: Make) -> None:
    run = trained(RAD)
    net = assert_type(perception_kd.load(run.path, device="cpu"), TrainedNetwork)
    cloud = np.random.default_rng(0).random((20, 4), np.float32)
    imgs: NDArray[Any] = np.stack(run.imgs[0])
    matrices = run.calibrations[0]
    arrays = (
        assert_type(net.points(cloud), NDArray[Any]),
        assert_type(net.points([cloud]), list[NDArray[Any]])[0],
        assert_type(net.images(imgs), NDArray[Any]),
        assert_type(net.bev(cloud), NDArray[Any]),
        assert_type(net.bev([cloud]), NDArray[Any]),
        assert_type(net.bev(None, imgs, matrices), NDArray[Any]),
    )
    assert {type(each) for each in arrays} == {np.ndarray}
    points, views = torch.from_numpy(cloud), torch.from_numpy(imgs)
    tensors = (
        assert_type(net.points(points), Tensor),
        assert_type(net.points([points]), list[Tensor])[0],
        assert_type(net.images(views), Tensor),
        assert_type(net.bev(points), Tensor),
        assert_type(net.bev(None, views, matrices), Tensor),
    )
    assert {type(each) for each in tensors} == {Tensor}
