"""A trained network trained further on a folder of structures: files, filters, split, alignments, training, accuracy before and after."""
