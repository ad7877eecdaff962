"""Every random choice of a run is a function of its seed, a purpose and a number, so that neither the number of workers and processes nor a
restart changes it."""

from enum import IntEnum

import numpy as np
import torch


class Purpose(IntEnum):
    """What a stream of random numbers is for. Values are part of every recorded run: never renumber them."""

    CHAIN = 1  # which chain a sample is made of
    EXAMPLE = 2  # crop, input, template
    DEPTH = 3  # whether a forward pass reads several rows
    RECYCLES = 4  # how many recycles a step has
    NETWORK = 5  # initial parameters and dropout
    VALIDATION = 6
    TEMPLATES = 7  # how many templates a forward pass has


def generator(seed: int, purpose: Purpose, *numbers: int) -> np.random.Generator:
    """NumPy's generator for a purpose and, for example, a sample number."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, purpose, *numbers))))


def seed_torch(seed: int, *numbers: int) -> None:
    """Put torch's default generators, of all devices, at the start of the stream for initial parameters or dropout."""
    words = np.random.SeedSequence((seed, Purpose.NETWORK, *numbers)).generate_state(2, np.uint32)
    torch.manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)
