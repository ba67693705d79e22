"""Networks that metrics use."""
