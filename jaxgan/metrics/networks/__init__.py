"""Networks that metrics need."""
