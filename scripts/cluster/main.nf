#!/usr/bin/env nextflow
// A batch as a Nextflow pipeline: shards are searched on CPU nodes, folded on GPU nodes, and merged.
//
//   nextflow run scripts/cluster/main.nf -c scripts/cluster/nextflow.config --fasta proteome.fa --out_dir proteome --shards 20 -resume
//
// What each process asks its scheduler for stands in nextflow.config. A target that fails does not end the pipeline: its reason is in
// summary.csv of the merged folder.
//
// Nextflow's own distribution is not on PyPI, npm or Debian, from which this project is tested (the PyPI package is a launcher that
// downloads it). So this file has never been run by Nextflow: a test runs the shell blocks below one after another, and no more.
nextflow.enable.dsl = 2

params.fasta = null
params.out_dir = 'predictions'
params.shards = 8
params.search_options = ''
params.fold_options = ''

process SEARCH {
    label 'search'
    tag "${shard}"

    input:
    tuple val(shard), path(fasta)

    output:
    tuple val(shard), path("searched-${shard}")

    script:
    """
    alphafold-lite search --fasta '${fasta}' --out-dir 'searched-${shard}' --shard '${shard}/${params.shards}' \
        --search-threads '${task.cpus}' --quiet ${params.search_options} || [ \$? -eq 3 ]
    """
}

process FOLD {
    label 'fold'
    tag "${shard}"

    input:
    tuple val(shard), path(searched)

    output:
    path "shard-${shard}"

    script:
    """
    rm -rf 'shard-${shard}'
    cp -rL '${searched}' 'shard-${shard}'
    alphafold-lite fold --out-dir 'shard-${shard}' --shard '${shard}/${params.shards}' --offline \
        --quiet ${params.fold_options} || [ \$? -eq 3 ]
    """
}

process MERGE {
    label 'merge'
    publishDir params.out_dir, mode: 'copy'

    input:
    path shards

    output:
    path 'merged'

    script:
    """
    alphafold-lite merge ${shards} --out-dir merged --quiet || [ \$? -eq 3 ]
    """
}

workflow {
    if (!params.fasta) {
        error 'expected --fasta FILE, found none; name the file with the sequences'
    }
    numbers = Channel.of(1..(params.shards as int))
    SEARCH(numbers.map { number -> tuple(number, file(params.fasta, checkIfExists: true)) })
    FOLD(SEARCH.out)
    MERGE(FOLD.out.collect())
}
