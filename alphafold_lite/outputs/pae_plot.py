"""The PAE of a complex as a picture with the borders of its chains. Needs matplotlib (extra `report`), imported only when a plot is made."""

import importlib.util
import io

import numpy as np
from jaxtyping import Float

from alphafold_lite.common.chains import ChainSpan

RESOLUTION = 150  # dots per inch


def available() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def pae_png(
    pae: Float[np.ndarray, "N_res N_res"], max_pae: float, spans: tuple[ChainSpan, ...], *, title: str
) -> bytes:
    """Rows: the residue aligned on; columns: the residue whose error (Å) is shown; lines between chains."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5.2), layout="constrained")
    axes = figure.subplots()
    extent = (0.5, len(pae) + 0.5, len(pae) + 0.5, 0.5)
    image = axes.imshow(pae, cmap="Greens_r", vmin=0, vmax=max_pae, extent=extent, interpolation="nearest")
    figure.colorbar(image, ax=axes, label="expected position error (Å)")
    for span in spans[1:]:
        axes.axhline(span.start + 0.5, color="black", linewidth=0.8)
        axes.axvline(span.start + 0.5, color="black", linewidth=0.8)
    axes.set_title(title, fontsize="small")
    axes.set(xlabel="scored residue", ylabel="aligned residue")
    axes.locator_params(integer=True)
    for axis in (axes.secondary_xaxis("top"), axes.secondary_yaxis("right")):
        middles, names = [(span.start + span.stop + 1) / 2 for span in spans], [span.id for span in spans]
        axis.set_ticks(middles, labels=names)
        axis.tick_params(length=0)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=RESOLUTION, metadata={"Software": None})
    return buffer.getvalue()
