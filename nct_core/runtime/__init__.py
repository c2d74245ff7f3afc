"""The machine underneath: devices, memory, threads, and how far the work is."""
