"""Parameters: official and OpenFold files through declarative maps, the own format, and where to find them."""
