"""Image files, their kinds, and pictures for people."""
