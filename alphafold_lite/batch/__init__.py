"""Many targets, unattended: stages that overlap, a journal of what was done, failures that stay with their target."""
