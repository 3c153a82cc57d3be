"""Says why a Python service in production burns a core or answers slowly, without touching it."""

__version__ = "0.1.0"
