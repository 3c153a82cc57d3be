"""Report -> str: one file per form, none of which needs the target."""
