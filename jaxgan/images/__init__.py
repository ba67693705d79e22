"""Image files, kinds of images, and pictures for display."""
