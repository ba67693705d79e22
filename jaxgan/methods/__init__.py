"""One file per paper. Methods never import each other."""
