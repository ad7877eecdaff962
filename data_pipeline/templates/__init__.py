"""Known structures laid onto a query: hits are filtered, found in their structures, and become template features.

`library_hits.from_library`, `structure_hits.from_hhr`, `structure_hits.from_hmmsearch` and `user_files.from_files` each give a `selection.TemplateSelection`;
`selection.combine` puts several together.
"""
