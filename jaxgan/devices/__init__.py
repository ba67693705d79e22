"""Devices, processes and the compiler."""
