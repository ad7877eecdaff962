"""From the options of a command, by their names, to what prediction and search are asked for."""

from collections.abc import Mapping
from typing import Any

from alphafold_lite.predict.settings import Settings, parse_max_msa, parse_models
from data_pipeline.config import SearchConfig, parse_modes
from data_pipeline.templates.selection import TemplateConfig


def prediction_settings(given: Mapping[str, Any]) -> Settings:
    """How the network is run.

    Raises:
        InputError: a value out of its range.
    """
    clusters, extra = (None, None) if given["max_msa"] is None else parse_max_msa(given["max_msa"])
    same = ("num_recycles", "recycle_tolerance", "seed", "num_seeds", "device", "precision", "relax")
    return Settings(
        models=parse_models(given["models"]),
        max_clusters=clusters,
        max_extra=extra,
        **{name: given[name] for name in same},
    )


def search_config(given: Mapping[str, Any]) -> SearchConfig:
    """What is searched.

    Raises:
        InputError: settings that contradict each other.
    """
    latest = given["max_template_date"]
    same = ("data_dir", "library", "templates", "require_template", "server_url", "server_contact")
    return SearchConfig(
        msa_modes=parse_modes(given["msa_mode"]),
        databases=tuple(given["database"] or ()),
        template_files=tuple(given["template"] or ()),
        selection=TemplateConfig(
            max_date=None if latest is None else latest.date(), allow_undated=given["allow_undated_templates"]
        ),
        use_cache=not given["no_cache"],
        threads=given["search_threads"],
        **{name: given[name] for name in same},
    )
