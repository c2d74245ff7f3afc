"""How long a transfer takes and how much memory, on every device of the machine, beside a plain implementation."""
