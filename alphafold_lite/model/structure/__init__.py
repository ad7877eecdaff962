"""Structure module: invariant point attention, backbone update, side chains."""
