"""Drawing pairs: distinct, reproducible, uniform."""

import pytest
import torch

from perception_kd.models.pretrainers.pixel_distillation import sample_pairs


def make_generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_drawn_pairs_are_distinct_and_in_range() -> None:
    drawn = sample_pairs(50, 20, make_generator()).tolist()
    assert len(set(drawn)) == 20
    assert set(drawn) <= set(range(50))


@pytest.mark.parametrize("num_pairs", [0, 1, 7])
def test_all_pairs_are_drawn_if_there_are_too_few(num_pairs: int) -> None:
    drawn = sample_pairs(num_pairs, 7, make_generator())
    assert sorted(drawn.tolist()) == list(range(num_pairs))


def test_every_pair_is_equally_likely() -> None:
    # Each of 10 is drawn with probability 3/10: 900 of 3000 times, std 25.
    generator = make_generator()
    drawn = torch.cat([sample_pairs(10, 3, generator) for _ in range(3000)])
    assert (torch.bincount(drawn, minlength=10) - 900).abs().max() < 5 * 25


def test_the_generator_alone_fixes_the_draw() -> None:
    torch.manual_seed(1)
    first = sample_pairs(100, 10, make_generator(5))
    torch.manual_seed(2)
    assert torch.equal(sample_pairs(100, 10, make_generator(5)), first)
    assert not torch.equal(sample_pairs(100, 10, make_generator(6)), first)
