"""What a prediction tells while it runs. The command line shows it; the library is silent by default."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class Progress(Protocol):
    """Told about every stage; implementations decide what to show."""

    def target(self, name: str, number: int, total: int) -> None:
        """Target `number` (from 1) of `total` begins."""
        ...

    def stage(self, name: str) -> None:
        """A stage of the current target begins, for example `features` or `relax model_1_ptm_pred_0`."""
        ...

    def recycle(self, number: int, total: int) -> None:
        """Pass `number` (from 1) of at most `total` through the network begins."""
        ...

    def block(self, number: int, total: int) -> None:
        """Evoformer block `number` (from 1) of `total` is done."""
        ...


class Silent:
    """Shows nothing."""

    def target(self, name: str, number: int, total: int) -> None:
        pass

    def stage(self, name: str) -> None:
        pass

    def recycle(self, number: int, total: int) -> None:
        pass

    def block(self, number: int, total: int) -> None:
        pass


@contextmanager
def watched_blocks(blocks: nn.ModuleList, progress: Progress) -> Generator[None]:
    """Report each block's end to `progress` while the context lasts; the model itself knows nothing of it."""
    total = len(blocks)

    def report(number: int) -> None:
        progress.block(number, total)

    hooks = [
        block.register_forward_hook(lambda *_, number=number: report(number)) for number, block in enumerate(blocks, 1)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
