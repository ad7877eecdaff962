#!/usr/bin/env bash
# A batch on a Slurm cluster: one array task for each shard of the FASTA file, then one job that merges them.
#
#   scripts/cluster/slurm.sh FASTA OUT NUMBER [options of `alphafold-lite batch`]
#
# submits both jobs (logs in OUT/.batch/slurm), from a login node; OUT must be on a file system that all nodes share. The same command goes on after whatever ended
# it: shards that are done end at once. Nodes without internet need nothing more than `--offline` among the options.
#
#   SBATCH_SHARD="--partition=gpu --gres=gpu:1 --time=12:00:00 --mem=32G"    what a shard asks Slurm for
#   SBATCH_MERGE="--time=01:00:00 --mem=4G"                                  what the merge asks for
#   AT_ONCE=20                                                               shards that may run at the same time
#   ALPHAFOLD_LITE=/path/to/.venv/bin/alphafold-lite                         the program, if it is not on the path
#
# With searches on nodes of their own (databases there, GPUs elsewhere), set SBATCH_SEARCH, and name the options of each half:
#
#   SBATCH_SEARCH="--partition=cpu --cpus-per-task=8"
#   SEARCH_OPTIONS="--data-dir /databases"                                   of `alphafold-lite search`
#
# Then the options on the command line are those of `alphafold-lite fold`.
set -euo pipefail

program=${ALPHAFOLD_LITE:-alphafold-lite}
read -r -a for_shard <<< "${SBATCH_SHARD:-}"
read -r -a for_search <<< "${SBATCH_SEARCH:-}"
read -r -a for_merge <<< "${SBATCH_MERGE:-}"
read -r -a search_options <<< "${SEARCH_OPTIONS:-}"

shard() { # what an array task does: PART FASTA OUT NUMBER [options]
    local part=$1 fasta=$2 out=$3 number=$4 code=0
    shift 4
    local one=(--out-dir "$out" --shard "${SLURM_ARRAY_TASK_ID:?}/$number" --quiet)
    case $part in
        batch) exec "$program" batch --fasta "$fasta" "${one[@]}" "$@" ;;
        search) # 3: some targets failed, with their reason in the journal; the others are to be folded
            "$program" search --fasta "$fasta" "${one[@]}" --search-threads "${SLURM_CPUS_PER_TASK:-1}" "$@" || code=$?
            exit $((code == 3 ? 0 : code))
            ;;
        fold) exec "$program" fold "${one[@]}" "$@" ;;
    esac
}

submit() { # prints the number of the array job: DEPENDENCY PART FASTA OUT NUMBER [options]
    local dependency=$1 part=$2 number=$5
    shift
    local asked=(--parsable --job-name="af-$part" --array="1-$number${AT_ONCE:+%$AT_ONCE}" --output="$3/.batch/slurm/%x-%A_%a.log")
    [[ -n $dependency ]] && asked+=(--dependency="$dependency")
    if [[ $part == search ]]; then asked+=("${for_search[@]}"); else asked+=("${for_shard[@]}"); fi
    sbatch "${asked[@]}" "$self" --task "$@" | cut -d ';' -f 1
}

if [[ ${1:-} == --task ]]; then
    shift
    shard "$@"
fi
if [[ ${1:-} == --merge ]]; then
    exec "$program" merge "$2"
fi
if [[ $# -lt 3 || ! $3 =~ ^[1-9][0-9]*$ ]]; then
    sed -n '2,4p' "$0" | cut -c 3- >&2
    exit 2
fi

self=$(realpath "$0")
fasta=$(realpath "$1")
mkdir -p "$2/.batch/slurm"
out=$(realpath "$2")
number=$3
shift 3

if [[ -n ${SBATCH_SEARCH:-} ]]; then
    searched=$(submit "" search "$fasta" "$out" "$number" "${search_options[@]}")
    shards=$(submit "aftercorr:$searched" fold "$fasta" "$out" "$number" "$@") # a shard is folded once it is searched
else
    shards=$(submit "" batch "$fasta" "$out" "$number" "$@")
fi
merged=$(sbatch --parsable --job-name=af-merge --dependency="afterany:$shards" --output="$out/.batch/slurm/%x-%j.log" "${for_merge[@]}" \
    "$self" --merge "$out" | cut -d ';' -f 1)
echo "shards: job $shards (1-$number), merge: job $merged; see alphafold-lite status $out"
