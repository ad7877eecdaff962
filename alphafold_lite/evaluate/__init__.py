"""Known structures predicted again and scored: `evaluate.run.Evaluation`. Nothing heavy is imported here."""
