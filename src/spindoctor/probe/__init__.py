"""The only room that touches the target, read-only: /proc, memory, descriptors."""
