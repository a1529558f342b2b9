import pytest
import torch

from jobs.embedding.loader import MemoryLoader, PixelBlock, StreamingLoader

CPU = torch.device("cpu")


def in_memory(count=103, size=10, share=0.1, seed=0):
    x = torch.arange(float(count))[:, None]
    return MemoryLoader((x, -x), torch.arange(count), size, share, seed)


class Blocks:
    """Superblocks of 40 pixels, the last of 13; pixel 7 of each has no values."""

    def __init__(self):
        self.numbers = []

    sizes = (40, 40, 40, 40, 13)

    def __call__(self, number):
        self.numbers.append(number)
        pixel = torch.tensor([40 * number + i for i in range(self.sizes[number]) if i != 7])
        return PixelBlock(pixel, (pixel[:, None].float(),))


def streamed(blocks, size=10, group_size=2):
    return StreamingLoader(blocks, blocks.sizes, size, group_size, 0, CPU)


def test_an_epoch_has_no_pixel_twice_and_none_that_is_held_out():
    loader = in_memory()
    epoch = torch.cat([loader.batch(step).pixel for step in range(9)])
    assert len(epoch.unique()) == 90
    assert not set(epoch.tolist()) & set(loader.held_out().pixel.tolist())
    again = torch.cat([loader.batch(step).pixel for step in range(9, 18)])
    assert not torch.equal(epoch, again)


@pytest.mark.parametrize("make", [in_memory, lambda: streamed(Blocks())])
def test_batch_of_a_step_is_the_same_whatever_came_before(make):
    in_order, at_random = make(), make()
    expected = [in_order.batch(step) for step in range(40)]
    for step in (33, 0, 17):
        batch = at_random.batch(step)
        assert torch.equal(batch.pixel, expected[step].pixel)
        assert torch.equal(batch.x[0], expected[step].x[0])
    in_order.close()
    at_random.close()


def test_rows_of_all_periods_are_of_one_pixel():
    batch = in_memory().batch(4)
    assert torch.equal(batch.x[0][:, 0], batch.pixel.float())
    assert torch.equal(batch.x[1][:, 0], -batch.pixel.float())


def test_all_superblocks_but_the_last_pass_in_an_epoch():
    blocks = Blocks()
    loader = streamed(blocks)
    pixels = torch.cat([loader.batch(step).pixel for step in range(16)])
    assert set((pixels // 40).tolist()) == {0, 1, 2, 3}
    assert 140 < len(pixels.unique()) <= 156
    assert 7 not in (pixels % 40).tolist()
    assert set((loader.held_out().pixel // 40).tolist()) == {4}
    loader.close()


def test_a_batch_mixes_the_superblocks_that_are_together():
    loader = streamed(Blocks(), size=40)
    assert len((loader.batch(0).pixel // 40).unique()) == 2
    loader.close()


def test_each_superblock_is_read_once_an_epoch():
    blocks = Blocks()
    loader = streamed(blocks)
    for step in range(16):
        loader.batch(step)
    loader.close()
    assert sorted(blocks.numbers[:4]) == [0, 1, 2, 3]
    assert len(blocks.numbers) <= 6  # the next epoch's first group is read ahead


def test_small_sample_is_one_batch():
    loader = in_memory(count=5, size=64, share=0)
    assert sorted(loader.batch(3).pixel.tolist()) == [0, 1, 2, 3, 4]
    assert loader.held_out() is None


def test_pixels_that_are_only_beside_others_are_not_trained_on():
    x = torch.arange(20.0)[:, None]
    around = torch.arange(12, 20).repeat(12, 1)
    loader = MemoryLoader((x,), torch.arange(20), 4, 0.25, 0, around)
    trained = torch.cat([loader.batch(step).pixel for step in range(20)])
    assert len(trained.unique()) == 9
    assert trained.max() < 12
    neighbours, inputs = loader.batch(0).neighbours
    assert inputs[neighbours].min() == 12
