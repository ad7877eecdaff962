"""Text -> records. Every parser refuses what it does not understand with an `InputError`."""
