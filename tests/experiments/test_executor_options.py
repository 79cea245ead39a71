"""Options of a cluster: numbers as such, and what Ray takes."""

from typing import Any

import pytest

from perception_kd.experiments.executor_options import check_ray_options, parse_executor_options
from perception_kd.experiments.ray_arrays import RayArrays


def test_numbers_are_read_as_numbers() -> None:
    texts = ["a=3", "b=0.5", "c=.5", "d=-1", "e=gpu", "f=1e5", "g=x=y", "h=\u00b2"]
    options = parse_executor_options(texts)
    assert options == dict(a=3, b=0.5, c=0.5, d=-1, e="gpu", f="1e5", g="x=y", h="\u00b2")
    assert isinstance(options["a"], int)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["num_cpus"], "must be NAME=VALUE, but got 'num_cpus'"),
        (["=3"], "must be NAME=VALUE, but got '=3'"),
        (["memory="], "must be NAME=VALUE, but got 'memory='"),
        (["memory=1", "memory=2"], "has memory twice"),
    ],
)
def test_options_of_another_form_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_executor_options(texts)


@pytest.mark.parametrize(
    "options",
    [
        {},
        dict(num_cpus=8, num_gpus=1, memory=4_000_000_000),
        dict(num_cpus=0.5, num_gpus=0.5, memory=0),
        dict(num_cpus=0, num_gpus=2.0),
    ],
)
def test_amounts_that_ray_takes_pass(options: dict[str, Any]) -> None:
    check_ray_options(options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            dict(nodez=2),
            "--executor-options of ray must be num_cpus, num_gpus, memory, but got nod",
        ),
        (
            dict(num_cpus=-1),
            "num_cpus of --executor-options must be a number of at least 0.* got -1",
        ),
        (dict(num_cpus="many"), "num_cpus of .* got 'many'"),
        (dict(num_cpus=1e-5), "num_cpus of .* got 1e-05"),
        (dict(num_gpus=1.5), "num_gpus of .* share of one GPU such as 0.5, but got 1.5"),
        (dict(num_gpus=float("inf")), "num_gpus of .* got inf"),
        (dict(memory="4GB"), "memory of .* of bytes, such as 4000000000, but got '4GB'"),
        (dict(memory=0.5), "memory of .* got 0.5"),
    ],
)
def test_amounts_that_ray_refuses_are_named_first(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RayArrays("no.such.host:1", options)
