"""What trained models are worth, in numbers."""
