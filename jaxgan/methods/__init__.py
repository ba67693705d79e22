"""One file a paper. Methods never import each other."""
