#!/usr/bin/env bash
# Trains the bundled default model from the packed data sets; started again, it goes on where it stopped.
#
#   scripts/train_default.sh DATA [STATE]                    goes on from scripts/training/lite.*, the place that the project has reached
#   FROM_SCRATCH=1 scripts/train_default.sh DATA [STATE]     all stages anew
#
# DATA holds pdb_subset/ and msa_families/. STATE (default: the user's cache folder) keeps hits, checkpoints and the record of the run.
# Two processes of one CPU core each (torchrun) do 13 crops of 64 residues a second without recycling and with four structure layers, 5.2 of 96
# and 3.2 of 128 with recycling and eight. Here one process runs; OMP_NUM_THREADS says how many cores it uses. An H100 does 176 crops of 96 without
# recycling, 102 of 128 and 49 of 192 with it, with eight trunk blocks, 64 crops a pass (32 of 192: `step.micro_batch` of the preset's stages, which
# suits a CPU) and `--workers 14`. `scripts/training_bundle.py` takes the data to such a machine.
set -euo pipefail
data=${1:?"usage: scripts/train_default.sh DATA [STATE]"}
state=${2:-${XDG_CACHE_HOME:-$HOME/.cache}/alphafold_lite/training}
pdb=$data/pdb_subset families=$data/msa_families
cd "$(dirname "$0")/.."
mkdir -p "$state"
# glibc keeps its pages: 1.2 times the samples a second
export GLIBC_TUNABLES=${GLIBC_TUNABLES:-glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456}

hits=scripts/training/hits.npz # every chain's relatives among the training chains, kept with the project; made anew where it is not there
if [ ! -e "$hits" ]; then
    hits=$state/hits.npz
fi
if [ ! -e "$hits" ]; then
    .venv/bin/python scripts/search_training_set.py --library "$pdb/backbone_train.npz" --leave-out "$pdb/ordinary_valid.txt" \
        --queries "$pdb"/{backbone_valid,allatom_train,allatom_valid}.npz "$families"/structures_{train,valid}.npz "$pdb/backbone_train.npz" \
        --out "$hits"
fi

# all-atom chains with the alignments that a search of the embedded library finds for them: half a second a chain and core, once
searched=$state/searched/allatom_train.npz
if [ ! -e "$searched" ]; then
    .venv/bin/python scripts/align_training_set.py --data "$pdb/allatom_train.npz" --out "$searched"
fi

faster=() # torch.compile needs a C++ compiler: 1.3 times the samples a second
if command -v g++ >/dev/null; then
    faster=(--set step.compile_triangles=true)
fi

train() { # RUN OPTION...: a run that is there goes on, one that is done is left alone
    local run=$1
    shift
    if [ -e "$run/config.json" ]; then
        .venv/bin/alphafold-lite train --resume --out-dir "$run"
    else
        .venv/bin/alphafold-lite train --preset lite --leave-out "$pdb/ordinary_valid.txt" --validation "$pdb/backbone_valid.npz" \
            --data "$pdb/backbone_train.npz" --data "$searched" --data "$families/structures_train.npz" \
            --homologues "$hits" --out-dir "$run" "${faster[@]}" "$@"
    fi
}

further() { # STEP PARAMS START OPTION...: from START on, with the confident predictions of PARAMS, made once, among the samples
    local run=$state/lite_$1 predicted=$state/distilled_$1 params=$2 start=$3
    shift 3
    [ -e "$predicted/distilled.npz" ] ||
        .venv/bin/alphafold-lite distill --fasta scripts/training/unlabelled.fasta --params "$params" --threshold 1.5 --out-dir "$predicted" || [ $? = 3 ]
    train "$run" --init-from "$start" --distilled "$predicted" --distilled-share 0.05 "$@"
}

kept=scripts/training/lite # parameters and place of the run so far, where they are kept with the project
if [ -z "${FROM_SCRATCH:-}" ] && [ -e "$kept.json" ]; then
    mapfile -t options < <(.venv/bin/python scripts/keep_training.py --options "$kept.json")
    further "${options[1]#run.first_step=}" "$kept.safetensors" "$kept.safetensors" "${options[@]}"
    exit
fi

# without trunk blocks, on nearly clean templates: the structure module learns to follow what it is shown
train "$state/lite_start" --steps 2400 --set model.evoformer.num_blocks=0 --set step.max_recycles=0 --set step.batch_size=4 --set step.micro_batch=4 \
    --set 'stages=[]' --set optimizer.method=adam --set optimizer.learning_rate=2e-3 \
    --set optimizer.final_factor=0.3 --set optimizer.warmup_samples=400 --set data.clamped_share=0.1 --set data.inputs.sampled=0 \
    --set data.inputs.alignment=0 --set data.inputs.carried=0 --set data.templates.max_templates=1 --set data.templates.none=0.05 \
    --set data.templates.corrupted=0.95 --set data.templates.homologues=0 --set data.templates.corruption.gaps=0.1 \
    --set data.templates.corruption.noise=0.3 --set data.templates.corruption.segments=0 --set data.templates.corruption.register=0 \
    --set data.templates.corruption.mutated=0.5 --set 'validation.templates=["corrupted"]' --set validation.inputs=profile
four='model.evoformer.num_blocks=4' # of the preset's eight, to begin with
# the MSA track by itself, which learns local structure: helix, strand or neither in three of four residues
train "$state/lite_local" --init-from "$state/lite_start" --steps 1100 --set "$four" --set 'stages=[]' --set step.msa_alone=true --set loss.backbone_angles=1 \
    --set data.crop_size=96 --set optimizer.method=adam --set optimizer.learning_rate=2e-3 --set optimizer.warmup_samples=800 \
    --set optimizer.final_factor=0.02 --set run.validate_every=0
train "$state/lite" --init-from "$state/lite_local" --steps 3900 --set "$four" --set optimizer.total_samples=147200
# where the preset has predictions among the samples
further 3900 "$state/lite/average.safetensors" "$state/lite" --steps 4600 --set "$four" --set run.first_step=3900 --set optimizer.learning_rate=1.1e-3 \
    --set optimizer.warmup_samples=62400 --set optimizer.restart_warmup_samples=2000
# four blocks more on top, which change nothing at first; better on a GPU: eight minutes of an H100 for some five hours of two cores
further 4600 "$state/lite_3900/average.safetensors" "$state/lite_3900" --steps 5386 --set run.first_step=4600 --set optimizer.learning_rate=2.2e-3 \
    --set optimizer.warmup_samples=73600 --set optimizer.ema_decay=0.995 --set optimizer.restart_warmup_samples=1920 \
    --set 'data.shares=(0.63,0.32,0.05)'
# the packer of side chains by itself, all else stays: first which residue types fit where, on all backbones; then the side chains of the experiments.
# Of query, templates and relatives it reads nothing
packer=(--set 'stages=[]' --set adaptation.freeze=folding --set data.crop_size=256 --set data.clamped_share=1 --set data.templates.none=1
    --set data.templates.corrupted=0 --set data.templates.homologues=0 --set data.inputs.query=1 --set data.inputs.profile=0 --set data.inputs.carried=0
    --set data.inputs.alignment=0 --set data.inputs.sampled=0 --set step.max_recycles=0 --set step.batch_size=8 --set step.micro_batch=4
    --set optimizer.method=adam --set optimizer.learning_rate=4e-3 --set optimizer.beta2=0.98 --set optimizer.warmup_samples=800
    --set optimizer.final_factor=0.02 --set run.validate_every=0)
train "$state/lite_types" --init-from "$state/lite_4600" --steps 7000 "${packer[@]}" --set step.types_alone=true --set loss.masked_msa=1 \
    --set 'data.shares=(1.0,0.0,0.0)' --set model.packing.dropout=0.05
train "$state/lite_packed" --init-from "$state/lite_types" --steps 2500 "${packer[@]}" --set step.packing_alone=true --set loss.rotamer=2 \
    --set 'data.shares=(0.0,1.0,0.0)'
