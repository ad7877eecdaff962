"""What the band of a distogram holds."""


def num_pairs(num_res, width):
    """Pairs of residues that are 1 to `width` apart in the chain."""
    return sum(num_res - separation for separation in range(1, min(width, num_res - 1) + 1))
