"""The embedded library of sequences, backbones and profiles: packing, reading, and libraries that users build."""
