"""The ablations of Fig. 4a of the AlphaFold paper (Jumper et al., Nature 596, 2021) as changes of a configuration.

They combine by plus signs behind a preset's name. "With self-distillation training" is a matter of the data files.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from alphafold_lite.training.config import InputMix, TrainingConfig

Ablation = Callable[[TrainingConfig], TrainingConfig]


def no_templates(config: TrainingConfig) -> TrainingConfig:
    """No template stack and no templates."""
    validation = replace(config.validation, templates=("none",))
    return replace(config, model=replace(config.model, template=None), validation=validation)


def no_extra_msa(config: TrainingConfig) -> TrainingConfig:
    """No extra-MSA stack."""
    stack = replace(config.model.extra_msa, num_blocks=0)
    return replace(config, model=replace(config.model, extra_msa=stack))


def no_raw_msa(config: TrainingConfig) -> TrainingConfig:
    """The alignment as a profile only ("no raw MSA, use MSA pairwise frequencies" in the paper, of which this keeps the single ones)."""
    return replace(config, data=replace(config.data, inputs=InputMix(alignment=0, profile=1.0)))


def no_recycling(config: TrainingConfig) -> TrainingConfig:
    """A single pass in training and validation."""
    return replace(
        config,
        step=replace(config.step, max_recycles=0),
        validation=replace(config.validation, num_recycles=0),
    )


def no_triangles(config: TrainingConfig) -> TrainingConfig:
    """No triangle multiplication and no triangle attention in the trunk ("no triangles, biasing or gating", without the last two)."""
    off = {"triangle_multiplication": False, "triangle_attention_every": 0}
    model = config.model
    return replace(
        config,
        model=replace(model, evoformer=replace(model.evoformer, **off), extra_msa=replace(model.extra_msa, **off)),
    )


def no_ipa_pair_bias(config: TrainingConfig) -> TrainingConfig:
    """Attention of the structure module does not see the pair representation."""
    structure = replace(config.model.structure, pair_bias=False)
    return replace(config, model=replace(config.model, structure=structure))


def no_ipa(config: TrainingConfig) -> TrainingConfig:
    """No invariant point attention: attention without points, still with the pair bias ("no IPA, use direct projection" there)."""
    structure = replace(config.model.structure, points=False)
    return replace(config, model=replace(config.model, structure=structure))


def no_masked_msa_loss(config: TrainingConfig) -> TrainingConfig:
    """No masked letters and no loss on them."""
    return replace(config, loss=replace(config.loss, masked_msa=0.0), data=replace(config.data, masked_fraction=0.0))


def no_distogram_loss(config: TrainingConfig) -> TrainingConfig:
    """No auxiliary distogram."""
    return replace(config, loss=replace(config.loss, distogram=0.0))


def no_end_to_end(config: TrainingConfig) -> TrainingConfig:
    """The trunk learns from its own heads only ("no end-to-end structure gradients, keep auxiliary heads")."""
    return replace(config, step=replace(config.step, end_to_end=False))


ABLATIONS: Mapping[str, Ablation] = {
    function.__name__: function
    for function in (
        no_templates,
        no_extra_msa,
        no_raw_msa,
        no_recycling,
        no_triangles,
        no_ipa_pair_bias,
        no_ipa,
        no_masked_msa_loss,
        no_distogram_loss,
        no_end_to_end,
    )
}
