"""Self-distillation (supplement 1.3): sequences of unknown structure to a training set of predictions, each residue weighted by confidence."""
