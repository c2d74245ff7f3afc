"""What the method runs on: devices, memory, threads, compiled kernels and progress."""
