"""Settings of an experiment: checked, stored, and compared when a run is continued."""
